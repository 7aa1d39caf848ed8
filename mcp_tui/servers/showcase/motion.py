"""Showcase: what happens while a call runs, and what changes on its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.mcpserver.resources import TextResource
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from mcp_tui.servers.changes import ChangeBus, ResourceUpdated
from mcp_tui.servers.log_messages import LEVELS, log
from mcp_tui.servers.questions import ask, of
from mcp_tui.servers.showcase.asking import ElicitResult, InputRequiredResult, form
from mcp_tui.servers.task_calls import current_task
from mcp_tui.servers.task_record import TaskRecord

CLOCK_URI = "showcase://clock"
EXTRA_URI = "showcase://extra"
TICK_S = 1.0
LOGGER = "showcase"
List = Literal["tools", "resources", "prompts"]


async def tick(bus: ChangeBus) -> None:
    """Tell every second that the clock changed, to whoever subscribed to it."""
    while True:
        await anyio.sleep(TICK_S)
        await bus.publish(ResourceUpdated(uri=CLOCK_URI))


def clock() -> str:
    return datetime.now(UTC).strftime("%H:%M:%S UTC")


async def report_progress(
    ctx: Context[Any, Any],
    total: Annotated[bool, Field(description="Tell the client how many steps there are.")] = True,
    steps: Annotated[int, Field(ge=1, le=1000)] = 10,
    seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 5,
) -> str:
    """Report progress, with or without a total. Can be cancelled."""
    for step in range(1, steps + 1):
        await anyio.sleep(seconds / steps)
        await ctx.report_progress(step, steps if total else None, f"step {step}")
    return f"{steps} steps done"


async def log_every_level(ctx: Context[Any, Any]) -> str:
    """Send one log message of each level, from debug to emergency, and one that is no text."""
    for level in LEVELS:
        await log(ctx, level, f"a message of level {level}", logger=LOGGER)
    await log(ctx, "info", {"lamp": "main", "hours": [1, 2, 3], "lit": True}, logger=f"{LOGGER}.data")
    return f"{len(LEVELS) + 1} messages sent; those below the client's level were left out"


class ListChanges:
    """Adds an entry to a list, or takes it away again; clients are told that the list changed."""

    def __init__(self, server: MCPServer[Any]) -> None:
        self._server = server
        self._added: set[str] = set()

    async def change_list(self, ctx: Context[Any, Any], kind: List = "tools") -> str:
        """Add a tool, resource or prompt named `extra`; the next call takes it away again."""
        changes: dict[str, tuple[Callable[[], None], Callable[[], None], Callable[[], Awaitable[None]]]] = {
            "tools": (self._add_tool, self._remove_tool, ctx.notify_tools_changed),
            "resources": (self._add_resource, self._remove_resource, ctx.notify_resources_changed),
            "prompts": (self._add_prompt, self._remove_prompt, ctx.notify_prompts_changed),
        }
        add, remove, notify = changes[kind]
        gone = kind in self._added
        (remove if gone else add)()
        self._added ^= {kind}
        await notify()
        return f"{kind}: `extra` was {'taken away' if gone else 'added'}"

    def _add_tool(self) -> None:
        hints = ToolAnnotations(title="Extra", read_only_hint=True, open_world_hint=False)
        self._server.add_tool(_extra, name="extra", annotations=hints)

    def _remove_tool(self) -> None:
        self._server.remove_tool("extra")

    def _add_resource(self) -> None:
        text = "added while running\n"
        self._server.add_resource(TextResource(uri=EXTRA_URI, name="extra", title="Extra", text=text))

    def _remove_resource(self) -> None:
        # The SDK has no way to take a resource away again.
        self._server._resource_manager._resources.pop(EXTRA_URI)  # pyright: ignore[reportPrivateUsage]

    def _add_prompt(self) -> None:
        self._server.add_prompt(Prompt.from_function(_extra, name="extra", title="Extra"))

    def _remove_prompt(self) -> None:
        self._server.remove_prompt("extra")


async def _extra() -> str:
    """Was added while the server ran."""
    return "added while running"


async def run_job(
    ctx: Context[Any, Any],
    seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 10,
    end: Annotated[Literal["result", "tool error"], Field(description="How it ends.")] = "result",
) -> CallToolResult:
    """Work for a while. Clients that know tasks can let it go on as a task; for others it is a slow tool."""
    steps = max(1, round(seconds))
    for step in range(1, steps + 1):
        await anyio.sleep(seconds / steps)
        _say(current_task(), f"step {step} of {steps}")
        await ctx.report_progress(step, steps)
    if end == "tool error":
        raise ToolError("the job found nothing to do")
    text = f"worked for {seconds:g} seconds"
    return CallToolResult(content=[TextContent(type="text", text=text)])


async def run_job_with_question(ctx: Context[Any, Any]) -> str | InputRequiredResult:
    """Work only after the person agreed: as a task it waits with the state input_required."""
    agree = {"type": "object", "properties": {"go_on": {"type": "boolean", "default": True}}, "required": ["go_on"]}
    answers = await ask(ctx, {"agree": form("The job would take three seconds. Go on?", agree)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "agree", ElicitResult)
    if answer.action != "accept" or not (answer.content or {}).get("go_on"):
        return f"not done: {answer.action}"
    for step in range(1, 4):
        await anyio.sleep(1)
        _say(current_task(), f"step {step} of 3")
    return "done"


def _say(task: TaskRecord | None, message: str) -> None:
    if task is not None:
        task.say(message)
