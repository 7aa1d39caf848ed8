"""A tool call that became a task, followed to its end: over reconnects, questions, and until its deadline.

A task outlives the connection that started it wherever the server lets it, so nothing here gives up because a
connection was lost: asking for the state of a task again and again does no harm.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import anyio
import mcp_types as types
from anyio.abc import TaskGroup
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND
from pydantic import TypeAdapter, ValidationError

from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_object, is_object
from mcp_tui.core.tasks import TaskInfo, TaskStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.advice.diagnosis import cut, leaves
from mcp_tui.sessions.calling.calls import Source, lost, until_clear
from mcp_tui.sessions.calling.progress import ProgressFeed
from mcp_tui.sessions.connection import Connection
from mcp_tui.sessions.tasks.messages import ListRequest, OpenResult, TaskRequest, TaskSupport

_log = logging.getLogger(__name__)

POLL_S = 1.0
"""Where the server says nothing."""
SHORTEST_POLL_S = 0.05
LONGEST_POLL_S = 60.0
ANSWER_S = 30.0
"""A poll that takes longer is given up and repeated; the connection is then suspected."""
CANCEL_S = 5.0
MAX_POLL_FAULTS = 8
"""The server answers polls with errors that do not say that the task is gone."""

_InputRequest: TypeAdapter[types.InputRequest] = TypeAdapter(types.InputRequest)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A JSON-RPC error the server gave."""

    code: int
    text: str
    status: int | None = None
    """HTTP."""
    retry_after_s: float | None = None

    @property
    def unknown_task(self) -> bool:
        return self.code in (INVALID_PARAMS, METHOD_NOT_FOUND)

    def __str__(self) -> str:
        return f"{cut(self.text)} ({self.code})"


async def ask_about(
    source: Source,
    method: str,
    params: JsonObject,
    deadline: Deadline,
    *,
    subject: str = "",
    answer_s: float | None = ANSWER_S,
) -> JsonObject | Refusal:
    """One request about a task, repeated over reconnects until it is answered or `deadline` cancels.

    subject: the tool, for whoever sees a question that comes meanwhile. answer_s: how long one try may take; None for
    what the server may answer late on purpose. AppError `not_ready` when the server is not connected and will not be
    without a person.
    """
    while True:
        connection = await source.usable()
        exchange = None
        try:
            with anyio.move_on_after(answer_s):
                async with connection.calling(method, deadline) as exchange:
                    exchange.subject = subject
                    request = (TaskRequest if "taskId" in params else ListRequest)(method=method, params=params)
                    await connection.client.session.send_request(request, OpenResult)
                return exchange.raw or {}
            connection.suspect()
        except (MCPError, ValidationError, RuntimeError, ExceptionGroup) as error:
            if exchange is None:
                raise
            if exchange.raw is not None:
                return exchange.raw
            if not lost(error, exchange, connection):
                leaf = next((leaf for leaf in leaves(error) if isinstance(leaf, MCPError)), None)
                if leaf is None:
                    raise
                return Refusal(leaf.code, leaf.message, exchange.status, exchange.retry_after_s)
            await until_clear(connection)


class TaskFollow:
    """`result` gives the tools/call result (wire keys). AppError codes:

    "task_cancelled" (by the server or by request), "rejected" (the call failed with a JSON-RPC error),
    "outcome_unknown" (the server knows the task no more), "result_lost" (it completed, but the result is gone),
    "not_ready".
    """

    def __init__(
        self,
        source: Source,
        started: TaskInfo,
        title: str,
        deadline: Deadline,
        feed: ProgressFeed | None,
        *,
        last: JsonObject | None = None,
    ) -> None:
        """last: the answer `started` was read from."""
        self._source = source
        self._info = started
        self._title = title
        self._deadline = deadline
        self._feed = feed
        self._last: JsonObject = last or {}
        self._asked: dict[str, anyio.CancelScope] = {}
        """Keys of input requests that were handed to the person."""
        self._tasks: TaskGroup | None = None
        self._turn = anyio.Event()
        """Set, and replaced, when the state changed."""
        self._failure: AppError | None = None

    async def result(self) -> JsonObject:
        book = self._source.announcements.tasks
        book.mark(self._info.id, followed=True)
        self._show()
        outcome: JsonObject | None = None
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self._poll)
                outcome = await self._outcome()
                tasks.cancel_scope.cancel()
        finally:
            book.mark(self._info.id, followed=False)
        if self._failure is not None:
            raise self._failure
        assert outcome is not None  # `_outcome` gives None only together with a failure
        return outcome

    async def cancel(self) -> str:
        """Tell the server to stop; why that did not work, or "". Bounded by CANCEL_S, also while being cancelled."""
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + CANCEL_S):
            return await cancel_task(self._source, self._info.id)
        note = "the server did not answer when it was told to stop"
        self._source.announcements.tasks.mark(self._info.id, note=note)
        return note

    # ------------------------------------------------------------------ state

    @property
    def _modern(self) -> bool:
        facts = self._source.facts
        return facts is not None and facts.era == "modern"

    @property
    def _over(self) -> bool:
        """It has ended, and what there is to know about that is known."""
        return self._info.status.ended and (not self._modern or bool(self._last))

    def _show(self) -> None:
        if self._feed is not None:
            self._feed.show_task(self._info)

    def _take(self, raw: JsonObject) -> None:
        """The newest state, from a poll or a notification."""
        info = self._source.announcements.tasks.saw(raw)
        if info is None or info.id != self._info.id:
            return
        changed = (info.status, info.message) != (self._info.status, self._info.message) or not self._last
        self._info, self._last = info, raw
        if info.status is TaskStatus.INPUT_REQUIRED and self._modern:
            self._input_wanted(raw.get("inputRequests"))
        elif self._modern:
            self._withdraw(())
        if changed:
            self._show()
            turn, self._turn = self._turn, anyio.Event()
            turn.set()

    def _fail(self, error: AppError) -> None:
        self._failure = self._failure or error
        turn, self._turn = self._turn, anyio.Event()
        turn.set()

    # ------------------------------------------------------------------ polling

    async def _poll(self) -> None:
        faults = 0
        pause_s = 0.0
        while not self._over:
            # A task may have ended when it was made; its result comes with the answer to a poll all the same.
            await self._wait(0.0 if self._info.status.ended else max(pause_s, self._interval_s()))
            if self._over:
                return
            try:
                answer = await ask_about(self._source, "tasks/get", {"taskId": self._info.id}, self._deadline)
            except AppError as error:
                self._fail(error)
                return
            if isinstance(answer, Refusal):
                if answer.unknown_task:
                    self._fail(self._gone(answer))
                    return
                faults += 1
                if faults >= MAX_POLL_FAULTS:
                    detail = f"Its state cannot be had: {answer}. It may still run"
                    self._fail(self._error(detail, "Look at the server's log", "outcome_unknown"))
                    return
                pause_s = min(LONGEST_POLL_S, answer.retry_after_s or self._interval_s() * 2**faults)
                continue
            faults, pause_s = 0, 0.0
            self._take(answer)

    def _interval_s(self) -> float:
        wanted = self._info.poll_ms
        seconds = POLL_S if wanted is None else wanted / 1000
        return min(max(seconds, SHORTEST_POLL_S), LONGEST_POLL_S)

    async def _wait(self, seconds: float) -> None:
        """Until it is time to ask again, or the server says something by itself."""
        with anyio.move_on_after(seconds):
            self._take(await self._source.announcements.tasks.news(self._info.id))

    def _gone(self, refusal: Refusal) -> AppError:
        self._source.announcements.tasks.mark(self._info.id, status=TaskStatus.LOST, note=cut(refusal.text))
        detail = f"The server knows the task no more; the call may have run, in part or whole. {refusal}"
        return self._error(detail, "Check its effect before you call it again", "outcome_unknown")

    def _error(self, detail: str, hint: str, code: str, kind: ErrorKind = ErrorKind.UNREACHABLE) -> AppError:
        return AppError(self._title, detail, hint, kind=kind, code=code)

    # ------------------------------------------------------------------ the end

    async def _outcome(self) -> JsonObject | None:
        """The result; None when `_failure` says why there is none."""
        while self._failure is None:
            turn = self._turn
            status = self._info.status
            if self._modern:
                if self._over:
                    return self._inlined()
            elif status.ended or status is TaskStatus.INPUT_REQUIRED:
                # Requests to the person come only while tasks/result waits (and over HTTP only on its stream).
                return await self._payload()
            await turn.wait()
        return None

    def _inlined(self) -> JsonObject | None:
        """2026-07-28: the state carries the result, or the error."""
        if self._info.status is TaskStatus.COMPLETED:
            result = self._last.get("result")
            if is_object(result):
                return result
            self._fail(self._error("The task completed, but the server gave no result", "", "result_lost"))
        elif self._info.status is TaskStatus.FAILED:
            said = as_object(self._last.get("error"))
            code = said.get("code")
            text = cut(str(said.get("message") or "")) + (f" ({code})" if code is not None else "")
            self._fail(self._call_failed(text))
        else:
            self._fail(self._cancelled())
        return None

    async def _payload(self) -> JsonObject | None:
        """2025-11-25: tasks/result answers when the task has ended, with the result or its error."""
        params: JsonObject = {"taskId": self._info.id}
        waiting = not self._info.status.ended
        try:
            answer = await ask_about(
                self._source,
                "tasks/result",
                params,
                self._deadline,
                subject=self._info.tool,
                answer_s=None if waiting else ANSWER_S,
            )
        except AppError as error:
            self._fail(error)
            return None
        status = self._info.status
        if not isinstance(answer, Refusal):
            # The state is what the last poll said; the result itself says that it is over.
            ended = TaskStatus.FAILED if answer.get("isError") is True else TaskStatus.COMPLETED
            self._mark(ended)
            return answer
        if status is TaskStatus.FAILED:
            self._fail(self._call_failed(str(answer)))
        elif status is TaskStatus.CANCELLED or "cancel" in answer.text.lower():
            self._mark(TaskStatus.CANCELLED)
            self._fail(self._cancelled())
        elif status is TaskStatus.COMPLETED:
            detail = f"The task completed, but its result is gone: {answer}"
            self._fail(self._error(detail, "The server keeps results only for a while", "result_lost"))
        elif answer.unknown_task:
            self._fail(self._gone(answer))
        else:
            self._mark(TaskStatus.FAILED)
            self._fail(self._call_failed(str(answer)))
        return None

    def _mark(self, status: TaskStatus) -> None:
        info = self._source.announcements.tasks.mark(self._info.id, status=status)
        self._info = info or self._info
        self._show()

    def _call_failed(self, said: str) -> AppError:
        """The call itself ended with a JSON-RPC error."""
        message = self._info.message
        detail = said if not message or message in said else f"{message}: {said}".rstrip(": ")
        return self._error(detail or "The task failed", "", "rejected", ErrorKind.TOOL)

    def _cancelled(self) -> AppError:
        detail = self._info.message or "The task was cancelled; what it did until then stays done"
        return self._error(detail, "", "task_cancelled", ErrorKind.TOOL)

    # ------------------------------------------------------------------ questions, 2026-07-28

    def _input_wanted(self, requests: object) -> None:
        """Hand over every request not seen before; take back those the server no longer waits for."""
        wanted = as_object(requests)
        self._withdraw(tuple(wanted))
        for key, request in wanted.items():
            if key not in self._asked and self._tasks is not None:
                self._asked[key] = anyio.CancelScope()
                self._tasks.start_soon(self._answer, key, request)

    def _withdraw(self, still: tuple[str, ...]) -> None:
        for key, scope in self._asked.items():
            if key not in still:
                scope.cancel()

    async def _answer(self, key: str, raw: object) -> None:
        try:
            request = _InputRequest.validate_python(raw, by_name=False)
        except ValidationError:
            await self._cannot_answer("It asks for something that is not known here")
            return
        response: JsonObject | None = None
        with self._asked[key]:
            try:
                connection = await self._source.usable()
                response = await self._respond(connection, key, request)
            except AppError as error:
                self._fail(error)
                return
            if response is None:
                return
            if connection.ended:
                # The question was taken back with the connection: the next poll brings it again.
                del self._asked[key]
                return
            params: JsonObject = {"taskId": self._info.id, "inputResponses": {key: response}}
            answer = await ask_about(self._source, "tasks/update", params, self._deadline)
            if isinstance(answer, Refusal):
                _log.warning("%s: an answer was refused: %s", self._title, answer)
                self._source.announcements.tasks.mark(self._info.id, note=f"an answer was refused: {answer}")

    async def _respond(self, connection: Connection, key: str, request: types.InputRequest) -> JsonObject | None:
        session = connection.client.session
        context = ClientRequestContext(
            session=session, request_id=key, meta=request.params.meta if request.params else None
        )
        async with connection.calling("tools/call", self._deadline) as exchange:
            exchange.subject = self._info.tool
            response = await session.dispatch_input_request(context, request)
        if isinstance(response, types.ErrorData):
            await self._cannot_answer(response.message)
            return None
        return response.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def _cannot_answer(self, why: str) -> None:
        refused = await self.cancel()
        detail = f"The task asks for what it cannot be given: {cut(why)}"
        if refused:
            detail += f". It was told to stop, but {refused}"
        self._fail(self._error(detail, "", "rejected", ErrorKind.TOOL))


async def cancel_task(source: Source, task_id: str) -> str:
    """tasks/cancel; why the server did not take it, or "". Waits for a connection: bound it."""
    book = source.announcements.tasks
    if not TaskSupport.of(source.facts).cancels:
        note = "this server offers no way to cancel a task"
    else:
        try:
            async with Deadline(ANSWER_S) as deadline:
                answer = await ask_about(source, "tasks/cancel", {"taskId": task_id}, deadline)
                if not isinstance(answer, Refusal):
                    book.saw(answer)
                    book.mark(task_id, note="asked to stop")
                    return ""
                note = f"the server did not cancel it: {answer}"
                book.mark(task_id, note=note)
                return note
            note = "the server did not answer when it was told to stop"
        except AppError as error:
            note = f"it could not be told to stop: {error.info.detail or error.info.title}"
    book.mark(task_id, note=note)
    return note


def expired(title: str, timeout_s: float, refused: str) -> AppError:
    how = refused or "the server was told to cancel it"
    info = ErrorInfo(
        title,
        f"The task did not end within {timeout_s:g} s; {how}",
        "Raise the timeout, or task_timeout_s of the server, if it needs longer",
        ErrorKind.UNREACHABLE,
        "timeout",
    )
    return AppError.of(info)
