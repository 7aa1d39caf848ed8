"""What an HTTP server can do wrong: it costs one call at most, and the reason is said."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from mcp_tui import __version__
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ServerStatus
from mcp_tui.sessions.advice.diagnosis import connect_fault
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.transport.exchange import exchanging
from mcp_tui.sessions.transport.http_client import HttpWatch, WatchedClient
from mcp_tui.sessions.wirelog.log import WireLog
from tests.sessions.conftest import PATIENCE_S, http, until, until_status, until_true
from tests.sessions.http_peer import HttpPeer, Reply, Seen

pytestmark = pytest.mark.usefixtures("quick_backoff")


def _call(seen: Seen, tool: str) -> bool:
    return seen.message.get("method") == "tools/call" and seen.message["params"]["name"] == tool


async def test_one_broken_answer_costs_one_call_and_no_other(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(0, b'{"jsonrpc": ') if _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        slow = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 1.0}))
        await until(manager, lambda server: server.calls_in_flight == 1)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        assert caught.value.info.code == "outcome_unknown"
        assert "it may have run" in caught.value.info.detail
        assert caught.value.info.kind is ErrorKind.UNREACHABLE
        assert (await slow).content[0]["text"] == "slept"
        assert manager.server("one").reconnects == 0
        assert len(peer.calls("initialize")) == 1


async def test_a_body_that_cannot_be_decoded_costs_one_call(peer: HttpPeer) -> None:
    broken = Reply(200, b"this is not gzip", headers={"Content-Encoding": "gzip"})
    peer.rule = lambda seen: broken if _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        assert caught.value.info.code == "outcome_unknown"
        assert (await manager.call_tool("one", "echo", {"text": "alive"})).content[0]["text"] == "alive"
        assert len(peer.calls("initialize")) == 1


async def test_a_call_while_the_server_is_down_waits_and_runs_once_when_it_is_back(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.READY)
        await peer.down()
        waiting = asyncio.create_task(manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S))
        await until_status(manager, ServerStatus.BACKOFF)
        assert not waiting.done()
        await peer.up()
        assert (await waiting).content[0]["text"] == "written"
        assert len(peer.calls("tools/call")) == 1
        assert manager.server("one").reconnects == 1


async def test_an_idle_server_that_went_away_is_noticed_by_the_probe(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url, probe_interval_s=0.1)]) as manager:
        server = await until(manager, lambda server: server.latency_ms is not None and server.status.usable)
        assert server.latency_ms is not None and server.latency_ms > 0
        await peer.down()
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None
        assert server.reason.code == "unreachable"
        assert server.retry_at is not None
        await peer.up()
        await until_status(manager, ServerStatus.READY)


async def test_a_server_that_is_down_at_first_is_connected_when_it_comes(peer: HttpPeer) -> None:
    await peer.down()
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None
        assert (server.reason.code, server.reason.kind) == ("unreachable", ErrorKind.UNREACHABLE)
        await peer.up()
        await until_status(manager, ServerStatus.READY)


async def test_an_outage_during_the_probe_of_the_era_is_not_taken_for_an_older_server() -> None:
    peer = await HttpPeer({"modern": True}).up()
    peer.rule = lambda seen: Reply(0) if len(peer.calls("server/discover")) == 1 else None
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert server.facts is not None
        assert server.facts.era == "modern"
        assert peer.calls("initialize") == []
    await peer.down()


async def test_an_sse_event_of_several_megabytes_is_read(peer: HttpPeer) -> None:
    size = 3_000_000

    def rule(seen: Seen) -> Reply | None:
        if not _call(seen, "big"):
            return None
        answer = peer.peer.handle(seen.message)
        return Reply(200, b"event: message\ndata: " + json.dumps(answer).encode() + b"\n\n", "text/event-stream")

    peer.rule = rule
    async with SessionManager([http(peer.url)]) as manager:
        result = await manager.call_tool("one", "big", {"bytes": size}, timeout_s=PATIENCE_S)
        assert len(result.content[0]["text"]) == size


async def test_401_asks_for_authorisation_with_what_the_server_said(peer: HttpPeer) -> None:
    challenge = 'Bearer realm="here", resource_metadata="https://as.example/meta"'
    peer.rule = lambda seen: Reply(401, headers={"WWW-Authenticate": challenge})
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert server.reason is not None
        assert (server.reason.code, server.reason.kind) == ("needs_auth", ErrorKind.AUTH)
        assert challenge in server.reason.detail
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {}, timeout_s=PATIENCE_S)
        assert (caught.value.info.code, caught.value.info.kind) == ("needs_auth", ErrorKind.AUTH)
        peer.rule = lambda seen: None
        manager.retry("one")
        await until_status(manager, ServerStatus.READY)


async def test_401_in_the_middle_asks_for_authorisation(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(401) if _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        assert caught.value.info.code == "needs_auth"
        await until_status(manager, ServerStatus.NEEDS_AUTH)


async def test_static_headers_go_with_every_request(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url, headers={"Authorization": "Bearer abc", "X-Team": "tools"})]) as manager:
        await manager.call_tool("one", "echo", {})
    assert all(seen.headers["authorization"] == "Bearer abc" for seen in peer.seen)
    assert all(seen.headers["x-team"] == "tools" for seen in peer.seen)


@pytest.mark.parametrize(("status", "kind"), [(503, ErrorKind.UNREACHABLE), (429, ErrorKind.TOOL)])
async def test_the_http_status_of_a_refused_call_is_said(peer: HttpPeer, status: int, kind: ErrorKind) -> None:
    refusal = Reply(status, b"no", "text/plain", {"Retry-After": "7"})
    peer.rule = lambda seen: refusal if _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        info = caught.value.info
        assert (info.code, info.kind) == (f"http_{status}", kind)
        assert info.hint == "Try again in 7s"
        assert manager.server("one").status is ServerStatus.READY
        assert len(peer.calls("tools/call")) == 1


async def test_a_lost_session_is_replaced_and_the_call_runs_once() -> None:
    peer = await HttpPeer(sessions=True).up()
    async with SessionManager([http(peer.url)]) as manager:
        await manager.call_tool("one", "write", {})
        peer.forget_sessions()
        result = await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
        assert result.content[0]["text"] == "written"
        assert len(peer.calls("initialize")) == 2
        sessions = [seen.headers.get("mcp-session-id") for seen in peer.calls("tools/call")]
        assert sessions == ["s1", "s1", "s2"]
    await peer.down()


async def test_a_lost_session_named_in_a_400_is_replaced_too() -> None:
    peer = await HttpPeer(sessions=True).up()
    error = {"code": -32000, "message": "Bad Request: No valid session ID provided"}
    refusal = Reply(400, json.dumps({"jsonrpc": "2.0", "error": error, "id": None}).encode())
    peer.rule = lambda seen: refusal if seen.headers.get("mcp-session-id") == "s1" and _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        assert (await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)).content[0]["text"] == "written"
        assert len(peer.calls("initialize")) == 2
    await peer.down()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(404, b"nothing here", "text/plain"), "http_404"),
        (Reply(200, b"<html>hello</html>", "text/html"), "not_mcp"),
        (Reply(202), "not_mcp"),
    ],
)
async def test_a_url_without_an_mcp_server_fails_at_once(peer: HttpPeer, reply: Reply, code: str) -> None:
    peer.rule = lambda seen: reply
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert (server.reason.code, server.reason.title) == (code, "No MCP server at this URL")


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_on_the_same_host_is_followed(peer: HttpPeer, status: int) -> None:
    """What Starlette does with a server mounted at `/mcp/`."""
    peer.rule = lambda seen: Reply(status, headers={"Location": "/mcp/"}) if seen.path == "/mcp" else None
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        await until_status(manager, ServerStatus.READY)
        assert (await manager.call_tool("one", "echo", {"text": "x"})).content[0]["text"] == "x"
        assert [seen.path for seen in peer.calls("tools/call")] == ["/mcp", "/mcp/"]


async def test_a_redirect_to_another_host_names_the_address_to_use(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(307, headers={"Location": "https://mcp.example/v1?key=secret"})
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert server.reason.hint == "If that is the server, use https://mcp.example/v1 as the URL"


async def test_a_server_that_refuses_the_handshake_is_not_said_to_be_none(peer: HttpPeer) -> None:
    error = {"code": -32600, "message": "Bad Request: tenant is missing"}
    peer.rule = lambda seen: Reply(400, json.dumps({"jsonrpc": "2.0", "id": None, "error": error}).encode())
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert server.reason.title == "The server refused the handshake"
        assert server.reason.detail == f"{peer.url} answered HTTP 400: Bad Request: tenant is missing (-32600)"


async def test_json_that_is_no_message_is_told_in_one_sentence(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(200, b"{}")
    async with SessionManager([http(peer.url, protocol="auto")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert server.reason.title == "No MCP server at this URL"
        assert server.reason.detail == f"{peer.url} answered with JSON that is no JSON-RPC message"
    peer.rule = lambda seen: Reply(200, b"{}") if _call(seen, "write") else None
    async with SessionManager([http(peer.url)]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        assert caught.value.info.detail == "The answer is no JSON-RPC message"


async def test_an_unavailable_server_is_retried_no_sooner_than_it_asks(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(503, headers={"Retry-After": "20"})
    async with SessionManager([http(peer.url)]) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None and server.retry_at is not None
        assert server.reason.code == "http_503"
        assert server.retry_at - server.since_at > 19


@pytest.mark.parametrize("url", ["htp://127.0.0.1:1/mcp", "http://", "http://[::1"])
async def test_a_bad_url_fails_at_once(url: str) -> None:
    async with SessionManager([http(url)]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert server.reason.code == "bad_url"


# ---------------------------------------------------------------------- the older transport


async def test_the_older_transport_connects_calls_and_comes_back(peer: HttpPeer) -> None:
    spec = http(peer.sse_url)
    async with SessionManager([replace(spec, transport="sse")]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert server.transport == "sse"
        assert (await manager.call_tool("one", "echo", {"text": "hi"})).content[0]["text"] == "hi"
        slow = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 2}))
        await until(manager, lambda server: server.calls_in_flight == 1)
        await until_true(lambda: len(peer.calls("tools/call")) == 2)
        await peer.down()
        with pytest.raises(AppError) as caught:
            await slow
        assert caught.value.info.code == "outcome_unknown"
        await peer.up()
        await until(manager, lambda server: server.reconnects == 1 and server.status is ServerStatus.READY)


async def test_a_post_the_older_transport_refuses_costs_one_call(peer: HttpPeer) -> None:
    peer.rule = lambda seen: Reply(500) if _call(seen, "write") else None
    async with SessionManager([replace(http(peer.sse_url), transport="sse")]) as manager:
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
        assert caught.value.info.code == "http_500"
        assert (await manager.call_tool("one", "echo", {"text": "on"})).content[0]["text"] == "on"
        assert manager.server("one").reconnects == 0


async def test_a_session_the_older_transport_does_not_know_is_replaced_and_the_call_runs_once(peer: HttpPeer) -> None:
    refusals = [Reply(404)]
    peer.rule = lambda seen: refusals.pop() if refusals and _call(seen, "write") else None
    async with SessionManager([replace(http(peer.sse_url), transport="sse")]) as manager:
        result = await manager.call_tool("one", "write", {}, timeout_s=PATIENCE_S)
        assert result.content[0]["text"] == "written"
        assert manager.server("one").reconnects == 1


async def test_an_event_of_the_older_transport_may_be_of_many_megabytes(peer: HttpPeer) -> None:
    async with SessionManager([replace(http(peer.sse_url), transport="sse")]) as manager:
        result = await manager.call_tool("one", "big", {"bytes": 20_000_000}, timeout_s=PATIENCE_S)
        assert len(result.content[0]["text"]) == 20_000_000


@pytest.mark.parametrize(
    "reply",
    [Reply(200, b"<html>hello</html>", "text/html"), Reply(404), Reply(405)],
)
async def test_a_url_without_the_older_transport_fails_at_once(reply: Reply, peer: HttpPeer) -> None:
    peer.rule = lambda seen: reply
    async with SessionManager([replace(http(peer.sse_url), transport="sse")]) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert server.reason.title == "No MCP server at this URL"


async def test_an_entry_that_may_be_of_the_older_transport_is_tried_with_both(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.sse_url, try_sse=True)]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert server.transport == "sse"
        assert [seen.verb for seen in peer.seen[:2]] == ["POST", "GET"]
    both = await HttpPeer().up()
    async with SessionManager([http(both.url, try_sse=True)]) as manager:
        assert (await until_status(manager, ServerStatus.READY)).transport == "http"
    await both.down()


async def test_cancelling_a_call_over_http_tells_the_server(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url)]) as manager:
        call = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 20}))
        await until_true(lambda: len(peer.calls("tools/call")) == 1)
        call.cancel()
        await asyncio.wait([call])
        await until_true(lambda: len(peer.calls("notifications/cancelled")) == 1)
        (sent,), (cancelled,) = peer.calls("tools/call"), peer.calls("notifications/cancelled")
        assert cancelled.message["params"]["requestId"] == sent.message["id"]


async def test_a_header_http_cannot_carry_is_said_without_its_value(peer: HttpPeer, private_environment: Path) -> None:
    spec = http(peer.url, headers={"Authorization": "Bearer s3cret-t0ken\x0b"})
    async with SessionManager([spec], wire_log=WireLog()) as manager:
        server = await until_status(manager, ServerStatus.FAILED)
        assert server.reason is not None
        assert (server.reason.code, server.reason.kind) == ("bad_url", ErrorKind.USAGE)
        assert "header" in server.reason.line()
        assert "s3cret" not in repr(server)
    written = [file for file in private_environment.rglob("*.jsonl") if "LocalProtocolError" in file.read_text()]
    assert written, "the wire log tells of it"
    assert not any("s3cret" in file.read_text() for file in private_environment.rglob("*") if file.is_file())


async def test_a_refusal_before_the_sign_in_is_not_the_reason_for_what_broke_after_it() -> None:
    answers = iter([httpx2.Response(401), httpx2.ConnectError("All connection attempts failed")])

    def answer(request: httpx2.Request) -> httpx2.Response:
        if isinstance(found := next(answers), Exception):
            raise found
        return found

    spec = http("http://127.0.0.1:1/mcp")
    async with WatchedClient(HttpWatch(), headers={}, transport=httpx2.MockTransport(answer)) as client:
        with exchanging("tools/list") as exchange:
            assert (await client.post(spec.url)).status_code == 401
            with pytest.raises(httpx2.ConnectError) as caught:
                await client.post(spec.url)
    assert connect_fault(spec, caught.value, exchange).info.code == "unreachable"


async def test_requests_name_this_program_unless_the_entry_names_another(peer: HttpPeer) -> None:
    specs = [http(peer.url, "one"), http(peer.url, "two", headers={"user-agent": "mine/1"})]
    async with SessionManager(specs) as manager:
        for spec in specs:
            await until_status(manager, ServerStatus.READY, name=spec.name)
    assert {seen.headers["user-agent"] for seen in peer.seen} == {f"mcp-tui/{__version__}", "mine/1"}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_on_the_same_host_is_followed_and_recorded(
    peer: HttpPeer, era: str, status: int, private_environment: Path
) -> None:
    peer.peer.modern = era != "legacy"

    def moved(seen: Seen) -> Reply | None:
        return Reply(status, headers={"Location": "/mcp"}) if seen.path == "/mcp/" else None

    peer.rule = moved
    async with SessionManager([http(f"{peer.url}/", protocol=era)], wire_log=WireLog()) as manager:
        assert (await manager.call_tool("one", "echo", {"text": "hi"})).content[0]["text"] == "hi"
    called = [seen.path for seen in peer.calls("tools/call")]
    assert called == ["/mcp/", "/mcp"]
    (log,) = private_environment.rglob("one.jsonl")
    sent = [line for line in log.read_text().splitlines() if '"direction":"sent"' in line and "tools/call" in line]
    assert [json.loads(line)["http"]["url"] for line in sent] == [f"{peer.url}/", peer.url]
