"""Access tokens, as the connection and the supervisor see them; `authorisation.authoriser` gets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, TypeAlias

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.sessions.fault import Fault

if TYPE_CHECKING:
    import httpx2

DENIED = "mcp_tui_denied"
"""Key in a response's extensions: the ErrorInfo that says why there is no access token."""

Send: TypeAlias = "Callable[[httpx2.Request], Awaitable[httpx2.Response]]"
Pausing = Callable[[], AbstractContextManager[None]]
"""Stops the clocks of whoever waits for a request while a person is busy."""


class AuthorisationError(Exception):
    """No token could be got. `refusal` is the server's answer that asked for one, when there is one."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.info.line())
        self.fault = fault
        self.refusal: httpx2.Response | None = None

    @property
    def info(self) -> ErrorInfo:
        return self.fault.info


class Tokens(Protocol):
    """Those of one server, over all its connections."""

    @property
    def signed_in(self) -> bool: ...

    @property
    def refusal(self) -> ErrorInfo | None:
        """What a 401 means after all that was done about it; None when a sign-in would help."""
        ...

    async def send(self, request: httpx2.Request, send: Send, pausing: Pausing) -> httpx2.Response:
        """Send it with a token. AuthorisationError when one is needed and cannot be got."""
        ...

    def connecting(self) -> None:
        """A new connection: another process may have signed in or renewed the tokens meanwhile."""
        ...

    def want_sign_in(self) -> bool:
        """A person asks to sign in although the server can be used. False when there is nothing more to get."""
        ...

    def cancel(self) -> None:
        """Ends a sign-in, whether it waits for the browser or for the authorization server."""
        ...

    def deliver(self, address: str) -> bool:
        """The address the browser ended on, for a browser on another machine. False when nothing waits for it."""
        ...

    async def forget(self) -> None:
        """Sign out: tokens and registrations go, here and in the store. AppError when the store refuses."""
        ...
