"""The tools of the llm server. Everything but the MCP side is the engine's: providers, retries, cache, spending."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, TextContent
from pydantic import Field

from mcp_tui.core.errors import AppError
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.engine import Engine
from mcp_tui.runs.lineup import usable_providers
from mcp_tui.runs.model_names import ModelNames
from mcp_tui.runs.spec import ColumnSpec, RunSpec
from mcp_tui.servers.llm.progress import Progress
from mcp_tui.servers.llm.results import (
    ComparisonResult,
    ModelAnswer,
    ModelList,
    answer,
    answer_text,
    compared,
    comparison_text,
    fault_line,
)
from mcp_tui.servers.llm.usage import USAGE_URI, provider_uri

if TYPE_CHECKING:
    from mcp_tui.providers.registry import ProviderInfo

MOST_MODELS = 16
"""In one comparison."""
LIST_TIMEOUT_S = 10.0
TIME_LIMIT_S = 300.0
_NAMED_MODELS = 4
_TEXT_MODELS = 30
_WRONG_NAME = frozenset({"unknown_model", "missing_key", "no_model", "ambiguous_model", "bad_model"})

Prompt = Annotated[str, Field(min_length=1, description="What to ask.")]
System = Annotated[str | None, Field(description="System prompt.")]
Temperature = Annotated[float | None, Field(ge=0, le=2)]
MaxTokens = Annotated[int | None, Field(ge=1, description="Most tokens of the answer.")]
Effort = Annotated[
    str | None, Field(pattern=r"^\w+$", description="Of reasoning, where the model knows it: low, medium, high ...")
]
Seed = int | None
Fallback = Annotated[
    str | None,
    Field(
        description="PROVIDER/MODEL to ask when the first cannot be had: no connection or key, 429, 5xx. "
        "Several with |, in this order."
    ),
]
Cache = Annotated[
    bool | None, Field(description="Replay the answer to a request that was made before; default as configured.")
]
MaxCost = Annotated[
    float | None, Field(ge=0, description="US dollars this call may cost at most; default as configured.")
]
TimeLimit = Annotated[float, Field(gt=0, le=3600, description="Seconds each model has for its answer.")]


class LlmTools:
    def __init__(self, engine: Engine, *, max_cost_usd: float | None = None) -> None:
        """max_cost_usd: no call may cost more, whatever it asks for."""
        self._engine = engine
        self._max_cost_usd = max_cost_usd

    async def call_llm(
        self,
        ctx: Context[Any, Any],
        provider: Annotated[str, Field(description='Such as "openai", "anthropic" or "groq"; see list_models.')],
        model: Annotated[str, Field(description="The provider's own name for it; empty: its default.")],
        prompt: Prompt,
        system: System = None,
        temperature: Temperature = None,
        max_tokens: MaxTokens = None,
        effort: Effort = None,
        seed: Seed = None,
        stop: Annotated[list[str], Field(max_length=8, description="Texts that end the answer.")] = [],  # noqa: B006
        fallback: Fallback = None,
        cache: Cache = None,
        max_cost_usd: MaxCost = None,
        time_limit_s: TimeLimit = TIME_LIMIT_S,
    ) -> Annotated[CallToolResult, ModelAnswer]:
        """Ask one model of one provider, and get its answer with tokens, time and cost."""
        named = f"{provider.strip()}/{model.strip()}" if model.strip() else provider.strip()
        columns = self._columns([named])
        columns = [
            _asked(column, system, temperature, max_tokens, effort, seed, tuple(stop))
            for column in self._with_fallback(columns, fallback)
        ]
        if len(columns) != 1:
            raise ToolError(f"{named!r} is a set of {len(columns)} models: use compare, or name one")
        result = await self._ask(ctx, columns, prompt, cache, max_cost_usd, time_limit_s)
        response = answer(result["responses"][0])
        return CallToolResult(
            content=[TextContent(type="text", text=answer_text(response))],
            structured_content=response,
            is_error=response["status"] in ("error", "cancelled"),
        )

    async def compare(
        self,
        ctx: Context[Any, Any],
        prompt: Prompt,
        providers: Annotated[
            list[str], Field(max_length=MOST_MODELS, description="Each answers with its default model.")
        ] = [],  # noqa: B006
        models: Annotated[
            list[str],
            Field(
                max_length=MOST_MODELS,
                description="PROVIDER/MODEL, short names or sets of the configuration; parameters after ?, such as "
                "openai/gpt-5?effort=low. Without providers and models: the default ones.",
            ),
        ] = [],  # noqa: B006
        system: System = None,
        temperature: Temperature = None,
        max_tokens: MaxTokens = None,
        effort: Effort = None,
        seed: Seed = None,
        fallback: Fallback = None,
        cache: Cache = None,
        max_cost_usd: MaxCost = None,
        time_limit_s: TimeLimit = TIME_LIMIT_S,
    ) -> Annotated[CallToolResult, ComparisonResult]:
        """Ask several models the same at once: their answers side by side, and who was fastest and cheapest."""
        columns = self._columns([*(name.strip() for name in providers), *models])
        if len(columns) > MOST_MODELS:
            raise ToolError(f"{len(columns)} models are named; {MOST_MODELS} may be compared at once")
        columns = [
            _asked(column, system, temperature, max_tokens, effort, seed, ())
            for column in self._with_fallback(columns, fallback)
        ]
        result = compared(await self._ask(ctx, columns, prompt, cache, max_cost_usd, time_limit_s))
        return CallToolResult(
            content=[TextContent(type="text", text=comparison_text(result))],
            structured_content=result,
            # One answer is worth more than an error.
            is_error=not any(one["text"] or one["status"] == "ok" for one in result["responses"]),
        )

    async def list_models(
        self,
        provider: Annotated[str | None, Field(description="Only this one.")] = None,
        refresh: Annotated[bool, Field(description="Ask the providers which models they have now.")] = True,
    ) -> Annotated[CallToolResult, ModelList]:
        """Providers that can be used here, their models, and the short names of the configuration."""
        infos = self._engine.registry.providers()
        if provider is None:
            infos = tuple(info for info in infos if info.available)
        else:
            infos = tuple(info for info in infos if info.name == provider.strip().lower())
            if not infos:
                raise ToolError(f"there is no provider {provider!r}. {self.available()}")
        listed = await asyncio.gather(*(self._models_of(info, refresh=refresh) for info in infos))
        config = self._engine.config
        result: JsonObject = {
            "providers": listed,
            "default": self._default_labels(),
            "names": dict(config.models),
            "sets": {name: list(members) for name, members in config.sets.items()},
        }
        lines = [_provider_line(one) for one in listed] or [self.available()]
        return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=result)

    def available(self) -> str:
        """What can be asked here, for someone who asked for something else."""
        infos = [info for info in self._engine.registry.providers() if info.available]
        if not infos:
            return (
                "No provider has a key here: set one such as OPENAI_API_KEY, ANTHROPIC_API_KEY or GROQ_API_KEY in the "
                "environment of this server, store one with `mcp-tui auth PROVIDER`, or start it with --demo."
            )
        named = [f"{info.name} ({_few(info.models, _NAMED_MODELS)})" if info.models else info.name for info in infos]
        return f"Available here: {'; '.join(named)}. The tool list_models tells more."

    def _columns(self, names: Sequence[str]) -> list[ColumnSpec]:
        """ToolError names what there is when the names make no sense or a key is missing."""
        names = [name for name in names if name]
        try:
            if not names and not usable_providers(self._engine.registry.providers()) and not self._engine.demo_models:
                raise ToolError(self.available())
            return list(self._engine.default_columns(names))
        except AppError as error:
            raise self._refusal(error) from error

    def _with_fallback(self, columns: Sequence[ColumnSpec], fallback: str | None) -> list[ColumnSpec]:
        if fallback is None or not fallback.strip():
            return list(columns)
        try:
            choices = ModelNames(self._engine.config, self._engine.registry).fallback(fallback)
        except AppError as error:
            raise self._refusal(error) from error
        return [
            replace(column, fallback=tuple(choice for choice in choices if choice.ref != column.ref))
            for column in columns
        ]

    def _refusal(self, error: AppError) -> ToolError:
        text = str(error)
        return ToolError(f"{text}. {self.available()}" if error.info.code in _WRONG_NAME else text)

    async def _ask(
        self,
        ctx: Context[Any, Any],
        columns: Sequence[ColumnSpec],
        prompt: str,
        cache: bool | None,
        max_cost_usd: float | None,
        time_limit_s: float,
    ) -> JsonObject:
        """The `compare --json` object. Whoever cancels this closes the streams of the models."""
        progress = Progress([(column.id, column.label) for column in columns])
        try:
            run = self._engine.start_run(
                RunSpec(
                    columns=tuple(columns),
                    no_tools=True,
                    time_limit_s=time_limit_s,
                    max_cost_usd=self._limit(max_cost_usd),
                    use_cache=cache,
                ),
                progress.take,
            )
            run.send(prompt)
        except AppError as error:
            raise ToolError(str(error)) from error
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(progress.tell, ctx)
                await run.wait()
                progress.end()
        finally:
            if run.live:
                run.cancel()
        result = run.to_json()
        await self._usage_changed(ctx, columns)
        return result

    def _limit(self, asked_usd: float | None) -> float | None:
        """A call may ask for less than what was set for it, never for more."""
        limits = (asked_usd, self._max_cost_usd, self._engine.config.limits.usd_per_run)
        return min((usd for usd in limits if usd is not None), default=None)

    async def _usage_changed(self, ctx: Context[Any, Any], columns: Sequence[ColumnSpec]) -> None:
        await ctx.notify_resource_updated(USAGE_URI)
        for name in dict.fromkeys(choice.ref.provider for column in columns for choice in column.choices):
            await ctx.notify_resource_updated(provider_uri(name))

    async def _models_of(self, info: ProviderInfo, *, refresh: bool) -> JsonObject:
        names, source, error = list(info.models), "configured or suggested", None
        if info.available and not info.demo and refresh:
            try:
                asked = self._engine.registry.provider(info.name)
                names = sorted(await asked.list_models(timeout_s=LIST_TIMEOUT_S))
                source = "provider"
            except AppError as refused:
                error = {"title": refused.info.title, "detail": refused.info.detail, "hint": refused.info.hint}
        return {
            "name": info.name,
            "available": info.available,
            "key_source": info.key_source,
            "demo": info.demo,
            "models": names,
            "models_from": source,
            "error": error,
        }

    def _default_labels(self) -> list[str]:
        try:
            return [column.label for column in self._engine.default_columns()]
        except AppError:
            return []


def _asked(
    column: ColumnSpec,
    system: str | None,
    temperature: float | None,
    max_tokens: int | None,
    effort: str | None,
    seed: int | None,
    stop: tuple[str, ...],
) -> ColumnSpec:
    """The column with what the call itself asks for; what it leaves open stays as the model's name says."""
    given = {"temperature": temperature, "max_tokens": max_tokens, "effort": effort, "seed": seed, "stop": stop or None}
    wanted: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    fallback = tuple(replace(choice, params=replace(choice.params, **wanted)) for choice in column.fallback)
    return replace(
        column,
        params=replace(column.params, **wanted),
        system=column.system if system is None else system,
        fallback=fallback,
    )


def _provider_line(provider: JsonObject) -> str:
    models: Sequence[str] = provider["models"]
    line = f"{provider['name']}: {_few(models, _TEXT_MODELS) or 'no models known'}"
    if not provider["available"]:
        line += " (no key)"
    error: JsonObject | None = provider["error"]
    return line if error is None else f"{line} ({fault_line(error)})"


def _few(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
