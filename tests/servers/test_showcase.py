"""The showcase through the SDK's client, in both eras: every promise it makes is kept."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Literal, cast

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    ListRootsResult,
    LoggingMessageNotificationParams,
    PromptListChangedNotification,
    ResourceLink,
    ResourceListChangedNotification,
    ResourceTemplateReference,
    ResourceUpdatedNotification,
    Root,
    TextContent,
    TextResourceContents,
    ToolListChangedNotification,
)
from pydantic import FileUrl

from mcp_tui.core.types import JsonObject
from mcp_tui.servers import hosting
from mcp_tui.servers.demo import build_server
from mcp_tui.servers.log_messages import LEVELS
from mcp_tui.servers.showcase import motion
from mcp_tui.servers.showcase.asking import EVERY_FIELD
from mcp_tui.servers.showcase.offer import Showcase
from tests.servers.pngs import decode

Mode = Literal["auto", "legacy"]
DEADLINE_S = 30.0
both_eras = pytest.mark.parametrize("mode", ["auto", "legacy"])
pytestmark = pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning")


@pytest.fixture(autouse=True)
def quick_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "TICK_S", 0.05)


@asynccontextmanager
async def showcase(mode: Mode = "auto", **options: Any) -> AsyncGenerator[Client]:
    server = build_server(Showcase())
    hosting.announce(server, ("tools", "resources", "prompts"))
    with anyio.fail_after(DEADLINE_S):
        async with Client(server, mode=mode, read_timeout_seconds=DEADLINE_S, **options) as client:
            yield client


def text(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


async def names(client: Client, what: Literal["tools", "resources", "prompts"]) -> list[str]:
    """All pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        if what == "tools":
            page: Any = await client.list_tools(cursor=cursor, cache_mode="bypass")
        elif what == "resources":
            page = await client.list_resources(cursor=cursor, cache_mode="bypass")
        else:
            page = await client.list_prompts(cursor=cursor, cache_mode="bypass")
        found += [entry.name for entry in getattr(page, what)]
        if (cursor := page.next_cursor) is None:
            return found


# --- what it says of itself


async def test_default_demo_stays_small() -> None:
    async with Client(build_server()) as client:
        tools = await client.list_tools()
        assert len(tools.tools) == 10
        assert tools.next_cursor is None
        assert client.server_info is not None and client.server_info.icons is None


@both_eras
async def test_capabilities_are_those_of_the_era(mode: Mode) -> None:
    async with showcase(mode) as client:
        told = client.server_capabilities
        assert told.tools is not None and told.tools.list_changed
        assert told.prompts is not None and told.prompts.list_changed
        assert told.resources is not None and told.resources.list_changed and told.resources.subscribe
        assert told.completions is not None
        assert told.logging is not None
        assert (told.tasks is not None) == (mode == "legacy")
        assert ("io.modelcontextprotocol/tasks" in (told.extensions or {})) == (mode == "auto")
        assert client.server_info is not None
        assert client.server_info.icons is not None


@both_eras
async def test_lists_come_in_pages_without_losing_anything(mode: Mode) -> None:
    async with showcase(mode) as client:
        first = await client.list_tools()
        assert len(first.tools) == 20
        assert first.next_cursor is not None
        tools = await names(client, "tools")
        assert len(tools) == len(set(tools)) > 25
        assert {"add", "show_content", "change_list"} <= set(tools)
        assert "clock" in await names(client, "resources")
        assert len(await names(client, "prompts")) == 3
        templates = await client.list_resource_templates()
        assert len(templates.resource_templates) == 2
        for cursor in ("", "nonsense", base64.b64encode(b"from 9999").decode(), base64.b64encode(b"from -1").decode()):
            with pytest.raises(MCPError) as refused:
                await client.list_tools(cursor=cursor)
            assert refused.value.error.code == -32602


async def test_everything_has_a_title_and_tools_have_icons_and_hints() -> None:
    async with showcase() as client:
        for cursor in (None, (await client.list_tools()).next_cursor):
            for tool in (await client.list_tools(cursor=cursor)).tools:
                assert tool.annotations is not None and tool.annotations.title and tool.description
                Draft202012Validator.check_schema(tool.input_schema)
                if tool.name.startswith(("show_", "ask_")):
                    assert tool.icons is not None
                    assert tool.icons[0].src.startswith("data:image/svg+xml;base64,")


# --- content


async def test_all_kinds_of_content_are_shown_and_valid() -> None:
    async with showcase() as client:
        everything = await client.call_tool("show_content", {})
        one = await client.call_tool("show_content", {"kind": "audio"})
    blocks = everything.content
    assert [block.type for block in blocks] == [
        "text", "text", "image", "audio", "resource", "resource", "resource_link",
    ]  # fmt: skip
    image = next(block for block in blocks if isinstance(block, ImageContent))
    assert decode(base64.b64decode(image.data, validate=True))[:2] == (480, 220)
    assert len(one.content) == 1
    assert isinstance(one.content[0], AudioContent)
    with wave.open(io.BytesIO(base64.b64decode(one.content[0].data, validate=True))) as sound:
        assert sound.getframerate() == 8000
        assert sound.getnframes() == 3200
    embedded = [block.resource for block in blocks if isinstance(block, EmbeddedResource)]
    assert isinstance(embedded[0], TextResourceContents)
    assert isinstance(embedded[1], BlobResourceContents)
    link = next(block for block in blocks if isinstance(block, ResourceLink))
    assert link.uri == "showcase://clock"
    assert link.annotations is not None


@both_eras
async def test_structured_content_has_a_schema_it_keeps(mode: Mode) -> None:
    async with showcase(mode) as client:
        tool = next(one for one in (await client.list_tools()).tools if one.name == "show_structured")
        result = await client.call_tool("show_structured", {})
    assert tool.output_schema is not None
    assert not list(Draft202012Validator(tool.output_schema).iter_errors(result.structured_content))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # loose stubs
    content = cast("JsonObject", result.structured_content)
    assert content["lamps"][1]["period_s"] is None
    assert json.loads(text(result)) == content


async def test_big_results_are_as_big_as_asked() -> None:
    async with showcase() as client:
        lines = text(await client.call_tool("show_big_result", {"megabytes": 2}))
        line = text(await client.call_tool("show_big_result", {"megabytes": 0.5, "form": "one line"}))
        empty = await client.call_tool("show_nothing", {})
    assert len(lines) == 2_000_000
    assert lines.count("\n") > 1000
    assert line == "x" * 500_000
    assert empty.content == []


async def test_every_resource_of_the_showcase_can_be_read() -> None:
    async with showcase() as client:
        for uri in ("showcase://clock", "showcase://empty", "showcase://hostile", "showcase://sounds/fog-horn"):
            contents = (await client.read_resource(uri)).contents
            assert len(contents) == 1
            if isinstance(contents[0], TextResourceContents):
                assert ("\x1b]52" in contents[0].text) == (uri == "showcase://hostile")
        square = (await client.read_resource("showcase://squares/12")).contents[0]
        assert isinstance(square, TextResourceContents)
        assert json.loads(square.text)["square"] == 144
        with pytest.raises(MCPError):
            await client.read_resource("showcase://squares/many")


async def test_completion_of_a_city_depends_on_the_country() -> None:
    reference = ResourceTemplateReference(type="ref/resource", uri="showcase://cities/{country}/{city}")
    async with showcase() as client:
        countries = await client.complete(reference, {"name": "country", "value": ""})
        norway = await client.complete(
            reference, {"name": "city", "value": "l"}, context_arguments={"country": "norway"}
        )
        squares = await client.complete(
            ResourceTemplateReference(type="ref/resource", uri="showcase://squares/{number}"),
            {"name": "number", "value": "1"},
        )
    assert countries.completion.values == ["norway", "france", "japan"]
    assert norway.completion.values == ["Lindesnes"]
    assert squares.completion.has_more is True
    assert (len(squares.completion.values), squares.completion.total) == (100, 111)


@both_eras
async def test_it_fails_in_every_way_it_promises(mode: Mode) -> None:
    async with showcase(mode) as client:
        tool = await client.call_tool("fail_as", {"kind": "tool error"})
        crash = await client.call_tool("fail_as", {"kind": "crash"})
        with pytest.raises(MCPError) as caught:
            await client.call_tool("fail_as", {"kind": "protocol error"})
        with pytest.raises(MCPError), anyio.fail_after(DEADLINE_S):
            await client.call_tool("fail_as", {"kind": "no answer"}, read_timeout_seconds=0.2)
    assert tool.is_error and "lamp is broken" in text(tool)
    assert crash.is_error
    assert caught.value.error.code == -32050
    assert caught.value.error.data == {"room": "lamp", "key": "missing"}


# --- questions


class Person:
    """Answers what the server asks, and remembers it."""

    def __init__(self, **answers: JsonObject) -> None:
        self.asked: list[str] = []
        self._answers = answers

    async def elicit(self, _: Any, params: ElicitRequestFormParams | ElicitRequestURLParams) -> ElicitResult:
        self.asked.append(params.message)
        if isinstance(params, ElicitRequestURLParams):
            self.url = params.url
            return ElicitResult(action="accept")
        field = next(iter(params.requested_schema["properties"]))
        answer = self._answers.get(field)
        return ElicitResult(action="decline") if answer is None else ElicitResult(action="accept", content=answer)

    async def sample(self, _: Any, params: CreateMessageRequestParams) -> CreateMessageResult:
        content = params.messages[0].content
        assert isinstance(content, TextContent)
        self.asked.append(content.text)
        return CreateMessageResult(
            role="assistant", content=TextContent(type="text", text="Aye."), model="parrot", stop_reason="endTurn"
        )

    async def roots(self, _: Any) -> ListRootsResult:
        self.asked.append("roots")
        return ListRootsResult(roots=[Root(uri=FileUrl("file:///work/desk"), name="desk")])

    @property
    def callbacks(self) -> dict[str, Any]:
        return {
            "elicitation_callback": self.elicit,
            "sampling_callback": self.sample,
            "list_roots_callback": self.roots,
        }


KEEPER: JsonObject = {"name": "Ada", "steps": 120, "colour": "red", "languages": ["no", "en"], "manned": False}


@both_eras
async def test_form_has_every_type_of_field_and_its_answer_comes_back(mode: Mode) -> None:
    person = Person(name=KEEPER)
    async with showcase(mode, **person.callbacks) as client:
        result = await client.call_tool("ask_form", {})
    assert json.loads(text(result)) == KEEPER
    fields = EVERY_FIELD["properties"].values()
    assert {field["type"] for field in fields} == {"string", "integer", "number", "boolean", "array"}
    assert {field.get("format") for field in fields} >= {"email", "uri", "date", "date-time"}


@both_eras
async def test_declining_is_told(mode: Mode) -> None:
    async with showcase(mode, **Person().callbacks) as client:
        assert text(await client.call_tool("ask_form", {})) == "the person chose: decline"


@both_eras
async def test_a_page_is_offered_by_its_address(mode: Mode) -> None:
    person = Person()
    async with showcase(mode, **person.callbacks) as client:
        assert text(await client.call_tool("ask_to_visit", {})) == "the person chose: accept"
    assert person.url.startswith("https://example.com/")


@both_eras
async def test_the_model_and_the_roots_of_the_client_are_asked(mode: Mode) -> None:
    person = Person(name={"name": "Ada"})
    async with showcase(mode, **person.callbacks) as client:
        said = text(await client.call_tool("ask_model", {"prompt": "Land ahoy?"}))
        roots = text(await client.call_tool("ask_roots", {}))
        together = text(await client.call_tool("ask_everything", {}))
    assert said == "parrot said (endTurn): Aye."
    assert roots == "file:///work/desk  (desk)"
    assert '"Ada"' in together and "greeting: Aye." in together and "roots: 1" in together
    assert person.asked[0] == "Land ahoy?"


@both_eras
async def test_each_question_of_several_rounds_is_asked_once(mode: Mode) -> None:
    person = Person(service={"service": "payments"}, sure={"sure": True})
    async with showcase(mode, **person.callbacks) as client:
        result = text(await client.call_tool("ask_in_rounds", {}))
    assert result == "payments: restarted (not really)"
    assert person.asked == ["Which service?", "Really restart payments?"]


@both_eras
async def test_a_prompt_may_ask_first(mode: Mode) -> None:
    async with showcase(mode, **Person(topic={"topic": "fog"}).callbacks) as client:
        messages = (await client.get_prompt("ask_first", {})).messages
    assert isinstance(messages[0].content, TextContent)
    assert messages[0].content.text == "Explain fog to a new keeper."


@both_eras
@pytest.mark.parametrize("tool", ["ask_form", "ask_to_visit", "ask_model", "ask_roots", "ask_everything"])
async def test_clients_are_never_asked_what_they_cannot_answer(mode: Mode, tool: str) -> None:
    async with showcase(mode) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool(tool, {})
    assert refused.value.error.code == -32021
    assert cast("JsonObject", refused.value.error.data)["requiredCapabilities"]


# --- motion


@both_eras
@pytest.mark.parametrize("whole", [True, False])
async def test_progress_comes_with_and_without_a_total(mode: Mode, whole: bool) -> None:
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    async with showcase(mode) as client:
        arguments = {"steps": 3, "seconds": 0, "total": whole}
        await client.call_tool("report_progress", arguments, progress_callback=note)
    assert seen == [(step, 3 if whole else None) for step in (1, 2, 3)]


@both_eras
async def test_log_messages_keep_to_the_level_of_the_client(mode: Mode) -> None:
    seen: list[LoggingMessageNotificationParams] = []
    last = anyio.Event()

    async def log(params: LoggingMessageNotificationParams) -> None:
        seen.append(params)
        if params.level == "emergency":
            last.set()

    async with showcase(mode, logging_callback=log, log_level="error") as client:
        if mode == "legacy":
            await client.set_logging_level("error")  # pyright: ignore[reportDeprecated]  # the older protocol
        await client.call_tool("log_every_level", {})
        await last.wait()
    assert [message.level for message in seen] == list(LEVELS[LEVELS.index("error") :])


async def test_the_level_of_one_legacy_client_is_not_that_of_another() -> None:
    server = build_server(Showcase())
    heard: dict[str, list[str]] = {"quiet": [], "loud": []}
    done = anyio.Event()

    def listener(name: str) -> Any:
        async def log(params: LoggingMessageNotificationParams) -> None:
            heard[name].append(params.level)
            if name == "loud" and params.level == "emergency":
                done.set()

        return log

    # One lifespan each: two servers would be two processes.
    with anyio.fail_after(DEADLINE_S):
        async with Client(server, mode="legacy", logging_callback=listener("quiet")) as quiet:
            await quiet.set_logging_level("emergency")  # pyright: ignore[reportDeprecated]
            await quiet.call_tool("log_every_level", {})
        async with Client(server, mode="legacy", logging_callback=listener("loud")) as loud:
            await loud.call_tool("log_every_level", {})
            await done.wait()
    assert heard["quiet"] == ["emergency"]
    assert len(heard["loud"]) >= len(LEVELS)


async def test_the_clock_ticks_for_listeners() -> None:
    async with showcase() as client, client.listen(resource_subscriptions=["showcase://clock"]) as events:
        stream = aiter(events)
        for _ in range(2):
            assert "showcase://clock" in str(await anext(stream))


async def test_the_clock_ticks_for_legacy_subscribers_until_they_have_enough() -> None:
    ticks: list[str] = []
    ticked = anyio.Event()

    async def message(update: Any) -> None:
        if isinstance(update, ResourceUpdatedNotification):
            ticks.append(update.params.uri)
            ticked.set()

    async with showcase("legacy", message_handler=message) as client:
        await client.subscribe_resource("showcase://clock")  # pyright: ignore[reportDeprecated]
        await ticked.wait()
        await client.unsubscribe_resource("showcase://clock")  # pyright: ignore[reportDeprecated]
        count = len(ticks)
        await client.call_tool("create_ticket", {"title": "Lamps", "body": "dark"})
        await client.call_tool("report_progress", {"seconds": 0.2, "steps": 2})
        assert len(ticks) == count
    assert set(ticks) == {"showcase://clock"}


@pytest.mark.parametrize("kind", ["tools", "resources", "prompts"])
async def test_lists_change_and_listeners_hear_of_it(kind: Literal["tools", "resources", "prompts"]) -> None:
    wanted: dict[str, Any] = {f"{kind}_list_changed": True}
    async with showcase() as client, client.listen(**wanted) as events:
        stream = aiter(events)
        for present in (True, False):
            await client.call_tool("change_list", {"kind": kind})
            await anext(stream)
            assert ("extra" in await names(client, kind)) is present


@pytest.mark.parametrize(
    ("kind", "notification"),
    [
        ("tools", ToolListChangedNotification),
        ("resources", ResourceListChangedNotification),
        ("prompts", PromptListChangedNotification),
    ],
)
async def test_lists_change_and_legacy_clients_hear_of_it(
    kind: Literal["tools", "resources", "prompts"], notification: type[Any]
) -> None:
    heard = anyio.Event()

    async def message(update: Any) -> None:
        if isinstance(update, notification):
            heard.set()

    async with showcase("legacy", message_handler=message) as client:
        await client.call_tool("change_list", {"kind": kind})
        await heard.wait()
        assert "extra" in await names(client, kind)


async def test_our_own_command_line_answers_its_form() -> None:
    server = f"{sys.executable} -m mcp_tui.servers.demo --showcase"
    command = [sys.executable, "-m", "mcp_tui.cli.main", "call", "s", "ask_form", "--server", f"s={server}", "--json",
               "--elicit", json.dumps(KEEPER)]  # fmt: skip
    result = await anyio.to_thread.run_sync(
        lambda: subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(json.loads(result.stdout)["content"][0]["text"])["name"] == "Ada"
