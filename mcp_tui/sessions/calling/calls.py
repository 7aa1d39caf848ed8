"""Requests of people and models, over reconnects: one deadline, one outcome, no side effect twice."""

from __future__ import annotations

import difflib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import anyio
import mcp_types as types
from mcp.client._input_required import InputRequiredRoundsExceededError
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED
from pydantic import ValidationError

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.deadline import Deadline
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.state import Catalog, ServerFacts
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.advice.diagnosis import cut, http_fault, leaves, request_error
from mcp_tui.sessions.announcements import Announcements
from mcp_tui.sessions.calling.argument_check import check_arguments
from mcp_tui.sessions.connection import MAX_CONCURRENT, Connection
from mcp_tui.sessions.dialogs import MAX_REQUIRED
from mcp_tui.sessions.transport.exchange import Exchange

_REPLAYS = 1
_RESEND_PAUSE_S = 0.25
_CHECK = "Check its effect before you call it again"


class Source(Protocol):
    """Where a usable connection comes from: the supervisor."""

    spec: ServerSpec

    announcements: Announcements

    @property
    def catalog(self) -> Catalog: ...

    @property
    def facts(self) -> ServerFacts | None:
        """Of the newest handshake."""
        ...

    @property
    def waiting_for(self) -> ErrorInfo | None:
        """Why there is no usable connection now."""
        ...

    @property
    def connection(self) -> Connection | None:
        """The one that is usable now."""
        ...

    def changed(self) -> None:
        """Something of it is to be shown anew."""
        ...

    async def usable(self) -> Connection:
        """Waits while connecting or backing off. AppError when nothing happens without a person."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    title: str
    """For errors: what failed."""
    method: str
    send: Callable[[Connection], Awaitable[object]]
    replayable: Callable[[], bool]
    """May it be sent again although it may have run?"""


async def perform(source: Source, request: Request, timeout_s: float | None) -> tuple[Exchange, float, str]:
    """Send it, over reconnects if it provably was not sent, until answered or `timeout_s` unpaused seconds passed.

    None: as long as the entry allows a call. Returns the exchange (its `raw` is the result), the milliseconds of the
    last try, and a warning or "".
    """
    if timeout_s is None:
        timeout_s = source.spec.call_timeout_s
    exchange: Exchange | None = None
    replays = 0
    waits_for: Literal["connection", "turn", "answer"] = "connection"
    async with Deadline(timeout_s) as deadline:
        while True:
            connection = await source.usable()
            started = time.monotonic()
            waits_for = "turn"
            try:
                async with connection.calling(request.method, deadline) as exchange:
                    waits_for = "answer"
                    await _sent(connection, request)
                return exchange, _ms_since(started), ""
            except (
                MCPError,
                ValidationError,
                InputRequiredRoundsExceededError,
                RuntimeError,
                ExceptionGroup,
            ) as error:
                if exchange is None:
                    raise
                if _answer_readable(error, exchange):
                    return exchange, _ms_since(started), _unusual(error)
                if not lost(error, exchange, connection):
                    raise AppError.of(request_error(request.title, error, exchange)) from error
                if exchange.status == 401:
                    raise AppError.of(http_fault(source.spec, exchange).info) from error
                if not exchange.provably_unsent:
                    if replays >= _REPLAYS or not request.replayable():
                        words = await connection.last_words() or next((str(leaf) for leaf in leaves(error)), "")
                        raise AppError.of(_unknown(request.title, words)) from error
                    replays += 1
                waits_for = "connection"
                await until_clear(connection)
    if waits_for == "turn":
        raise _queued(source, request, timeout_s)
    if waits_for == "answer" and exchange is not None and exchange.sent:
        raise _unanswered(request, timeout_s)
    raise _unconnected(source, request, timeout_s, lost=replays > 0)


async def _sent(connection: Connection, request: Request) -> None:
    """Once, and again when it was refused only because the person had to visit an address first."""
    for _ in range(MAX_REQUIRED):
        try:
            await request.send(connection)
            return
        except MCPError as error:
            if not await connection.dialogs.visited(error):
                raise
    await request.send(connection)


def _ms_since(started: float) -> float:
    return (time.monotonic() - started) * 1000


def _answer_readable(error: BaseException, exchange: Exchange) -> bool:
    """The SDK refuses results with parts it does not know; the rest of the answer is still an answer."""
    if exchange.raw is None or exchange.raw.get("resultType", "complete") != "complete":
        return False
    return isinstance(error, ValidationError)


def _unusual(error: BaseException) -> str:
    first = error.errors(include_url=False, include_input=False)[0] if isinstance(error, ValidationError) else None
    where = ".".join(str(step) for step in first["loc"][:4]) if first is not None else ""
    return f"The result does not follow the protocol{' at ' + where if where else ''}; it is shown as it came."


def lost(error: BaseException, exchange: Exchange, connection: Connection) -> bool:
    """Did the answer get lost (rather than be an error)?"""
    if exchange.error is not None or exchange.session_gone or exchange.status == 401:
        return True
    leaf = next((leaf for leaf in leaves(error) if isinstance(leaf, MCPError)), None)
    if leaf is not None and leaf.code == CONNECTION_CLOSED:
        return not exchange.refusals or leaf.message.startswith("SSE stream ended")
    # "Client must be used within an async context manager": it ended before this call began.
    return isinstance(error, RuntimeError) and not exchange.sent and not connection.usable


async def until_clear(connection: Connection) -> None:
    """Before another try: is this connection dead, or was it one request?"""
    if connection.usable:
        await anyio.sleep(_RESEND_PAUSE_S)
        await connection.check()


def _unknown(title: str, reason: str) -> ErrorInfo:
    return ErrorInfo(
        title,
        f"The connection was lost before the answer came; it may have run. {cut(reason)}".strip(),
        _CHECK,
        ErrorKind.UNREACHABLE,
        "outcome_unknown",
    )


def _queued(source: Source, request: Request, timeout_s: float) -> AppError:
    """It waited for its turn all the time."""
    detail = f"It was not sent: {MAX_CONCURRENT} others to {source.spec.name} took longer than {timeout_s:g} s"
    return AppError(
        request.title, detail, "Wait for them, or cancel some", kind=ErrorKind.UNREACHABLE, code="not_ready"
    )


def _unanswered(request: Request, timeout_s: float) -> AppError:
    detail = f"No answer within {timeout_s:g} s; the server was told to stop"
    hint = "Raise the timeout if the call needs longer"
    if not request.replayable():
        detail += ", but it may have run"
        hint = f"{_CHECK}; raise the timeout if it needs longer"
    return AppError(request.title, detail, hint, kind=ErrorKind.UNREACHABLE, code="timeout")


def _unconnected(source: Source, request: Request, timeout_s: float, *, lost: bool) -> AppError:
    """lost: it was sent before, and its answer lost with the connection."""
    why = source.waiting_for
    detail = f"No connection within {timeout_s:g} s"
    if lost:
        detail = f"The connection was lost before the answer came, and was not back within {timeout_s:g} s"
    if why is not None:
        detail += f"; {why.title[:1].lower()}{why.title[1:]}{': ' + why.detail if why.detail else ''}"
    code = "outcome_unknown" if lost else "not_ready"
    return AppError(request.title, detail, why.hint if why else "", kind=ErrorKind.UNREACHABLE, code=code)


async def read_resource(source: Source, uri: str, *, timeout_s: float | None, cached: bool = False) -> JsonObject:
    """cached: what was read before will do for as long as the server said so."""
    title = f"{source.spec.name}: reading {uri[:200]} failed"
    check_arguments(title, {"uri": uri})

    async def send(connection: Connection) -> object:
        if cached and connection.reads.get(uri) is not None:
            # With `meta` the SDK always asks the server.
            return await connection.client.read_resource(uri, cache_mode="use")
        return await connection.client.read_resource(uri, cache_mode="refresh", meta=connection.request_meta())

    exchange, _, _ = await perform(source, Request(title, "resources/read", send, lambda: True), timeout_s)
    connection = source.connection
    if exchange.raw is None:
        return (connection.reads.get(uri) if connection is not None else None) or {}
    if connection is not None:
        connection.reads.keep(uri, exchange.raw)
    return exchange.raw


async def get_prompt(source: Source, name: str, arguments: Mapping[str, str], *, timeout_s: float | None) -> JsonObject:
    title = f"{source.spec.name}: prompt {name[:200]} failed"
    check_arguments(title, {"name": name, "arguments": dict(arguments)})

    async def send(connection: Connection) -> object:
        if all(prompt.name != name for prompt in source.catalog.prompts):
            known = [prompt.name for prompt in source.catalog.prompts]
            close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            raise AppError(
                "Unknown prompt",
                f"{source.spec.name} has no prompt named {name[:200]}",
                f"Did you mean {' or '.join(close)}?" if close else f"It has {len(known)} prompts",
                kind=ErrorKind.USAGE,
                code="unknown_prompt",
            )
        return await connection.client.get_prompt(name, dict(arguments) or None, meta=connection.request_meta())

    exchange, _, _ = await perform(source, Request(title, "prompts/get", send, lambda: True), timeout_s)
    return exchange.raw or {}


async def complete(
    source: Source,
    ref: JsonObject,
    argument: tuple[str, str],
    context: Mapping[str, str] | None,
    *,
    timeout_s: float,
) -> tuple[str, ...]:
    title = f"{source.spec.name}: completion failed"
    check_arguments(title, {"ref": ref, "argument": list(argument), "context": dict(context or {})})
    kind: Any = ref.get("type")
    target: types.PromptReference | types.ResourceTemplateReference
    if kind == "ref/prompt":
        target = types.PromptReference(type="ref/prompt", name=ref["name"])
    elif kind == "ref/resource":
        target = types.ResourceTemplateReference(type="ref/resource", uri=ref["uri"])
    else:
        raise AppError(title, f"Unknown reference {kind!r}", kind=ErrorKind.USAGE, code="bad_arguments")
    asked = False

    async def send(connection: Connection) -> object:
        nonlocal asked
        if connection.client.server_capabilities.completions is None:
            return None
        asked = True
        pair = {"name": argument[0], "value": argument[1]}
        return await connection.client.complete(target, pair, dict(context) if context else None)

    exchange, _, _ = await perform(source, Request(title, "completion/complete", send, lambda: True), timeout_s)
    completion: Any = (exchange.raw or {}).get("completion") if asked else None
    values: Any = completion.get("values") if is_object(completion) else None
    return tuple(str(value) for value in values) if is_list(values) else ()
