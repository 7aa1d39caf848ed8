"""Tool calls as tasks, for clients of both eras: the core tasks of 2025-11-25, and the extension of 2026-07-28.

| | 2025-11-25 | 2026-07-28 |
|---|---|---|
| who decides | the client: `task` beside the arguments | the server, for a client that knows the extension |
| result | tasks/result, which waits | within tasks/get |
| what the tool asks | requests while tasks/result waits | within tasks/get, answered by tasks/update |
"""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_INFO_META_KEY,
    CallToolRequestParams,
    CallToolResult,
    CancelTaskResult,
    ClientCapabilities,
    GetTaskResult,
    InputRequiredResult,
    ListTasksResult,
    ListToolsResult,
    PaginatedRequestParams,
    RequestParams,
    ServerTasksCapability,
    ServerTasksRequestsCapability,
    TasksCallCapability,
    TasksCancelCapability,
    TasksListCapability,
    TasksToolsCapability,
    ToolExecution,
)
from mcp_types.methods import serialize_server_result
from mcp_types.version import LATEST_MODERN_VERSION, MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_tui.core.json_values import is_integer, is_object
from mcp_tui.servers.background import Background
from mcp_tui.servers.questions import missing, result_type, send
from mcp_tui.servers.task_record import TaskRecord

if TYPE_CHECKING:
    from mcp.server.lowlevel import NotificationOptions
    from mcp.server.mcpserver import MCPServer
    from mcp.server.models import InitializationOptions

logger = logging.getLogger(__name__)

EXTENSION = "io.modelcontextprotocol/tasks"
RELATED_TASK = "io.modelcontextprotocol/related-task"
TTL_MS = 10 * 60 * 1000
LONGEST_TTL_MS = 60 * 60 * 1000
MAX_TASKS = 200
Support = Literal["optional", "required"]
_CURRENT: contextvars.ContextVar[TaskRecord | None] = contextvars.ContextVar("task", default=None)


class TaskParams(RequestParams):
    task_id: str


class UpdateParams(TaskParams):
    input_responses: dict[str, Any]
    """Each is read as what its question wants; names that are not asked for are ignored, whatever they hold."""


def current_task() -> TaskRecord | None:
    """The task that the running tool call is; None for an ordinary call."""
    return _CURRENT.get()


class TaskCalls:
    """`attach` it once to a server whose tools are all registered or will be; keep `background` running meanwhile."""

    def __init__(self, background: Background, support: Mapping[str, Support]) -> None:
        """support: tool -> whether it may or must be a task."""
        self._background = background
        self._support = support
        self._records: dict[str, TaskRecord] = {}

    def attach(self, server: MCPServer[Any]) -> None:
        # Tasks of the handshake era are in no public part of the SDK's server, and its extensions cannot answer a
        # tools/call of that era with one.
        self._lowlevel = lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
        call, tools = lowlevel.get_request_handler("tools/call"), lowlevel.get_request_handler("tools/list")
        assert call is not None and tools is not None
        self._call, self._tools = call.handler, tools.handler
        lowlevel.add_request_handler("tools/list", PaginatedRequestParams, self._list_tools)
        lowlevel.add_request_handler("tasks/get", TaskParams, self._get)
        lowlevel.add_request_handler("tasks/cancel", TaskParams, self._cancel)
        lowlevel.add_request_handler("tasks/update", UpdateParams, self._update)
        lowlevel.add_request_handler("tasks/result", TaskParams, self._result)
        lowlevel.add_request_handler("tasks/list", PaginatedRequestParams, self._list)
        lowlevel.extensions[EXTENSION] = {}
        server.middleware.append(self._intercept)
        self._announce()

    def _announce(self) -> None:
        """The handshake names tasks among the core capabilities, not among the extensions."""
        plain = self._lowlevel.create_initialization_options
        tasks = ServerTasksCapability(
            list=TasksListCapability(),
            cancel=TasksCancelCapability(),
            requests=ServerTasksRequestsCapability(tools=TasksToolsCapability(call=TasksCallCapability())),
        )

        def with_tasks(
            notification_options: NotificationOptions | None = None,
            experimental_capabilities: dict[str, dict[str, Any]] | None = None,
            extensions: dict[str, dict[str, Any]] | None = None,
        ) -> InitializationOptions:
            others = {name: settings for name, settings in self._lowlevel.extensions.items() if name != EXTENSION}
            options = plain(notification_options, experimental_capabilities, extensions or others)
            return options.model_copy(update={"capabilities": options.capabilities.model_copy(update={"tasks": tasks})})

        self._lowlevel.create_initialization_options = with_tasks

    # --- starting

    async def _intercept(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.method != "tools/call" or ctx.params is None:
            return await call_next(ctx)
        support = self._support.get(str(ctx.params.get("name")))
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return await self._intercept_modern(ctx, call_next, support)
        asked = ctx.params.get("task")
        if asked is None:
            if support == "required":
                raise MCPError(code=METHOD_NOT_FOUND, message="this tool can only be called as a task")
            return await call_next(ctx)
        if support is None:
            raise MCPError(code=METHOD_NOT_FOUND, message="this tool cannot be called as a task")
        record = self._start(ctx, _ttl(asked))
        return {"task": record.legacy().model_dump(by_alias=True, mode="json", exclude_none=True)}

    async def _intercept_modern(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, support: Support | None
    ) -> HandlerResult:
        if support is None:
            return await call_next(ctx)
        if not _knows_tasks(ctx):
            if support == "required":
                raise missing(ClientCapabilities(extensions={EXTENSION: {}}))
            return await call_next(ctx)
        record = self._start(ctx, TTL_MS)
        # Whoever answers in place of the handler writes the whole answer.
        return {
            "resultType": "task",
            **record.modern(),
            "_meta": {SERVER_INFO_META_KEY: self._lowlevel.server_info_stamp},
        }

    def _start(self, ctx: ServerRequestContext[Any, Any], ttl_ms: int) -> TaskRecord:
        params = CallToolRequestParams.model_validate(ctx.params, by_name=False)
        self._forget_old()
        if len(self._records) >= MAX_TASKS:
            raise MCPError(code=INTERNAL_ERROR, message=f"there are {MAX_TASKS} tasks already; try again later")
        record = TaskRecord(params.name, ttl_ms=ttl_ms, now=anyio.current_time())
        self._records[record.id] = record
        self._background.start(self._work, record, ctx, params)
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            self._background.start(self._notify, record, ctx)
        return record

    async def _work(
        self, record: TaskRecord, ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams
    ) -> None:
        """What the tool asks ends its run with a list of questions in either era: nobody waits on a stream."""
        _CURRENT.set(record)
        asking = replace(ctx, protocol_version=LATEST_MODERN_VERSION)
        with record.scope:
            try:
                while True:
                    result = await self._call(asking, params)
                    if not isinstance(result, InputRequiredResult):
                        break
                    answers = await record.ask(result.input_requests or {})
                    params = params.model_copy(
                        update={"input_responses": answers, "request_state": result.request_state}
                    )
                self._completed(record, ctx.protocol_version, result)
            except MCPError as error:
                record.fail(error.error.model_dump(by_alias=True, mode="json", exclude_none=True), anyio.current_time())
            except Exception:  # the end of a task is what its client sees of a fault
                logger.exception("task of tool %r failed", record.tool)
                record.fail({"code": INTERNAL_ERROR, "message": "internal error"}, anyio.current_time())
        if record.scope.cancelled_caught:
            record.cancelled(anyio.current_time())

    def _completed(self, record: TaskRecord, version: str, result: HandlerResult) -> None:
        assert isinstance(result, CallToolResult)
        dumped = result.model_dump(by_alias=True, mode="json", exclude_none=True)
        wire = serialize_server_result("tools/call", version, dumped)
        failed = result.is_error is True and version not in MODERN_PROTOCOL_VERSIONS
        record.complete(wire, anyio.current_time(), failed=failed)

    async def _notify(self, record: TaskRecord, ctx: ServerRequestContext[Any, Any]) -> None:
        """Clients of the handshake era are told of every change; they may poll all the same."""
        # The session of a request that was answered takes no more messages; its connection does.
        connection = ctx.session._connection  # pyright: ignore[reportPrivateUsage]
        told = (record.status, record.message)
        while not record.ended or told != (record.status, record.message):
            if told == (record.status, record.message):
                await record.change()
                continue
            told = (record.status, record.message)
            task = record.legacy().model_dump(by_alias=True, mode="json", exclude_none=True)
            await connection.notify("notifications/tasks/status", task)

    # --- the methods

    async def _list_tools(self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams) -> ListToolsResult:
        result = await self._tools(ctx, params)
        assert isinstance(result, ListToolsResult)
        for tool in result.tools:
            if (support := self._support.get(tool.name)) is not None:
                tool.execution = ToolExecution(task_support=support)
        return result

    async def _get(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        record = self._record(ctx, params)
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            return record.detailed()
        return GetTaskResult(**dict(record.legacy()))

    async def _cancel(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        record = self._record(ctx, params)
        modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        if record.ended and not modern:
            raise MCPError(code=INVALID_PARAMS, message=f"the task has ended already: {record.status}")
        record.scope.cancel()
        record.cancelled(anyio.current_time())
        return {} if modern else CancelTaskResult(**dict(record.legacy()))

    async def _update(self, ctx: ServerRequestContext[Any, Any], params: UpdateParams) -> HandlerResult:
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise _not_found(ctx)
        record = self._record(ctx, params)
        try:
            answers = {
                name: result_type(request).model_validate(params.input_responses[name], by_name=False)
                for name, request in record.pending.items()
                if name in params.input_responses
            }
        except ValidationError as error:
            raise MCPError(
                code=INVALID_PARAMS, message=f"an answer does not fit its question: {error.title}"
            ) from error
        record.answer(answers)
        return {}

    async def _result(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> HandlerResult:
        """Waits for the end, and asks the client meanwhile what the task asks."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            raise _not_found(ctx)
        record = self._record(ctx, params)
        while not record.ended:
            if record.pending:
                name, request = next(iter(record.pending.items()))
                record.answer({name: await send(ctx.session, str(ctx.request_id), request)})
            else:
                await record.change()
        if record.result is None:
            error = record.error or {"code": INVALID_PARAMS, "message": "the task was cancelled"}
            raise MCPError(code=error["code"], message=error["message"], data=error.get("data"))
        meta = {**record.result.get("_meta", {}), RELATED_TASK: {"taskId": record.id}}
        return {**record.result, "_meta": meta}

    async def _list(self, ctx: ServerRequestContext[Any, Any], params: PaginatedRequestParams) -> HandlerResult:
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            raise _not_found(ctx)
        self._forget_old()
        return ListTasksResult(tasks=[record.legacy() for record in self._records.values()])

    # --- finding them

    def _record(self, ctx: ServerRequestContext[Any, Any], params: TaskParams) -> TaskRecord:
        """MCPError for an id that is not known, and for a client that does not know the extension."""
        if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
            if not _knows_tasks(ctx):
                raise missing(ClientCapabilities(extensions={EXTENSION: {}}))
            _check_routing(ctx, params.task_id)
        self._forget_old()
        record = self._records.get(params.task_id)
        if record is None:
            raise MCPError(code=INVALID_PARAMS, message="there is no such task (any more)")
        return record

    def _forget_old(self) -> None:
        """Ended ones whose time is over, counted from their start; a running one is kept."""
        now = anyio.current_time()
        for record in list(self._records.values()):
            if record.ended and now > record.started_at + record.ttl_ms / 1000:
                del self._records[record.id]


def _knows_tasks(ctx: ServerRequestContext[Any, Any]) -> bool:
    capabilities = ctx.session.client_capabilities
    return capabilities is not None and EXTENSION in (capabilities.extensions or {})


def _check_routing(ctx: ServerRequestContext[Any, Any], task_id: str) -> None:
    """Over HTTP the header Mcp-Name must carry the id; the SDK checks only the methods it knows itself."""
    headers = cast("Mapping[str, str] | None", getattr(ctx.request, "headers", None))
    if headers is not None and decode_header_value(headers.get(MCP_NAME_HEADER)) != task_id:
        raise MCPError(code=HEADER_MISMATCH, message=f"{MCP_NAME_HEADER} header does not match the task id of the body")


def _not_found(ctx: ServerRequestContext[Any, Any]) -> MCPError:
    return MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)


def _ttl(asked: object) -> int:
    """Milliseconds: what the client wants, within reason."""
    wanted = asked.get("ttl") if is_object(asked) else None
    if not is_integer(wanted) or wanted < 0:
        return TTL_MS
    return min(wanted, LONGEST_TTL_MS)
