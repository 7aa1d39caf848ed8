"""What the tools and resources give back, and how it is read from GitHub's JSON.

Everything in an answer may be missing or of another type than documented: it is read field by field.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from mcp_tui.core.json_values import as_object, as_text, is_integer, objects, texts
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
        full_name=as_text(raw.get("full_name")),
        description=as_text(raw.get("description")),
        url=as_text(raw.get("html_url")),
        homepage=as_text(raw.get("homepage")),
        default_branch=as_text(raw.get("default_branch")),
        language=as_text(raw.get("language")),
        topics=texts(raw.get("topics")),
        license=as_text(as_object(raw.get("license")).get("spdx_id")),
        private=raw.get("private") is True,
        archived=raw.get("archived") is True,
        fork=raw.get("fork") is True,
        stars=count(raw, "stargazers_count"),
        forks=count(raw, "forks_count"),
        open_issues=count(raw, "open_issues_count"),
        size_kib=count(raw, "size"),
        created_at=as_text(raw.get("created_at")),
        pushed_at=as_text(raw.get("pushed_at")),
    )


def summary(raw: JsonObject) -> IssueSummary:
    body = " ".join(as_text(raw.get("body"))[: 4 * MAX_EXCERPT].split())
    return IssueSummary(
        number=count(raw, "number"),
        title=as_text(raw.get("title")),
        state=as_text(raw.get("state")),
        author=_login(raw),
        labels=_labels(raw),
        comments=count(raw, "comments"),
        created_at=as_text(raw.get("created_at")),
        updated_at=as_text(raw.get("updated_at")),
        url=as_text(raw.get("html_url")),
        is_pull_request=is_pull_request(raw),
        excerpt=body if len(body) <= MAX_EXCERPT else body[: MAX_EXCERPT - 1] + "…",
    )


def issue(raw: JsonObject, repository_name: str, comments: list[Comment]) -> Issue:
    total = count(raw, "comments")
    return Issue(
        repository=repository_name,
        number=count(raw, "number"),
        title=as_text(raw.get("title")),
        state=as_text(raw.get("state")),
        state_reason=as_text(raw.get("state_reason")),
        author=_login(raw),
        labels=_labels(raw),
        assignees=[as_text(one.get("login")) for one in objects(raw.get("assignees"))],
        milestone=as_text(as_object(raw.get("milestone")).get("title")),
        created_at=as_text(raw.get("created_at")),
        updated_at=as_text(raw.get("updated_at")),
        closed_at=as_text(raw.get("closed_at")),
        url=as_text(raw.get("html_url")),
        is_pull_request=is_pull_request(raw),
        body=cut(as_text(raw.get("body"))),
        comments_total=total,
        comments=comments,
        comments_left_out=max(0, total - len(comments)),
    )


def comment(raw: JsonObject) -> Comment:
    return Comment(author=_login(raw), created_at=as_text(raw.get("created_at")), body=cut(as_text(raw.get("body"))))


def created(raw: JsonObject, repository_name: str) -> CreatedIssue:
    return CreatedIssue(
        repository=repository_name,
        number=count(raw, "number"),
        title=as_text(raw.get("title")),
        state=as_text(raw.get("state")),
        labels=_labels(raw),
        url=as_text(raw.get("html_url")),
    )


def code_match(raw: JsonObject) -> CodeMatch:
    name = as_text(as_object(raw.get("repository")).get("full_name"))
    path = as_text(raw.get("path"))
    fragments = [cut(as_text(one.get("fragment")), 2000) for one in objects(raw.get("text_matches"))]
    return CodeMatch(
        repository=name,
        path=path,
        url=as_text(raw.get("html_url")),
        resource=file_uri(name, path),
        fragments=[fragment for fragment in fragments if fragment][:5],
    )


def directory(raw: JsonObject, repository_name: str, path: str) -> Directory:
    entries = [
        DirectoryEntry(
            name=as_text(one.get("name")),
            path=as_text(one.get("path")),
            type=as_text(one.get("type")),
            size_bytes=count(one, "size"),
        )
        for one in objects(raw.get("entries"))
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
    return value if is_integer(value) else 0


def _login(raw: JsonObject) -> str:
    """GitHub shows the author of a deleted account as `ghost`."""
    return as_text(as_object(raw.get("user")).get("login")) or "ghost"


def _labels(raw: JsonObject) -> list[str]:
    return texts(raw.get("labels")) + [as_text(label.get("name")) for label in objects(raw.get("labels"))]
