"""The bundled demo MCP server: the operations desk of a small web shop.

`python -m mcp_tui.servers.demo` speaks stdio, `--http [HOST:PORT]` streamable HTTP on /mcp.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    Annotations,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmbeddedResource,
    PromptReference,
    ResourceTemplateReference,
    TextResourceContents,
)
from pydantic import Field

from mcp_tui import __version__
from mcp_tui.servers import hosting, lighthouse
from mcp_tui.servers.changes import ChangeBus
from mcp_tui.servers.chart import chart
from mcp_tui.servers.demo_tools import DeskTools, find_order
from mcp_tui.servers.log_messages import serve_log_levels
from mcp_tui.servers.tool_hints import hints

if TYPE_CHECKING:
    from mcp_tui.servers.showcase.offer import Showcase

ACTIVITY_URI = "lighthouse://activity"
_INSTRUCTIONS = f"""Operations desk of Lighthouse, a small web shop with the services {", ".join(lighthouse.SERVICES)}.
Logs, metrics and orders are a recording of one day ({lighthouse.DAY}, until 15:00); `current_time` and `add` are real.
Look first: `search_logs`, then `query_metrics`. The runbook is the resource `lighthouse://runbook`.
`restart_service` interrupts customers: say why. Nothing here reaches outside this process."""

_DESCRIPTION = """The operations desk of Lighthouse, a made-up web shop: tools, resources and prompts to try.

It reaches nothing outside its process. Without --http it speaks MCP on stdin and stdout."""

_SEVERITIES = ("low", "medium", "high", "critical")
_AUDIENCES = ("customers", "engineers", "executives", "support")


def _add_tools(server: MCPServer[Any], tools: DeskTools) -> None:
    server.add_tool(tools.current_time, annotations=hints("Current time", read_only=True))
    server.add_tool(tools.add, annotations=hints("Add two numbers", read_only=True))
    server.add_tool(tools.search_logs, annotations=hints("Search the log", read_only=True))
    server.add_tool(tools.query_metrics, annotations=hints("Query metrics", read_only=True))
    server.add_tool(tools.get_order, annotations=hints("Get an order", read_only=True))
    server.add_tool(tools.draw_chart, annotations=hints("Draw a chart", read_only=True))
    server.add_tool(tools.slow_report, annotations=hints("Write a slow report", read_only=True))
    server.add_tool(tools.create_ticket, annotations=hints("Create a ticket"))
    server.add_tool(tools.restart_service, annotations=hints("Restart a service", destructive=True))
    server.add_tool(tools.fail, annotations=hints("Fail on purpose", read_only=True))


def _add_resources(server: MCPServer[Any], desk: lighthouse.Desk) -> None:
    @server.resource(
        "lighthouse://runbook",
        title="Runbook",
        description="What to do when customers cannot pay.",
        mime_type="text/markdown",
        annotations=Annotations(audience=["user", "assistant"], priority=0.9),
    )
    def runbook() -> str:
        return lighthouse.RUNBOOK

    @server.resource(
        "lighthouse://logs/today",
        title="Log of the day",
        description="Every line from 08:00 to 15:00, oldest first.",
        mime_type="text/plain",
    )
    def logs_today() -> str:
        return "".join(f"{entry.line()}\n" for entry in lighthouse.log())

    @server.resource(
        "lighthouse://config",
        title="Configuration",
        description="What each service runs with.",
        mime_type="application/json",
    )
    def config() -> str:
        return json.dumps(lighthouse.CONFIG, indent=2)

    @server.resource(
        "lighthouse://charts/error-rate",
        title="Error rate of checkout",
        description="The last hour as a picture.",
        mime_type="image/png",
    )
    def error_rate() -> bytes:
        return chart(lighthouse.series("error_rate", "1h", "checkout", None, lighthouse.Desk()))

    @server.resource(
        ACTIVITY_URI,
        title="Activity",
        description="What tools changed since this server started.",
        mime_type="text/plain",
    )
    def activity() -> str:
        return "".join(f"{line}\n" for line in desk.journal) or "nothing yet\n"

    @server.resource(
        "lighthouse://orders/{order_id}",
        title="Order",
        description="One order, for example lighthouse://orders/LH-1043.",
        mime_type="application/json",
    )
    def order(order_id: str) -> str:
        return find_order(order_id).model_dump_json(indent=2)


def _add_prompts(server: MCPServer[Any]) -> None:
    @server.prompt(title="Debug an incident")
    def debug_incident(
        service: Annotated[str, Field(description="Which service has the problem.")],
        severity: Annotated[str, Field(description=f"One of {', '.join(_SEVERITIES)}.")] = "high",
    ) -> list[UserMessage]:
        """Find out why a service fails, with the runbook attached."""
        return [
            UserMessage(
                f"The service `{service}` has a problem of {severity} severity. Read the error log and the "
                "metrics, name the cause with the lines that prove it, and propose the smallest fix."
            ),
            UserMessage(
                EmbeddedResource(
                    type="resource",
                    resource=TextResourceContents(
                        uri="lighthouse://runbook", mime_type="text/markdown", text=lighthouse.RUNBOOK
                    ),
                )
            ),
        ]

    @server.prompt(title="Write a summary")
    def write_summary(
        audience: Annotated[str, Field(description=f"For example {', '.join(_AUDIENCES)}.")],
    ) -> str:
        """Summarise today's incident for one audience."""
        return (
            f"Read the error log and the metrics of today and write a summary for {audience}: what happened, "
            "who was affected, what we did, what comes next. At most 120 words."
        )


def _choices(reference: PromptReference | ResourceTemplateReference, argument: str) -> Sequence[str]:
    if isinstance(reference, ResourceTemplateReference):
        return tuple(lighthouse.orders()) if argument == "order_id" else ()
    known = {
        ("debug_incident", "service"): lighthouse.SERVICES,
        ("debug_incident", "severity"): _SEVERITIES,
        ("write_summary", "audience"): _AUDIENCES,
    }
    return known.get((reference.name, argument), ())


def _add_completion(server: MCPServer[Any], showcase: Showcase | None) -> None:
    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered by its decorator
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        typed = argument.value.lower()
        known = None if showcase is None else showcase.choices(ref, argument.name, context)
        if known is None:
            known = _choices(ref, argument.name)
        values = [value for value in known if value.lower().startswith(typed)]
        return Completion(values=values[:100], total=len(values), has_more=len(values) > 100)


def build_server(showcase: Showcase | None = None) -> MCPServer[Any]:
    """A server with a desk of its own. showcase: adds everything else a server can do."""
    desk = lighthouse.Desk()
    bus = ChangeBus() if showcase is None else showcase.bus
    server: MCPServer[Any] = MCPServer(
        "lighthouse",
        title="Lighthouse desk (demo)" if showcase is None else "Lighthouse desk (demo, showcase)",
        description="A made-up web shop to try things out with.",
        instructions=_INSTRUCTIONS if showcase is None else f"{_INSTRUCTIONS}\n{showcase.instructions}",
        version=__version__,
        website_url=None if showcase is None else "https://example.com/lighthouse",
        icons=None if showcase is None else list(showcase.icons),
        log_level="WARNING",
        lifespan=None if showcase is None else showcase.lifespan,
        subscriptions=bus,
    )
    tools = DeskTools(desk, ACTIVITY_URI)
    _add_tools(server, tools)
    _add_resources(server, desk)
    _add_prompts(server)
    _add_completion(server, showcase)
    serve_log_levels(server)
    if showcase is None:
        bus.attend(server)
    else:
        showcase.attend(server)
    return server


def main(arguments: Sequence[str] | None = None) -> int:
    parser = hosting.new_parser("demo", _DESCRIPTION)
    parser.add_argument(
        "--showcase",
        action="store_true",
        help="offer everything a server can do: all kinds of content, questions to the client, progress, log messages, "
        "lists that change, tasks ... to try a client with",
    )
    options = hosting.parse(parser, arguments)
    if not options.showcase:
        return hosting.run(build_server(), options)
    from mcp_tui.servers.showcase.offer import Showcase

    return hosting.run(build_server(Showcase()), options, changing=("tools", "resources", "prompts"))


if __name__ == "__main__":
    sys.exit(main())
