"""What real servers say is in the log as it was said, with what belongs to it, and without secrets."""

from __future__ import annotations

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.wirelog.cause import causing
from mcp_tui.sessions.wirelog.files import LogFiles, default_folder
from mcp_tui.sessions.wirelog.log import WireLog
from mcp_tui.sessions.wirelog.record import Whole
from tests.sessions.conftest import http, stdio, until, until_status
from tests.sessions.http_peer import HttpPeer, Reply
from tests.sessions.servers.peer import tool
from tests.sessions.wirelog.records import named, only, records

ECHO = [tool("echo"), tool("die"), tool("garbage"), tool("bad_utf8"), tool("batch"), tool("fail"), tool("refuse")]


def tool_calls(found: list[Whole], direction: str) -> list[Whole]:
    return named(found, "tools/call", direction)


async def test_messages_are_kept_byte_for_byte_and_linked(tmp_path: Path) -> None:
    async with SessionManager([stdio()], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        with causing("run r1 column c2 call t1s1c1"):
            await manager.call_tool("one", "echo", {"text": "grüße 😀 \x1b[31m", "n": 10**30})
    found = records(tmp_path)
    asked, answer = tool_calls(found, "sent")[0], tool_calls(found, "received")[0]
    assert asked.message is not None
    assert '"text":"grüße 😀 \\u001b[31m","n":1000000000000000000000000000000' in asked.message
    # The peer writes ASCII with blanks: what it wrote is what is kept.
    assert answer.message is not None
    assert answer.message.startswith('{"jsonrpc": "2.0", "id": ')
    assert "gr\\u00fc\\u00dfe \\ud83d\\ude00" in answer.message
    assert answer.head.request == asked.head.order
    assert answer.head.ms is not None
    assert answer.head.ms >= 0
    assert asked.head.size_bytes == len(asked.message.encode())
    assert (answer.head.id, answer.head.method, answer.head.name) == (asked.head.id, "tools/call", "echo")
    assert asked.head.cause == answer.head.cause == "run r1 column c2 call t1s1c1"
    assert [whole.head.order for whole in found] == sorted({whole.head.order for whole in found})
    assert named(found, "tools/list", "sent")[0].head.cause == "first catalog"


async def test_a_whole_life_is_told_by_events(tmp_path: Path) -> None:
    server = stdio(tools=ECHO)
    async with SessionManager([server], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError):
            await manager.call_tool("one", "die", {"code": 7})
        await until(manager, lambda one: one.status is ServerStatus.READY and one.reconnects == 1)
    events = [whole for whole in records(tmp_path) if whole.head.kind == "event"]
    assert [event.head.method for event in events] == [
        "connecting",
        "connected",
        "lost",
        "reconnect",
        "closed",
        "connecting",
        "connected",
        "closed",
    ]
    assert events[1].fields["detail"]["protocol"] == "2025-11-25"
    assert events[4].fields["detail"]["exit_code"] == 7
    assert "exit code 7" in events[4].head.name
    assert [event.head.failed for event in events] == [False, False, True, False, True, False, False, False]
    assert [event.fields["connection"] for event in events] == [1, 1, 1, 1, 1, 2, 2, 2]


async def test_a_new_start_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for _ in range(2):
        async with SessionManager([stdio()], wire_log=WireLog(tmp_path)) as manager:
            await until_status(manager, ServerStatus.READY)
    found = records(tmp_path)
    assert [whole.head.order for whole in named(found, "connected")] == sorted(
        whole.head.order for whole in named(found, "connected")
    )
    assert len(named(found, "connected")) == 2
    # Ids start anew in each connection; answers still find their own request.
    answers = named(found, "initialize", "received")
    assert [answer.head.request for answer in answers] == [
        asked.head.order for asked in named(found, "initialize", "sent")
    ]


async def test_the_default_place_is_the_state_directory_and_private() -> None:
    async with SessionManager([stdio()]) as manager:
        await until_status(manager, ServerStatus.READY)
    path = LogFiles.of(default_folder(), "one").current
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_garbage_is_kept_as_it_came(tmp_path: Path) -> None:
    async with SessionManager([stdio(tools=ECHO)], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "garbage", {})
        await manager.call_tool("one", "bad_utf8", {})
        await manager.call_tool("one", "batch", {})
    found = records(tmp_path)
    garbage = [whole for whole in found if whole.head.kind == "garbage"]
    assert len(garbage) == 18
    assert {(whole.text, whole.head.failed) for whole in garbage} == {("this is not JSON", True)}
    broken = only(found, lambda whole: "base64" in whole.fields)
    assert broken.message is not None
    assert "a\ufffd\ufffdb" in broken.message
    assert broken.head.kind == "response"
    batch = only(found, lambda whole: "batch" in str(whole.fields.get("note")))
    assert batch.head.request is not None


async def test_tool_errors_and_refusals_count_as_failed(tmp_path: Path) -> None:
    async with SessionManager([stdio(tools=ECHO)], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "fail", {})
        with pytest.raises(AppError):
            await manager.call_tool("one", "refuse", {})
        await manager.call_tool("one", "echo", {})
    answers = tool_calls(records(tmp_path), "received")
    assert [(answer.head.name, answer.head.failed) for answer in answers] == [
        ("fail", True),
        ("refuse", True),
        ("echo", False),
    ]


async def test_secrets_of_the_entry_are_hidden_and_nothing_else(tmp_path: Path, peer: HttpPeer) -> None:
    secret = 's3cr"et-töken-1234'
    one = stdio(spec={"env": {"MY_API_KEY": secret, "LEVEL": "verbose"}})
    two = http(f"{peer.url}?api_key=query-secret-9", "two", headers={"Authorization": "Bearer header-secret-77"})
    async with SessionManager([one, two], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        await until_status(manager, ServerStatus.READY, name="two")
        await manager.call_tool("one", "echo", {"text": f"{secret} verbose", secret: 1})
        await manager.call_tool("two", "echo", {"text": "header-secret-77 query-secret-9"})
    everything = b"".join(path.read_bytes() for path in tmp_path.glob("*.jsonl")).decode()
    for hidden in (secret, json.dumps(secret)[1:-1], "header-secret-77", "query-secret-9"):
        assert hidden not in everything
    asked, echoed = tool_calls(records(tmp_path, "one"), "sent")[0], tool_calls(records(tmp_path, "one"), "received")[0]
    assert asked.message is not None
    assert json.loads(asked.message)["params"]["arguments"] == {"text": "*** verbose", "***": 1}
    assert echoed.message is not None
    assert json.loads(echoed.message)["result"]["content"][0]["text"] == "*** verbose"
    sent = tool_calls(records(tmp_path, "two"), "sent")[0].fields["http"]
    assert sent["headers"]["authorization"] == "***"
    assert sent["url"] == f"{peer.url}?api_key=***"


async def test_http_status_and_headers_stand_beside_messages(tmp_path: Path) -> None:
    peer = await HttpPeer(sessions=True).up()
    try:
        async with SessionManager([http(peer.url)], wire_log=WireLog(tmp_path)) as manager:
            await until_status(manager, ServerStatus.READY)
            peer.rule = lambda seen: (
                Reply(500, b"<h1>oops</h1>", "text/html", {"X-Trace": "t-1"})
                if seen.message.get("method") == "tools/call"
                else None
            )
            with pytest.raises(AppError):
                await manager.call_tool("one", "echo", {})
    finally:
        await peer.down()
    found = records(tmp_path)
    answer = named(found, "initialize", "received")[0]
    assert answer.fields["http"]["status"] == 200
    session = answer.fields["http"]["headers"]["mcp-session-id"]
    assert session.startswith("***")
    assert len(session) == 9
    accepted = only(found, lambda whole: whole.head.method == "http" and whole.fields["http"]["status"] == 202)
    assert accepted.head.request == named(found, "notifications/initialized")[0].head.order
    failed = only(found, lambda whole: whole.head.method == "http" and whole.fields["http"]["status"] == 500)
    assert failed.head.failed
    assert failed.fields["http"]["headers"]["x-trace"] == "t-1"
    assert failed.head.request == tool_calls(found, "sent")[0].head.order
    # The SDK makes up a JSON-RPC error for it: that was never on the wire.
    assert tool_calls(found, "received") == []


async def test_event_streams_are_recorded_event_by_event(tmp_path: Path) -> None:
    progress = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "half"}}
    peer = await HttpPeer().up()

    def stream(number: object) -> Reply:
        answer: dict[str, object] = {"jsonrpc": "2.0", "id": number, "result": {"content": list[object]()}}
        events = f": ping\r\n\r\ndata: {json.dumps(progress)}\r\n\r\nid: 7\ndata: {json.dumps(answer)}\n\n"
        return Reply(200, events.encode(), "text/event-stream")

    peer.rule = lambda seen: stream(seen.message["id"]) if seen.message.get("method") == "tools/call" else None
    try:
        async with SessionManager([http(peer.url)], wire_log=WireLog(tmp_path)) as manager:
            await until_status(manager, ServerStatus.READY)
            with causing("workbench"):
                await manager.call_tool("one", "echo", {})
    finally:
        await peer.down()
    found = records(tmp_path)
    asked, answer = tool_calls(found, "sent")[0], tool_calls(found, "received")[0]
    note = named(found, "notifications/message")[0]
    assert note.head.request == asked.head.order
    assert note.fields["http"]["status"] == 200
    assert answer.head.request == asked.head.order
    assert answer.head.cause == note.head.cause == "workbench"


async def test_a_broken_request_is_an_event_of_its_request(tmp_path: Path, peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url)], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        peer.rule = lambda seen: Reply(0, b'{"jsonrpc') if seen.message.get("method") == "tools/call" else None
        with pytest.raises(AppError):
            await manager.call_tool("one", "echo", {})
    found = records(tmp_path)
    broken = named(found, "http_error")[0]
    assert broken.head.failed
    assert broken.head.request == tool_calls(found, "sent")[0].head.order
    assert "RemoteProtocolError" in broken.head.name


async def test_legacy_sse_is_recorded_too(tmp_path: Path, peer: HttpPeer) -> None:
    async with SessionManager([replace(http(peer.sse_url), transport="sse")], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "echo", {"text": "over sse"})
    found = records(tmp_path)
    answer = tool_calls(found, "received")[0]
    assert answer.head.request == tool_calls(found, "sent")[0].head.order
    assert answer.message is not None
    assert "over sse" in answer.message


async def test_a_cancellation_that_never_left_is_not_in_the_log(tmp_path: Path) -> None:
    """2026-07-28 over HTTP: closing the stream is the cancellation; the SDK's frame is swallowed by its transport."""
    peer = await HttpPeer({"modern": True}).up()
    try:
        server = http(peer.url, protocol="2026-07-28")
        async with SessionManager([server], wire_log=WireLog(tmp_path)) as manager:
            await until_status(manager, ServerStatus.READY)
            with pytest.raises(AppError):
                await manager.call_tool("one", "sleep", {"seconds": 5}, timeout_s=0.3)
    finally:
        await peer.down()
    found = records(tmp_path)
    assert named(found, "notifications/cancelled") == []
    given_up = named(found, "http_error")[0]
    assert not given_up.head.failed
    assert given_up.head.request == tool_calls(found, "sent")[0].head.order


async def test_send_raw_sends_what_is_given_and_says_what_came(tmp_path: Path) -> None:
    async with SessionManager([stdio(tools=ECHO)], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        with causing("sent again from 1"):
            result = await manager.send_raw(
                "one", "tools/call", {"name": "echo", "arguments": {"text": "x", "n": None}}
            )
        assert result["content"] == [{"type": "text", "text": "x"}]
        assert await manager.send_raw("one", "ping", None) == {}
        with pytest.raises(AppError) as refused:
            await manager.send_raw("one", "tools/call", {"name": "refuse"})
        assert refused.value.info.code == "rejected"
        assert "No, thank you" in refused.value.info.detail
        with pytest.raises(AppError) as handshake:
            await manager.send_raw("one", "initialize", {})
        assert handshake.value.info.code == "bad_arguments"
    asked = tool_calls(records(tmp_path), "sent")[0]
    assert asked.head.cause == "sent again from 1"
    assert asked.message is not None
    assert json.loads(asked.message)["params"] == {"name": "echo", "arguments": {"text": "x", "n": None}}


async def test_send_raw_is_not_repeated_when_its_outcome_is_unknown(tmp_path: Path) -> None:
    async with SessionManager([stdio(tools=ECHO, spec={"trusted": True})], wire_log=WireLog(tmp_path)) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError) as lost:
            await manager.send_raw("one", "tools/call", {"name": "die"})
        assert lost.value.info.code == "outcome_unknown"
    assert len(tool_calls(records(tmp_path), "sent")) == 1


async def test_a_disk_that_refuses_harms_no_call_and_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    log = WireLog(folder)
    async with SessionManager([stdio()], wire_log=log) as manager:
        await until_status(manager, ServerStatus.READY)
        written = asyncio.Event()
        log.subscribe(written.set)
        await manager.call_tool("one", "echo", {"text": "works"})
        async with asyncio.timeout(20):
            await written.wait()
        assert log.problem is not None
        assert log.problem.code == "wire_log"
