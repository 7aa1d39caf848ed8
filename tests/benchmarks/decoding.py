"""Decoding and delivering a 1 MB stream, against reading it and parsing each event's JSON once.

Both read the same bytes over loopback HTTP with httpx; a child process serves them, so that only the reader's CPU
time counts. The budget is 2x.
"""

from __future__ import annotations

import asyncio
import gc
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

from mcp_tui.config.schema import WireFormat
from mcp_tui.core.chat import ChatRequest, Finished, Message, StopReason, TextBlock, TextDelta
from mcp_tui.providers.building import build
from mcp_tui.providers.endpoint import Endpoint
from mcp_tui.providers.request_stream import WireProvider
from tests.benchmarks.table import Row, show

SIZE_BYTES = 1_000_000
_PIECE_BYTES = 16_384
"""What one read of a socket brings when a stream runs faster than it is read."""
_WORDS: tuple[str, ...] = ("the ", "stream ", "of ", "tokens ", "**goes** ", "on, ", "naïve ", "and ", "`on`", "\n\n")
_REQUEST = ChatRequest("m", (Message("user", (TextBlock("Hi"),)),))


def _chat() -> Iterator[dict[str, Any]]:
    base = {
        "id": "chatcmpl-Ck2VwmdTDBsYyzHIsqFpR1wKQhGVu", "object": "chat.completion.chunk", "created": 1764000000,
        "model": "gpt-5.5-2026-04-23", "service_tier": "default", "system_fingerprint": "fp_b547601dbd",
    }  # fmt: skip
    for word in _forever():
        choice = {"index": 0, "delta": {"content": word}, "logprobs": None, "finish_reason": None}
        yield {**base, "choices": [choice], "usage": None}


def _responses() -> Iterator[dict[str, Any]]:
    item = "msg_0fabc13af1ee0049006a691dfebdc881a1ae18d027c313d8ce"
    yield {"type": "response.output_item.added", "output_index": 0, "item": {"id": item, "type": "message"}}
    for number, word in enumerate(_forever()):
        yield {
            "type": "response.output_text.delta", "content_index": 0, "delta": word, "item_id": item, "logprobs": [],
            "obfuscation": "yJXGKTBmb2UOz", "output_index": 0, "sequence_number": number,
        }  # fmt: skip


def _messages() -> Iterator[dict[str, Any]]:
    yield {"type": "message_start", "message": {"id": "msg_1", "model": "claude-sonnet-5", "usage": {}}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    for word in _forever():
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}}


def _gemini() -> Iterator[dict[str, Any]]:
    for number, word in enumerate(_forever()):
        usage = {"promptTokenCount": 44, "candidatesTokenCount": number, "totalTokenCount": 44 + number,
                 "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 44}]}  # fmt: skip
        content = {"parts": [{"text": word}], "role": "model"}
        yield {"candidates": [{"content": content, "index": 0}], "usageMetadata": usage,
               "modelVersion": "gemini-3.5-flash", "responseId": "eb-FapqKAZ36nsEP49ya-As"}  # fmt: skip


def _forever() -> Iterator[str]:
    while True:
        yield from _WORDS


_LAST: dict[WireFormat, list[dict[str, Any]]] = {
    "openai-chat": [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}],
    "openai-responses": [{"type": "response.completed", "response": {"status": "completed"}}],
    "anthropic-messages": [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}],
    "gemini": [{"candidates": [{"finishReason": "STOP"}]}],
}
_EVENTS: dict[WireFormat, Callable[[], Iterator[dict[str, Any]]]] = {
    "openai-chat": _chat,
    "openai-responses": _responses,
    "anthropic-messages": _messages,
    "gemini": _gemini,
}


def stream_of(wire: WireFormat) -> bytes:
    """About `SIZE_BYTES` of small text deltas, framed as the vendor frames them."""
    end = "\r\n" if wire == "gemini" else "\n"
    named = wire in ("openai-responses", "anthropic-messages")
    lines: list[str] = []
    size = 0

    def add(event: dict[str, Any]) -> None:
        nonlocal size
        data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        lines.append(f"event: {event['type']}{end}data: {data}{end}{end}" if named else f"data: {data}{end}{end}")
        size += len(lines[-1])

    for event in _EVENTS[wire]():
        add(event)
        if size >= SIZE_BYTES:
            break
    for event in _LAST[wire]:
        add(event)
    if wire == "openai-chat":
        lines.append("data: [DONE]\n\n")
    return "".join(lines).encode()


def _serve(listening: socket.socket, bodies: dict[WireFormat, bytes]) -> None:
    """Any POST whose path begins with a known key gets that body, in pieces."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(lines.get("content-length", "0")))
                body = next(body for wire, body in bodies.items() if head.split("/")[1] == wire)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n")
                writer.write(b"content-length: %d\r\n\r\n" % len(body))
                for at in range(0, len(body), _PIECE_BYTES):
                    writer.write(body[at : at + _PIECE_BYTES])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, sock=listening)
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def _server(bodies: dict[WireFormat, bytes]) -> Generator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = multiprocessing.get_context("fork").Process(target=_serve, args=(listening, bodies), daemon=True)
        process.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.join()


async def _parse_s(origin: str, wire: WireFormat) -> tuple[float, int]:
    """(CPU seconds, events) of reading the stream and parsing each event once, and nothing else."""
    import httpx

    events = 0
    async with httpx.AsyncClient(trust_env=False) as client:
        async with client.stream("POST", f"{origin}/{wire}/warm-up", content=b"{}") as response:
            await response.aread()
        started = time.process_time()
        async with client.stream("POST", f"{origin}/{wire}/x", content=b"{}") as response:
            rest = b""
            async for chunk in response.aiter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"data: {"):
                        json.loads(line[6:])
                        events += 1
        return time.process_time() - started, events


async def _deliver_s(origin: str, wire: WireFormat) -> tuple[float, int]:
    """(CPU seconds, deltas) of a provider's stream, read to its end by one who only counts."""
    suffix = {"openai-chat": "/v1", "openai-responses": "/v1", "gemini": "/v1beta"}.get(wire, "")
    provider = build(Endpoint("benchmark", wire, f"{origin}/{wire}{suffix}", key="k", key_source="config"))
    await _drained(provider)  # imports and the connection
    started = time.process_time()
    deltas = await _drained(provider)
    spent = time.process_time() - started
    await provider.aclose()
    return spent, deltas


async def _drained(provider: WireProvider) -> int:
    """The deltas of one stream. RuntimeError unless it ended well and all of its text came."""
    deltas, characters = 0, 0
    async for event in provider.stream(_REQUEST):
        if isinstance(event, TextDelta):
            deltas += 1
            characters += len(event.text)
        elif isinstance(event, Finished):
            if event.stop is not StopReason.STOP or event.error is not None:
                raise RuntimeError(f"the stream did not end well: {event.stop}, {event.error}")
            if len(event.message.text) != characters:
                raise RuntimeError("not all of the text was delivered")
    return deltas


async def _measure(origin: str, wire: WireFormat, rounds: int) -> tuple[float, float, int]:
    parsed: list[float] = []
    delivered: list[float] = []
    deltas = 0
    for _ in range(rounds):
        gc.collect()
        parsed.append((await _parse_s(origin, wire))[0])
        gc.collect()
        spent, deltas = await _deliver_s(origin, wire)
        delivered.append(spent)
    return statistics.median(parsed), statistics.median(delivered), deltas


def measure(*, rounds: int = 7) -> dict[WireFormat, tuple[float, float, int]]:
    """Per format: CPU seconds of parsing alone, of delivering, and the number of deltas."""
    bodies: dict[WireFormat, bytes] = {wire: stream_of(wire) for wire in _EVENTS}
    with _server(bodies) as origin:
        return {wire: asyncio.run(_measure(origin, wire, rounds)) for wire in bodies}


def rows() -> list[Row]:
    return [
        Row(
            f"1 MB of {wire}",
            f"{delivered * 1000:.1f} ms",
            f"read and parse it {parsed * 1000:.1f} ms",
            delivered / parsed,
            goal=2.0,
            note=f"CPU time, {deltas} deltas",
        )
        for wire, (parsed, delivered, deltas) in measure().items()
    ]


if __name__ == "__main__":
    show(rows())
