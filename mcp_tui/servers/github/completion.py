"""What could be typed next: owners, repositories, paths, branches and issue numbers."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)

from mcp_tui.servers.github import reading, shapes
from mcp_tui.servers.github.api import GitHub, Page, segment
from mcp_tui.servers.github.faults import GitHubError
from mcp_tui.servers.github.settings import is_name

FRESH_S = 60.0
"""A list serves the keys typed after it for this long: requests are counted."""
MAX_VALUES = 100
_MAX_LISTS = 50


class Completer:
    """Raises GitHubError, but not for what does not exist: it may be half typed."""

    def __init__(self, github: GitHub, *, now: Callable[[], float] = time.monotonic) -> None:
        self._github = github
        self._now = now
        self._lists: dict[tuple[str, ...], tuple[float, list[str]]] = {}

    async def values(self, argument: str, typed: str, given: dict[str, str]) -> list[str]:
        """All that begin with what was typed, in any case. given: the arguments filled in already."""
        own = self._github.settings.repository or ("", "")
        owner, repo = given.get("owner") or own[0], given.get("repo") or own[1]
        match argument:
            case "owner":
                found = await self._list(("owners",), self._owners)
            case "repo":
                found = await self._list(("repos", owner), lambda: self._repos(owner))
            case "state":
                found = ["open", "closed", "all"]
            case "number" | "issue_number":
                found = await self._list(("numbers", owner, repo), lambda: self._numbers(owner, repo))
            case "ref":
                found = await self._list(("refs", owner, repo), lambda: self._refs(owner, repo))
            case "path":
                folder = typed.rpartition("/")[0]
                ref = given.get("ref", "")
                key = ("path", owner, repo, ref, folder)
                found = await self._list(key, lambda: self._entries(owner, repo, ref, folder))
            case _:
                found = []
        low = typed.lower()
        return [value for value in found if value.lower().startswith(low)]

    async def _list(self, key: tuple[str, ...], make: Callable[[], Awaitable[list[str]]]) -> list[str]:
        known = self._lists.get(key)
        if known is not None and self._now() - known[0] < FRESH_S:
            return known[1]
        try:
            found = await make()
        except GitHubError as error:
            if error.kind not in ("not_found", "invalid"):
                raise
            found = []
        self._lists.pop(key, None)
        self._lists[key] = (self._now(), found)
        while len(self._lists) > _MAX_LISTS:
            del self._lists[next(iter(self._lists))]
        return found

    async def _owners(self) -> list[str]:
        settings = self._github.settings
        found = [settings.repository[0]] if settings.repository else []
        if settings.token:
            user = await self._github.page("/user", what="the user of the token")
            organisations = await self._github.page("/user/orgs", {"per_page": 100}, what="their organisations")
            found += _names([user.object(), *organisations.objects()], "login")
        return list(dict.fromkeys(found))

    async def _repos(self, owner: str) -> list[str]:
        if not is_name(owner):
            return []
        params = {"per_page": 100, "sort": "pushed"}
        # The list of the user behind the token holds private ones too.
        page = await self._github.page(f"/users/{segment(owner)}/repos", params, what=f"the repositories of {owner}")
        found = _names(page.objects(), "name")
        if self._github.settings.token:
            own = await self._github.page("/user/repos", params, what="your repositories")
            found += [
                name.partition("/")[2]
                for name in _names(own.objects(), "full_name")
                if name.lower().startswith(f"{owner.lower()}/")
            ]
        return list(dict.fromkeys(found))

    async def _numbers(self, owner: str, repo: str) -> list[str]:
        page = await self._of(owner, repo, "issues", {"state": "all", "per_page": 100})
        return [str(shapes.count(raw, "number")) for raw in page.objects() if not shapes.is_pull_request(raw)]

    async def _refs(self, owner: str, repo: str) -> list[str]:
        return _names((await self._of(owner, repo, "branches", {"per_page": 100})).objects(), "name")

    async def _entries(self, owner: str, repo: str, ref: str, folder: str) -> list[str]:
        place = "/".join(segment(part) for part in folder.split("/"))
        page = await self._of(owner, repo, f"contents/{place}", {"ref": ref} if ref else {})
        if not isinstance(page.data, list):
            return []
        return [
            f"{raw['path']}/" if raw.get("type") == "dir" else raw["path"]
            for raw in page.objects()
            if isinstance(raw.get("path"), str)
        ]

    async def _of(self, owner: str, repo: str, rest: str, params: dict[str, Any]) -> Page:
        owner, repo = reading.repository_of(self._github, owner, repo)
        return await self._github.page(f"{reading.path_of(owner, repo)}/{rest}", params, what=f"{owner}/{repo}")


def add_completion(server: MCPServer[Any], github: GitHub) -> None:
    completer = Completer(github)

    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered by its decorator
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        given = (context.arguments if context is not None else None) or {}
        try:
            values = await completer.values(argument.name, argument.value, given)
        except GitHubError as error:
            raise MCPError(INTERNAL_ERROR, str(error)) from error
        return Completion(values=values[:MAX_VALUES], total=len(values), has_more=len(values) > MAX_VALUES)


def _names(raws: list[dict[str, Any]], key: str) -> list[str]:
    return [value for raw in raws if isinstance(value := raw.get(key), str)]
