"""Streamable HTTP for a bundled server: who may connect, and the life of the listening socket."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import json
import secrets
import socket
import sys
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from mcp_tui.core.listening import listening
from mcp_tui.servers.changes import close_listeners

MCP_PATH = "/mcp"
MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_SESSIONS = 1000
"""Open at once, of clients of the handshake era; more are told to come back later (503)."""
SESSION_IDLE_S = 30 * 60
_DRAIN_S = 3
"""How long open requests may go on after a signal."""
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


def serve(server: MCPServer[Any], host: str, port: int, token: str | None) -> int:
    """Blocks until a signal. OSError when the address cannot be had; 1 when the server itself could not start."""
    with _listener(host, port) as listener:
        loopback = is_loopback(listener)
        made = secrets.token_urlsafe(32) if token is None and not loopback else None
        app = new_app(server, host, loopback=loopback, token=token or made)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=_DRAIN_S,
        )
        notice = f"{server.name}: {_url(listener, host)}"
        if made is not None:
            notice += f"\n{server.name}: clients must send  Authorization: Bearer {made}"
        elif token is not None:
            notice += "  (with the bearer token)"
        try:
            asyncio.run(_Server(config, server, notice).serve([listener]))
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
    return 0


def new_app(server: MCPServer[Any], host: str, *, loopback: bool, token: str | None) -> ASGIApp:
    """host: as it was asked for; its name is accepted beside the usual ones of this machine.

    On loopback the Host and Origin headers are checked, so that no web page can reach the server through a name
    that it lets point here (DNS rebinding). Elsewhere the token does that: a page cannot know it.
    """
    names = dict.fromkeys((*_LOOPBACK_NAMES, f"[{host}]" if ":" in host else host))
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=loopback,
        allowed_hosts=[form for name in names for form in (name, f"{name}:*")],
        allowed_origins=[f"http://{form}" for name in names for form in (name, f"{name}:*")],
    )
    app = server.streamable_http_app(
        streamable_http_path=MCP_PATH,
        max_request_body_size=MAX_BODY_BYTES,
        max_sessions=MAX_SESSIONS,
        session_idle_timeout=SESSION_IDLE_S,
        transport_security=security,
        host=host,
    )
    return app if token is None else BearerGuard(app, token)


class BearerGuard:
    """Answers 401 to whoever does not send the token, before a byte of the body is read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            sent = Headers(scope=scope).get("authorization", "")
            kind, _, given = sent.partition(" ")
            # Compared in constant time: how long a wrong one takes tells nothing about the right one.
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
                await _refuse(send, wrong=bool(sent))
                return
        await self._app(scope, receive, send)


async def _refuse(send: Send, *, wrong: bool) -> None:
    # RFC 6750, 3.1: no error code for a request that carries no credentials at all.
    error = ', error="invalid_token"' if wrong else ""
    message = "the bearer token is wrong" if wrong else "send the header Authorization: Bearer TOKEN"
    body = json.dumps({"error": "invalid_token" if wrong else "unauthorized", "error_description": message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"www-authenticate", f'Bearer realm="mcp-tui"{error}'.encode()),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    """Tells its address once it really answers, and ends streams of changes before it waits for open requests."""

    def __init__(self, config: uvicorn.Config, mcp: MCPServer[Any], notice: str) -> None:
        super().__init__(config)
        self._mcp = mcp
        self._notice = notice

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._notice, file=sys.stderr, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        close_listeners(self._mcp)
        await super().shutdown(sockets)


def is_loopback(listener: socket.socket) -> bool:
    """By the address it is bound to: a name can point anywhere."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def _listener(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` on a machine that has both: most clients try IPv4, or fall back to it.
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return listening(address, family)


def _url(listener: socket.socket, host: str) -> str:
    address, port = listener.getsockname()[:2]
    # What is bound to all addresses is reached by the name of the machine.
    shown = socket.gethostname() if ipaddress.ip_address(address.partition("%")[0]).is_unspecified else host
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{port}{MCP_PATH}"
