"""Routes of the demo models' HTTP server. Imports starlette: only the server's own thread loads this module."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Send

from mcp_tui.demo import anthropic_messages, openai_chat
from mcp_tui.demo.dialog import Dialog, RefusedError
from mcp_tui.demo.pace import Pace, Speech, Stopwatch, seed_of, spoken
from mcp_tui.demo.personas import PERSONAS
from mcp_tui.demo.script import next_utterance

_EVENT_STREAM_HEADERS = {"cache-control": "no-cache", "x-demo": "scripted model"}


class StreamCount:
    """How many answers are being generated. Written by one thread, read by any."""

    def __init__(self) -> None:
        self.active = 0

    @contextlib.contextmanager
    def one(self) -> Generator[None]:
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1


class EventStream(StreamingResponse):
    """Closes its generator when the client goes away, instead of leaving that to the garbage collector."""

    media_type = "text/event-stream"

    async def stream_response(self, send: Send) -> None:
        async with contextlib.aclosing(cast(AsyncGenerator[bytes, None], self.body_iterator)):
            await super().stream_response(send)


class ModelRoutes:
    def __init__(self, speed: float, stopwatch: Stopwatch, streams: StreamCount) -> None:
        self._speed = speed
        self._stopwatch = stopwatch
        self._streams = streams

    async def openai_models(self, _: Request) -> Response:
        return JSONResponse(openai_chat.models())

    async def anthropic_models(self, _: Request) -> Response:
        return JSONResponse(anthropic_messages.models())

    async def openai_chat(self, request: Request) -> Response:
        try:
            dialog = openai_chat.read(await request.body())
        except RefusedError as error:
            status, body = openai_chat.error_body(error)
            return JSONResponse(body, status)
        pace, speech = self._speech(dialog)
        if dialog.stream:
            events = openai_chat.stream(dialog, speech, pace.let_out(speech))
            return EventStream(self._counted(events), headers=_EVENT_STREAM_HEADERS)
        await self._wait(pace, speech)
        return JSONResponse(openai_chat.whole(dialog, speech))

    async def anthropic_messages(self, request: Request) -> Response:
        headers = {"request-id": anthropic_messages.REQUEST_ID}
        try:
            dialog = anthropic_messages.read(await request.body(), request.headers.get("anthropic-version"))
        except RefusedError as error:
            status, body = anthropic_messages.error_body(error)
            return JSONResponse(body, status, headers | {"x-should-retry": "false"})
        pace, speech = self._speech(dialog)
        if dialog.stream:
            events = anthropic_messages.stream(dialog, speech, pace.let_out(speech))
            return EventStream(self._counted(events), headers=headers | _EVENT_STREAM_HEADERS)
        await self._wait(pace, speech)
        return JSONResponse(anthropic_messages.whole(dialog, speech), headers=headers)

    def _speech(self, dialog: Dialog) -> tuple[Pace, Speech]:
        persona = PERSONAS[dialog.model]
        speech = spoken(next_utterance(dialog, persona), dialog.max_tokens)
        return Pace(persona, seed_of(dialog), self._speed, self._stopwatch), speech

    async def _wait(self, pace: Pace, speech: Speech) -> None:
        with self._streams.one():
            await pace.wait_for_all(speech)

    async def _counted(self, events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with self._streams.one():
            async with contextlib.aclosing(cast(AsyncGenerator[bytes, None], events)):
                async for event in events:
                    yield event


async def _error(request: Request, error: Exception) -> Response:
    """Wrong paths and methods, in the body of the format whose prefix they have."""
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.url.path}"
    if request.url.path.startswith("/anthropic"):
        kind = "not_found_error" if error.status_code == 404 else "invalid_request_error"
        body = {"type": "error", "error": {"type": kind, "message": message}}
        return JSONResponse(body, error.status_code, error.headers)
    fault = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return JSONResponse({"error": fault}, error.status_code, error.headers)


def _until_gone(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """A client that leaves while it still sends its request is no fault of the server."""

    async def guarded(request: Request) -> Response:
        try:
            return await endpoint(request)
        except ClientDisconnect:
            return Response(status_code=499)

    return guarded


def build_app(speed: float, stopwatch: Stopwatch, streams: StreamCount) -> Starlette:
    routes = ModelRoutes(speed, stopwatch, streams)
    return Starlette(
        routes=[
            Route("/v1/models", routes.openai_models, methods=["GET"]),
            Route("/v1/chat/completions", _until_gone(routes.openai_chat), methods=["POST"]),
            Route("/anthropic/v1/models", routes.anthropic_models, methods=["GET"]),
            Route("/anthropic/v1/messages", _until_gone(routes.anthropic_messages), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _error},
    )
