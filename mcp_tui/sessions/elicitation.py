"""A server asks the person: the dialog's life is tied to the call it belongs to, and the call's clock stops."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import anyio
import mcp_types as types
from mcp.client.session import ClientRequestContext
from pydantic import ValidationError

from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.arguments import encoding_problem
from mcp_tui.sessions.deadline import Deadline
from mcp_tui.sessions.exchange import CURRENT, Exchange

_log = logging.getLogger(__name__)
_CANCEL = types.ElicitResult(action="cancel")

Elicit = Callable[[str, JsonObject], object]
"""(server, elicitation/create params) -> ElicitResult as wire JSON, or an awaitable of one."""


@dataclass(slots=True, eq=False)
class _Dialog:
    scope: anyio.CancelScope
    exchange: Exchange | None
    """The call it belongs to; unknown (None) for a stdio server of the older era."""


class Dialogs:
    """The open dialogs and running deadlines of one connection."""

    def __init__(self, server: str, elicit: Elicit) -> None:
        self._server = server
        self._elicit = elicit
        self._open: list[_Dialog] = []
        self._clocks: dict[Exchange, Deadline] = {}

    def call_started(self, exchange: Exchange, deadline: Deadline) -> None:
        self._clocks[exchange] = deadline
        for _ in self._open:
            deadline.pause()

    def call_ended(self, exchange: Exchange) -> None:
        """Close what only this call can have asked; otherwise its dialog would stay open for nobody."""
        deadline = self._clocks.pop(exchange, None)
        if deadline is None:
            return
        for dialog in self._open:
            deadline.resume()
            if dialog.exchange is exchange or (dialog.exchange is None and not self._clocks):
                dialog.scope.cancel()

    async def answer(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        """The SDK's elicitation callback. Never raises: a raised text would go to the server."""
        exchange = CURRENT.get()
        dialog = _Dialog(anyio.CancelScope(), exchange if exchange in self._clocks else None)
        self._open.append(dialog)
        paused = list(self._clocks.values())
        for deadline in paused:
            deadline.pause()
        try:
            with dialog.scope:
                return await self._ask(params)
            return _CANCEL
        finally:
            self._open.remove(dialog)
            for deadline in self._clocks.values():
                deadline.resume()

    async def _ask(self, params: types.ElicitRequestParams) -> types.ElicitResult:
        wire = params.model_dump(mode="json", by_alias=True, exclude_none=True)
        try:
            answer = self._elicit(self._server, wire)
            if inspect.isawaitable(answer):
                answer = await cast("Awaitable[object]", answer)
            if problem := encoding_problem(answer):
                raise ValueError(f"the answer is not JSON: {problem}")
            return types.ElicitResult.model_validate(answer, by_name=False)
        except ValidationError:
            _log.exception("the answer to an elicitation of %s is malformed; sent as cancelled", self._server)
        except Exception:  # noqa: BLE001 - its text would go to the server; logged
            _log.exception("asking for %s failed; sent as cancelled", self._server)
        return _CANCEL
