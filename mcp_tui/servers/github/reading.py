"""What tools, resources and prompts read from GitHub in common."""

from __future__ import annotations

import math

from mcp_tui.servers.github import shapes
from mcp_tui.servers.github.api import GitHub, Params, segment
from mcp_tui.servers.github.faults import GitHubError
from mcp_tui.servers.github.settings import is_name

_PER_PAGE = 100
_MAX_COMMENTS_TEXT = 400_000
"""Characters of all comments of one issue together."""


def repository_of(github: GitHub, owner: str, repo: str) -> tuple[str, str]:
    """The repository that was named, or the one of GITHUB_REPOSITORY when neither part is given."""
    if not owner and not repo:
        if github.settings.repository is None:
            text = "no repository was named: give owner and repo, or set GITHUB_REPOSITORY to OWNER/NAME"
            raise GitHubError(text, "invalid")
        return github.settings.repository
    if "/" in repo and not owner:
        owner, _, repo = repo.partition("/")
    if not is_name(owner) or not is_name(repo):
        raise GitHubError(f"{owner!r} and {repo!r} are no owner and repository: OWNER/NAME has two parts", "invalid")
    return owner, repo


def path_of(owner: str, repo: str) -> str:
    return f"/repos/{segment(owner)}/{segment(repo)}"


async def repository(github: GitHub, owner: str, repo: str) -> shapes.Repository:
    owner, repo = repository_of(github, owner, repo)
    page = await github.page(path_of(owner, repo), what=f"repository {owner}/{repo}")
    return shapes.repository(page.object())


async def issues(
    github: GitHub, owner: str, repo: str, params: Params, *, cursor: str = "", pull_requests: bool = False
) -> shapes.IssueList:
    owner, repo = repository_of(github, owner, repo)
    page = await github.page(
        f"{path_of(owner, repo)}/issues", params, what=f"the issues of {owner}/{repo}", cursor=cursor
    )
    found = page.objects()
    kept = [one for one in found if pull_requests or not shapes.is_pull_request(one)]
    return shapes.IssueList(
        repository=f"{owner}/{repo}",
        issues=[shapes.summary(one) for one in kept],
        pull_requests_left_out=len(found) - len(kept),
        next_cursor=page.next_cursor,
    )


async def issue(github: GitHub, owner: str, repo: str, number: int, max_comments: int) -> shapes.Issue:
    """The issue with its newest comments."""
    owner, repo = repository_of(github, owner, repo)
    path = f"{path_of(owner, repo)}/issues/{number}"
    what = f"issue {number} of {owner}/{repo}"
    raw = (await github.page(path, what=what)).object()
    total = shapes.count(raw, "comments")
    comments = await _newest_comments(github, f"{path}/comments", what, total, max_comments) if max_comments else []
    return shapes.issue(raw, f"{owner}/{repo}", comments)


async def _newest_comments(github: GitHub, path: str, what: str, total: int, wanted: int) -> list[shapes.Comment]:
    """They come oldest first only, so the last page is read, and the one before when it is too short."""
    if not total:
        return []
    last = math.ceil(total / _PER_PAGE)
    pages = [last] if last == 1 or total - (last - 1) * _PER_PAGE >= wanted else [last - 1, last]
    found: list[shapes.Comment] = []
    for page in pages:
        answer = await github.page(path, {"per_page": _PER_PAGE, "page": page}, what=f"the comments of {what}")
        found += [shapes.comment(raw) for raw in answer.objects()]
    room = _MAX_COMMENTS_TEXT
    kept: list[shapes.Comment] = []
    for comment in reversed(found[-wanted:]):
        room -= len(comment.body)
        if room < 0 and kept:
            break
        kept.insert(0, comment)
    return kept
