"""A tool call, whatever the server makes of it: an answer, or a task that is followed to its end."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable

import anyio
from pydantic import ValidationError

from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import CallResult, Progress, ToolInfo
from mcp_tui.core.tasks import TaskInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.argument_check import check_arguments
from mcp_tui.sessions.calling.calls import Request, Source, perform
from mcp_tui.sessions.calling.progress import ProgressFeed
from mcp_tui.sessions.connection import Connection
from mcp_tui.sessions.tasks.follow import TaskFollow, expired
from mcp_tui.sessions.tasks.messages import OpenResult, StartRequest, TaskSupport, created_task
from mcp_tui.sessions.transport.exchange import CURRENT, Exchange

_KEEP_S = 300.0
"""On top of the time a task may take: how long a 2025-11-25 server is asked to keep its result."""


def find_tool(source: Source, name: str) -> ToolInfo:
    """AppError (usage) with the closest names when the server has no such tool."""
    tool = source.catalog.tool(name)
    if tool is not None:
        return tool
    known = [item.name for item in source.catalog.tools]
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(close)}?" if close else f"It has {len(known)} tools"
    raise AppError(
        "Unknown tool",
        f"{source.spec.name} has no tool named {name[:200]}",
        hint,
        kind=ErrorKind.USAGE,
        code="unknown_tool",
    )


def _harmless(tool: ToolInfo) -> bool:
    hints = tool.hints
    return hints.read_only is True or hints.idempotent is True


async def call_tool(
    source: Source,
    name: str,
    arguments: JsonObject,
    *,
    timeout_s: float | None,
    on_progress: Callable[[Progress], None] | None,
    as_task: bool | None = None,
    detach: bool = False,
) -> CallResult:
    """timeout_s: for everything; None = what the entry says, a limit for calls and another one for tasks.

    as_task: None = as the tool demands. With 2026-07-28 the server alone decides; True then only makes sure that it
    can. detach: return as soon as the call has become a task.
    """
    title = f"{source.spec.name}: {name[:200]} failed"
    check_arguments(title, arguments)
    task_limit_s = source.spec.task_timeout_s if timeout_s is None else timeout_s
    feed = ProgressFeed(on_progress) if on_progress is not None else None
    asked: list[ToolInfo] = []

    async def send(connection: Connection) -> object:
        tool = find_tool(source, name)
        asked[:] = [tool]
        if _starts_task(connection, tool, as_task, title):
            ttl_ms = int((task_limit_s + _KEEP_S) * 1000)
            return await _start(connection, name, arguments, ttl_ms, feed)
        return await connection.client.call_tool(
            name, arguments, progress_callback=feed, meta=connection.request_meta()
        )

    request = Request(title, "tools/call", send, lambda: source.spec.trusted and bool(asked) and _harmless(asked[0]))
    began = time.monotonic()
    try:
        exchange, duration_ms, warning = await perform(source, request, timeout_s)
        raw, task = exchange.raw, None
        clock = None if timeout_s is None else exchange.clock
        if (created := created_task(raw)) is not None:
            task = source.announcements.tasks.saw(created, tool=name, followed=not detach)
            if task is None:
                raise AppError(
                    title, "The server made a task of it without an id", kind=ErrorKind.TOOL, code="rejected"
                )
            if detach:
                return CallResult({}, duration_ms, task=task)
            left_s = task_limit_s if clock is None else clock.left_s
            raw = await _followed(source, task, title, Deadline(left_s), task_limit_s, feed, exchange)
            task = source.announcements.tasks.get(task.id) or task
            duration_ms, warning = (time.monotonic() - began) * 1000, ""
    finally:
        if feed is not None:
            feed.close()
    if raw is None:
        raise AppError(title, "The server gave no result", kind=ErrorKind.TOOL, code="rejected")
    check = source.announcements.output_checks.later(asked[0], raw, None if clock is None else clock.left_s)
    return CallResult(raw, duration_ms, (warning,) if warning else (), task, check)


def _starts_task(connection: Connection, tool: ToolInfo, as_task: bool | None, title: str) -> bool:
    """Whether to ask for a task. AppError (usage, `no_tasks`) when the person wants one and there can be none."""
    if as_task is False or (as_task is None and tool.task_support == "forbidden"):
        return False
    support = TaskSupport.of(connection.facts)
    if as_task and not support.starts:
        detail = f"{connection.spec.name} does not offer tasks"
        raise AppError(title, detail, "Call it without a task", kind=ErrorKind.USAGE, code="no_tasks")
    if connection.modern:
        return False
    if as_task and tool.task_support == "forbidden":
        detail = f"{tool.name} does not say that it can run as a task"
        raise AppError(title, detail, "Call it without a task", kind=ErrorKind.USAGE, code="no_tasks")
    return support.starts and (as_task is True or tool.task_support == "required")


async def _start(
    connection: Connection, name: str, arguments: JsonObject, ttl_ms: int, feed: ProgressFeed | None
) -> object:
    params: JsonObject = {"name": name, "arguments": arguments, "task": {"ttl": ttl_ms}}
    if (meta := connection.request_meta()) is not None:
        params["_meta"] = meta
    try:
        return await connection.client.session.send_request(
            StartRequest(method="tools/call", params=params), OpenResult, progress_callback=feed
        )
    except ValidationError:
        # The SDK knows no answer to tools/call but a result with content.
        exchange = CURRENT.get()
        if exchange is None or created_task(exchange.raw) is None:
            raise
        return None


async def _followed(
    source: Source,
    task: TaskInfo,
    title: str,
    deadline: Deadline,
    limit_s: float,
    feed: ProgressFeed | None,
    exchange: Exchange,
) -> JsonObject:
    """The task's result. At the deadline, and when cancelled, the server is told to stop. limit_s: for the error."""
    follow = TaskFollow(source, task, title, deadline, feed)
    async with deadline:
        undo = _hear_progress(source, exchange, feed)
        try:
            return await follow.result()
        except anyio.get_cancelled_exc_class():
            if not deadline.passed:
                await follow.cancel()
            raise
        finally:
            undo()
    raise expired(title, limit_s, await follow.cancel())


def _hear_progress(source: Source, exchange: Exchange, feed: ProgressFeed | None) -> Callable[[], None]:
    """2025-11-25: progress goes on under the token of the call, as long as its connection lives."""
    connection = source.connection
    if feed is None or connection is None or exchange.request_id is None:
        return lambda: None
    return connection.line.tap.tasks.listen(exchange.request_id, feed.take)
