"""Repositories, files and issues as resources."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
from collections.abc import Awaitable, Iterable
from typing import Any, TypeVar

from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp_types import InputRequiredResult, ResourceTemplate
from pydantic.networks import AnyUrl

from mcp_tui.servers.github import reading, shapes
from mcp_tui.servers.github.api import GitHub, segment
from mcp_tui.servers.github.faults import GitHubError

T = TypeVar("T")
REPOSITORY = "github://repos/{owner}/{repo}"
FILES = "github://repos/{owner}/{repo}/files/{+path}{?ref}"
ISSUES = "github://repos/{owner}/{repo}/issues{?state}"
ISSUE = "github://repos/{owner}/{repo}/issues/{number}"
_JSON = "application/json"
_FILE_URI = re.compile(r"github://repos/[^/]+/[^/]+/files(?:/|$)")
_STATES = ("open", "closed", "all")


class GitHubServer(MCPServer[Any]):
    """Files have the type of their content, where the SDK knows one type for a whole template."""

    async def read_resource(
        self, uri: AnyUrl | str, context: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents] | InputRequiredResult:
        contents = await super().read_resource(uri, context)
        if isinstance(contents, InputRequiredResult):
            return contents
        return [_typed(str(uri), one) for one in contents]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        listed = await super().list_resource_templates()
        return [one.model_copy(update={"mime_type": None}) if one.uri_template == FILES else one for one in listed]


def _typed(uri: str, contents: ReadResourceContents) -> ReadResourceContents:
    if _FILE_URI.match(uri) is None:
        return contents
    path = uri.partition("?")[0]
    content = contents.content
    if isinstance(content, str):
        return ReadResourceContents(content=content, mime_type=_JSON, meta=contents.meta)
    guessed = mimetypes.guess_type(path)[0]
    try:
        text = content.decode()
    except UnicodeDecodeError:
        kind = guessed or "application/octet-stream"
        return ReadResourceContents(content=content, mime_type=kind, meta=contents.meta)
    if "\0" in text:
        return ReadResourceContents(content=content, mime_type=guessed or "application/octet-stream")
    return ReadResourceContents(content=text, mime_type=guessed or "text/plain", meta=contents.meta)


def add_resources(server: MCPServer[Any], github: GitHub) -> None:
    @server.resource(
        REPOSITORY, name="repository", title="Repository", description="What GitHub knows of it.", mime_type=_JSON
    )
    async def repository(owner: str, repo: str) -> str:
        return (await _found(reading.repository(github, owner, repo))).model_dump_json(indent=2)

    @server.resource(
        FILES,
        name="file",
        title="File or directory",
        description="A file as it stands on the default branch, or on `ref`; a directory as a list. Up to 20 MiB.",
    )
    async def file(owner: str, repo: str, path: str, ref: str = "") -> str | bytes:
        return await _found(_file(github, owner, repo, path.strip("/"), ref))

    @server.resource(
        ISSUES, name="issues", title="Issues", description="The newest hundred; `state`: open.", mime_type=_JSON
    )
    async def issues(owner: str, repo: str, state: str = "open") -> str:
        if state not in _STATES:
            raise ResourceNotFoundError(f"state is one of {', '.join(_STATES)}, not {state!r}")
        found = await _found(reading.issues(github, owner, repo, {"state": state, "per_page": 100}))
        return found.model_dump_json(indent=2)

    @server.resource(ISSUE, name="issue", title="Issue", description="With its newest 100 comments.", mime_type=_JSON)
    async def issue(owner: str, repo: str, number: str) -> str:
        return (await _found(_issue(github, owner, repo, number))).model_dump_json(indent=2)

    if github.settings.repository is not None:
        _add_own(server, *github.settings.repository, repository, issues)


def _add_own(server: MCPServer[Any], owner: str, repo: str, repository: Any, issues: Any) -> None:
    """The repository of GITHUB_REPOSITORY stands in the list of resources."""

    async def own() -> str:
        return await repository(owner, repo)

    async def own_issues() -> str:
        return await issues(owner, repo)

    uri = f"github://repos/{segment(owner)}/{segment(repo)}"
    name = f"{owner}/{repo}"
    server.resource(uri, name=name, title=name, description="What GitHub knows of it.", mime_type=_JSON)(own)
    server.resource(
        f"{uri}/issues",
        name=f"{name} issues",
        title=f"Open issues of {name}",
        description="The newest hundred.",
        mime_type=_JSON,
    )(own_issues)


async def _issue(github: GitHub, owner: str, repo: str, number: str) -> shapes.Issue:
    return await reading.issue(github, owner, repo, issue_number(number), 100)


def issue_number(text: str) -> int:
    digits = text.strip().removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and 0 < len(digits) < 16 and int(digits)):
        raise GitHubError(f"{text!r} is no issue number", "not_found")
    return int(digits)


async def _file(github: GitHub, owner: str, repo: str, path: str, ref: str) -> str | bytes:
    owner, repo = reading.repository_of(github, owner, repo)
    place = "/".join(segment(part) for part in path.split("/"))
    url = f"{reading.path_of(owner, repo)}/contents/{place}"
    what = f"{path or '/'} in {owner}/{repo}{f' at {ref}' if ref else ''}"
    params = {"ref": ref} if ref else {}
    # One media type for both kinds: a directory is an object with `entries` too.
    raw = (await github.page(url, params, what=what, accept="application/vnd.github.object+json")).object()
    match raw.get("type"):
        case "dir":
            return shapes.directory(raw, f"{owner}/{repo}", path).model_dump_json(indent=2)
        case "file":
            encoded = raw.get("content")
            if raw.get("encoding") == "base64" and isinstance(encoded, str):
                try:
                    return base64.b64decode(encoded)
                except binascii.Error as error:
                    raise GitHubError(f"the content of {what} is damaged") from error
            # Above 1 MB only the raw file is sent.
            return await github.raw(url, params, what=what)
        case kind:
            raise GitHubError(f"{what} is a {kind}, which has no content here")


async def _found(work: Awaitable[T]) -> T:
    try:
        return await work
    except GitHubError as error:
        kind = ResourceNotFoundError if error.kind in ("not_found", "invalid") else ResourceError
        raise kind(str(error)) from error
