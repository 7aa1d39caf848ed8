"""The folders a server may know of, as the configuration names them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import anyio
import mcp_types as types
from mcp.client.session import ClientRequestContext, ClientSession

from mcp_tui.core.types import JsonObject


class Roots:
    """`answer` is the SDK's callback."""

    def __init__(self, uris: tuple[str, ...] | None, given: Callable[[JsonObject], None]) -> None:
        self._uris = uris or ()
        self._given = given
        self._moved = anyio.Event()

    async def answer(self, context: ClientRequestContext) -> types.ListRootsResult:
        # FileUrl would spell some addresses anew; what the configuration says goes out as it is.
        roots = [{"uri": uri, "name": _name(uri)} for uri in self._uris]
        result = types.ListRootsResult.model_validate({"roots": roots}, by_name=False)
        self._given({"roots": roots})
        return result

    def replace(self, uris: tuple[str, ...] | None) -> None:
        if (uris or ()) != self._uris:
            self._uris = uris or ()
            self._moved.set()

    async def follow(self, session: ClientSession) -> None:
        """Tell a server of the older era of every change, as long as the connection lasts."""
        while True:
            await self._moved.wait()
            self._moved = anyio.Event()
            await session.send_notification(types.RootsListChangedNotification())


def _name(uri: str) -> str:
    """The folder's own name."""
    return PurePosixPath(unquote(urlsplit(uri).path)).name or uri
