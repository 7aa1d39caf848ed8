"""Runs one item through the session manager and reports every step as an Outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mcp_tui.core import uri_template
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.json_text import dump
from mcp_tui.core.state import CallResult, Progress
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.ui.forms.open_item import ItemKey
from mcp_tui.ui.workbench.outcomes import Outcome, OutcomeStatus, size_of

if TYPE_CHECKING:
    from mcp_tui.sessions.manager import SessionManager

COMPLETION_TIMEOUT_S = 5.0
_FAILED = {"outcome_unknown": OutcomeStatus.UNKNOWN, "task_cancelled": OutcomeStatus.CANCELLED}


def texts_of(arguments: JsonObject) -> dict[str, str]:
    """Arguments of prompts and templates are texts; anything else is sent as its JSON, null is left out."""
    return {
        name: value if isinstance(value, str) else dump(value, indent=None)
        for name, value in arguments.items()
        if value is not None
    }


async def run(
    manager: SessionManager,
    key: ItemKey,
    outcome: Outcome,
    update: Callable[[Outcome], None],
    now: Callable[[], float],
) -> None:
    """`update` hears of progress, of the end, and a moment later of the size of what came and of a late warning.

    A cancellation is reported and goes on.
    """
    current = outcome

    def progressed(progress: Progress) -> None:
        nonlocal current
        current = replace(current, progress=progress)
        update(current)

    def ended(status: OutcomeStatus, **changes: Any) -> None:
        nonlocal current
        duration_ms = changes.pop("duration_ms", None)
        if duration_ms is None:
            duration_ms = (now() - outcome.started_at) * 1000
        current = replace(current, status=status, duration_ms=duration_ms, **changes)
        update(current)

    check: Callable[[], Awaitable[str]] | None = None
    try:
        with causing(outcome.wire.cause if outcome.wire is not None else "workbench"):
            if key.kind == "tool":
                result = await _call(manager, key, outcome, progressed)
                check = result.late_warning
                raw, warnings, took_ms, failed = result.raw, result.warnings, result.duration_ms, result.is_error
            else:
                raw = await _ask(manager, key, outcome.arguments)
                warnings, took_ms, failed = (), None, False
    except AppError as error:
        ended(_FAILED.get(error.info.code, OutcomeStatus.FAILED), error=error.info)
    except asyncio.CancelledError:
        detail = "If it was sent, the server was told to stop; what it did until then stays done."
        ended(
            OutcomeStatus.CANCELLED,
            error=ErrorInfo("Cancelled", detail, "", ErrorKind.CANCELLED, "cancelled"),
        )
        raise
    else:
        ended(
            OutcomeStatus.TOOL_ERROR if failed else OutcomeStatus.OK,
            raw=raw,
            warnings=warnings,
            duration_ms=took_ms,
        )
        # A result of many small values takes seconds to measure: it is read meanwhile.
        current = replace(current, size_bytes=await asyncio.to_thread(size_of, raw))
        update(current)
        if check is not None and (late := await check()):
            update(replace(current, warnings=(*current.warnings, late)))


async def _call(
    manager: SessionManager, key: ItemKey, outcome: Outcome, progressed: Callable[[Progress], None]
) -> CallResult:
    if outcome.task_id:
        return await manager.task_result(key.server, outcome.task_id, on_progress=progressed)
    return await manager.call_tool(
        key.server, key.name, outcome.arguments, on_progress=progressed, as_task=outcome.as_task
    )


async def _ask(manager: SessionManager, key: ItemKey, arguments: JsonObject) -> JsonObject:
    if key.kind == "prompt":
        return await manager.get_prompt(key.server, key.name, texts_of(arguments))
    uri = uri_template.expand(key.name, texts_of(arguments)) if key.kind == "template" else key.name
    return await manager.read_resource(key.server, uri)


async def complete(
    manager: SessionManager, key: ItemKey, name: str, text: str, arguments: Mapping[str, object]
) -> tuple[str, ...]:
    """Values for one argument of a prompt or template; none when the server cannot say."""
    ref: JsonObject = (
        {"type": "ref/prompt", "name": key.name} if key.kind == "prompt" else {"type": "ref/resource", "uri": key.name}
    )
    context = {other: value for other, value in arguments.items() if other != name and isinstance(value, str)}
    try:
        return await manager.complete(key.server, ref, (name, text), context, timeout_s=COMPLETION_TIMEOUT_S)
    except AppError:
        # Completion is a comfort: without it a person types on, and a failed call says what is wrong.
        return ()


def worth_remembering(reader: SchemaReader, arguments: JsonObject) -> JsonObject:
    """The arguments without what the schema marks as a secret."""
    fields = {field.name: field for field in reader.properties(reader.root())}
    return {
        name: value
        for name, value in arguments.items()
        if name not in fields or not (fields[name].format == "password" or fields[name].schema.get("writeOnly") is True)
    }
