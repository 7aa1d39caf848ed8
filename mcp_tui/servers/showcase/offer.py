"""The showcase of the demo server: everything an MCP server can do, for whoever writes or judges a client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp_types import Annotations, CompletionContext, PromptReference, ResourceTemplateReference, ToolAnnotations

from mcp_tui.servers.background import Background
from mcp_tui.servers.changes import ChangeBus
from mcp_tui.servers.paging import paginate
from mcp_tui.servers.showcase import asking, content, motion
from mcp_tui.servers.showcase.look import icon
from mcp_tui.servers.sound import tone
from mcp_tui.servers.task_calls import Support, TaskCalls
from mcp_tui.servers.tool_hints import hints

PAGE_SIZES = {"tools/list": 20, "resources/list": 8, "resources/templates/list": 2, "prompts/list": 3}
CITIES = {
    "norway": ("Bergen", "Lindesnes", "Oslo", "Stavanger"),
    "france": ("Brest", "Calais", "Marseille"),
    "japan": ("Tokyo", "Yokohama"),
}
_MOST_SQUARES = 1000
_HOSTILE = (
    "red \x1b[31m, title \x1b]0;owned\x07, clipboard \x1b]52;c;b3duZWQ=\x07, C1 \x9b31m, [b]markup[/b], "
    "right to left \u202egnp.exe, bell \x07\n"
)

_READING: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (content.show_content, "Show content", "c"),
    (content.show_structured, "Show structured content", "c"),
    (content.show_big_result, "Show a big result", "c"),
    (content.show_nothing, "Show nothing", "c"),
    (content.route_by_header, "Route by header", "c"),
    (content.fail_as, "Fail in many ways", "c"),
    (asking.ask_form, "Ask with a form", "q"),
    (asking.ask_to_visit, "Ask to visit a page", "q"),
    (asking.ask_model, "Ask the client's model", "q"),
    (asking.ask_roots, "Ask for roots", "q"),
    (asking.ask_everything, "Ask for everything", "q"),
    (asking.ask_in_rounds, "Ask in rounds", "q"),
    (motion.report_progress, "Report progress", "m"),
    (motion.log_every_level, "Log at every level", "m"),
    (motion.run_job, "Run a job", "t"),
    (motion.run_job_with_question, "Run a job with a question", "t"),
)
TASKS: dict[str, Support] = {"run_job": "optional", "run_job_with_question": "optional"}


class Showcase:
    """`attend` it to a server made with `bus`, `lifespan`, `icons` and `instructions`."""

    instructions = (
        "This is the showcase: the tools show_*, ask_*, report_progress, log_every_level, change_list and run_job* try "
        "out what a client can do. fail_as fails on purpose."
    )

    def __init__(self) -> None:
        self.bus = ChangeBus()
        self.background = Background()
        self.icons = (icon("s"),)

    @asynccontextmanager
    async def lifespan(self, server: MCPServer[Any]) -> AsyncGenerator[None]:
        async with self.background.running():
            self.background.start(motion.tick, self.bus)
            yield

    def attend(self, server: MCPServer[Any]) -> None:
        self.offer(server)
        paginate(server, PAGE_SIZES)
        TaskCalls(self.background, TASKS).attach(server)

    def offer(self, server: MCPServer[Any]) -> None:
        """Without pages and tasks."""
        _add_tools(server)
        _add_resources(server)
        server.prompt(name="ask_first", title="Ask first", icons=[icon("q")])(asking.ask_in_prompt)
        self.bus.attend(server)

    def choices(
        self,
        reference: PromptReference | ResourceTemplateReference,
        argument: str,
        context: CompletionContext | None,
    ) -> Sequence[str] | None:
        """What completes an argument of the showcase; None for any other."""
        if isinstance(reference, PromptReference):
            return None
        if reference.uri == "showcase://squares/{number}":
            return [str(number) for number in range(_MOST_SQUARES)]
        if reference.uri == "showcase://cities/{country}/{city}":
            if argument == "country":
                return tuple(CITIES)
            chosen = (context.arguments or {}).get("country", "") if context is not None else ""
            known = CITIES.get(chosen.lower())
            return known if known is not None else [name for names in CITIES.values() for name in names]
        return None


def _add_tools(server: MCPServer[Any]) -> None:
    for tool, title, letter in _READING:
        server.add_tool(
            tool,
            title=title,
            annotations=ToolAnnotations(title=title, read_only_hint=True, open_world_hint=False),
            icons=[icon(letter)],
        )
    changes = motion.ListChanges(server)
    server.add_tool(changes.change_list, title="Change a list", annotations=hints("Change a list"), icons=[icon("m")])


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource(
        motion.CLOCK_URI,
        title="Clock",
        description="The time; changes every second, for whoever subscribes.",
        mime_type="text/plain",
        icons=[icon("m")],
        annotations=Annotations(audience=["user"], priority=0.3, last_modified="2026-07-28T00:00:00Z"),
    )
    def clock() -> str:
        return motion.clock()

    @server.resource(
        "showcase://sounds/fog-horn", title="Fog horn", description="A sound.", mime_type="audio/wav", icons=[icon("c")]
    )
    def fog_horn() -> bytes:
        return tone(165, 1.2)

    @server.resource("showcase://empty", title="Empty", description="Has no content.", mime_type="text/plain")
    def empty() -> str:
        return ""

    @server.resource(
        "showcase://hostile",
        title="Hostile text",
        description="Escape sequences, markup and a change of direction: a client must show them harmlessly.",
        mime_type="text/plain",
    )
    def hostile() -> str:
        return _HOSTILE

    @server.resource(
        "showcase://squares/{number}",
        title="Square",
        description="A number squared, for example showcase://squares/12.",
        mime_type="application/json",
    )
    def square(number: int) -> str:
        return f'{{"number": {number}, "square": {number * number}}}'

    @server.resource(
        "showcase://cities/{country}/{city}",
        title="City with a lighthouse",
        description="The city completes by the country chosen before.",
        mime_type="text/plain",
    )
    def city(country: str, city: str) -> str:
        return f"{city} in {country}\n"
