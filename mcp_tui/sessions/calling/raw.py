"""Any request as a person wrote it, for the Wire screen: sent once, answered with what really came back."""

from __future__ import annotations

from typing import Any

import mcp_types as types
from pydantic import BaseModel, ConfigDict

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.argument_check import check_arguments
from mcp_tui.sessions.calling.calls import Request, Source, perform
from mcp_tui.sessions.calling.resending import RESENDABLE
from mcp_tui.sessions.connection import Connection


class _AnyRequest(types.Request[dict[str, Any] | None, str]):
    """Of a method and parameters that no model of the SDK has looked at."""


class _AnyResult(BaseModel):
    model_config = ConfigDict(extra="allow")


async def send_raw(source: Source, method: str, params: JsonObject | None, *, timeout_s: float | None) -> JsonObject:
    """The raw result. `_meta` keys of the protocol itself are set by the connection, whatever `params` says.

    AppError "rejected" has the server's own JSON-RPC error, "bad_arguments" what cannot be sent. Never repeated by
    itself: a connection that breaks gives "outcome_unknown".
    """
    title = f"{source.spec.name}: {method[:200]} failed"
    if method not in RESENDABLE:
        raise AppError(
            title,
            f"{method[:200]} cannot be sent by hand",
            f"one of {', '.join(sorted(RESENDABLE))}",
            kind=ErrorKind.USAGE,
            code="bad_arguments",
        )
    check_arguments(title, params or {})

    async def send(connection: Connection) -> object:
        request = _AnyRequest(method=method, params=params)
        return await connection.client.session.send_request(request, _AnyResult)

    exchange, _, _ = await perform(source, Request(title, method, send, lambda: False), timeout_s)
    return exchange.raw or {}
