"""Requests: outcomes, deadlines, cancellation, concurrency, dialogs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.server_requests import RequestKind
from mcp_tui.core.state import Progress, ServerStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.asking import answered_by
from tests.sessions.conftest import PATIENCE_S, http, logged, stdio, until, until_status, until_true
from tests.sessions.http_peer import HttpPeer, Reply, Seen
from tests.sessions.servers.peer import DEFAULT_TOOLS, tool

pytestmark = pytest.mark.usefixtures("quick_backoff")


async def test_a_result_that_does_not_match_its_schema_is_kept_with_a_warning() -> None:
    async with SessionManager([stdio()]) as manager:
        wrong = await manager.call_tool("one", "structured", {"content": {"n": "no number"}})
        assert wrong.raw["structuredContent"] == {"n": "no number"}
        assert wrong.content == [{"type": "text", "text": "ok"}]
        warning = await wrong.late_warning()
        assert "n: 'no number' is not of type 'integer'" in warning
        right = await manager.call_tool("one", "structured", {"content": {"n": 1}})
        assert right.warnings == ()
        assert await right.late_warning() == ""


async def test_a_result_is_handed_on_before_a_hostile_check_begins() -> None:
    pairs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)}
    hostile = tool("structured", outputSchema={"$ref": "#/$defs/d0", "$defs": {**pairs, "d40": {"type": "object"}}})
    async with SessionManager([stdio(tools=[hostile])]) as manager:
        result = await manager.call_tool("one", "structured", {"content": {"n": 1}})
        assert result.raw["structuredContent"] == {"n": 1}
        assert result.warnings == ()
        assert "too complex" in await result.late_warning()


async def test_content_of_a_kind_the_sdk_does_not_know_is_kept_with_a_warning() -> None:
    async with SessionManager([stdio()]) as manager:
        result = await manager.call_tool("one", "unknown_content", {})
        assert result.raw == {"content": [{"type": "hologram", "beam": [1.0, None, 2]}]}
        assert "does not follow the protocol" in result.warnings[0]


async def test_a_call_that_never_got_its_turn_says_that_it_was_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_tui.sessions.connection.MAX_CONCURRENT", 1)
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log))]) as manager:
        busy = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 600}))
        await until_true(lambda: len(logged(log, "tools/call")) == 1)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {"text": "x"}, timeout_s=0.3)
        busy.cancel()
        assert (caught.value.info.code, caught.value.info.detail.partition(":")[0]) == ("not_ready", "It was not sent")
        assert len(logged(log, "tools/call")) == 1


@pytest.mark.parametrize("trusted", [False, True])
async def test_a_call_without_an_answer_says_that_it_may_have_run_unless_it_is_harmless(trusted: bool) -> None:
    async with SessionManager([stdio(spec={"trusted": trusted})]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "sleep", {"seconds": 600}, timeout_s=0.3)
        assert caught.value.info.code == "timeout"
        assert ("may have run" in caught.value.info.detail) is not trusted


async def test_a_call_that_killed_the_server_says_how_it_ended() -> None:
    async with SessionManager([stdio(tools=[tool("die")])]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "die", {"code": 7})
        assert caught.value.info.code == "outcome_unknown"
        assert "exited with code 7" in caught.value.info.detail


async def test_what_was_refused_is_not_said_to_be_stopped() -> None:
    """The server forgot the session, and then does not let us in again."""
    peer = await HttpPeer(sessions=True).up()
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.READY)
        peer.mute.add("initialize")
        peer.forget_sessions()
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {}, timeout_s=1)
        assert caught.value.info.code == "not_ready"
        assert caught.value.info.detail.startswith("No connection within 1 s; the session ended")
    await peer.down()


async def test_an_answer_lost_with_the_connection_is_not_said_to_be_stopped(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url, trusted=True)]) as manager:
        await until_status(manager, ServerStatus.READY)
        peer.rule = lambda seen: Reply(0) if seen.message.get("method") == "tools/call" else None
        peer.mute.add("ping")
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "sleep", {}, timeout_s=1)
        assert caught.value.info.code == "outcome_unknown"
        assert "was not back within 1 s" in caught.value.info.detail


async def test_an_unknown_tool_is_named_with_the_closest_and_nothing_is_sent(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log))]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "ecco", {})
        info = caught.value.info
        assert (info.code, info.kind, info.hint) == ("unknown_tool", ErrorKind.USAGE, "Did you mean echo?")
        assert logged(log, "tools/call") == []
        assert len(logged(log, "tools/list")) == 1


async def test_an_unknown_server_is_named_with_the_known_ones() -> None:
    async with SessionManager([stdio()]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("ones", "echo", {})
        assert (caught.value.info.code, caught.value.info.hint) == ("unknown_server", "Did you mean one? Known: one")


async def test_a_refusal_is_told_apart_from_a_tool_that_failed() -> None:
    async with SessionManager([stdio()]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "refuse", {})
        assert caught.value.info.code == "rejected"
        assert caught.value.info.detail == "No, thank you (-32050)"
        assert (await manager.call_tool("one", "fail", {})).is_error


async def test_calls_on_one_session_run_at_the_same_time() -> None:
    """Each waits for a cancellation of its own for up to 20 s; if they queued, the deadline would strike."""
    async with SessionManager([stdio()]) as manager:
        await until_status(manager, ServerStatus.READY)
        calls = [asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 1.0})) for _ in range(20)]
        await until(manager, lambda server: server.calls_in_flight == 20)
        async with asyncio.timeout(15):
            results = await asyncio.gather(*calls)
        assert all(result.content[0]["text"] == "slept" for result in results)
        assert manager.server("one").calls_in_flight == 0


async def test_cancelling_a_call_tells_the_server_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log))]) as manager:
        call = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 30}))
        await until_true(lambda: len(logged(log, "tools/call")) == 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until_true(lambda: len(logged(log, "notifications/cancelled")) == 1)
        (sent,) = logged(log, "tools/call")
        (cancelled,) = logged(log, "notifications/cancelled")
        assert cancelled["params"]["requestId"] == sent["id"]
        assert manager.server("one").calls_in_flight == 0
        assert not (await manager.call_tool("one", "echo", {})).is_error


async def test_a_call_past_its_deadline_fails_and_tells_the_server(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "sleep", {"seconds": 30}, timeout_s=0.3)
        assert (caught.value.info.code, caught.value.info.kind) == ("timeout", ErrorKind.UNREACHABLE)
        await until_true(lambda: len(logged(log, "notifications/cancelled")) == 1)


async def test_progress_is_clamped_throttled_and_ends_with_the_last_value() -> None:
    seen: list[Progress] = []
    values = [
        [10, 100],
        [50, 100],
        [30, 100],
        [-5, 100],
        [1e308, 0.0],
        [120, 100],
        *[[120 + n, 100] for n in range(500)],
    ]
    async with SessionManager([stdio()]) as manager:
        await manager.call_tool("one", "progress", {"values": values}, on_progress=seen.append)
    assert seen[0] == Progress(10.0, 100.0, "")
    assert seen[-1].progress == 100.0
    assert len(seen) < 50
    assert all(item.total in (100.0, None) for item in seen)


async def test_a_listener_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def listener(progress: Progress) -> None:
        raise ZeroDivisionError

    async with SessionManager([stdio()]) as manager:
        result = await manager.call_tool("one", "progress", {"values": [[1, 2]]}, on_progress=listener)
        assert result.content[0]["text"] == "done"
    assert "a progress listener failed" in caplog.text


async def test_a_call_made_while_connecting_waits_for_the_connection() -> None:
    async with SessionManager([stdio()]) as manager:
        assert manager.server("one").status is ServerStatus.CONNECTING
        assert (await manager.call_tool("one", "echo", {"text": "early"})).content[0]["text"] == "early"


async def test_a_call_waits_for_a_connection_no_longer_than_its_deadline(peer: HttpPeer) -> None:
    await peer.down()
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.BACKOFF)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {}, timeout_s=0.3)
        assert (caught.value.info.code, caught.value.info.kind) == ("not_ready", ErrorKind.UNREACHABLE)
        assert "cannot reach the server" in caught.value.info.detail


async def test_a_call_to_a_failed_server_says_why_at_once() -> None:
    spec = stdio(spec={"command": "no-such-command-anywhere"})
    async with SessionManager([spec]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {}, timeout_s=PATIENCE_S)
        assert caught.value.info.code == "not_ready"
        assert "Command not found: no-such-command-anywhere" in caught.value.info.detail


TOOLS = [*DEFAULT_TOOLS, tool("die"), tool("die_ro")]


async def test_a_connection_lost_in_a_call_leaves_the_outcome_unknown(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([stdio(tools=TOOLS, log=str(log))]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "die", {})
        info = caught.value.info
        assert (info.code, info.kind) == ("outcome_unknown", ErrorKind.UNREACHABLE)
        assert "it may have run" in info.detail
        await until(manager, lambda server: server.status is ServerStatus.READY and server.reconnects == 1)
        assert len(logged(log, "tools/call")) == 1


@pytest.mark.parametrize(
    ("trusted", "hints", "replayed"),
    [
        (False, {"readOnlyHint": True}, False),
        (True, {}, False),
        (True, {"readOnlyHint": True}, True),
        (True, {"idempotentHint": True}, True),
    ],
)
async def test_a_lost_call_is_repeated_only_for_a_trusted_server_that_says_it_is_harmless(
    peer: HttpPeer, trusted: bool, hints: dict[str, bool], replayed: bool
) -> None:
    peer.peer.tools = [tool("write", annotations=hints)]

    def cut_the_first(seen: Seen) -> Reply | None:
        return Reply(0) if seen.message.get("method") == "tools/call" and len(peer.calls("tools/call")) == 1 else None

    peer.rule = cut_the_first
    async with SessionManager([http(peer.url, trusted=trusted)]) as manager:
        if replayed:
            assert (await manager.call_tool("one", "write", {})).content[0]["text"] == "written"
        else:
            with pytest.raises(AppError) as caught:
                await manager.call_tool("one", "write", {})
            assert caught.value.info.code == "outcome_unknown"
        assert len(peer.calls("tools/call")) == (2 if replayed else 1)


async def test_a_read_that_was_lost_is_repeated(peer: HttpPeer) -> None:
    def cut_the_first(seen: Seen) -> Reply | None:
        reading = seen.message.get("method") == "resources/read"
        return Reply(0) if reading and len(peer.calls("resources/read")) == 1 else None

    peer.rule = cut_the_first
    async with SessionManager([http(peer.url)]) as manager:
        assert (await manager.read_resource("one", "mem://a"))["contents"][0]["text"] == "hello"


# ---------------------------------------------------------------------- dialogs


async def test_an_elicitation_reaches_the_person_and_the_answer_the_server() -> None:
    asked: list[tuple[str, JsonObject]] = []

    async def elicit(server: str, params: JsonObject) -> JsonObject:
        asked.append((server, params))
        return {"action": "accept", "content": {"name": "Ann"}}

    async with SessionManager([stdio()], answering=answered_by(elicit)) as manager:
        result = await manager.call_tool("one", "ask", {})
        assert json.loads(result.content[0]["text"]) == {"action": "accept", "content": {"name": "Ann"}}
        ((server, params),) = asked
        assert server == "one"
        assert (params["mode"], params["message"]) == ("form", "Your name?")
        assert params["requestedSchema"]["properties"] == {"name": {"type": "string"}}


async def test_elicitation_is_advertised_only_when_somebody_answers(tmp_path: Path) -> None:
    silent, answered = tmp_path / "silent", tmp_path / "answered"
    async with SessionManager([stdio(log=str(silent))]) as manager:
        await until_status(manager, ServerStatus.READY)
    async with SessionManager(
        [stdio(log=str(answered))], answering=answered_by(lambda server, params: {}, frozenset({RequestKind.FORM}))
    ) as manager:
        await until_status(manager, ServerStatus.READY)
    (without,), (with_it,) = logged(silent, "initialize"), logged(answered, "initialize")
    assert without["params"]["capabilities"] == {}
    assert set(with_it["params"]["capabilities"]) == {"elicitation"}
    assert with_it["params"]["clientInfo"]["name"] == "mcp-tui"


@pytest.mark.parametrize(
    "answer", [{"action": "what"}, {"action": "accept", "content": {"a": "\ud800"}}, ValueError("secret"), None]
)
async def test_an_answer_that_cannot_be_sent_becomes_a_cancel_and_leaks_nothing(answer: Any) -> None:
    def elicit(server: str, params: JsonObject) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    async with SessionManager([stdio()], answering=answered_by(elicit)) as manager:
        result = await manager.call_tool("one", "ask", {})
        assert json.loads(result.content[0]["text"]) == {"action": "cancel"}


async def test_the_deadline_of_a_call_does_not_run_while_the_person_is_asked() -> None:
    async def elicit(server: str, params: JsonObject) -> JsonObject:
        await asyncio.sleep(1.5)  # a person who takes three times the deadline
        return {"action": "decline"}

    async with SessionManager([stdio()], answering=answered_by(elicit)) as manager:
        await until_status(manager, ServerStatus.READY)
        result = await manager.call_tool("one", "ask", {}, timeout_s=0.5)
        assert json.loads(result.content[0]["text"]) == {"action": "decline"}


async def test_cancelling_the_call_closes_its_dialog() -> None:
    opened, closed = asyncio.Event(), asyncio.Event()

    async def elicit(server: str, params: JsonObject) -> JsonObject:
        opened.set()
        try:
            await asyncio.sleep(600)
        finally:
            closed.set()
        return {}

    async with SessionManager([stdio()], answering=answered_by(elicit)) as manager:
        call = asyncio.create_task(manager.call_tool("one", "ask", {}))
        async with asyncio.timeout(PATIENCE_S):
            await opened.wait()
            call.cancel()
            await closed.wait()
        assert not (await manager.call_tool("one", "echo", {})).is_error


async def test_rounds_of_input_are_driven_with_the_state_byte_exact(tmp_path: Path) -> None:
    log, rounds = tmp_path / "log", 15

    def elicit(server: str, params: JsonObject) -> JsonObject:
        return {"action": "accept", "content": {"ok": True}}

    spec = stdio(modern=True, tools=[tool("rounds")], log=str(log))
    async with SessionManager([spec], answering=answered_by(elicit)) as manager:
        result = await manager.call_tool("one", "rounds", {"n": rounds})
        assert json.loads(result.content[0]["text"])["q"]["content"] == {"ok": True}
        assert "inputRequests" not in result.raw
        states = [message["params"].get("requestState") for message in logged(log, "tools/call")]
        assert states[:3] == [None, '{"n": 1, "odd": " \\u00e9 "}', '{"n": 2, "odd": " \\u00e9 "}']
        assert len({message["id"] for message in logged(log, "tools/call")}) == rounds + 1


async def test_an_input_of_a_kind_nobody_knows_is_named() -> None:
    spec = stdio(modern=True, tools=[tool("rounds")])
    async with SessionManager([spec], answering=answered_by(lambda server, params: {"action": "decline"})) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "rounds", {"method": "fingerprint/create"})
        assert caught.value.info.code == "rejected"
        assert caught.value.info.detail == "It asks for something this program does not know: fingerprint/create"


async def test_a_call_that_needs_an_answer_nobody_gives_says_who_would() -> None:
    data: JsonObject = {"requiredCapabilities": {"elicitation": {}, "roots": {}}}
    async with SessionManager([stdio(modern=True)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "refuse", {"code": -32021, "data": data})
        assert "--elicit" in caught.value.info.hint
        assert "`roots`" in caught.value.info.hint
        assert "--sampling" not in caught.value.info.hint


async def test_rounds_without_end_are_ended() -> None:
    spec = stdio(modern=True, tools=[tool("rounds")])
    async with SessionManager([spec], answering=answered_by(lambda server, params: {"action": "decline"})) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "rounds", {"n": 1000})
        assert caught.value.info.code == "rejected"
        assert "50 times" in caught.value.info.detail
