"""A server asks: the dialog's life is tied to the call it belongs to, and that call's clock stops meanwhile."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import mcp_types as types
from mcp.client.session import ClientRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from pydantic import BaseModel, TypeAdapter, ValidationError

from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError
from mcp_tui.core.server_requests import DECLINED, REJECTED_MESSAGE, USER_REJECTED, Reply, RequestKind, ServerRequest
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.argument_check import encoding_problem
from mcp_tui.sessions.request_desk import Answering
from mcp_tui.sessions.transport.exchange import CURRENT, Exchange
from mcp_tui.sessions.transport.stderr import Notices
from mcp_tui.sessions.wirelog.cause import current_cause

_log = logging.getLogger(__name__)

MAX_OPEN = 16
"""Requests of one server that wait at once; a server that asks more than that is not talking to a person."""
MAX_REQUIRED = 5
"""Addresses one refused call may send the person to, and times it may be refused."""
URL_ELICITATION_REQUIRED = -32042

_SampleResult: TypeAdapter[types.CreateMessageResult | types.CreateMessageResultWithTools] = TypeAdapter(
    types.CreateMessageResult | types.CreateMessageResultWithTools
)


@dataclass(slots=True, eq=False)
class _Call:
    """A request of ours that is under way."""

    exchange: Exchange
    deadline: Deadline
    origin: str

    @property
    def name(self) -> str:
        return f"{self.exchange.method} {self.exchange.subject}".strip()


@dataclass(slots=True, eq=False)
class _Dialog:
    calls: tuple[_Call, ...]
    """The call it belongs to; every one that is under way where the server does not say (stdio, older era)."""
    known: bool
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    why: str = ""
    """Why it is taken back."""


class Dialogs:
    """The open dialogs and running calls of one connection. Its callbacks are the SDK's, and never raise."""

    def __init__(
        self, server: str, answering: Answering | None, notices: Notices, modern: Callable[[], bool] = lambda: False
    ) -> None:
        self._server = server
        self._answering = answering
        self._notices = notices
        self._modern = modern
        self._open: list[_Dialog] = []
        self._calls: dict[Exchange, _Call] = {}

    # ------------------------------------------------------------------ calls

    def call_started(self, exchange: Exchange, deadline: Deadline) -> None:
        self._calls[exchange] = _Call(exchange, deadline, current_cause())

    def call_ended(self, exchange: Exchange) -> None:
        """Close what only this call can have asked; otherwise its dialog would stay open for nobody."""
        call = self._calls.pop(exchange, None)
        if call is None:
            return
        for dialog in tuple(self._open):
            if call in dialog.calls and all(other.exchange not in self._calls for other in dialog.calls):
                self._take_back(dialog, "its call ended")

    def close(self, why: str) -> None:
        """The connection is of no more use."""
        for dialog in tuple(self._open):
            self._take_back(dialog, why)

    @staticmethod
    def _take_back(dialog: _Dialog, why: str) -> None:
        dialog.why = dialog.why or why
        dialog.scope.cancel()

    # ------------------------------------------------------------------ what the SDK calls

    async def elicit(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        url = isinstance(params, types.ElicitRequestURLParams)
        reply = await self._ask(RequestKind.URL if url else RequestKind.FORM, _wire(params))
        if isinstance(reply, types.ErrorData):
            return reply
        answer: JsonObject = {"action": reply.action}
        if reply.action == "accept" and reply.content is not None and not url:
            answer["content"] = reply.content
        try:
            return types.ElicitResult.model_validate(answer, by_name=False)
        except ValidationError:
            _log.exception("the answer to an elicitation of %s is malformed; sent as cancelled", self._server)
            return types.ElicitResult(action="cancel")

    async def sample(
        self, context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult | types.CreateMessageResultWithTools | types.ErrorData:
        reply = await self._ask(RequestKind.SAMPLING, _wire(params))
        if isinstance(reply, types.ErrorData):
            return reply
        if reply.action != "accept" or reply.content is None:
            return types.ErrorData(code=USER_REJECTED, message=REJECTED_MESSAGE)
        try:
            return _SampleResult.validate_python(reply.content, by_name=False)
        except ValidationError:
            _log.exception("the answer to a sampling request of %s is malformed; sent as an error", self._server)
            return types.ErrorData(code=INTERNAL_ERROR, message="The answer could not be made")

    def roots_given(self, roots: JsonObject) -> None:
        """The history shows what a server was told of the person's folders."""
        if self._answering is not None and self._answering.told is not None:
            self._answering.told(self._request(RequestKind.ROOTS, {}, self._belonging()), Reply("accept", roots))

    def completed(self, elicitation_id: str) -> None:
        if self._answering is not None and self._answering.completed is not None:
            self._answering.completed(self._server, elicitation_id)

    # ------------------------------------------------------------------ -32042

    async def visited(self, error: MCPError) -> bool:
        """A call was refused until the person has visited addresses: True when they say it can be made again."""
        if error.error.code != URL_ELICITATION_REQUIRED or self._answering is None:
            return False
        try:
            wanted = types.ElicitationRequiredErrorData.model_validate(error.error.data, by_name=False).elicitations
        except ValidationError:
            return False
        if not 0 < len(wanted) <= MAX_REQUIRED:
            return False
        replies: list[Reply | types.ErrorData] = []

        async def ask(params: types.ElicitRequestURLParams) -> None:
            replies.append(await self._ask(RequestKind.URL, _wire(params), required=True))

        async with anyio.create_task_group() as tasks:
            for params in wanted:
                tasks.start_soon(ask, params)
        return all(isinstance(reply, Reply) and reply.action == "accept" for reply in replies)

    # ------------------------------------------------------------------ inside

    async def _ask(self, kind: RequestKind, params: JsonObject, *, required: bool = False) -> Reply | types.ErrorData:
        answering = self._answering
        if answering is None:
            return types.ErrorData(code=INVALID_REQUEST, message=f"Nobody can answer {kind.value} requests here")
        if len(self._open) >= MAX_OPEN:
            self._notices.add(f"It asked more than {MAX_OPEN} things at once; the rest was declined.")
            return DECLINED
        dialog = self._belonging()
        request = self._request(kind, params, dialog, required=required)
        with self._opened(dialog):
            with dialog.scope:
                return await self._reply(answering, request, dialog)
            return Reply("cancel")

    async def _reply(self, answering: Answering, request: ServerRequest, dialog: _Dialog) -> Reply | types.ErrorData:
        try:
            reply = await answering.ask(request, lambda: dialog.why)
        except AppError as error:
            _log.warning("a request of %s could not be answered: %s", self._server, error)
        except Exception:  # noqa: BLE001 - its text would go to the server; logged
            _log.exception("answering a request of %s failed", self._server)
        else:
            problem = encoding_problem(reply.content)
            if not problem:
                return reply
            _log.error("the answer to a request of %s is not JSON: %s", self._server, problem)
        if request.kind is RequestKind.SAMPLING:
            return types.ErrorData(code=INTERNAL_ERROR, message="The answer could not be made")
        return Reply("cancel")

    def _belonging(self) -> _Dialog:
        exchange = CURRENT.get()
        known = self._calls.get(exchange) if exchange is not None else None
        if known is not None:
            return _Dialog((known,), known=True)
        return _Dialog(tuple(self._calls.values()), known=False)

    @contextmanager
    def _opened(self, dialog: _Dialog) -> Generator[None]:
        """Clocks stand still: of the call it belongs to, or of all it may belong to."""
        self._open.append(dialog)
        for call in dialog.calls:
            call.deadline.pause()
        try:
            yield
        finally:
            self._open.remove(dialog)
            for call in dialog.calls:
                call.deadline.resume()

    def _request(
        self, kind: RequestKind, params: JsonObject, dialog: _Dialog, *, required: bool = False
    ) -> ServerRequest:
        one = dialog.calls[0] if len(dialog.calls) == 1 else None
        modern = self._modern()
        return ServerRequest(
            id=uuid.uuid4().hex,
            server=self._server,
            kind=kind,
            params=params,
            cause=one.name if one is not None else " or ".join(dict.fromkeys(call.name for call in dialog.calls)),
            origin=one.origin if one is not None else "",
            asked_at=time.monotonic(),
            round=one.exchange.answers if one is not None and modern else 0,
            required=required,
            waits_for_finish=modern or required,
        )


def _wire(params: BaseModel) -> JsonObject:
    """As it came, except for what the SDK does not know."""
    wire = params.model_dump(mode="json", by_alias=True, exclude_unset=True)
    wire.pop("_meta", None)
    return wire
