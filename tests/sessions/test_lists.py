"""Discovery: pages, caps, malformed entries, changes."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import CatalogDiff, ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import http, stdio, until, until_status, until_true
from tests.sessions.http_peer import HttpPeer
from tests.sessions.servers.peer import tool
from tests.sessions.wirelog.records import named, records

GOOD = tool("good", title="Good", annotations={"readOnlyHint": True, "title": "Other"})

pytestmark = pytest.mark.usefixtures("quick_backoff")


async def test_five_thousand_tools_on_fifty_pages_are_all_found() -> None:
    async with SessionManager([stdio(pages=50, per_page=100)]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert [item.name for item in server.catalog.tools] == [f"t{number}" for number in range(5000)]
        assert server.catalog.warnings == ()
        assert len({item.digest for item in server.catalog.tools}) == 5000


async def test_a_cursor_that_comes_back_ends_the_list_with_a_warning() -> None:
    async with SessionManager([stdio(endless=True)]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert [item.name for item in server.catalog.tools] == [f"t{number}" for number in range(7)]
        assert "the same cursor" in server.catalog.warnings[0]


async def test_a_schema_only_the_older_revisions_restrict_is_left_out_there_and_kept_here() -> None:
    bad = tool("bad", inputSchema={"type": "object", "required": "a"})
    async with SessionManager([stdio("old", tools=[bad]), stdio("new", tools=[bad], modern=True)]) as manager:
        old = await until_status(manager, ServerStatus.READY, name="old")
        new = await until_status(manager, ServerStatus.READY, name="new")
        assert old.catalog.tools == ()
        assert '"bad" was left out: inputSchema.required' in old.catalog.warnings[0]
        assert [item.name for item in new.catalog.tools] == ["bad"]


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (tool("bad", inputSchema=None), '"bad" was left out: inputSchema'),
        ({"name": "bad"}, '"bad" was left out: inputSchema'),
        (tool("x") | {"name": 5}, "without a name was left out: name"),
        ("not an object", "number 2 was left out"),
        (GOOD, '"good" is listed twice'),
    ],
)
async def test_a_malformed_tool_is_left_out_and_named_and_the_others_stay(bad: Any, said: str, modern: bool) -> None:
    async with SessionManager([stdio(tools=[GOOD, bad, tool("last")], modern=modern)]) as manager:
        server = await until_status(manager, ServerStatus.READY, ServerStatus.DEGRADED)
        assert server.status is ServerStatus.READY
        assert [item.name for item in server.catalog.tools] == ["good", "last"]
        assert len(server.catalog.warnings) == 1
        assert said in server.catalog.warnings[0]
        assert (await manager.call_tool("one", "last", {})).content[0]["text"] == "called last"


async def test_a_malformed_optional_field_is_ignored_and_named() -> None:
    odd = tool("odd", annotations={"readOnlyHint": {"no": 1}}, title=["x"])
    async with SessionManager([stdio(tools=[odd])]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        (found,) = server.catalog.tools
        assert (found.name, found.title, found.hints.read_only) == ("odd", "odd", None)
        assert "annotations.readOnlyHint" in server.catalog.warnings[0]
        assert "title" in server.catalog.warnings[0]


async def test_definitions_keep_their_wire_keys_and_unknown_fields() -> None:
    raw = {**GOOD, "_meta": {"x": 1}, "outputSchema": {"type": "object"}, "futureField": [1.0, None]}
    async with SessionManager([stdio(tools=[raw])]) as manager:
        (found,) = (await until_status(manager, ServerStatus.READY)).catalog.tools
        assert found.raw == raw
        assert found.output_schema == {"type": "object"}
        assert (found.title, found.hints.read_only, found.hints.destructive) == ("Good", True, None)


async def test_resources_templates_and_prompts_are_listed_read_and_completed() -> None:
    spec = stdio(
        resources=[{"uri": "mem://a", "name": "a", "size": 12, "mimeType": "text/plain"}],
        resourceTemplates=[{"uriTemplate": "mem://{id}", "name": "t"}],
        prompts=[{"name": "p", "arguments": [{"name": "who", "required": True}, {"name": "why"}]}],
    )
    async with SessionManager([spec]) as manager:
        catalog = (await until_status(manager, ServerStatus.READY)).catalog
        assert (catalog.resources[0].uri, catalog.resources[0].size_bytes) == ("mem://a", 12)
        assert catalog.templates[0].uri_template == "mem://{id}"
        assert [(item.name, item.required) for item in catalog.prompts[0].arguments] == [("who", True), ("why", False)]
        read = await manager.read_resource("one", "mem://a")
        assert read == {"contents": [{"uri": "mem://a", "mimeType": "text/plain", "text": "hello"}]}
        prompt = await manager.get_prompt("one", "p", {"who": "you"})
        assert prompt["messages"][0]["content"]["text"] == '{"who": "you"}'
        assert await manager.complete("one", {"type": "ref/prompt", "name": "p"}, ("who", "x")) == ("xa", "xb")
        with pytest.raises(AppError) as caught:
            await manager.get_prompt("one", "q", {})
        assert caught.value.info.code == "unknown_prompt"


async def test_completion_is_empty_when_the_server_has_none() -> None:
    async with SessionManager([stdio(capabilities={"tools": {}})]) as manager:
        assert await manager.complete("one", {"type": "ref/resource", "uri": "a://{b}"}, ("b", "")) == ()


async def test_a_burst_of_list_changed_is_one_refresh_with_a_diff() -> None:
    async with SessionManager([stdio(tools=[tool("change"), tool("old"), tool("same")])]) as manager:
        before = await until_status(manager, ServerStatus.READY)
        assert before.diff is None
        new = [tool("change", description="another"), tool("same"), tool("new")]
        await manager.call_tool("one", "change", {"tools": new, "times": 40})
        after = await until(manager, lambda server: server.diff is not None)
        assert after.diff == CatalogDiff(added=("tool new",), removed=("tool old",), changed=("tool change",))
        assert [item.name for item in after.catalog.tools] == ["change", "same", "new"]
    assert len(named(records(manager.wire_log.folder), "tools/list", "sent")) <= 3


@pytest.mark.parametrize("hang_up", [False, True])
async def test_changes_are_followed_on_the_change_stream_and_caught_up_after_it_ended(hang_up: bool) -> None:
    async with SessionManager([stdio(modern=True, tools=[tool("change")])]) as manager:
        await until_status(manager, ServerStatus.READY)
        folder = manager.wire_log.folder
        await until_true(lambda: bool(named(records(folder), "notifications/subscriptions/acknowledged")))
        new = [tool("change"), tool("new")]
        await manager.call_tool("one", "change", {"tools": new, "hang_up": hang_up})
        after = await until(manager, lambda server: server.diff is not None)
        assert after.diff == CatalogDiff(added=("tool new",))
        assert after.reconnects == 0


async def test_refresh_fetches_again_and_a_reconnect_gives_a_diff_too(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url)]) as manager:
        await until_status(manager, ServerStatus.READY)
        peer.peer.tools = [tool("fresh")]
        await manager.refresh("one")
        assert [item.name for item in manager.server("one").catalog.tools] == ["fresh"]
        peer.peer.tools = [tool("fresh"), tool("later")]
        manager.retry("one")
        server = await until(manager, lambda server: server.reconnects == 1 and server.status.usable)
        assert server.diff == CatalogDiff(added=("tool later",))


async def test_the_catalog_stays_through_a_reconnect(peer: HttpPeer) -> None:
    async with SessionManager([http(peer.url, probe_interval_s=0.1)]) as manager:
        tools = (await until_status(manager, ServerStatus.READY)).catalog.tools
        await peer.down()
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.catalog.tools == tools
        assert not server.status.usable


async def test_a_list_the_server_refuses_degrades_and_does_not_hide_the_others(peer: HttpPeer) -> None:
    peer.peer.options["capabilities"] = {"tools": {}, "prompts": {}}
    peer.peer.options["prompts"] = 7
    peer.peer.tools = [tool("a")]
    async with SessionManager([http(peer.url)]) as manager:
        server = await until_status(manager, ServerStatus.READY, ServerStatus.DEGRADED)
        assert [item.name for item in server.catalog.tools] == ["a"]
        assert server.catalog.prompts == ()
        assert any("prompts/list" in text for text in server.catalog.warnings)


async def test_tools_switched_off_in_the_entry_are_not_offered() -> None:
    tools = [tool("a"), tool("b"), tool("c")]
    spec = stdio(tools=tools, spec={"enabled_tools": ("a", "b"), "disabled_tools": ("b",)})
    async with SessionManager([spec]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert [item.name for item in server.catalog.tools] == ["a"]
        with pytest.raises(AppError, match="no tool named b"):
            await manager.call_tool("one", "b", {})


def _with_header(name: str, header: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": header}}}
    return tool(name, inputSchema=schema)


async def test_tools_with_invalid_header_annotations_are_left_out_and_valid_ones_are_mirrored() -> None:
    peer = await HttpPeer(
        {"modern": True, "tools": [_with_header("ok", "Region"), _with_header("bad", "no good")]}
    ).up()
    async with SessionManager([http(peer.url, protocol="2026-07-28")]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert [item.name for item in server.catalog.tools] == ["ok"]
        assert "invalid x-mcp-header" in server.catalog.warnings[0]
        assert server.warnings == ()
        await manager.call_tool("one", "ok", {"region": "eu"})
        (seen,) = peer.calls("tools/call")
        assert (seen.headers["mcp-param-region"], seen.headers["mcp-name"]) == ("eu", "ok")
    await peer.down()
