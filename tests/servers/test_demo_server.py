"""The demo server as a real child process, through the SDK's client, in both protocol eras."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncGenerator
from typing import Any, Literal, cast

import anyio
import pytest
import pytest_asyncio
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    LoggingMessageNotificationParams,
    PromptReference,
    ResourceLink,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)

from mcp_tui.core.types import JsonObject
from mcp_tui.servers import lighthouse
from tests.servers.pngs import decode

Mode = Literal["auto", "legacy"]
DEADLINE_S = 30.0
PARAMETERS = StdioServerParameters(command=sys.executable, args=["-m", "mcp_tui.servers.demo"])
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The older protocol's log messages are deprecated in the SDK, and still served.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncGenerator[Client]:
    """Entered and left by one task of its own, as the client's cancel scopes demand."""
    ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def own() -> None:
        async with Client(stdio_client(PARAMETERS), mode=request.param, read_timeout_seconds=DEADLINE_S) as entered:
            ready.set_result(entered)
            await leave.wait()

    owner = asyncio.create_task(own())
    done, _ = await asyncio.wait((ready, owner), timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
    assert ready in done, owner.exception() if owner.done() else "no connection in time"
    yield ready.result()
    leave.set()
    async with asyncio.timeout(DEADLINE_S):
        await owner


async def call(client: Client, name: str, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(DEADLINE_S):
        return await client.call_tool(name, arguments)


def text(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


def data(result: CallToolResult) -> JsonObject:
    assert not result.is_error, text(result)
    content = cast(object, result.structured_content)
    assert isinstance(content, dict)
    return cast(JsonObject, content)


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_each_era_is_negotiated(mode: Mode, version: str) -> None:
    with anyio.fail_after(DEADLINE_S):
        async with Client(stdio_client(PARAMETERS), mode=mode) as client:
            assert client.protocol_version == version


async def test_server_says_what_it_is(client: Client) -> None:
    assert client.server_info is not None
    assert client.server_info.name == "lighthouse"
    assert "demo" in (client.server_info.title or "")
    assert "search_logs" in (client.instructions or "")


async def test_hints_say_what_reads_and_what_destroys(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert len(tools) == 10
    hints = {name: tool.annotations for name, tool in tools.items()}
    assert all(hint is not None and hint.title for hint in hints.values())
    writing = {name for name, hint in hints.items() if hint is not None and not hint.read_only_hint}
    assert writing == {"restart_service", "create_ticket"}
    assert [name for name, hint in hints.items() if hint is not None and hint.destructive_hint] == ["restart_service"]
    for tool in tools.values():
        assert tool.description
        Draft202012Validator.check_schema(tool.input_schema)


def problems(schema: JsonObject, value: JsonObject) -> list[str]:
    found = Draft202012Validator(schema).iter_errors(value)  # pyright: ignore[reportUnknownMemberType]  # loose stubs
    return [error.message for error in found]


CALLS: list[tuple[str, JsonObject]] = [
    ("current_time", {"timezone": "Europe/Oslo"}),
    ("add", {"a": 0.5, "b": -3}),
    ("search_logs", {"query": "pool", "level": "warning", "limit": 2, "since": "14:00"}),
    ("query_metrics", {"metric": "latency_p95", "window": "24h", "group_by": ["service", "region"]}),
    ("query_metrics", {"metric": "requests", "group_by": []}),
    ("get_order", {"order_id": "LH-1043"}),
    ("slow_report", {"seconds": 0}),
    (
        "create_ticket",
        {
            "title": "Payments",
            "body": "They fail.",
            "priority": "urgent",
            "labels": ["a"],
            "assignee": None,
            "details": {"service": "checkout", "since": "14:06", "orders": ["LH-1043"], "impact": {"customers": 3}},
        },
    ),
    ("restart_service", {"service": "web", "reason": "to try it out", "force": True}),
]


@pytest.mark.parametrize(("name", "arguments"), CALLS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(CALLS)])
async def test_results_match_the_schemas_they_announce(client: Client, name: str, arguments: JsonObject) -> None:
    tool = next(tool for tool in (await client.list_tools()).tools if tool.name == name)
    assert problems(tool.input_schema, arguments) == []
    result = await call(client, name, **arguments)
    assert tool.output_schema is not None
    assert problems(tool.output_schema, data(result)) == []
    assert text(result)


async def test_add_keeps_whole_numbers_whole(client: Client) -> None:
    result = await call(client, "add", a=2, b=3)
    assert text(result) == "5"
    assert data(result) == {"sum": 5}
    assert text(await call(client, "add", a=1.5, b=1)) == "2.5"


async def test_sum_beyond_numbers_is_an_error(client: Client) -> None:
    result = await call(client, "add", a=1.7e308, b=1.7e308)
    assert result.is_error
    assert "too large" in text(result)


@pytest.mark.parametrize("zone", ["Mars/Base", "../etc/passwd", "Europe", ""])
async def test_unknown_time_zones_are_an_error_to_act_on(client: Client, zone: str) -> None:
    result = await call(client, "current_time", timezone=zone)
    if zone:
        assert result.is_error
        assert "IANA" in text(result)
    else:
        assert "UTC" in text(result)


async def test_log_search_obeys_every_filter(client: Client) -> None:
    found = data(await call(client, "search_logs", query="CHECKOUT failed", level="error", limit=3, since="14:20"))
    assert found["shown"] == len(found["entries"]) == 3
    assert found["matched"] > 3
    times = [entry["time"] for entry in found["entries"]]
    assert times == sorted(times, reverse=True)
    assert all(entry["level"] == "error" and entry["time"] >= "14:20" for entry in found["entries"])
    assert data(await call(client, "search_logs", query="no such words"))["entries"] == []


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("search_logs", {"level": "loud"}, "level"),
        ("search_logs", {"limit": 0}, "limit"),
        ("search_logs", {"since": "noon"}, "since"),
        ("query_metrics", {}, "metric"),
        ("draw_chart", {"values": []}, "values"),
        ("create_ticket", {"title": "abc", "body": "x", "details": {"service": "moon"}}, "service"),
        ("restart_service", {"service": "checkout"}, "reason"),
        ("get_order", {"order_id": "LH-1"}, "orders run from"),
    ],
)
async def test_wrong_arguments_are_named(client: Client, name: str, arguments: JsonObject, words: str) -> None:
    result = await call(client, name, **arguments)
    assert result.is_error
    assert words in text(result)


async def test_order_has_nested_data_and_a_link_that_can_be_read(client: Client) -> None:
    result = await call(client, "get_order", order_id=" lh-1043 ")
    order = data(result)
    assert order["customer"]["address"]["city"]
    assert order["payment"] == {"status": "failed", "reason": "no free payment connection"}
    total = sum(line["quantity"] * line["unit_price"] for line in order["lines"])
    assert abs(order["total"] - total) < 0.01
    link = next(item for item in result.content if isinstance(item, ResourceLink))
    contents = (await client.read_resource(link.uri)).contents[0]
    assert isinstance(contents, TextResourceContents)
    assert json.loads(contents.text) == order


async def test_failed_orders_are_those_of_the_log(client: Client) -> None:
    found = data(await call(client, "search_logs", query="order=", level="error", limit=100))
    failed = {entry["message"].rpartition("order=")[2] for entry in found["entries"]}
    assert failed
    assert failed == {order.id for order in lighthouse.orders().values() if not order.paid}


async def test_chart_is_a_valid_png_and_text(client: Client) -> None:
    result = await call(client, "draw_chart", values=[1, 4, 2], title="Three", kind="line")
    assert text(result) == "Three: line chart of 3 values, from 1 to 4"
    image = next(item for item in result.content if isinstance(item, ImageContent))
    assert image.mime_type == "image/png"
    assert decode(base64.b64decode(image.data, validate=True))[:2] == (480, 220)


async def test_restart_brings_the_error_rate_down_and_is_recorded(client: Client) -> None:
    async def latest() -> float:
        result = data(await call(client, "query_metrics", metric="error_rate", window="5m"))
        return next(one["latest"] for one in result["series"] if one["group"]["service"] == "checkout")

    assert await latest() > 5
    restarted = data(await call(client, "restart_service", service="checkout", reason="pool is empty"))
    assert restarted["status"] == "running"
    assert await latest() < 1
    contents = (await client.read_resource("lighthouse://activity", cache_mode="bypass")).contents[0]
    assert isinstance(contents, TextResourceContents)
    assert "checkout restarted: pool is empty" in contents.text


async def test_slow_report_tells_its_progress(client: Client) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total, message))

    with anyio.fail_after(DEADLINE_S):
        result = await client.call_tool("slow_report", {"seconds": 0.1, "steps": 4}, progress_callback=note)
    assert "errors" in text(result)
    assert [done for done, _, _ in seen] == [1, 2, 3, 4]
    assert {total for _, total, _ in seen} == {4}
    assert seen[0][2] == "read web"


async def test_cancelled_report_stops_in_the_server(client: Client) -> None:
    begun = anyio.Event()

    async def note(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    with anyio.fail_after(DEADLINE_S):
        async with anyio.create_task_group() as group:

            async def report() -> None:
                await client.call_tool("slow_report", {"seconds": 100, "steps": 100}, progress_callback=note)

            group.start_soon(report)
            await begun.wait()
            group.cancel_scope.cancel()
        while True:
            contents = (await client.read_resource("lighthouse://activity", cache_mode="bypass")).contents[0]
            assert isinstance(contents, TextResourceContents)
            if "report cancelled after" in contents.text:
                break


async def test_fail_fails(client: Client) -> None:
    result = await call(client, "fail", message="boom")
    assert result.is_error
    assert text(result) == "boom"


async def test_every_resource_can_be_read(client: Client) -> None:
    resources = {str(resource.uri): resource for resource in (await client.list_resources()).resources}
    kinds = {uri: resource.mime_type for uri, resource in resources.items()}
    assert kinds == {
        "lighthouse://runbook": "text/markdown",
        "lighthouse://logs/today": "text/plain",
        "lighthouse://config": "application/json",
        "lighthouse://charts/error-rate": "image/png",
        "lighthouse://activity": "text/plain",
    }
    for uri, resource in resources.items():
        contents = (await client.read_resource(uri)).contents
        assert len(contents) == 1
        assert contents[0].mime_type == resource.mime_type
        if isinstance(contents[0], BlobResourceContents):
            decode(base64.b64decode(contents[0].blob, validate=True))
        else:
            assert contents[0].text
            if resource.mime_type == "application/json":
                assert json.loads(contents[0].text)["shop"] == "Lighthouse"


async def test_unknown_resources_are_not_found(client: Client) -> None:
    for uri in ("lighthouse://nowhere", "lighthouse://orders/LH-1"):
        with pytest.raises(MCPError) as caught:
            await client.read_resource(uri)
        assert caught.value.error.code in (-32602, -32002)


async def test_order_ids_are_completed(client: Client) -> None:
    template = (await client.list_resource_templates()).resource_templates[0]
    reference = ResourceTemplateReference(type="ref/resource", uri=template.uri_template)
    found = (await client.complete(reference, {"name": "order_id", "value": "lh-104"})).completion
    assert found.values == [f"LH-{number}" for number in range(1040, 1050)]
    assert found.total == 10
    contents = (await client.read_resource(f"lighthouse://orders/{found.values[0]}")).contents[0]
    assert isinstance(contents, TextResourceContents)
    assert json.loads(contents.text)["id"] == "LH-1040"


@pytest.mark.parametrize(
    ("prompt", "argument", "typed", "values"),
    [
        ("debug_incident", "service", "c", ["catalog", "checkout"]),
        ("debug_incident", "severity", "", ["low", "medium", "high", "critical"]),
        ("write_summary", "audience", "EX", ["executives"]),
        ("write_summary", "nothing", "", []),
        ("unknown", "service", "", []),
    ],
)
async def test_prompt_arguments_are_completed(
    client: Client, prompt: str, argument: str, typed: str, values: list[str]
) -> None:
    reference = PromptReference(type="ref/prompt", name=prompt)
    assert (await client.complete(reference, {"name": argument, "value": typed})).completion.values == values


async def test_prompts_carry_their_arguments(client: Client) -> None:
    prompts = {prompt.name: prompt for prompt in (await client.list_prompts()).prompts}
    required = {
        name: {argument.name: bool(argument.required) for argument in prompt.arguments or []}
        for name, prompt in prompts.items()
    }
    assert required == {
        "debug_incident": {"service": True, "severity": False},
        "write_summary": {"audience": True},
    }
    assert all(argument.description for prompt in prompts.values() for argument in prompt.arguments or [])
    messages = (await client.get_prompt("debug_incident", {"service": "checkout", "severity": "low"})).messages
    assert isinstance(messages[0].content, TextContent)
    assert "`checkout` has a problem of low severity" in messages[0].content.text
    assert isinstance(messages[1].content, EmbeddedResource)
    summary = (await client.get_prompt("write_summary", {"audience": "customers"})).messages[0].content
    assert isinstance(summary, TextContent)
    assert "summary for customers" in summary.text
    with pytest.raises(MCPError):
        await client.get_prompt("debug_incident", {})


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_log_messages_reach_a_client_that_wants_them(mode: Mode) -> None:
    seen: list[LoggingMessageNotificationParams] = []
    done = anyio.Event()

    async def log(params: LoggingMessageNotificationParams) -> None:
        seen.append(params)
        if params.data == "report done":
            done.set()

    with anyio.fail_after(DEADLINE_S):
        async with Client(stdio_client(PARAMETERS), mode=mode, logging_callback=log, log_level="info") as client:
            if mode == "legacy":
                await client.set_logging_level("info")  # pyright: ignore[reportDeprecated]  # the older protocol
            await client.call_tool("slow_report", {"seconds": 0, "steps": 2})
            await done.wait()
    assert [message.data for message in seen] == ["report started, 2 steps", "report done"]
    assert {message.level for message in seen} == {"info"}


async def test_writing_updates_the_activity_resource_for_listeners() -> None:
    with anyio.fail_after(DEADLINE_S):
        async with (
            Client(stdio_client(PARAMETERS)) as client,
            client.listen(resource_subscriptions=["lighthouse://activity"]) as events,
        ):
            await client.call_tool("create_ticket", {"title": "Lamps", "body": "All dark."})
            event = await anext(aiter(events))
            assert "lighthouse://activity" in str(event)
