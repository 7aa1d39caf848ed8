"""Tasks on the wire: the 2025-11-25 core tasks and the 2026-07-28 extension, read leniently into one shape.

| | 2025-11-25 | 2026-07-28 extension |
|---|---|---|
| who decides | the client: `task` in the parameters of tools/call | the server, of a client that advertises it |
| created | `{"task": {...}}` | `{"resultType": "task", ...}` |
| state | tasks/get, notifications/tasks/status | tasks/get, notifications/tasks |
| result | tasks/result, which blocks | `result` or `error` within tasks/get |
| input | requests while tasks/result waits | `inputRequests` within tasks/get, answered by tasks/update |
| list | tasks/list | (none) |
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import mcp_types as types
from mcp.client.extension import ClaimContext, ClientExtension, NotificationBinding, ResultClaim
from pydantic import BaseModel, ConfigDict

from mcp_tui.core.json_values import as_object, is_number, is_object
from mcp_tui.core.state import ServerFacts
from mcp_tui.core.tasks import TaskInfo, TaskStatus
from mcp_tui.core.types import JsonObject

EXTENSION = "io.modelcontextprotocol/tasks"
MAX_MESSAGE = 500
_MAX_ID = 1_000

Notified = Callable[[JsonObject], None]
"""Takes the task of a notification, as it came."""


class TaskRequest(types.Request[dict[str, Any], str]):
    """tasks/*, with the task's id as the routing header over HTTP."""

    name_param: ClassVar[str | None] = "taskId"


class ListRequest(types.Request[dict[str, Any], str]):
    """tasks/list names no task."""


class StartRequest(types.Request[dict[str, Any], str]):
    """tools/call with a `task`, which the SDK's own parameters leave out."""

    name_param: ClassVar[str | None] = "name"


class OpenResult(BaseModel):
    """Whatever came; `Exchange.raw` has it as it was."""

    model_config = ConfigDict(extra="allow")


class _Created(types.Result):
    """The extension's CreateTaskResult; its fields are read from the raw result."""

    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = "task"  # pyright: ignore[reportIncompatibleVariableOverride] - the SDK demands it


class _Status(BaseModel):
    model_config = ConfigDict(extra="allow")


async def _set_aside(result: _Created, context: ClaimContext) -> types.CallToolResult:
    """The task is followed by `task_follow`, after the request that started it has ended."""
    return types.CallToolResult(content=[], is_error=True)


class TasksExtension(ClientExtension):
    """Advertised to 2026-07-28 servers only; the notifications of both eras go to `notified`."""

    identifier = EXTENSION

    def __init__(self, notified: Notified) -> None:
        self._notified = notified

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=_Created, resolve=_set_aside),)

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        async def heard(params: _Status) -> None:
            self._notified(params.model_extra or {})

        handler: Callable[[_Status], Awaitable[None]] = heard
        methods = ("notifications/tasks", "notifications/tasks/status")
        return tuple(NotificationBinding(method=name, params_type=_Status, handler=handler) for name in methods)


@dataclass(frozen=True, slots=True)
class TaskSupport:
    """What a server says about tasks."""

    starts: bool
    """A tools/call can become a task."""
    cancels: bool
    lists: bool

    @classmethod
    def of(cls, facts: ServerFacts | None) -> TaskSupport:
        if facts is None:
            return cls(False, False, False)
        if facts.era == "modern":
            has = EXTENSION in as_object(facts.capabilities.get("extensions"))
            return cls(has, has, False)
        tasks = as_object(facts.capabilities.get("tasks"))
        call = as_object(as_object(tasks.get("requests")).get("tools")).get("call")
        return cls(isinstance(call, dict), isinstance(tasks.get("cancel"), dict), isinstance(tasks.get("list"), dict))


def created_task(raw: JsonObject | None) -> JsonObject | None:
    """The task a tools/call became, as it came; None for an ordinary result."""
    if raw is None:
        return None
    if raw.get("resultType") == "task":
        return raw
    task = raw.get("task")
    return task if is_object(task) and "content" not in raw else None


def task_id(raw: Mapping[str, Any]) -> str:
    """ "" for what is no task."""
    value = raw.get("taskId")
    return value if isinstance(value, str) and len(value) <= _MAX_ID else ""


def read_task(server: str, raw: Mapping[str, Any], known: TaskInfo | None, *, tool: str = "") -> TaskInfo:
    """The newest state; what `raw` does not say stays as `known` has it. An ended task stays ended."""
    now = time.monotonic()
    word = raw.get("status")
    status = TaskStatus.WORKING
    message = raw.get("statusMessage")
    if word in tuple(TaskStatus) and word != TaskStatus.LOST:
        status = TaskStatus(cast("str", word))
    elif isinstance(word, str) and not message:
        message = word
    if known is not None and known.status.ended and not status.ended:
        status = known.status
    ended_at = known.ended_at if known is not None else None
    return TaskInfo(
        server=server,
        id=task_id(raw) or (known.id if known is not None else ""),
        tool=tool or (known.tool if known is not None else ""),
        status=status,
        seen_at=known.seen_at if known is not None else now,
        message=message[:MAX_MESSAGE] if isinstance(message, str) else (known.message if known is not None else ""),
        created=str(raw.get("createdAt") or (known.created if known is not None else ""))[:40],
        ttl_ms=_count(raw, "ttlMs", "ttl", known.ttl_ms if known is not None else None),
        poll_ms=_count(raw, "pollIntervalMs", "pollInterval", known.poll_ms if known is not None else None),
        ended_at=(ended_at or now) if status.ended else None,
        followed=known.followed if known is not None else False,
        note=known.note if known is not None else "",
    )


def _count(raw: Mapping[str, Any], modern: str, legacy: str, known: int | None) -> int | None:
    """Milliseconds under either name."""
    for key in (modern, legacy):
        if key in raw:
            value = raw[key]
            sane = is_number(value) and 0 <= value < 1e12
            return int(value) if sane else None
    return known
