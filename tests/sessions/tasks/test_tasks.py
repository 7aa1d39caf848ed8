"""Tool calls that become tasks, in both eras: followed, asked, cancelled, lost, and over reconnects."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import Progress, ServerStatus
from mcp_tui.core.tasks import TaskStatus
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import until, until_status, until_true
from tests.sessions.live import (
    Era,
    Way,
    answers,
    both_eras,
    connected,
    every_way,
    live_http,
    live_stdio,
    log_of,
    text_of,
)
from tests.sessions.live_http import LiveHttp


@every_way
async def test_a_call_that_became_a_task_is_followed_to_its_result(era: Era, way: Way) -> None:
    seen: list[Progress] = []
    async with connected(era, way) as manager:
        result = await manager.call_tool("one", "long", {"seconds": 0.3}, on_progress=seen.append)
        assert text_of(result.raw) == "job done"
        assert result.duration_ms >= 250
        assert result.task is not None
        assert (result.task.status, result.task.tool) == (TaskStatus.COMPLETED, "long")
        states = [step.task for step in seen]
        assert states[0] is not None
        assert (states[0].status, states[0].message, states[0].poll_ms) == (TaskStatus.WORKING, "it is working", 50)
        assert manager.server("one").tasks == (result.task,)


async def test_a_tool_is_called_as_a_task_only_where_it_must_or_somebody_wants_it() -> None:
    async with connected("legacy", "stdio") as manager:
        assert text_of((await manager.call_tool("one", "job", {})).raw) == "job ran at once"
        asked = await manager.call_tool("one", "job", {"seconds": 0}, as_task=True)
        assert text_of(asked.raw) == "job done"
        assert asked.task is not None
        assert (await manager.call_tool("one", "plain", {})).task is None
        with pytest.raises(AppError, match="does not say that it can run as a task") as caught:
            await manager.call_tool("one", "plain", {}, as_task=True)
        assert caught.value.info.code == "no_tasks"


@both_eras
async def test_a_server_without_tasks_is_never_asked_for_one(era: Era) -> None:
    async with connected(era, "stdio", no_tasks=True) as manager:
        assert text_of((await manager.call_tool("one", "job", {})).raw) == "job ran at once"
        with pytest.raises(AppError, match="does not offer tasks"):
            await manager.call_tool("one", "job", {}, as_task=True)


async def test_the_extension_is_advertised_to_newer_servers_only(tmp_path: Path) -> None:
    capabilities: dict[str, JsonObject] = {}
    eras: tuple[Era, ...] = ("legacy", "modern")
    for era in eras:
        log = tmp_path / era
        async with SessionManager([live_stdio(era, log=str(log))]) as manager:
            await until_status(manager, ServerStatus.READY)
            await manager.call_tool("one", "plain", {})
        if era == "legacy":
            capabilities[era] = log_of(log, "initialize")[0]["params"]["capabilities"]
        else:
            meta = log_of(log, "tools/call")[0]["params"]["_meta"]
            capabilities[era] = meta["io.modelcontextprotocol/clientCapabilities"]
    assert "extensions" not in capabilities["legacy"]
    assert "tasks" not in capabilities["legacy"], "nobody may hand tasks to us"
    assert capabilities["modern"]["extensions"] == {"io.modelcontextprotocol/tasks": {}}


async def test_the_poll_interval_of_the_server_is_kept() -> None:
    async with LiveHttp(poll_ms=300, modern=True) as server, SessionManager([live_http(server, "modern")]) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "long", {"seconds": 0.7})
        polls: list[float] = server.peer.polls
        assert 2 <= len(polls) <= 4
        assert all(later - earlier >= 0.28 for earlier, later in itertools.pairwise(polls))


@both_eras
async def test_a_status_notification_saves_the_wait_for_the_next_poll(era: Era, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio(era, log=str(log), poll_ms=60_000, notify=True)]) as manager:
        await until_status(manager, ServerStatus.READY)
        result = await manager.call_tool("one", "long", {"seconds": 0.2}, timeout_s=20)
        assert text_of(result.raw) == "job done"
    assert log_of(log, "tasks/get") == []


async def test_progress_goes_on_under_the_token_of_the_call_that_started_the_task() -> None:
    seen: list[Progress] = []
    async with connected("legacy", "stdio") as manager:
        await manager.call_tool("one", "long", {"seconds": 0.6, "progress": True}, on_progress=seen.append)
    steps = [step for step in seen if step.progress > 0]
    assert len(steps) >= 3
    assert [step.progress for step in steps] == sorted(step.progress for step in steps)
    assert steps[-1].total == 100
    assert steps[-1].message.startswith("step ")
    assert steps[-1].task is not None


@every_way
async def test_a_question_of_a_task_reaches_the_person_and_the_answer_the_task(era: Era, way: Way) -> None:
    asked: list[str] = []
    answering = answers({"which": "this"}, lambda request: asked.append(f"{request.message} {request.cause}"))
    async with connected(era, way, answering=answering) as manager:
        result = await manager.call_tool("one", "long", {"seconds": 0.1, "ask": True})
        assert text_of(result.raw).startswith('job done with {"action": "accept", "content": {"which": "this"}')
    assert len(asked) == 1, "one question, however often the state was asked for meanwhile"
    assert asked[0].startswith("Which one? ")
    assert "long" in asked[0]


async def test_the_answer_to_a_question_of_an_older_task_names_the_task(tmp_path: Path) -> None:
    async with LiveHttp() as server:
        async with SessionManager([live_http(server, "legacy")], answering=answers({"which": "x"})) as manager:
            await until_status(manager, ServerStatus.READY)
            await manager.call_tool("one", "long", {"seconds": 0, "ask": True, "id": "t1"})
        given: list[dict[str, Any]] = server.peer.given
        assert [answer["result"]["_meta"] for answer in given] == [
            {"io.modelcontextprotocol/related-task": {"taskId": "t1"}}
        ]


async def test_the_deadline_of_a_task_stands_still_while_the_person_is_asked() -> None:
    async def slow(request: Any, ended: Any) -> Any:
        from mcp_tui.core.server_requests import Reply

        await asyncio.sleep(1.5)
        return Reply("accept", {"which": "late"})

    from mcp_tui.sessions.request_desk import Answering

    async with connected("modern", "stdio", answering=Answering(slow)) as manager:
        result = await manager.call_tool("one", "long", {"seconds": 0, "ask": True}, timeout_s=1.2)
        assert "late" in text_of(result.raw)


async def test_a_question_nobody_can_answer_ends_the_task(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio("modern", log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError, match="asks for what it cannot be given"):
            await manager.call_tool("one", "long", {"ask": True})
        assert len(log_of(log, "tasks/cancel")) == 1


@both_eras
async def test_a_tool_that_failed_in_a_task_is_told_apart_from_a_call_that_failed(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        result = await manager.call_tool("one", "long", {"seconds": 0, "fail": "tool"})
        assert result.is_error
        assert text_of(result.raw) == "job done"
        with pytest.raises(AppError, match="rate limit") as caught:
            await manager.call_tool("one", "long", {"seconds": 0, "fail": "rpc"})
        assert caught.value.info.code == "rejected"
        assert [task.status for task in manager.server("one").tasks][-1] is TaskStatus.FAILED


@every_way
async def test_cancelling_the_call_cancels_the_task_once(era: Era, way: Way, tmp_path: Path) -> None:
    async with connected(era, way) as manager:
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 60}))
        await until(manager, lambda server: any(task.followed for task in server.tasks))
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        (task,) = await manager.list_tasks("one")
        assert (task.status, task.followed, task.note) == (TaskStatus.CANCELLED, False, "asked to stop")


@both_eras
async def test_a_task_cancelled_from_beside_ends_the_call_that_waits_for_it(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 60, "id": "t1"}))
        await until(manager, lambda server: bool(server.tasks))
        await manager.cancel_task("one", "t1")
        with pytest.raises(AppError) as caught:
            await call
        assert caught.value.info.code == "task_cancelled"


@both_eras
async def test_a_refused_cancel_is_said_and_the_task_goes_on(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        call = asyncio.create_task(
            manager.call_tool("one", "long", {"seconds": 0.5, "id": "t1", "refuse_cancel": True})
        )
        await until(manager, lambda server: bool(server.tasks))
        with pytest.raises(AppError, match="it is too late"):
            await manager.cancel_task("one", "t1")
        assert text_of((await call).raw) == "job done"


async def test_a_server_without_cancel_says_so() -> None:
    async with connected("legacy", "stdio", no_cancel=True) as manager:
        started = await manager.call_tool("one", "long", {"seconds": 60}, detach=True)
        assert started.task is not None
        with pytest.raises(AppError, match="offers no way to cancel"):
            await manager.cancel_task("one", started.task.id)


@both_eras
async def test_a_task_past_its_deadline_is_told_to_stop(era: Era, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with SessionManager([live_stdio(era, log=str(log))]) as manager:
        await until_status(manager, ServerStatus.READY)
        with pytest.raises(AppError, match=r"did not end within 0\.5 s; the server was told to cancel it") as caught:
            await manager.call_tool("one", "long", {"seconds": 60}, timeout_s=0.5)
        assert caught.value.info.code == "timeout"
        assert len(log_of(log, "tasks/cancel")) == 1
        with pytest.raises(AppError, match="did not cancel it: Cannot cancel: it is too late"):
            await manager.call_tool("one", "long", {"seconds": 60, "refuse_cancel": True}, timeout_s=0.5)


async def test_tasks_have_a_limit_of_their_own_in_the_entry() -> None:
    spec = {"call_timeout_s": 0.2, "task_timeout_s": 20.0}
    async with connected("modern", "stdio", spec=spec) as manager:
        assert text_of((await manager.call_tool("one", "long", {"seconds": 0.6})).raw) == "job done"


@both_eras
async def test_a_task_the_server_forgot_leaves_the_outcome_unknown(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        with pytest.raises(AppError, match="knows the task no more; the call may have run") as caught:
            await manager.call_tool("one", "long", {"seconds": 60, "lose": True})
        assert caught.value.info.code == "outcome_unknown"
        (task,) = manager.server("one").tasks
        assert task.status is TaskStatus.LOST


async def test_a_result_that_expired_says_that_the_task_completed() -> None:
    async with connected("legacy", "stdio") as manager:
        with pytest.raises(AppError, match="completed, but its result is gone") as caught:
            await manager.call_tool("one", "long", {"seconds": 0.1, "expire": True})
        assert caught.value.info.code == "result_lost"


async def test_a_server_that_cannot_tell_the_state_for_a_while_is_asked_again() -> None:
    async with connected("modern", "stdio") as manager:
        result = await manager.call_tool("one", "long", {"seconds": 0.1, "sick": 2}, timeout_s=20)
        assert text_of(result.raw) == "job done"


@both_eras
@pytest.mark.usefixtures("quick_backoff")
async def test_a_task_survives_the_death_of_a_server_that_keeps_it(era: Era, tmp_path: Path) -> None:
    async with SessionManager([live_stdio(era, state_file=str(tmp_path / "tasks"))]) as manager:
        first = await until_status(manager, ServerStatus.READY)
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 1.5}))
        await until(manager, lambda server: bool(server.tasks))
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        result = await call
        assert text_of(result.raw) == "job done"
        assert manager.server("one").reconnects == 1


@both_eras
@pytest.mark.usefixtures("quick_backoff")
async def test_a_task_of_a_server_that_starts_anew_is_lost(era: Era) -> None:
    async with connected(era, "stdio") as manager:
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 60}))
        server = await until(manager, lambda server: bool(server.tasks))
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(AppError) as caught:
            await call
        assert caught.value.info.code == "outcome_unknown"


@both_eras
@pytest.mark.usefixtures("quick_backoff")
async def test_a_task_goes_on_while_its_server_cannot_be_reached(era: Era) -> None:
    async with (
        LiveHttp(modern=era == "modern") as server,
        SessionManager([live_http(server, era)]) as manager,
    ):
        await until_status(manager, ServerStatus.READY)
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 0.6}, timeout_s=30))
        await until(manager, lambda one: bool(one.tasks))
        await server.down()
        await until_status(manager, ServerStatus.BACKOFF, ServerStatus.CONNECTING)
        await server.up()
        assert text_of((await call).raw) == "job done"


@both_eras
async def test_a_task_can_be_started_and_left_and_its_result_fetched_later(era: Era) -> None:
    async with connected(era, "http") as manager:
        started = await manager.call_tool("one", "long", {"seconds": 0.3}, detach=True)
        assert started.raw == {}
        assert started.task is not None
        assert not started.task.status.ended
        listed = await manager.list_tasks("one")
        assert [task.id for task in listed] == [started.task.id]
        result = await manager.task_result("one", started.task.id)
        assert text_of(result.raw) == "job done"
        with pytest.raises(AppError, match="Task not found"):
            await manager.task_result("one", "nothing")


async def test_all_tasks_an_older_server_names_are_listed_over_its_pages() -> None:
    async with connected("legacy", "stdio") as manager:
        for number in range(5):
            await manager.call_tool("one", "long", {"seconds": 60, "id": f"t{number}"}, detach=True)
        assert [task.id for task in await manager.list_tasks("one")] == [f"t{number}" for number in range(5)]


async def test_a_server_without_tasks_has_no_list_of_them() -> None:
    async with connected("legacy", "stdio", no_tasks=True) as manager:
        with pytest.raises(AppError, match="does not offer tasks") as caught:
            await manager.list_tasks("one")
        assert caught.value.info.code == "no_tasks"


async def test_a_task_that_was_left_running_is_known_after_a_restart() -> None:
    async with LiveHttp(modern=True) as server:
        async with SessionManager([live_http(server, "modern")]) as manager:
            await until_status(manager, ServerStatus.READY)
            await manager.call_tool("one", "long", {"seconds": 0.2, "id": "t1"}, detach=True)
        async with SessionManager([live_http(server, "modern")]) as manager:
            known = await until(manager, lambda one: bool(one.tasks) and one.status.usable)
            assert (known.tasks[0].id, known.tasks[0].tool) == ("t1", "long")
            assert known.tasks[0].note == "from an earlier start, not asked for yet"
            result = await manager.task_result("one", "t1")
            assert text_of(result.raw) == "job done"
        async with SessionManager([live_http(server, "modern")]) as manager:
            assert (await until_status(manager, ServerStatus.READY)).tasks == ()


async def test_two_who_wait_for_one_task_both_hear_of_its_end() -> None:
    async with connected("modern", "stdio", poll_ms=60_000, notify=True) as manager:
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 0.5, "id": "t1"}, timeout_s=20))
        await until(manager, lambda server: bool(server.tasks))
        other = await manager.task_result("one", "t1", timeout_s=20)
        assert text_of((await call).raw) == text_of(other.raw) == "job done"


@both_eras
async def test_requests_about_a_task_carry_its_id_as_the_routing_header(era: Era) -> None:
    async with LiveHttp(modern=era == "modern") as server, SessionManager([live_http(server, era)]) as manager:
        await until_status(manager, ServerStatus.READY)
        await manager.call_tool("one", "long", {"seconds": 0.1, "id": "täsk"})
        headers = [headers for message, headers in server.seen if message.get("method") == "tasks/get"]
        assert headers
        assert all(head.get("mcp-name", "").startswith("=?base64?") for head in headers)


async def test_what_a_server_says_of_a_task_is_read_leniently() -> None:
    from mcp_tui.sessions.tasks.messages import read_task

    odd = read_task("one", {"taskId": "t", "status": "queued", "pollInterval": -5, "ttl": True}, None)
    assert (odd.status, odd.message, odd.poll_ms, odd.ttl_ms) == (TaskStatus.WORKING, "queued", None, None)
    ended = read_task("one", {"taskId": "t", "status": "completed"}, odd, tool="x")
    assert ended.ended_at is not None
    again = read_task("one", {"taskId": "t", "status": "working"}, ended)
    assert (again.status, again.tool) == (TaskStatus.COMPLETED, "x"), "an ended task stays ended"


async def test_nothing_is_left_when_the_program_ends_during_a_task(tmp_path: Path) -> None:
    log = tmp_path / "log"
    before = asyncio.all_tasks()
    async with SessionManager([live_stdio("modern", log=str(log))]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        call = asyncio.create_task(manager.call_tool("one", "long", {"seconds": 60}))
        await until(manager, lambda one: bool(one.tasks))
    with pytest.raises(AppError):
        await call
    assert server.pid is not None
    pid = server.pid
    await until_true(lambda: not Path(f"/proc/{pid}").exists())
    assert asyncio.all_tasks() <= {*before, asyncio.current_task()}
