"""What servers ask of the person: at the desk, in both eras, over real processes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError
from mcp_tui.core.server_requests import Fate, Reply, RequestKind
from mcp_tui.core.state import CallResult, ServerStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.dialogs import MAX_OPEN, MAX_REQUIRED
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.request_desk import EVERY_KIND, RequestDesk
from mcp_tui.sessions.wirelog.cause import causing
from tests.sessions.asking import (
    FORM,
    SAMPLE,
    URL,
    answered_by,
    asking,
    desk_until,
    elicitation,
    said,
    sampling,
    waiting,
)
from tests.sessions.conftest import PATIENCE_S, http, logged, until, until_status

pytestmark = pytest.mark.usefixtures("quick_backoff")
ERAS = pytest.mark.parametrize("modern", [False, True], ids=["older era", "2026-07-28"])


@asynccontextmanager
async def desk_of(*specs: ServerSpec) -> AsyncGenerator[tuple[SessionManager, RequestDesk]]:
    desk = RequestDesk()
    async with SessionManager(specs, answering=desk.answering()) as manager:
        yield manager, desk


def call(
    manager: SessionManager, *requests: JsonObject, server: str = "one", **options: Any
) -> asyncio.Task[CallResult]:
    return asyncio.create_task(manager.call_tool(server, "request", {"requests": list(requests)}, **options))


async def ended(task: asyncio.Task[CallResult]) -> CallResult:
    async with asyncio.timeout(PATIENCE_S):
        return await task


# ---------------------------------------------------------------------- elicitation


@ERAS
async def test_a_form_is_accepted_and_says_who_asked_and_why(modern: bool) -> None:
    async with desk_of(asking(modern=modern)) as (manager, desk):
        with causing("workbench"):
            task = call(manager, elicitation())
        (request,) = await waiting(desk)
        assert (request.server, request.kind) == ("one", RequestKind.FORM)
        assert (request.cause, request.origin) == ("tools/call request", "workbench")
        assert request.round == (1 if modern else 0)
        assert request.params == FORM
        desk.accept(request.id, {"name": "Ann"})
        assert said(await ended(task)) == [{"action": "accept", "content": {"name": "Ann"}}]
        (settled,) = desk.settled()
        assert (settled.fate, settled.by, settled.reply) == (Fate.ANSWERED, "by hand", Reply("accept", {"name": "Ann"}))


@ERAS
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_form_is_declined_or_cancelled(modern: bool, action: str) -> None:
    async with desk_of(asking(modern=modern)) as (manager, desk):
        task = call(manager, elicitation())
        (request,) = await waiting(desk)
        (desk.decline if action == "decline" else desk.cancel)(request.id)
        desk.accept(request.id, {"name": "too late"})
        assert said(await ended(task)) == [{"action": action}]


async def test_what_the_protocol_cannot_carry_is_refused_and_the_question_stays() -> None:
    async with desk_of(asking()) as (manager, desk):
        task = call(manager, elicitation())
        (request,) = await waiting(desk)
        for bad in ({"a": {"b": 1}}, {"a": [1]}, {"a": "\ud800"}, {"a": float("nan")}, None):
            with pytest.raises(AppError):
                desk.accept(request.id, bad)
        desk.accept(request.id, {"a": None, "b": ["x"], "c": 1.5, "d": True})
        assert said(await ended(task))[0]["content"] == {"a": None, "b": ["x"], "c": 1.5, "d": True}


@ERAS
async def test_an_address_is_accepted_without_content(modern: bool) -> None:
    params = {key: value for key, value in URL.items() if not (modern and key == "elicitationId")}
    async with desk_of(asking(modern=modern)) as (manager, desk):
        task = call(manager, elicitation(params))
        (request,) = await waiting(desk)
        assert (request.kind, request.url, request.waits_for_finish) == (RequestKind.URL, URL["url"], modern)
        desk.accept(request.id, {"ignored": True})
        assert said(await ended(task)) == [{"action": "accept"}]


async def test_the_server_tells_that_what_was_begun_in_the_browser_is_done() -> None:
    async with desk_of(asking()) as (manager, desk):
        task = call(manager, elicitation(URL))
        (request,) = await waiting(desk)
        desk.accept(request.id)
        await ended(task)
        assert desk.settled()[0].completed is False
        await manager.call_tool("one", "finish", {"id": "unknown"})
        await manager.call_tool("one", "finish", {"id": "e1"})
        await desk_until(desk, lambda: desk.settled()[0].completed is True)


async def test_a_call_refused_until_an_address_was_visited_is_made_again() -> None:
    async with desk_of(asking()) as (manager, desk):
        arguments = {"elicitations": [URL]}
        task = asyncio.create_task(manager.call_tool("one", "refuse", arguments))
        (request,) = await waiting(desk)
        assert (request.required, request.cause, request.url) == (True, "tools/call refuse", URL["url"])
        await manager.call_tool("one", "finish", {"id": "e1"})
        assert (await ended(task)).content[0]["text"] == "done"


async def test_a_call_refused_until_an_address_was_visited_fails_when_the_person_declines() -> None:
    async with desk_of(asking()) as (manager, desk):
        task = asyncio.create_task(manager.call_tool("one", "refuse", {"elicitations": [URL]}))
        (request,) = await waiting(desk)
        desk.decline(request.id)
        with pytest.raises(AppError, match="Visit this first"):
            await ended(task)


async def test_a_call_that_is_refused_for_ever_ends() -> None:
    async with desk_of(asking()) as (manager, desk):
        task = asyncio.create_task(manager.call_tool("one", "refuse", {"elicitations": [URL], "times": 1000}))

        def visit() -> None:
            for request in desk.pending():
                desk.accept(request.id)

        desk.subscribe(visit)
        with pytest.raises(AppError, match="Visit this first"):
            await ended(task)
        assert len(desk.settled()) == MAX_REQUIRED


# ---------------------------------------------------------------------- sampling


ANSWER: JsonObject = {
    "role": "assistant",
    "content": {"type": "text", "text": "Hello"},
    "model": "by hand",
    "stopReason": "endTurn",
}


@ERAS
async def test_sampling_is_answered(modern: bool) -> None:
    async with desk_of(asking(modern=modern)) as (manager, desk):
        task = call(manager, sampling())
        (request,) = await waiting(desk)
        assert (request.kind, request.params) == (RequestKind.SAMPLING, SAMPLE)
        desk.accept(request.id, ANSWER)
        assert said(await ended(task)) == [ANSWER]


@ERAS
async def test_sampling_with_tools_may_be_answered_with_their_use(modern: bool) -> None:
    tools = [{"name": "look", "inputSchema": {"type": "object"}}]
    use: JsonObject = {"type": "tool_use", "id": "1", "name": "look", "input": {"where": None}}
    answer: JsonObject = {**ANSWER, "content": [use], "stopReason": "toolUse"}
    async with desk_of(asking(modern=modern)) as (manager, desk):
        task = call(manager, sampling(tools=tools, toolChoice={"mode": "auto"}))
        (request,) = await waiting(desk)
        assert request.params["tools"] == tools
        desk.accept(request.id, answer)
        assert said(await ended(task)) == [answer]


async def test_the_use_of_tools_nobody_offered_is_refused() -> None:
    use: JsonObject = {"type": "tool_use", "id": "1", "name": "look", "input": {}}
    async with desk_of(asking()) as (manager, desk):
        task = call(manager, sampling())
        (request,) = await waiting(desk)
        for bad in ({**ANSWER, "content": [use]}, {**ANSWER, "content": use}, {**ANSWER, "model": ""}, {"role": "x"}):
            with pytest.raises(AppError):
                desk.accept(request.id, bad)
        desk.decline(request.id)
        assert said(await ended(task)) == [{"code": -1, "message": "User rejected sampling request"}]


async def test_declined_sampling_ends_the_call_in_the_newer_era() -> None:
    async with desk_of(asking(modern=True)) as (manager, desk):
        task = call(manager, sampling())
        (request,) = await waiting(desk)
        desk.decline(request.id)
        with pytest.raises(AppError, match="asked of a model was declined"):
            await ended(task)


@pytest.mark.parametrize("protocol", ["legacy", "2026-07-28"])
async def test_over_http_too_each_request_names_its_call(protocol: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = (sys.executable, "-m", "mcp_tui.servers.demo", "--showcase", "--http", address)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
    try:
        # It is tried again until the server listens.
        async with desk_of(http(f"http://{address}/mcp", protocol=protocol)) as (manager, desk):
            await until_status(manager, ServerStatus.READY)
            tools = ("ask_form", "ask_model", "ask_to_visit")
            calls = [asyncio.create_task(manager.call_tool("one", tool, {})) for tool in tools]
            requests = await waiting(desk, 3)
            assert {(request.kind.value, request.cause) for request in requests} == {
                ("form", "tools/call ask_form"),
                ("sampling", "tools/call ask_model"),
                ("url", "tools/call ask_to_visit"),
            }
            for request in requests:
                if request.kind is RequestKind.SAMPLING:
                    desk.accept(request.id, ANSWER)
                else:
                    desk.decline(request.id)
            texts = [(await ended(task)).content[0]["text"] for task in calls]
            assert "decline" in texts[0]
            assert "Hello" in texts[1]
    finally:
        process.terminate()
        await process.wait()


# ---------------------------------------------------------------------- endings


@ERAS
async def test_a_cancelled_call_takes_its_question_back(modern: bool) -> None:
    async with desk_of(asking(modern=modern)) as (manager, desk):
        task = call(manager, elicitation())
        await waiting(desk)
        task.cancel()
        await waiting(desk, 0)
        await desk_until(desk, lambda: desk.settled() != ())
        assert desk.settled()[0].fate is Fate.WITHDRAWN
        if not modern:
            assert desk.settled()[0].why == "its call ended"


async def test_the_server_takes_its_question_back() -> None:
    async with desk_of(asking()) as (manager, desk):
        task = asyncio.create_task(manager.call_tool("one", "take_back", {"requests": [elicitation()]}))
        await waiting(desk)
        await manager.call_tool("one", "poke", {})
        await ended(task)
        await desk_until(desk, lambda: desk.settled() != ())
        assert (desk.settled()[0].fate, desk.settled()[0].why) == (Fate.WITHDRAWN, "the server took it back")


async def test_a_server_that_dies_takes_its_question_with_it_and_comes_back() -> None:
    async with desk_of(asking(), asking("two")) as (manager, desk):
        await until_status(manager, ServerStatus.READY, name="two")
        task = asyncio.create_task(manager.call_tool("one", "die", {"requests": [elicitation()]}))
        await waiting(desk)
        with contextlib.suppress(AppError):  # its answer may or may not come before the end
            await manager.call_tool("one", "poke", {})
        with pytest.raises(AppError):
            await ended(task)
        await desk_until(desk, lambda: desk.settled() != ())
        assert (desk.settled()[0].fate, desk.settled()[0].why) == (Fate.WITHDRAWN, "the connection was lost")
        assert manager.server("two").reconnects == 0
        await until(manager, lambda server: server.status is ServerStatus.READY and server.reconnects == 1)


async def test_the_deadline_of_another_call_of_the_newer_era_runs_on() -> None:
    async with desk_of(asking(modern=True)) as (manager, desk):
        open_call = call(manager, elicitation(), timeout_s=1.0)
        await waiting(desk)
        with pytest.raises(AppError, match=r"No answer within 0\.3 s"):
            await manager.call_tool("one", "take_back", {"requests": [elicitation()]}, timeout_s=0.3)
        await asyncio.sleep(1.0)  # longer than its own deadline, which stands still
        desk.decline(next(request.id for request in desk.pending() if request.cause.endswith("request")))
        assert said(await ended(open_call)) == [{"action": "decline"}]


# ---------------------------------------------------------------------- many


async def test_a_flood_is_declined_beyond_the_bound_and_named() -> None:
    async with desk_of(asking(), asking("two")) as (manager, desk):
        task = call(manager, *[elicitation() for _ in range(50)])
        await waiting(desk, MAX_OPEN)
        warning = f"more than {MAX_OPEN} things at once; the rest was declined. ({50 - MAX_OPEN} times)"
        await until(manager, lambda server: any(warning in said for said in server.warnings))
        other = call(manager, elicitation(), server="two")
        await waiting(desk, MAX_OPEN + 1)
        for request in desk.pending():
            desk.accept(request.id, {"name": "Ann"})
        answers = [answer["action"] for answer in said(await ended(task))]
        assert (answers.count("accept"), answers.count("decline")) == (MAX_OPEN, 50 - MAX_OPEN)
        assert said(await ended(other))[0]["action"] == "accept"


async def test_two_servers_ask_at_once_and_are_answered_in_any_order() -> None:
    async with desk_of(asking("old"), asking("new", modern=True)) as (manager, desk):
        old = call(manager, elicitation(), server="old")
        await waiting(desk)
        new = call(manager, elicitation(), sampling(), server="new")
        requests = await waiting(desk, 3)
        assert [request.server for request in requests] == ["old", "new", "new"]
        for request in reversed(requests):
            desk.accept(request.id, ANSWER if request.kind is RequestKind.SAMPLING else {"name": request.server})
        assert said(await ended(old))[0]["content"] == {"name": "old"}
        assert [answer.get("role") or answer["content"] for answer in said(await ended(new))] == [
            {"name": "new"},
            "assistant",
        ]


async def test_the_request_state_comes_back_byte_for_byte(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with desk_of(asking(modern=True, log=str(log))) as (manager, desk):
        task = call(manager, elicitation())
        (request,) = await waiting(desk)
        desk.decline(request.id)
        await ended(task)
        assert logged(log, "tools/call")[1]["params"]["requestState"] == " \u00e9\U0001f600 opaque "


# ---------------------------------------------------------------------- what servers are told


@ERAS
@pytest.mark.parametrize(
    ("offers", "told"),
    [
        (EVERY_KIND, {"elicitation": {"form": {}, "url": {}}, "sampling": {"tools": {}}}),
        (frozenset({RequestKind.FORM}), {"elicitation": {"form": {}}}),
        (frozenset({RequestKind.SAMPLING}), {"sampling": {"tools": {}}}),
        (frozenset[RequestKind](), {}),
    ],
)
async def test_capabilities_are_what_can_be_answered(
    tmp_path: Path, modern: bool, offers: frozenset[RequestKind], told: JsonObject
) -> None:
    log = tmp_path / "log"
    answering = answered_by(lambda server, params: {"action": "decline"}, offers)
    async with SessionManager([asking(modern=modern, log=str(log))], answering=answering) as manager:
        await until_status(manager, ServerStatus.READY)
        # Asked all the same: declined, and the call goes on.
        assert said(await manager.call_tool("one", "request", {"requests": [elicitation()]})) == [{"action": "decline"}]
    assert _capabilities(log, modern=modern) == told


def _capabilities(log: Path, *, modern: bool) -> Any:
    """What the server was told of requests it may make."""
    if modern:
        told = logged(log, "tools/call")[0]["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    else:
        told = logged(log, "initialize")[0]["params"]["capabilities"]
    return {name: told[name] for name in ("elicitation", "sampling", "roots") if name in told}


async def test_without_anybody_to_answer_the_server_gets_an_error() -> None:
    async with SessionManager([asking()]) as manager:
        (answer,) = said(await manager.call_tool("one", "request", {"requests": [sampling()]}))
        assert answer["code"] == -32600


# ---------------------------------------------------------------------- roots


@ERAS
async def test_roots_are_listed_and_the_history_says_so(tmp_path: Path, modern: bool) -> None:
    log = tmp_path / "log"
    roots = ("file:///srv/shop", "file:///srv/a%20b")
    async with desk_of(asking(modern=modern, roots=roots, log=str(log))) as (manager, desk):
        (answer,) = said(await manager.call_tool("one", "request", {"requests": [{"method": "roots/list"}]}))
        assert answer["roots"] == [{"uri": roots[0], "name": "shop"}, {"uri": roots[1], "name": "a b"}]
        (settled,) = desk.settled()
        assert (settled.request.kind, settled.by) == (RequestKind.ROOTS, "configuration")
    assert _capabilities(log, modern=modern)["roots"] == ({} if modern else {"listChanged": True})


async def test_changed_roots_are_announced_without_connecting_again() -> None:
    spec = asking(roots=("file:///srv/shop",))
    async with desk_of(spec) as (manager, _):
        await until_status(manager, ServerStatus.READY)
        assert not manager.reconfigure([replace(spec, roots=("file:///srv/other",))])
        async with asyncio.timeout(PATIENCE_S):
            # The scripted server tells only when asked.
            while "notifications/roots/list_changed" not in said(await manager.call_tool("one", "heard", {})):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        (answer,) = said(await manager.call_tool("one", "request", {"requests": [{"method": "roots/list"}]}))
        assert [root["uri"] for root in answer["roots"]] == ["file:///srv/other"]
        assert manager.server("one").reconnects == 0


async def test_the_first_roots_connect_again_because_they_were_not_offered() -> None:
    spec = asking()
    async with desk_of(spec) as (manager, _):
        await until_status(manager, ServerStatus.READY)
        assert manager.reconfigure([replace(spec, roots=("file:///srv/shop",))]).changed == ("one",)
        await until(manager, lambda server: server.status is ServerStatus.READY and server.reconnects == 1)
        (answer,) = said(await manager.call_tool("one", "request", {"requests": [{"method": "roots/list"}]}))
        assert len(answer["roots"]) == 1


# ---------------------------------------------------------------------- the desk alone


async def test_the_history_is_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.sessions.request_desk.MAX_SETTLED", 3)
    async with desk_of(asking()) as (manager, desk):
        for number in range(4):
            big = {**FORM, "message": f"{number} " + "x" * (3_000_000 if number == 3 else 1)}
            task = call(manager, elicitation(big))
            (request,) = await waiting(desk)
            desk.decline(request.id)
            await ended(task)
        newest, *older = desk.settled()
        assert len(older) == 2
        assert newest.request.params["note"] == "too large to be kept"
        assert newest.request.message.startswith("3 ")
