"""The bundled demo MCP server: the operations desk of a small web shop.

`python -m mcp_tui.servers.demo` speaks stdio, `--http [HOST:PORT]` streamable HTTP on /mcp.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPDeprecationWarning
from mcp_types import (
    Annotations,
    Completion,
    CompletionArgument,
    CompletionContext,
    EmbeddedResource,
    EmptyResult,
    PromptReference,
    ResourceTemplateReference,
    SetLevelRequestParams,
    TextResourceContents,
    ToolAnnotations,
)
from pydantic import Field

from mcp_tui import __version__
from mcp_tui.servers import lighthouse
from mcp_tui.servers.chart import chart
from mcp_tui.servers.demo_tools import DeskTools, find_order

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

ACTIVITY_URI = "lighthouse://activity"
_INSTRUCTIONS = f"""Operations desk of Lighthouse, a small web shop with the services {", ".join(lighthouse.SERVICES)}.
Logs, metrics and orders are a recording of one day ({lighthouse.DAY}, until 15:00); `current_time` and `add` are real.
Look first: `search_logs`, then `query_metrics`. The runbook is the resource `lighthouse://runbook`.
`restart_service` interrupts customers: say why. Nothing here reaches outside this process."""

_SEVERITIES = ("low", "medium", "high", "critical")
_AUDIENCES = ("customers", "engineers", "executives", "support")


def _hints(
    title: str, *, read_only: bool = False, destructive: bool = False, idempotent: bool = False
) -> ToolAnnotations:
    return ToolAnnotations(
        title=title,
        read_only_hint=read_only,
        destructive_hint=destructive,
        idempotent_hint=idempotent or read_only,
        open_world_hint=False,
    )


def _add_tools(server: MCPServer[Any], tools: DeskTools) -> None:
    server.add_tool(tools.current_time, annotations=_hints("Current time", read_only=True))
    server.add_tool(tools.add, annotations=_hints("Add two numbers", read_only=True))
    server.add_tool(tools.search_logs, annotations=_hints("Search the log", read_only=True))
    server.add_tool(tools.query_metrics, annotations=_hints("Query metrics", read_only=True))
    server.add_tool(tools.get_order, annotations=_hints("Get an order", read_only=True))
    server.add_tool(tools.draw_chart, annotations=_hints("Draw a chart", read_only=True))
    server.add_tool(tools.slow_report, annotations=_hints("Write a slow report", read_only=True))
    server.add_tool(tools.create_ticket, annotations=_hints("Create a ticket"))
    server.add_tool(tools.restart_service, annotations=_hints("Restart a service", destructive=True))
    server.add_tool(tools.fail, annotations=_hints("Fail on purpose", read_only=True))


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


def _add_completion(server: MCPServer[Any]) -> None:
    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered by its decorator
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        typed = argument.value.lower()
        values = [value for value in _choices(ref, argument.name) if value.lower().startswith(typed)]
        return Completion(values=values[:100], total=len(values), has_more=len(values) > 100)


def _add_log_levels(server: MCPServer[Any], tools: DeskTools) -> None:
    async def set_level(_: ServerRequestContext[Any], params: SetLevelRequestParams) -> EmptyResult:
        tools.log_level = params.level
        return EmptyResult()

    # MCPServer has no public way to serve logging/setLevel, which clients of the older protocol may send to a
    # server that logs, and without which the logging capability would not be announced to them.
    lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]
    lowlevel.add_request_handler("logging/setLevel", SetLevelRequestParams, set_level)


def build_server() -> MCPServer[Any]:
    """A server with a desk of its own."""
    desk = lighthouse.Desk()
    server: MCPServer[Any] = MCPServer(
        "lighthouse",
        title="Lighthouse desk (demo)",
        description="A made-up web shop to try things out with.",
        instructions=_INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
    )
    tools = DeskTools(desk, ACTIVITY_URI)
    _add_tools(server, tools)
    _add_resources(server, desk)
    _add_prompts(server)
    _add_completion(server)
    _add_log_levels(server, tools)
    return server


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    try:
        return host.strip("[]") or "127.0.0.1", int(port)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT") from None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m mcp_tui.servers.demo", description=__doc__)
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        type=_endpoint,
        nargs="?",
        const=("127.0.0.1", 8000),
        help="serve streamable HTTP on /mcp instead of stdio (default 127.0.0.1:8000)",
    )
    options = parser.parse_args(arguments)
    # Log messages are deprecated from 2026-07-28 on, and still what clients want to see working.
    warnings.filterwarnings("ignore", category=MCPDeprecationWarning)
    server = build_server()
    if options.http is None:
        # Python's own handler would wait for the thread that reads stdin, until the next line comes.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        server.run("stdio")
    else:
        host, port = options.http
        print(f"demo server: http://{f'[{host}]' if ':' in host else host}:{port}/mcp", file=sys.stderr)
        try:
            server.run("streamable-http", host=host, port=port)
        except KeyboardInterrupt:
            return 130  # uvicorn has shut down in order, then raises the signal again
    return 0


if __name__ == "__main__":
    sys.exit(main())
