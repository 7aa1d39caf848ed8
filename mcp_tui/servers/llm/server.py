"""The bundled MCP server that makes models available as tools: `mcp-tui serve llm`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import Field

from mcp_tui import __version__
from mcp_tui.runs.engine import Engine
from mcp_tui.servers.changes import ChangeBus
from mcp_tui.servers.llm.tools import LlmTools
from mcp_tui.servers.llm.usage import LlmUsage, add_usage_resources
from mcp_tui.servers.log_messages import serve_log_levels
from mcp_tui.servers.tool_hints import hints

_INSTRUCTIONS = """Language models of several providers as tools.
`list_models` tells what can be asked here; `call_llm` asks one model, `compare` several at once.
Calls cost money: `llm://usage` holds what was spent, by provider and day. Answers come back whole; progress
notifications tell how many tokens have come."""


def build_server(engine: Engine, *, max_cost_usd: float | None = None) -> MCPServer[Any]:
    """engine: not entered yet; the server enters it when it starts, and leaves it at its end."""

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncGenerator[None]:
        async with engine:
            yield

    bus = ChangeBus()
    server: MCPServer[Any] = MCPServer(
        "llm",
        title="Language models (demo)" if engine.options.demo else "Language models",
        description="Ask and compare the models of several providers.",
        instructions=_INSTRUCTIONS,
        version=__version__,
        log_level="WARNING",
        lifespan=lifespan,
        subscriptions=bus,
    )
    bus.attend(server)
    serve_log_levels(server)
    _add_tools(server, LlmTools(engine, max_cost_usd=max_cost_usd))
    add_usage_resources(server, engine)
    _add_prompt(server)
    _add_completion(server, engine)
    return server


def _add_tools(server: MCPServer[Any], tools: LlmTools) -> None:
    # Asking costs money: not read-only, so that nobody's client does it unasked.
    server.add_tool(tools.call_llm, annotations=hints("Ask a model", open_world=True))
    server.add_tool(tools.compare, annotations=hints("Compare models", open_world=True))
    server.add_tool(tools.list_models, annotations=hints("List models", read_only=True, open_world=True))


def _add_prompt(server: MCPServer[Any]) -> None:
    @server.prompt(title="Second opinion")
    def second_opinion(
        question: Annotated[str, Field(description="What several models should answer.")],
        models: Annotated[str, Field(description="PROVIDER/MODEL, separated by commas; empty: the default ones.")] = "",
    ) -> str:
        """Have other models answer a question, and judge where they agree."""
        named = [name.strip() for name in models.split(",") if name.strip()]
        which = f"with the models {', '.join(named)}" if named else "with its default models"
        return (
            f"Call the tool `compare` {which} on this question:\n\n{question}\n\n"
            "Then say in which points the answers agree, where they differ and which one is right there, "
            "and give the best answer in your own words."
        )


def _add_completion(server: MCPServer[Any], engine: Engine) -> None:
    usage = LlmUsage(engine)

    async def choices(
        ref: PromptReference | ResourceTemplateReference, name: str, context: CompletionContext | None
    ) -> list[str]:
        infos = engine.registry.providers()
        if isinstance(ref, ResourceTemplateReference):
            if name == "provider":
                return [info.name for info in infos]
            chosen = (context.arguments or {}).get("provider", "") if context is not None else ""
            return ["today", *await usage.days(chosen)] if name == "day" else []
        if (ref.name, name) == ("second_opinion", "models"):
            return [f"{info.name}/{model}" for info in infos if info.available for model in info.models]
        return []

    @server.completion()
    async def complete(  # pyright: ignore[reportUnusedFunction]  # registered by its decorator
        ref: PromptReference | ResourceTemplateReference,
        argument: CompletionArgument,
        context: CompletionContext | None,
    ) -> Completion:
        # Of a list, the part after the last comma is completed.
        head, comma, typed = argument.value.rpartition(",")
        start = typed.strip().lower()
        values = [f"{head}{comma}{name}" for name in await choices(ref, argument.name, context)
                  if name.lower().startswith(start)]  # fmt: skip
        return Completion(values=values[:100], total=len(values), has_more=len(values) > 100)
