"""The loopback address to which the browser brings the answer of the authorization server (RFC 8252, section 7.3)."""

from __future__ import annotations

import asyncio
import hmac
import html
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

from mcp_tui.config.authorisation import LOOPBACK
from mcp_tui.sessions.authorisation.errors import failed, said
from mcp_tui.sessions.tokens import AuthorisationError

_HEAD_LIMIT = 32 << 10
_READ_S = 15.0
_WRONG_STATE = "The answer does not belong to this sign-in"


@dataclass(frozen=True, slots=True)
class AuthorisationAnswer:
    """What the authorization server said, for this very sign-in."""

    code: str = field(repr=False)
    state: str = field(repr=False)
    iss: str | None


class Callback:
    """`async with Callback(...)`: listens on 127.0.0.1 until left. One sign-in per instance.

    address: a configured redirect URI, used as it is; else a free port is taken, `port` if it still is free.
    """

    def __init__(self, *, address: str = "", port: int = 0) -> None:
        self._given = urlsplit(address) if address else None
        self._port = port
        self.path = (self._given.path or "/") if self._given is not None else "/callback"
        self.url = address
        self._servers: list[asyncio.Server] = []
        self._state = ""
        self._check_iss: Callable[[str | None], None] = lambda iss: None
        self._result: asyncio.Future[AuthorisationAnswer] | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Callback:
        self._result = asyncio.get_running_loop().create_future()
        try:
            if self._given is not None:
                await self._listen(self._given.port or 0)
            else:
                await self._listen_anywhere()
        except OSError as error:
            where = self.url or "127.0.0.1"
            detail = f"{where}: {error.strerror or error}"
            raise failed("Nothing can listen for the browser's answer", detail, code="callback_port") from error
        self._port = self._servers[0].sockets[0].getsockname()[1]
        if self._given is None:
            self.url = f"http://127.0.0.1:{self._port}{self.path}"
        return self

    async def _listen_anywhere(self) -> None:
        if self._port:
            try:
                await self._listen(self._port)
                return
            except OSError:
                pass  # somebody else has it now: any other will do
        await self._listen(0)

    async def _listen(self, port: int) -> None:
        host = "::1" if self._given is not None and self._given.hostname == "::1" else "127.0.0.1"
        self._servers.append(await asyncio.start_server(self._serve, host, port, limit=_HEAD_LIMIT))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        # The last page is small and already written; whoever is still sending is cut off.
        for writer in tuple(self._open):
            writer.close()
        if self._result is not None and self._result.done() and not self._result.cancelled():
            self._result.exception()

    def expect(self, state: str, check_iss: Callable[[str | None], None]) -> None:
        """From now on an answer with this state counts. check_iss raises AuthorisationError on a wrong issuer."""
        self._state = state
        self._check_iss = check_iss

    @property
    def settled(self) -> bool:
        return self._result is not None and self._result.done()

    def cancel(self, error: AuthorisationError) -> None:
        if self._result is not None and not self._result.done():
            self._result.set_exception(error)

    async def answer(self, timeout_s: float) -> AuthorisationAnswer:
        """AuthorisationError when it was refused, forged or cancelled, or did not come in time."""
        if self._result is None:
            raise RuntimeError("the callback is not listening")
        try:
            async with asyncio.timeout(timeout_s):
                return await asyncio.shield(self._result)
        except TimeoutError as error:
            detail = f"No answer from the browser within {timeout_s:g} s"
            raise failed("The sign-in was not finished", detail, "Start it again", code="sign_in_timeout") from error

    def deliver(self, address: str) -> AuthorisationError | None:
        """The address the browser ended on. What is wrong with it, or None; either way the sign-in is decided."""
        try:
            answer = self._read(address)
        except AuthorisationError as error:
            self.cancel(error)
            return error
        if self._result is not None and not self._result.done():
            self._result.set_result(answer)
        return None

    def _read(self, address: str) -> AuthorisationAnswer:
        fields: dict[str, str] = {}
        for name, value in parse_qsl(urlsplit(address).query, keep_blank_values=True):
            if name in fields:
                raise failed(_WRONG_STATE, f"It has `{said(name)[:40]}` twice", code="bad_callback")
            fields[name] = value
        state = fields.get("state", "")
        if not self._state or not hmac.compare_digest(state.encode(), self._state.encode()):
            hint = "Sign in again, from this program"
            raise failed(_WRONG_STATE, "Its state is not the one that was sent; nothing was done", hint, code="state")
        iss = fields.get("iss")
        # Before a word of the answer is believed or shown (RFC 9207).
        self._check_iss(iss)
        if "error" in fields:
            raise _refusal(fields["error"], fields.get("error_description", ""))
        if not fields.get("code"):
            raise failed(_WRONG_STATE, "It brings no authorization code", code="bad_callback")
        return AuthorisationAnswer(fields["code"], state, iss)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(_READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._page(head.decode("latin-1")))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return
        finally:
            self._open.discard(writer)
            writer.close()

    def _page(self, head: str) -> bytes:
        first, *rest = head.split("\r\n")
        verb, _, target = first.partition(" ")
        target = target.rpartition(" ")[0]
        host = next((line.partition(":")[2].strip() for line in rest if line.lower().startswith("host:")), "")
        try:
            path, name = urlsplit(target).path, urlsplit(f"//{host}").hostname
        except ValueError:
            return _response("400 Bad Request", "Nothing here", "")
        # A name that somebody's DNS points at 127.0.0.1 is not us.
        if verb != "GET" or path != self.path or name not in LOOPBACK:
            return _response("404 Not Found", "Nothing here", "")
        if self._result is None or self._result.done():
            return _response("409 Conflict", "This sign-in is over", "Start it again if you need to.")
        wrong = self.deliver(target)
        if wrong is None:
            return _response("200 OK", "You are signed in", "You can close this window and go back to mcp-tui.")
        return _response("400 Bad Request", wrong.info.title, wrong.info.detail)


def _refusal(error: str, description: str) -> AuthorisationError:
    detail = said(f"{error}: {description}" if description else error)
    if error == "access_denied":
        return failed("The sign-in was denied", detail, "Sign in again and allow the access", code="access_denied")
    return failed("The authorization server refused the sign-in", detail, code="authorization_refused")


def _response(status: str, title: str, text: str) -> bytes:
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>mcp-tui</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}</style>"
        f"<h1>{html.escape(title)}</h1><p>{html.escape(text)}</p></html>"
    ).encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(page)}\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\nReferrer-Policy: no-referrer\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + page
