"""Scripted servers that ask, and a person at the desk."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.server_requests import Reply, RequestKind, ServerRequest
from mcp_tui.core.state import CallResult
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.request_desk import EVERY_KIND, Answering, RequestDesk
from tests.sessions.conftest import ORIGIN, PATIENCE_S, SERVERS

FORM: JsonObject = {
    "mode": "form",
    "message": "Your name?",
    "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
}
URL: JsonObject = {"mode": "url", "message": "Sign in", "url": "https://login.example/x", "elicitationId": "e1"}
SAMPLE: JsonObject = {
    "messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}],
    "maxTokens": 50,
}


def elicitation(params: JsonObject = FORM) -> JsonObject:
    return {"method": "elicitation/create", "params": params}


def sampling(**more: Any) -> JsonObject:
    return {"method": "sampling/createMessage", "params": {**SAMPLE, **more}}


def asking(
    name: str = "one", *, modern: bool = False, roots: tuple[str, ...] | None = None, **options: Any
) -> ServerSpec:
    return ServerSpec(
        name=name,
        origin=ORIGIN,
        command=sys.executable,
        args=(str(SERVERS / "asking_server.py"), json.dumps({"modern": modern, **options})),
        protocol="2026-07-28" if modern else "legacy",
        probe_interval_s=0,
        roots=roots,
    )


def answered_by(answer: Callable[[str, JsonObject], object], offers: frozenset[RequestKind] = EVERY_KIND) -> Answering:
    """Every request is answered by this function of (server, params), sync or async, with an ElicitResult."""

    async def ask(request: ServerRequest, ended: Callable[[], str]) -> Reply:
        found: Any = answer(request.server, request.params)
        if asyncio.iscoroutine(found):
            found = await found
        return Reply(found.get("action"), found.get("content"))

    return Answering(ask, offers)


async def waiting(desk: RequestDesk, count: int = 1) -> tuple[ServerRequest, ...]:
    """The open requests as soon as there are `count`; fails after `PATIENCE_S`."""
    await desk_until(desk, lambda: len(desk.pending()) == count)
    return desk.pending()


async def desk_until(desk: RequestDesk, holds: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    undo = desk.subscribe(changed.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await changed.wait()
                changed.clear()
    except TimeoutError:
        pytest.fail(f"still {desk.pending()}, {desk.settled()}")
    finally:
        undo()


def said(result: CallResult) -> Any:
    """What the scripted server was answered."""
    return json.loads(result.content[0]["text"])
