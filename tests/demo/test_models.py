"""The life of the demo models' server: start, speed, clients that leave, stop."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator

import httpx
import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.demo.models import DemoModels
from mcp_tui.demo.pace import Pace, Stopwatch, pieces
from mcp_tui.demo.personas import PERSONAS, SCHOLAR, SWIFT

LONG: dict[str, object] = {
    "model": "swift",
    "stream": True,
    "messages": [{"role": "user", "content": "a long answer in 5000 words"}],
}
DEADLINE_S = 20.0


async def first_lines(response: httpx.Response) -> AsyncIterator[str]:
    """Until the answer has begun. Keep what is returned: dropping the iterator closes the response."""
    lines = response.aiter_lines()
    async for line in lines:
        if '"content":"I' in line or '"content":" ' in line:
            return lines
    raise AssertionError("the stream ended at once")


async def no_streams(models: DemoModels) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while models.active_streams:  # noqa: ASYNC110  # the count lives in another thread: there is no event
            await asyncio.sleep(0.01)


def demo_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "demo-models"]


async def test_leaving_ends_the_thread_and_closes_the_port() -> None:
    before = threading.active_count()
    async with DemoModels(speed=0) as models:
        url = models.base_url
        assert url.startswith("http://127.0.0.1:")
        assert len(demo_threads()) == 1
        async with httpx.AsyncClient() as http:
            assert (await http.get(f"{url}/v1/models")).status_code == 200
    assert demo_threads() == []
    assert threading.active_count() == before
    async with httpx.AsyncClient() as http:
        with pytest.raises(httpx.ConnectError):
            await http.get(f"{url}/v1/models")
    with pytest.raises(RuntimeError, match="not running"):
        _ = models.base_url


async def test_leaving_during_a_stream_ends_it_in_the_middle() -> None:
    async with httpx.AsyncClient(timeout=DEADLINE_S) as http:
        async with DemoModels(speed=0.2) as models:
            request = http.build_request("POST", f"{models.base_url}/v1/chat/completions", json=LONG)
            response = await http.send(request, stream=True)
            assert response.status_code == 200
            chunks = response.aiter_bytes()
            seen = await anext(chunks)
            # Five thousand words at this speed take minutes.
        assert demo_threads() == []
        async for chunk in chunks:
            seen += chunk
    assert b'"content":' in seen
    assert b'"finish_reason":"' not in seen
    assert b"[DONE]" not in seen


async def test_a_client_that_leaves_stops_the_generation() -> None:
    async with DemoModels(speed=0.2) as models, httpx.AsyncClient(timeout=DEADLINE_S) as http:
        async with http.stream("POST", f"{models.base_url}/v1/chat/completions", json=LONG) as response:
            _lines = await first_lines(response)
            assert models.active_streams == 1
        await no_streams(models)
        assert (await http.get(f"{models.base_url}/v1/models")).status_code == 200


async def test_streams_do_not_wait_for_one_another() -> None:
    async with (
        DemoModels(speed=0.2) as models,
        httpx.AsyncClient(timeout=DEADLINE_S) as http,
        http.stream("POST", f"{models.base_url}/v1/chat/completions", json=LONG) as response,
    ):
        _lines = await first_lines(response)
        assert (await http.get(f"{models.base_url}/anthropic/v1/models")).status_code == 200
        assert models.active_streams == 1


async def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE_S) as http, DemoModels(speed=0.2) as models:
        await http.get(f"{models.base_url}/nowhere")
        async with http.stream("POST", f"{models.base_url}/v1/chat/completions", json=LONG) as response:
            _lines = await first_lines(response)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


async def test_no_error_is_logged_when_stopped_during_a_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with httpx.AsyncClient(timeout=DEADLINE_S) as http:
        async with DemoModels(speed=0.2) as models:
            request = http.build_request("POST", f"{models.base_url}/v1/chat/completions", json=LONG)
            response = await http.send(request, stream=True)
        await response.aclose()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_no_free_port_is_an_error_to_act_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(99, "Cannot assign requested address")

    monkeypatch.setattr("mcp_tui.demo.models.listening", refuse)
    with pytest.raises(AppError, match="Cannot assign requested address"):
        async with DemoModels():
            pass
    assert demo_threads() == []


async def test_cancelled_while_starting_leaves_nothing() -> None:
    async def enter() -> None:
        async with DemoModels():
            raise AssertionError("it was cancelled before")

    task = asyncio.create_task(enter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert demo_threads() == []


async def test_entering_twice_is_refused() -> None:
    models = DemoModels(speed=0)
    async with models:
        pass
    with pytest.raises(RuntimeError, match="once"):
        async with models:
            pass


def test_importing_the_package_imports_no_server() -> None:
    code = """
import sys, mcp_tui.demo.models
print([name for name in ("uvicorn", "starlette", "httpx", "mcp") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_pieces_lose_nothing() -> None:
    rng = random.Random(1)
    alphabet = "ab cdé\n\t _*`|#🙂東.,-  "
    for _ in range(200):
        text = "".join(rng.choice(alphabet) for _ in range(rng.randrange(80)))
        assert "".join(pieces(text)) == text


def test_speed_scales_every_wait() -> None:
    def waits(speed: float) -> list[float]:
        pace = Pace(SWIFT, "seed", speed, Stopwatch()).waits()
        return [next(pace) for _ in range(50)]

    assert waits(2) == [wait / 2 for wait in waits(1)]
    assert set(waits(0)) == {0.0}


@pytest.mark.parametrize("name", sorted(PERSONAS))
def test_pace_is_that_of_the_persona(name: str) -> None:
    persona = PERSONAS[name]
    pace = Pace(persona, "seed", 1, Stopwatch()).waits()
    first = next(pace)
    rest = [next(pace) for _ in range(2000)]
    assert 0.2 <= first <= 0.9
    assert 0.95 < len(rest) / sum(rest) / persona.tokens_per_s < 1.05


async def test_stopwatch_ends_sleeps_at_once() -> None:
    stopwatch = Stopwatch()
    sleepers = [asyncio.create_task(stopwatch.sleep(3600)) for _ in range(3)]
    await asyncio.sleep(0)
    stopwatch.stop()
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*sleepers)
        await stopwatch.sleep(3600)


def test_only_the_scholar_reasons() -> None:
    assert [persona.name for persona in PERSONAS.values() if persona.reasons] == [SCHOLAR.name]
