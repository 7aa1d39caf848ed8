"""Tool calls as tasks, on the wire of both eras."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

import anyio
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.extension import ClientExtension, NotificationBinding, advertise

from mcp_tui.core.types import JsonObject
from mcp_tui.servers import hosting
from mcp_tui.servers.demo import build_server
from mcp_tui.servers.showcase.offer import Showcase
from mcp_tui.servers.task_calls import EXTENSION, RELATED_TASK
from tests.servers.conformance_server import ConformanceShowcase

DEADLINE_S = 30.0
Mode = Literal["auto", "legacy"]
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


async def send(client: Client, method: str, **params: Any) -> JsonObject:
    """The result as it stands on the wire; MCPError when it is refused. The SDK's client knows no tasks."""
    session = client.session
    data: dict[str, Any] = {"method": method, "params": params}
    session._stamp(data, {})  # pyright: ignore[reportPrivateUsage]
    dispatcher = session._dispatcher  # pyright: ignore[reportPrivateUsage]
    result: dict[str, Any] = await dispatcher.send_raw_request(method, data["params"], {"timeout": DEADLINE_S})
    result.get("_meta", {}).pop(types.SERVER_INFO_META_KEY, None)
    return result if result.get("_meta", {}) else {key: value for key, value in result.items() if key != "_meta"}


@asynccontextmanager
async def showcase(
    mode: Mode, *, conformance: bool = False, knows: bool = True, **options: Any
) -> AsyncGenerator[Client]:
    """knows: a modern client says that it knows tasks."""
    server = build_server(ConformanceShowcase() if conformance else Showcase())
    hosting.announce(server, ("tools",))
    if mode == "auto" and knows:
        options["extensions"] = [advertise(EXTENSION)]
    with anyio.fail_after(DEADLINE_S):
        async with Client(server, mode=mode, read_timeout_seconds=DEADLINE_S, **options) as client:
            yield client


async def when(client: Client, task: str, reached: Callable[[JsonObject], bool]) -> JsonObject:
    while True:
        state = await send(client, "tasks/get", taskId=task)
        if reached(state):
            return state
        await anyio.sleep(0.01)


async def ended(client: Client, task: str) -> JsonObject:
    return await when(client, task, lambda state: state["status"] in ("completed", "failed", "cancelled"))


async def waiting(client: Client, task: str) -> JsonObject:
    return await when(client, task, lambda state: state["status"] == "input_required")


def job(seconds: float, **more: Any) -> JsonObject:
    return {"name": "run_job", "arguments": {"seconds": seconds, **more}}


async def form(_: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    assert isinstance(params, types.ElicitRequestFormParams)
    return types.ElicitResult(action="accept", content={"go_on": True})


def words(result: JsonObject) -> str:
    return cast("JsonObject", result["content"][0])["text"]


# --- 2026-07-28: the server decides


async def test_a_client_that_knows_tasks_gets_one() -> None:
    async with showcase("auto") as client:
        created = await send(client, "tools/call", **job(0.05))
        assert created["resultType"] == "task"
        assert created["status"] == "working"
        assert isinstance(created["ttlMs"], int) and isinstance(created["pollIntervalMs"], int)
        # It can be found from the moment it is known.
        state = await ended(client, created["taskId"])
    assert state["status"] == "completed"
    assert words(state["result"]) == "worked for 0.05 seconds"
    assert "task" not in created and "result" not in created


async def test_a_client_that_does_not_know_tasks_waits_for_the_tool() -> None:
    async with showcase("auto", knows=False) as client:
        result = await send(client, "tools/call", **job(0))
        assert words(result) == "worked for 0 seconds"
        for method in ("tasks/get", "tasks/cancel"):
            with pytest.raises(MCPError) as refused:
                await send(client, method, taskId="x")
            assert refused.value.error.code == -32021


async def test_a_tool_that_must_be_a_task_refuses_clients_without_them() -> None:
    for mode in ("auto", "legacy"):
        async with showcase(mode, conformance=True, knows=False) as client:
            with pytest.raises(MCPError) as refused:
                await send(client, "tools/call", name="failing_job", arguments={})
            assert refused.value.error.code == (-32021 if mode == "auto" else -32601)


async def test_a_task_tells_what_it_does() -> None:
    async with showcase("auto") as client:
        created = await send(client, "tools/call", **job(60))
        state = await when(client, created["taskId"], lambda state: "statusMessage" in state)
        assert state["statusMessage"] == "step 1 of 60"
        assert await send(client, "tasks/cancel", taskId=created["taskId"]) == {"resultType": "complete"}
        assert (await ended(client, created["taskId"]))["status"] == "cancelled"
        assert await send(client, "tasks/cancel", taskId=created["taskId"]) == {"resultType": "complete"}


async def test_an_error_of_the_tool_is_a_result_and_one_of_the_call_is_not() -> None:
    async with showcase("auto", conformance=True) as client:
        tool = await send(client, "tools/call", **job(0, end="tool error"))
        call = await send(client, "tools/call", name="protocol_error_job", arguments={})
        completed, failed = await ended(client, tool["taskId"]), await ended(client, call["taskId"])
    assert (completed["status"], completed["result"]["isError"]) == ("completed", True)
    assert (failed["status"], failed["error"]["code"]) == ("failed", -32603)
    assert "result" not in failed


async def test_a_question_parks_the_task_until_it_is_answered() -> None:
    async with showcase("auto", elicitation_callback=form) as client:
        created = await send(client, "tools/call", name="run_job_with_question", arguments={})
        task = created["taskId"]
        parked = await waiting(client, task)
        assert parked["inputRequests"]["agree"]["method"] == "elicitation/create"
        with pytest.raises(MCPError):
            await send(client, "tasks/update", taskId=task, inputResponses={"agree": {"action": "perhaps"}})
        await send(client, "tasks/update", taskId=task, inputResponses={"unknown": 1})
        assert (await send(client, "tasks/get", taskId=task))["status"] == "input_required"
        await send(client, "tasks/update", taskId=task, inputResponses={"agree": {"action": "decline"}})
        state = await ended(client, task)
    assert words(state["result"]) == "not done: decline"


async def test_methods_of_the_other_era_are_not_there() -> None:
    async with showcase("auto") as client:
        for method in ("tasks/list", "tasks/result"):
            with pytest.raises(MCPError) as refused:
                await send(client, method, taskId="x")
            assert refused.value.error.code == -32601


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_unknown_tasks_are_refused(mode: Mode) -> None:
    async with showcase(mode) as client:
        for method in ("tasks/get", "tasks/cancel"):
            with pytest.raises(MCPError) as refused:
                await send(client, method, taskId="nobody")
            assert refused.value.error.code == -32602


# --- 2025-11-25: the client decides


async def test_tools_say_whether_they_can_be_tasks() -> None:
    async with showcase("legacy") as client:
        tools = [*(await client.list_tools()).tools]
        tools += (await client.list_tools(cursor=(await client.list_tools()).next_cursor)).tools
    support = {tool.name: tool.execution.task_support for tool in tools if tool.execution is not None}
    assert support == {"run_job": "optional", "run_job_with_question": "optional"}


async def test_a_legacy_client_asks_for_a_task_and_waits_for_its_result() -> None:
    heard: list[types.TaskStatusNotificationParams] = []
    completed = anyio.Event()

    class Listener(ClientExtension):
        identifier = EXTENSION

        def notifications(self) -> Sequence[NotificationBinding[Any]]:
            async def note(params: types.TaskStatusNotificationParams) -> None:
                heard.append(params)
                if params.status == "completed":
                    completed.set()

            method = "notifications/tasks/status"
            return [NotificationBinding(method=method, params_type=types.TaskStatusNotificationParams, handler=note)]

    async with showcase("legacy", extensions=[Listener()]) as client:
        task = (await send(client, "tools/call", **job(0.05), task={"ttl": 60_000}))["task"]
        assert (task["status"], task["ttl"]) == ("working", 60_000)
        result = await send(client, "tasks/result", taskId=task["taskId"])
        listed = await send(client, "tasks/list")
        await completed.wait()
    assert words(result) == "worked for 0.05 seconds"
    assert result["_meta"][RELATED_TASK] == {"taskId": task["taskId"]}
    assert [one["taskId"] for one in listed["tasks"]] == [task["taskId"]]
    assert {one.task_id for one in heard} == {task["taskId"]}


async def test_a_legacy_task_asks_while_its_result_is_awaited() -> None:
    async with showcase("legacy", elicitation_callback=form, conformance=True) as client:
        arguments = {"name": "confirm_delete", "arguments": {"filename": "log"}}
        task = (await send(client, "tools/call", **arguments, task={}))["task"]["taskId"]
        await waiting(client, task)
        result = await send(client, "tasks/result", taskId=task)
    assert words(result) == "log: deleted (not really)"


async def test_a_legacy_task_can_be_cancelled_once() -> None:
    async with showcase("legacy") as client:
        task = (await send(client, "tools/call", **job(60), task={}))["task"]["taskId"]
        assert (await send(client, "tasks/cancel", taskId=task))["status"] == "cancelled"
        with pytest.raises(MCPError) as refused:
            await send(client, "tasks/cancel", taskId=task)
        assert refused.value.error.code == -32602
        with pytest.raises(MCPError, match="cancelled"):
            await send(client, "tasks/result", taskId=task)


async def test_a_legacy_task_fails_with_the_result_of_its_tool() -> None:
    async with showcase("legacy") as client:
        task = (await send(client, "tools/call", **job(0, end="tool error"), task={}))["task"]["taskId"]
        state = await ended(client, task)
        result = await send(client, "tasks/result", taskId=task)
    assert state["status"] == "failed"
    assert result["isError"] is True


async def test_a_tool_that_is_no_task_refuses_to_be_one() -> None:
    async with showcase("legacy") as client:
        with pytest.raises(MCPError) as refused:
            await send(client, "tools/call", name="add", arguments={"a": 1, "b": 2}, task={})
        assert refused.value.error.code == -32601


@pytest.mark.parametrize("ttl", [-1, None, 10**12])
async def test_strange_lifetimes_become_sane_ones(ttl: Any) -> None:
    async with showcase("legacy") as client:
        task = (await send(client, "tools/call", **job(0), task={"ttl": ttl}))["task"]
    assert 0 < task["ttl"] <= 60 * 60 * 1000
