"""What a person does with a server's tasks: look at them, fetch a result, have one stopped."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio

from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import as_list, is_object
from mcp_tui.core.state import CallResult, Progress
from mcp_tui.core.tasks import TaskInfo, TaskStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.calls import Source
from mcp_tui.sessions.calling.progress import ProgressFeed
from mcp_tui.sessions.tasks.follow import ANSWER_S, Refusal, TaskFollow, ask_about, cancel_task, expired
from mcp_tui.sessions.tasks.messages import TaskSupport

MAX_PAGES = 20
_MAX_AT_ONCE = 8


async def list_tasks(source: Source, *, timeout_s: float) -> tuple[TaskInfo, ...]:
    """The tasks the server names (2025-11-25), or the ones we know of, each with its newest state.

    AppError when the server is not connected, offers no tasks, refuses, or does not answer in time.
    """
    title = f"{source.spec.name}: its tasks cannot be listed"
    book = source.announcements.tasks
    async with Deadline(timeout_s) as deadline:
        await source.usable()
        support = TaskSupport.of(source.facts)
        if not (support.starts or support.lists or support.cancels):
            detail = f"{source.spec.name} does not offer tasks"
            raise AppError(title, detail, kind=ErrorKind.USAGE, code="no_tasks")
        listed: set[str] = set()
        if support.lists:
            listed = await _pages(source, deadline, title)
        open_ones = [info for info in book.infos() if info.id not in listed and not info.status.ended]
        limit = anyio.Semaphore(_MAX_AT_ONCE)

        async def look(info: TaskInfo) -> None:
            async with limit:
                await _refreshed(source, info.id, deadline)

        async with anyio.create_task_group() as tasks:
            for info in open_ones:
                tasks.start_soon(look, info)
        return book.infos()
    raise _late(title, timeout_s)


async def _pages(source: Source, deadline: Deadline, title: str) -> set[str]:
    found: set[str] = set()
    cursor: object = None
    for _ in range(MAX_PAGES):
        params: JsonObject = {} if cursor is None else {"cursor": cursor}
        answer = await ask_about(source, "tasks/list", params, deadline)
        if isinstance(answer, Refusal):
            raise AppError(title, str(answer), kind=ErrorKind.TOOL, code="rejected")
        for entry in as_list(answer.get("tasks")):
            info = source.announcements.tasks.saw(entry) if is_object(entry) else None
            if info is not None:
                found.add(info.id)
        before, cursor = cursor, answer.get("nextCursor")
        if not isinstance(cursor, str) or cursor == before:
            break
    return found


async def _refreshed(source: Source, task_id: str, deadline: Deadline) -> JsonObject | Refusal:
    """The newest state of one task; a task the server does not know is marked as lost."""
    answer = await ask_about(source, "tasks/get", {"taskId": task_id}, deadline)
    if not isinstance(answer, Refusal):
        source.announcements.tasks.saw(answer)
    elif answer.unknown_task:
        source.announcements.tasks.mark(task_id, status=TaskStatus.LOST, note=str(answer))
    return answer


async def task_outcome(
    source: Source, task_id: str, *, timeout_s: float | None, on_progress: Callable[[Progress], None] | None
) -> CallResult:
    """Follow a task, whoever started it, and give its result. At the deadline it is left running.

    None: as long as the entry allows a task. AppError codes as of `TaskFollow`, and "timeout".
    """
    title = f"{source.spec.name}: task {task_id[:80]} has no result"
    if timeout_s is None:
        timeout_s = source.spec.task_timeout_s
    began = time.monotonic()
    feed = ProgressFeed(on_progress) if on_progress is not None else None
    try:
        async with Deadline(timeout_s) as deadline:
            answer = await _refreshed(source, task_id, deadline)
            if isinstance(answer, Refusal):
                raise AppError(title, str(answer), kind=ErrorKind.TOOL, code="unknown_task")
            info = source.announcements.tasks.get(task_id)
            if info is None:
                raise AppError(title, "The answer names another task", kind=ErrorKind.TOOL, code="rejected")
            follow = TaskFollow(source, info, title, deadline, feed, last=answer)
            raw = await follow.result()
            return CallResult(raw, (time.monotonic() - began) * 1000, task=source.announcements.tasks.get(task_id))
        raise expired(title, timeout_s, "it goes on")
    finally:
        if feed is not None:
            feed.close()


async def cancel_known_task(source: Source, task_id: str) -> None:
    """AppError (`rejected`) with the reason when the server was not told, or will not stop."""
    title = f"{source.spec.name}: task {task_id[:80]} was not cancelled"
    async with Deadline(ANSWER_S) as deadline:
        refused = await cancel_task(source, task_id)
        if refused:
            raise AppError(title, refused, kind=ErrorKind.TOOL, code="rejected")
        await _refreshed(source, task_id, deadline)
        return
    raise _late(title, ANSWER_S)


def _late(title: str, seconds: float) -> AppError:
    return AppError(title, f"No answer within {seconds:g} s", kind=ErrorKind.UNREACHABLE, code="timeout")
