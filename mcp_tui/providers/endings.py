"""How an answer ended that did not say so itself; the same for every wire format."""

from __future__ import annotations

from mcp_tui.core.chat import StopReason
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.providers.provider_error import Subject

Ended = tuple[StopReason, ErrorInfo | None]


def incomplete(subject: Subject, detail: str = "the stream ended without a reason to stop") -> Ended:
    title = f"{subject.provider}: answer incomplete"
    hint = "retry the column; what came so far stays in the conversation"
    return StopReason.INCOMPLETE, ErrorInfo(title, subject.masked(detail), hint, ErrorKind.PROVIDER, "incomplete")


def broken_off(broken: ErrorInfo, *, began: bool) -> Ended:
    """began: something of an answer came. A lost connection then leaves it incomplete; anything else is an error."""
    lost = began and broken.kind is ErrorKind.UNREACHABLE
    return (StopReason.INCOMPLETE if lost else StopReason.ERROR), broken
