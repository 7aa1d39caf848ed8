"""What went wrong at GitHub, in words that say what to do.

Sources: "Rate limits for the REST API" (primary: `x-ratelimit-remaining: 0` with the reset time; secondary:
`retry-after`, else a minute), "Troubleshooting the REST API", and the fields of its error bodies.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from mcp_tui.core.figures import remaining_text
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.text import clean_line
from mcp_tui.servers.github.settings import PUBLIC_API, Settings

FaultKind = Literal["not_found", "auth", "rate_limit", "invalid", "unreachable", "unknown_outcome", "other"]
MAX_WAIT_S = 5.0
"""A wait that GitHub asks for is waited for up to here; a longer one is told instead."""
_SECONDARY_WAIT_S = 60.0


class GitHubError(Exception):
    """An expected failure. again_after_s: a request without side effects may be tried again after this long."""

    def __init__(self, text: str, kind: FaultKind = "other", again_after_s: float | None = None) -> None:
        super().__init__(text)
        self.kind: FaultKind = kind
        self.again_after_s = again_after_s


def fault_of(
    status: int, headers: Mapping[str, str], body: bytes, *, what: str, settings: Settings, changes: bool = False
) -> GitHubError:
    """The error of an answer that is none. what: the thing that was asked for. changes: the request writes."""
    said = _said(body)
    limited = _rate_limit(status, headers, said, settings)
    if limited is not None:
        return limited
    match status:
        case 401:
            return _unauthorised(settings)
        case 403:
            return _forbidden(headers, said, what, settings)
        case 404:
            return _not_found(what, settings)
        case 409 | 410 | 422 | 451:
            return GitHubError(f"GitHub refused {what} ({status}): {said or 'no reason given'}", "invalid")
        case _ if 300 <= status < 400:
            return GitHubError(f"{what} has moved ({status}): look up its new name and use that", "invalid")
        case _ if status >= 500:
            if changes:
                return unknown_outcome(what, f"GitHub answered {status}")
            hint = "; https://www.githubstatus.com tells of outages" if settings.api_url == PUBLIC_API else ""
            return GitHubError(f"GitHub failed with {status}{hint}; try again later", "unreachable", 0.0)
        case _:
            return GitHubError(f"GitHub answered {status} for {what}: {said or 'no reason given'}")


def unknown_outcome(what: str, why: str) -> GitHubError:
    return GitHubError(
        f"{why}: the outcome of {what} is unknown, it may have been done; look before you try again",
        "unknown_outcome",
    )


def no_token(what: str) -> GitHubError:
    return GitHubError(
        f"{what} needs a token, and GITHUB_TOKEN is not set: make one at https://github.com/settings/tokens and put "
        "it into the environment of this server",
        "auth",
    )


def _rate_limit(status: int, headers: Mapping[str, str], said: str, settings: Settings) -> GitHubError | None:
    if status not in (403, 429):
        return None
    wait_s = _number(headers.get("retry-after"))
    if headers.get("x-ratelimit-remaining") == "0":
        reset = _number(headers.get("x-ratelimit-reset"))
        limit = headers.get("x-ratelimit-limit", "")
        if wait_s is None:
            wait_s = max(0.0, reset - time.time()) if reset is not None else _SECONDARY_WAIT_S
        kind = f"GitHub's rate limit{f' of {limit} requests' if limit.isdigit() else ''} is used up"
    elif wait_s is not None or status == 429 or "rate limit" in said.lower() or "abuse" in said.lower():
        wait_s = _SECONDARY_WAIT_S if wait_s is None else wait_s
        kind = "GitHub's secondary rate limit was hit: too many requests at once"
    else:
        return None
    # A server with a clock of its own, or a hostile one, may name any time.
    wait_s = min(wait_s, 86_400.0)
    at = datetime.fromtimestamp(time.time() + wait_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    more = "" if settings.token else "; with GITHUB_TOKEN set the limit is much higher"
    text = f"{kind}; it resets at {at} (in {remaining_text(wait_s)}){more}"
    return GitHubError(text, "rate_limit", wait_s if wait_s <= MAX_WAIT_S else None)


def _unauthorised(settings: Settings) -> GitHubError:
    if not settings.token:
        return no_token("this")
    where = "" if settings.api_url == PUBLIC_API else f", or is not for {settings.api_url}"
    return GitHubError(
        f"GitHub refused the token in GITHUB_TOKEN (401): it has expired or was revoked{where}; make a new one", "auth"
    )


def _forbidden(headers: Mapping[str, str], said: str, what: str, settings: Settings) -> GitHubError:
    if not settings.token:
        return no_token(what)
    sso = headers.get("x-github-sso", "")
    if sso:
        url = clean_line(sso.partition("url=")[2])[:300]
        return GitHubError(
            f"the token must be authorised for single sign-on of this organisation{f': {url}' if url else ''}", "auth"
        )
    wanted = headers.get("x-accepted-github-permissions") or headers.get("x-accepted-oauth-scopes") or ""
    hint = f"; it needs {clean_line(wanted)[:200]}" if wanted else ""
    return GitHubError(
        f"GitHub does not let this token do that ({what}, 403): {said or 'no reason given'}{hint}", "auth"
    )


def _not_found(what: str, settings: Settings) -> GitHubError:
    if settings.token:
        why = "it does not exist, or the token may not see it"
    else:
        why = "it does not exist, or it is private: that needs GITHUB_TOKEN, which is not set"
    return GitHubError(f"{what} was not found (404): {why}", "not_found")


def _said(body: bytes) -> str:
    """`message` and the `errors` of an error body, as one short line."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not is_object(data):
        return ""
    parts = [message] if isinstance(message := data.get("message"), str) else []
    errors = data.get("errors")
    for error in errors[:10] if is_list(errors) else []:
        if isinstance(error, str):
            parts.append(error)
        elif is_object(error):
            words = [str(error[key]) for key in ("field", "code", "message", "value") if error.get(key)]
            parts.append(" ".join(words))
    return clean_line("; ".join(part for part in parts if part))[:600]


def _number(text: str | None) -> float | None:
    """A count of seconds, at least 0."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
