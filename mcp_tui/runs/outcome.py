"""What the end of a model call means for its column."""

from __future__ import annotations

from mcp_tui.core.chat import Finished, StopReason
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import ColumnStatus

Ending = tuple[ColumnStatus, ErrorInfo | None]

_FAILED: dict[StopReason, tuple[ColumnStatus, str, str, str]] = {
    StopReason.ERROR: (
        ColumnStatus.ERROR,
        "Model call failed",
        "the provider gave no reason",
        "retry the column",
    ),
    StopReason.CONTEXT_OVERFLOW: (
        ColumnStatus.ERROR,
        "Conversation too long",
        "it does not fit into the model's context window",
        "switch off tools, attach less, or start a new conversation",
    ),
    StopReason.REFUSAL: (
        ColumnStatus.ERROR,
        "Refused",
        "the model declined to answer",
        "rephrase the prompt, or ask another model",
    ),
    StopReason.CONTENT_FILTER: (
        ColumnStatus.ERROR,
        "Stopped by the content filter",
        "the provider's filter ended the answer",
        "rephrase the prompt, or ask another model",
    ),
    StopReason.INCOMPLETE: (
        ColumnStatus.INCOMPLETE,
        "Answer may be cut",
        "the stream ended without saying why",
        "retry the column",
    ),
    StopReason.LENGTH: (
        ColumnStatus.INCOMPLETE,
        "Answer cut",
        "the model reached its output limit",
        "raise the column's maximum of tokens, or ask it to go on",
    ),
    StopReason.TOOL_CALLS: (
        ColumnStatus.INCOMPLETE,
        "Answer may be cut",
        "the model announced tool calls and sent none",
        "retry the column",
    ),
}
_NEVER_EXECUTED = (
    StopReason.ERROR,
    StopReason.CONTEXT_OVERFLOW,
    StopReason.REFUSAL,
    StopReason.CONTENT_FILTER,
    StopReason.INCOMPLETE,
)


def ending_of(finished: Finished) -> Ending | None:
    """The column's end, or None to go on: with the message's tool calls, or the same conversation after PAUSE."""
    stop = finished.stop
    # Gateways say `stop` beside tool calls, and some refusals come with it too: what is there decides.
    if finished.message.tool_calls and stop not in _NEVER_EXECUTED:
        return None
    if stop is StopReason.PAUSE:
        return None
    if stop is StopReason.STOP and finished.refusal and not finished.message.text:
        stop = StopReason.REFUSAL
    if stop is StopReason.STOP:
        return ColumnStatus.DONE, None
    status, title, detail, hint = _FAILED[stop]
    if finished.error is not None:
        return status, finished.error
    if stop is StopReason.REFUSAL and finished.refusal:
        detail = finished.refusal
    return status, ErrorInfo(title, detail, hint, ErrorKind.PROVIDER, stop.value)


def stream_without_end() -> Ending:
    """The provider's adapter broke its promise of a last event."""
    status, title, detail, hint = _FAILED[StopReason.INCOMPLETE]
    return status, ErrorInfo(title, detail, hint, ErrorKind.PROVIDER, StopReason.INCOMPLETE.value)


def step_limit(steps: int, *, calls: int) -> Ending:
    """`calls`: tool calls of the last message, not run because nobody would read their results."""
    plural = "s" if steps != 1 else ""
    left = f"; {calls} tool call{'s' if calls != 1 else ''} not run" if calls else ""
    return ColumnStatus.INCOMPLETE, ErrorInfo(
        "Step limit reached",
        f"after {steps} model call{plural} the model still wants to go on{left}",
        "allow more steps, or send a follow-up to continue",
        ErrorKind.PROVIDER,
        "step_limit",
    )


def time_limit(seconds: float) -> Ending:
    return ColumnStatus.INCOMPLETE, ErrorInfo(
        "Time limit reached",
        f"the turn took longer than {seconds:g} s",
        "allow more time, or retry the column",
        ErrorKind.PROVIDER,
        "time_limit",
    )


def internal_fault(error: Exception) -> Ending:
    return ColumnStatus.ERROR, ErrorInfo(
        "Internal fault",
        f"{type(error).__name__}: {error}",
        "the log has the details; the other columns go on",
        ErrorKind.INTERNAL,
        "internal",
    )
