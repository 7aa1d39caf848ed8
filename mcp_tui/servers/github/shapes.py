"""What the tools and resources give back, and how it is read from GitHub's JSON.

Everything in an answer may be missing or of another type than documented: it is read field by field.
"""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import BaseModel, Field

from mcp_tui.core.types import JsonObject

MAX_TEXT = 65_536
"""Characters of a body; GitHub's own limit is the same."""
MAX_EXCERPT = 280


class IssueSummary(BaseModel):
    number: int
    title: str
    state: str
    author: str
    labels: list[str]
    comments: int
    created_at: str
    updated_at: str
    url: str
    is_pull_request: bool
    excerpt: Annotated[str, Field(description="The beginning of the body.")]


class IssueList(BaseModel):
    repository: str
    issues: list[IssueSummary]
    pull_requests_left_out: Annotated[int, Field(description="On this page; GitHub lists them as issues.")]
    next_cursor: Annotated[str, Field(description='For the next page; "" when this is the last.')]


class Comment(BaseModel):
    author: str
    created_at: str
    body: str


class Issue(BaseModel):
    repository: str
    number: int
    title: str
    state: str
    state_reason: str
    author: str
    labels: list[str]
    assignees: list[str]
    milestone: str
    created_at: str
    updated_at: str
    closed_at: str
    url: str
    is_pull_request: bool
    body: str
    comments_total: int
    comments: Annotated[list[Comment], Field(description="The newest ones, oldest first.")]
    comments_left_out: int


class CreatedIssue(BaseModel):
    repository: str
    number: int
    title: str
    state: str
    labels: list[str]
    url: str


class FoundIssues(BaseModel):
    query: Annotated[str, Field(description="As it was sent.")]
    total: int
    incomplete: Annotated[bool, Field(description="GitHub ran out of time and may have more.")]
    issues: list[IssueSummary]
    next_cursor: str


class CodeMatch(BaseModel):
    repository: str
    path: str
    url: str
    resource: Annotated[str, Field(description="URI of the file on this server.")]
    fragments: Annotated[list[str], Field(description="The lines around each match.")]


class FoundCode(BaseModel):
    query: Annotated[str, Field(description="As it was sent.")]
    total: int
    incomplete: Annotated[bool, Field(description="GitHub ran out of time and may have more.")]
    matches: list[CodeMatch]
    next_cursor: str


class Repository(BaseModel):
    full_name: str
    description: str
    url: str
    homepage: str
    default_branch: str
    language: str
    topics: list[str]
    license: str
    private: bool
    archived: bool
    fork: bool
    stars: int
    forks: int
    open_issues: Annotated[int, Field(description="Pull requests included, as GitHub counts.")]
    size_kib: int
    created_at: str
    pushed_at: str


class DirectoryEntry(BaseModel):
    name: str
    path: str
    type: str
    size_bytes: int


class Directory(BaseModel):
    repository: str
    path: str
    entries: list[DirectoryEntry]


def repository(raw: JsonObject) -> Repository:
    return Repository(
        full_name=_text(raw, "full_name"),
        description=_text(raw, "description"),
        url=_text(raw, "html_url"),
        homepage=_text(raw, "homepage"),
        default_branch=_text(raw, "default_branch"),
        language=_text(raw, "language"),
        topics=_texts(raw, "topics"),
        license=_text(_object(raw, "license"), "spdx_id"),
        private=raw.get("private") is True,
        archived=raw.get("archived") is True,
        fork=raw.get("fork") is True,
        stars=count(raw, "stargazers_count"),
        forks=count(raw, "forks_count"),
        open_issues=count(raw, "open_issues_count"),
        size_kib=count(raw, "size"),
        created_at=_text(raw, "created_at"),
        pushed_at=_text(raw, "pushed_at"),
    )


def summary(raw: JsonObject) -> IssueSummary:
    body = " ".join(_text(raw, "body")[: 4 * MAX_EXCERPT].split())
    return IssueSummary(
        number=count(raw, "number"),
        title=_text(raw, "title"),
        state=_text(raw, "state"),
        author=_login(raw),
        labels=_labels(raw),
        comments=count(raw, "comments"),
        created_at=_text(raw, "created_at"),
        updated_at=_text(raw, "updated_at"),
        url=_text(raw, "html_url"),
        is_pull_request=is_pull_request(raw),
        excerpt=body if len(body) <= MAX_EXCERPT else body[: MAX_EXCERPT - 1] + "…",
    )


def issue(raw: JsonObject, repository_name: str, comments: list[Comment]) -> Issue:
    total = count(raw, "comments")
    return Issue(
        repository=repository_name,
        number=count(raw, "number"),
        title=_text(raw, "title"),
        state=_text(raw, "state"),
        state_reason=_text(raw, "state_reason"),
        author=_login(raw),
        labels=_labels(raw),
        assignees=[_text(one, "login") for one in objects(raw, "assignees")],
        milestone=_text(_object(raw, "milestone"), "title"),
        created_at=_text(raw, "created_at"),
        updated_at=_text(raw, "updated_at"),
        closed_at=_text(raw, "closed_at"),
        url=_text(raw, "html_url"),
        is_pull_request=is_pull_request(raw),
        body=cut(_text(raw, "body")),
        comments_total=total,
        comments=comments,
        comments_left_out=max(0, total - len(comments)),
    )


def comment(raw: JsonObject) -> Comment:
    return Comment(author=_login(raw), created_at=_text(raw, "created_at"), body=cut(_text(raw, "body")))


def created(raw: JsonObject, repository_name: str) -> CreatedIssue:
    return CreatedIssue(
        repository=repository_name,
        number=count(raw, "number"),
        title=_text(raw, "title"),
        state=_text(raw, "state"),
        labels=_labels(raw),
        url=_text(raw, "html_url"),
    )


def code_match(raw: JsonObject) -> CodeMatch:
    name = _text(_object(raw, "repository"), "full_name")
    path = _text(raw, "path")
    fragments = [cut(_text(one, "fragment"), 2000) for one in objects(raw, "text_matches")]
    return CodeMatch(
        repository=name,
        path=path,
        url=_text(raw, "html_url"),
        resource=file_uri(name, path),
        fragments=[fragment for fragment in fragments if fragment][:5],
    )


def directory(raw: JsonObject, repository_name: str, path: str) -> Directory:
    entries = [
        DirectoryEntry(
            name=_text(one, "name"), path=_text(one, "path"), type=_text(one, "type"), size_bytes=count(one, "size")
        )
        for one in objects(raw, "entries")
    ]
    return Directory(repository=repository_name, path=path, entries=entries)


def file_uri(repository_name: str, path: str) -> str:
    from urllib.parse import quote

    return f"github://repos/{quote(repository_name)}/files/{quote(path)}"


def is_pull_request(raw: JsonObject) -> bool:
    return isinstance(raw.get("pull_request"), dict)


def cut(text: str, limit: int = MAX_TEXT) -> str:
    return text if len(text) <= limit else f"{text[:limit]}\n[cut here: {len(text) - limit:,} more characters]"


def count(raw: JsonObject, key: str) -> int:
    value = raw.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def objects(raw: JsonObject, key: str) -> list[JsonObject]:
    value = raw.get(key)
    items = cast(list[Any], value) if isinstance(value, list) else []
    return [cast(JsonObject, item) for item in items if isinstance(item, dict)]


def _text(raw: JsonObject, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _texts(raw: JsonObject, key: str) -> list[str]:
    value = raw.get(key)
    return [item for item in cast(list[Any], value) if isinstance(item, str)] if isinstance(value, list) else []


def _object(raw: JsonObject, key: str) -> JsonObject:
    value = raw.get(key)
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def _login(raw: JsonObject) -> str:
    """GitHub shows the author of a deleted account as `ghost`."""
    return _text(_object(raw, "user"), "login") or "ghost"


def _labels(raw: JsonObject) -> list[str]:
    return _texts(raw, "labels") + [_text(label, "name") for label in objects(raw, "labels")]
