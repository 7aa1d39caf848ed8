"""One live peer, over either transport and in either era, for tests that must hold for all of them."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.server_requests import Reply, ServerRequest
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.request_desk import Answering
from tests.sessions.conftest import ORIGIN, SERVERS, http, until_status
from tests.sessions.live_http import LiveHttp

Era = Literal["legacy", "modern"]
Way = Literal["stdio", "http"]
WAYS = [(era, way) for era in ("legacy", "modern") for way in ("stdio", "http")]
every_way = pytest.mark.parametrize(("era", "way"), WAYS, ids=lambda value: value)
both_eras = pytest.mark.parametrize("era", ["legacy", "modern"])


def live_stdio(era: Era = "legacy", *, spec: dict[str, Any] | None = None, **options: Any) -> ServerSpec:
    fields: dict[str, Any] = {"protocol": "2026-07-28" if era == "modern" else "legacy", "probe_interval_s": 0}
    options["modern"] = era == "modern"
    fields |= {"command": sys.executable, "args": (str(SERVERS / "live_stdio.py"), json.dumps(options))}
    return ServerSpec(name="one", origin=ORIGIN, **{**fields, **(spec or {})})


def live_http(server: LiveHttp, era: Era, **spec: Any) -> ServerSpec:
    fields: dict[str, Any] = {"protocol": "2026-07-28" if era == "modern" else "legacy"}
    return http(server.url, **{**fields, **spec})


@asynccontextmanager
async def connected(
    era: Era, way: Way, *, spec: dict[str, Any] | None = None, answering: Answering | None = None, **options: Any
) -> AsyncGenerator[SessionManager]:
    if way == "stdio":
        async with SessionManager([live_stdio(era, spec=spec, **options)], answering=answering) as manager:
            await until_status(manager, ServerStatus.READY)
            yield manager
        return
    async with (
        LiveHttp(**options, modern=era == "modern") as server,
        SessionManager([live_http(server, era, **(spec or {}))], answering=answering) as manager,
    ):
        await until_status(manager, ServerStatus.READY)
        yield manager


def answers(content: dict[str, Any] | None, asked: Callable[[ServerRequest], None] = lambda request: None) -> Answering:
    """Accepts with this content, or declines with None."""

    async def ask(request: ServerRequest, ended: Callable[[], str]) -> Reply:
        asked(request)
        return Reply("accept", content) if content is not None else Reply("decline")

    return Answering(ask)


def text_of(raw: dict[str, Any]) -> str:
    return raw["content"][0]["text"]


def log_of(path: Path, method: str) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
    return [message for message in map(json.loads, lines) if message.get("method") == method]
