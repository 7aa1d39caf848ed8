"""Deadlines, broken connections, wrong answers, and closing."""

from __future__ import annotations

import asyncio
import gzip
import socket

import pytest

from mcp_tui.core.chat import StopReason, TextDelta
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.providers.building import build
from mcp_tui.providers.connection import Deadlines
from mcp_tui.providers.endpoint import Endpoint
from tests.providers.asking import HELLO, KEY, Answered, Naps, ask, chat, endpoint
from tests.providers.loopback import DEADLINE_S, Answer, Loopback, chunk, error, sse

SHORT = Deadlines(first_byte_s=0.2, idle_s=0.2, settled_s=0.2, error_body_s=0.2)
OK = Answer([sse(chunk({"content": "ok"}, "stop"))])


def fault(got: Answered, stop: StopReason = StopReason.ERROR) -> ErrorInfo:
    assert got.finished.stop is stop
    assert got.finished.error is not None
    return got.finished.error


async def test_a_web_page_is_an_error_not_an_empty_answer(server: Loopback) -> None:
    server.script(Answer([b"<html>Log in to the hotel network</html>"], content_type="text/html; charset=utf-8"))
    info = fault(await ask(chat(server.origin)))
    assert info.code == "bad_content_type"
    assert "text/html" in info.detail
    assert len(server.requests) == 1


async def test_a_json_answer_with_status_200_is_the_error_it_holds(server: Loopback) -> None:
    server.script(Answer([b'{"error": {"message": "upstream died"}}'], content_type="application/json"))
    assert "upstream died" in fault(await ask(chat(server.origin))).detail
    server.script(Answer([b'{"choices": [{"message": {"content": "hi"}}]}'], content_type="application/json"))
    assert fault(await ask(chat(server.origin))).code == "bad_content_type"


@pytest.mark.parametrize("content_type", ["TEXT/EVENT-STREAM; charset=utf-8", "text/plain", None])
async def test_mislabelled_streams_are_read(server: Loopback, content_type: str | None) -> None:
    server.script(Answer(OK.pieces, content_type=content_type))
    assert (await ask(chat(server.origin))).text == "ok"


async def test_compressed_streams_are_read(server: Loopback) -> None:
    (whole,) = OK.pieces
    assert isinstance(whole, bytes)
    packed = gzip.compress(whole)
    server.script(Answer([packed[:9], packed[9:]], headers={"content-encoding": "gzip"}))
    assert (await ask(chat(server.origin))).text == "ok"
    server.script(Answer([b"no gzip at all"], headers={"content-encoding": "gzip"}))
    assert fault(await ask(chat(server.origin))).code == "bad_event"


async def test_an_empty_stream_is_incomplete(server: Loopback) -> None:
    server.script(Answer())
    assert fault(await ask(chat(server.origin)), StopReason.INCOMPLETE).code == "incomplete"


async def test_a_stream_cut_in_the_middle_keeps_its_text(server: Loopback) -> None:
    read = asyncio.Event()
    server.script(Answer([sse(chunk({"content": "half"}), done=False), read], end="abort"))
    events = chat(server.origin).stream(HELLO)
    got = Answered([])
    async for event in events:
        got.events.append(event)
        if isinstance(event, TextDelta):
            read.set()
    info = fault(got, StopReason.INCOMPLETE)
    assert (info.kind, info.code) == (ErrorKind.UNREACHABLE, "connection_lost")
    assert got.finished.message.text == got.text == "half"
    assert len(server.requests) == 1


async def test_a_connection_lost_before_anything_came_is_tried_again(server: Loopback) -> None:
    server.script(Answer(end="abort"), OK)
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert (got.text, got.finished.attempts, len(naps.taken_s)) == ("ok", 2, 1)


async def test_a_server_that_never_answers_runs_into_the_first_deadline(server: Loopback) -> None:
    server.script(Answer(silent=True))
    info = fault(await ask(chat(server.origin, deadlines=SHORT)))
    assert (info.kind, info.code) == (ErrorKind.UNREACHABLE, "timeout")
    await asyncio.wait_for(server.client_left.wait(), DEADLINE_S)
    assert len(server.requests) == 1  # it may be working on it: not asked twice


async def test_headers_without_a_body_run_into_the_first_deadline_too(server: Loopback) -> None:
    server.script(Answer(end="hold"))
    assert fault(await ask(chat(server.origin, deadlines=SHORT))).code == "timeout"


async def test_a_stall_in_the_middle_is_incomplete_with_the_text_kept(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "half"}), done=False)], end="hold"))
    got = await ask(chat(server.origin, deadlines=SHORT))
    assert fault(got, StopReason.INCOMPLETE).code == "timeout"
    assert got.finished.message.text == "half"


async def test_a_server_that_stays_open_after_the_end_does_not_hold_us(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "ok"}, "stop"))], end="hold"))
    got = await ask(chat(server.origin))
    assert (got.finished.stop, got.finished.error) == (StopReason.STOP, None)


async def test_after_the_finish_reason_silence_is_an_end(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "ok"}, "stop"), done=False)], end="hold"))
    patient = Deadlines(idle_s=600, settled_s=0.2)
    got = await ask(chat(server.origin, deadlines=patient))
    assert (got.finished.stop, got.finished.error) == (StopReason.STOP, None)


async def test_keep_alive_comments_hold_the_idle_deadline_off(server: Loopback) -> None:
    server.script(Answer([b": OPENROUTER PROCESSING\n\n" * 20, *OK.pieces]))
    assert (await ask(chat(server.origin))).text == "ok"


async def test_an_error_whose_body_never_ends_is_still_an_error(server: Loopback) -> None:
    server.script(Answer([b'{"error": {"mess'], 400, "application/json", end="hold"))
    provider = chat(server.origin, deadlines=SHORT)
    assert fault(await ask(provider)).code == "http_400"
    await asyncio.wait_for(server.client_left.wait(), DEADLINE_S)


async def test_nothing_listening_is_unreachable_after_four_tries() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    naps = Naps()
    got = await ask(chat(f"http://127.0.0.1:{port}", naps=naps))
    info = fault(got)
    assert (info.kind, info.code) == (ErrorKind.UNREACHABLE, "connect_failed")
    assert f"127.0.0.1:{port}" in info.detail
    assert got.finished.attempts == 4
    assert len(naps.taken_s) == len(got.failures) == 3
    assert [failure.wait_s for failure in got.failures] == naps.taken_s


async def test_closing_the_stream_closes_the_connection(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "first"}), done=False)], end="hold"))
    stream = chat(server.origin).stream(HELLO)
    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()
    await asyncio.wait_for(server.client_left.wait(), DEADLINE_S)


@pytest.mark.parametrize("answer", [Answer(silent=True), Answer(end="hold"), Answer([b": hi\n\n"], end="hold")])
async def test_cancelling_while_waiting_closes_the_connection(server: Loopback, answer: Answer) -> None:
    server.script(answer)
    task = asyncio.create_task(ask(chat(server.origin)))
    await asyncio.wait_for(server.answering.wait(), DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.client_left.wait(), DEADLINE_S)


async def test_cancelling_while_streaming_is_not_turned_into_an_answer(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"content": "first"}), done=False)], end="hold"))
    shown = asyncio.Event()

    async def read() -> None:
        async for event in chat(server.origin).stream(HELLO):
            if isinstance(event, TextDelta):
                shown.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(shown.wait(), DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.client_left.wait(), DEADLINE_S)


async def test_cancelling_during_a_wait_between_attempts_ends_it(server: Loopback) -> None:
    server.script(error(429, {}))
    waiting = asyncio.Event()

    async def for_ever(_seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    from mcp_tui.providers.retry import Retrier

    task = asyncio.create_task(ask(build(endpoint(server.origin), retrier=Retrier(sleep=for_ever))))
    await asyncio.wait_for(waiting.wait(), DEADLINE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_connection_serves_several_requests(server: Loopback) -> None:
    server.script(OK, OK, OK)
    provider = chat(server.origin)
    for _ in range(3):
        assert (await ask(provider)).text == "ok"
    assert server.connections == 1
    await provider.aclose()


async def test_concurrent_streams_do_not_mix(server: Loopback) -> None:
    provider = chat(server.origin)
    gate = asyncio.Event()
    for n in range(12):
        server.script(
            Answer([sse(chunk({"content": f"{n}-"}), done=False), gate, sse(chunk({"content": f"{n}"}, "stop"))])
        )
    tasks = [asyncio.create_task(ask(provider)) for _ in range(12)]
    await server.seen(12)
    gate.set()
    texts = {(await task).text for task in tasks}
    assert texts == {f"{n}-{n}" for n in range(12)}


async def test_a_redirect_on_the_same_host_is_followed_with_the_body(server: Loopback) -> None:
    server.script(Answer(status=307, headers={"location": "/new/v1/chat/completions"}), OK)
    assert (await ask(chat(server.origin))).text == "ok"
    first, second = server.requests
    assert second.path == "/new/v1/chat/completions"
    assert second.json == first.json


async def test_a_redirect_to_another_host_does_not_get_the_key(server: Loopback) -> None:
    server.script(Answer(status=307, headers={"location": "http://elsewhere.invalid/v1?token=t0ps3cret"}))
    info = fault(await ask(chat(server.origin)))
    assert info.code == "http_307"
    assert "elsewhere.invalid" in info.detail
    assert "t0ps3cret" not in info.line()


async def test_redirects_in_a_circle_end(server: Loopback) -> None:
    server.script(*[Answer(status=308, headers={"location": "/v1/chat/completions"}) for _ in range(10)])
    assert fault(await ask(chat(server.origin))).code == "redirect"


async def test_a_proxy_in_the_environment_does_not_catch_loopback(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server.script(OK)
    assert (await ask(chat(server.origin))).text == "ok"


async def test_keys_are_in_no_error_and_no_repr(server: Loopback) -> None:
    server.script(error(401, {"error": {"message": f"Incorrect API key provided: {KEY}. Or sk-proj-Abc123***xyz9?"}}))
    provider = chat(server.origin)
    info = fault(await ask(provider))
    assert info.kind is ErrorKind.AUTH
    assert KEY not in info.line()
    assert "sk-proj" not in info.line()
    assert "ACME_API_KEY" in info.hint
    assert KEY not in repr(provider)
    assert KEY not in repr(endpoint(server.origin))


async def test_a_header_that_cannot_be_sent_is_reported_without_its_value(server: Loopback) -> None:
    broken = Endpoint("acme", "openai-chat", server.origin + "/v1", key="se\ncret-value", key_source="config")
    info = fault(await ask(build(broken)))
    assert info.kind in (ErrorKind.USAGE, ErrorKind.PROVIDER)
    assert "cret-value" not in info.line()


async def test_headers_of_the_user_win(server: Loopback) -> None:
    server.script(OK)
    custom = Endpoint(
        "acme", "openai-chat", server.origin + "/v1", key="k", headers={"Authorization": "Basic eA==", "X-Team": "7"}
    )  # fmt: skip
    await ask(build(custom))
    assert server.requests[0].headers["authorization"] == "Basic eA=="
    assert server.requests[0].headers["x-team"] == "7"


@pytest.mark.parametrize(
    "body",
    [
        '{"object": "list", "data": [{"id": "b"}, {"id": "a"}, {"id": "b"}, {}]}',
        '[{"id": "b"}, {"id": "a"}]',
        '{"models": [{"name": "b"}, {"name": "a"}]}',
    ],
)
async def test_models_are_listed_in_the_order_given(server: Loopback, body: str) -> None:
    server.script(Answer([body.encode()], content_type="application/json"))
    assert await chat(server.origin).list_models() == ("b", "a")
    assert (server.requests[0].method, server.requests[0].path) == ("GET", "/v1/models")


async def test_listing_models_fails_with_the_reason(server: Loopback) -> None:
    server.script(
        error(401, {"error": {"message": "no"}}), Answer([b"<html>"], content_type="text/html"), Answer(silent=True)
    )
    for kind, code in (
        (ErrorKind.AUTH, "http_401"),
        (ErrorKind.PROVIDER, "bad_body"),
        (ErrorKind.UNREACHABLE, "timeout"),
    ):
        with pytest.raises(AppError) as caught:
            await chat(server.origin).list_models(timeout_s=0.5)
        assert (caught.value.info.kind, caught.value.info.code) == (kind, code)
