"""What the tools of the llm server answer: the shapes of `mcp-tui compare --json`, with what one call adds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.surrogates import encodable_json

Status = Literal["ok", "error", "cancelled", "incomplete"]


class Tokens(BaseModel):
    input_tokens: int | None
    output_tokens: int | None
    cached_input_tokens: Annotated[int | None, Field(description="Of the input, read from the provider's cache.")]
    reasoning_tokens: Annotated[int | None, Field(description="Of the output.")]


class Fault(BaseModel):
    title: str
    detail: str
    hint: str


class ModelAnswer(BaseModel):
    model: Annotated[str, Field(description="provider/model, then the parameters that were asked for.")]
    status: Annotated[Status, Field(description="incomplete: the answer is cut, see error.")]
    text: str
    reasoning: str
    usage: Tokens
    cost_usd: Annotated[float | None, Field(description="Null: no price is known.")]
    cost_is_estimate: bool
    ttft_ms: Annotated[float | None, Field(description="Until the first token.")]
    duration_ms: float | None
    tokens_per_s: float | None
    attempts: Annotated[int, Field(description="More than 1: the provider refused or failed before.")]
    cached: Annotated[bool, Field(description="Replayed from the response cache: nothing was paid.")]
    fallback: Annotated[str | None, Field(description="Which model answered instead, and why.")]
    params: dict[str, Any]
    notes: list[str]
    stop_reason: str | None
    error: Fault | None


class Response(ModelAnswer):
    """One column of a comparison; no tools are offered, so the fields about them are empty."""

    steps: int
    cached_steps: int
    tool_calls: list[dict[str, Any]]
    tool_tax: dict[str, Any]


class Comparison(BaseModel):
    count: Annotated[int, Field(description="Models asked.")]
    answered: Annotated[int, Field(description="Of them, with status ok.")]
    average_length: Annotated[float, Field(description="Characters of the ok answers.")]
    average_latency_ms: Annotated[float | None, Field(description="Of the ok answers that were not cached.")]
    fastest: str | None
    cheapest: str | None
    input_tokens: Annotated[int, Field(description="Of all models; what is cached is not counted.")]
    output_tokens: int
    total_tokens: int
    cost_usd: Annotated[float | None, Field(description="Of all models; null when no price is known at all.")]
    cost_is_estimate: bool
    tool_agreement: float | None


class ComparisonResult(BaseModel):
    prompt: str
    responses: list[Response]
    comparison: Comparison


class ProviderModels(BaseModel):
    name: str
    available: Annotated[bool, Field(description="It has a key, needs none, or runs on this machine.")]
    key_source: Annotated[str, Field(description='Such as "OPENAI_API_KEY"; empty: the key is missing.')]
    demo: Annotated[bool, Field(description="Scripted answers, no real models.")]
    models: list[str]
    models_from: Annotated[Literal["provider", "configured or suggested"], Field(description="Who named the models.")]
    error: Fault | None


class ModelList(BaseModel):
    providers: list[ProviderModels]
    default: Annotated[list[str], Field(description="What compare asks when no models are named.")]
    names: Annotated[dict[str, str], Field(description="Short names of the configuration, and what they stand for.")]
    sets: Annotated[dict[str, list[str]], Field(description="Sets of the configuration, for compare.")]


_COLUMN_ONLY = ("steps", "cached_steps", "tool_calls", "tool_tax")


def answer(response: JsonObject) -> JsonObject:
    """One response of the `compare --json` object as an `ModelAnswer`."""
    return encodable_json({key: value for key, value in response.items() if key not in _COLUMN_ONLY})


def compared(result: JsonObject) -> JsonObject:
    """The `compare --json` object as a `ComparisonResult`: latency, tokens and cost of all columns added."""
    responses: Sequence[JsonObject] = result["responses"]
    paid = [one for one in responses if not one["cached"]]
    latencies = [float(one["duration_ms"]) for one in paid if one["status"] == "ok" and one["duration_ms"] is not None]
    costs = [float(one["cost_usd"]) for one in paid if one["cost_usd"] is not None]
    tokens_in, tokens_out = _sum(paid, "input_tokens"), _sum(paid, "output_tokens")
    added: JsonObject = {
        "answered": sum(one["status"] == "ok" for one in responses),
        "average_latency_ms": round(sum(latencies) / len(latencies), 1) if latencies else None,
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
        "cost_usd": round(sum(costs), 8) if costs else None,
        "cost_is_estimate": any(bool(one["cost_is_estimate"]) for one in paid if one["cost_usd"] is not None),
    }
    comparison: JsonObject = result["comparison"]
    return encodable_json({**result, "comparison": {**comparison, **added}})


def answer_text(response: JsonObject) -> str:
    """The answer for a reader of text alone; what went wrong stands in a last paragraph."""
    text = str(response["text"]).strip()
    error: JsonObject | None = response["error"]
    if error is None:
        return text or "(the model answered nothing)"
    return f"{text}\n\n[{response['status']}] {fault_line(error)}".strip()


def comparison_text(result: JsonObject) -> str:
    """All answers under their models, and the figures."""
    parts = [f"## {one['model']}\n{answer_text(one)}\n\n{_figures(one)}" for one in result["responses"]]
    figures: JsonObject = result["comparison"]
    last = [f"{figures['answered']} of {figures['count']} answered"]
    if figures["fastest"] is not None:
        last.append(f"fastest {figures['fastest']}")
    if figures["cheapest"] is not None:
        last.append(f"cheapest {figures['cheapest']}")
    last += [f"{figures['total_tokens']} tokens", _cost(figures)]
    return "\n\n".join([*parts, "## Comparison\n" + ", ".join(word for word in last if word)])


def fault_line(error: Mapping[str, Any]) -> str:
    line = f"{error['title']}: {error['detail']}" if error["detail"] else str(error["title"])
    return f"{line} ({error['hint']})" if error["hint"] else line


def _figures(response: JsonObject) -> str:
    usage: JsonObject = response["usage"]
    words = [
        str(response["status"]),
        "from the cache" if response["cached"] else "",
        duration_text(response["duration_ms"]),
        f"{usage['output_tokens']} tokens" if usage["output_tokens"] is not None else "",
        _cost(response),
        f"fallback: {response['fallback']}" if response["fallback"] else "",
        *response["notes"],
    ]
    return ", ".join(word for word in words if word)


def _cost(figures: JsonObject) -> str:
    return money_text(figures["cost_usd"], estimate=figures["cost_is_estimate"])


def _sum(responses: Sequence[JsonObject], name: str) -> int:
    return sum(int(one["usage"][name] or 0) for one in responses)
