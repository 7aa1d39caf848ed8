"""Figures of a column in one line, the most telling first; what does not fit is dropped from the right."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rich.cells import cell_len

from mcp_tui.core.figures import money_text, tokens_text
from mcp_tui.core.state import Metrics
from mcp_tui.ui.widgets import glyphs

Best: TypeAlias = Literal["ttft", "speed", "cost"]

SEPARATOR = " · "


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    text: str
    brief: str
    """The same in fewer cells."""
    best: bool = False

    def shown(self, *, brief: bool) -> str:
        text = self.brief if brief else self.text
        return f"{glyphs.BEST} {text}" if self.best else text


def figures(metrics: Metrics, *, demo: bool, best: AbstractSet[str] = frozenset()) -> list[Figure]:
    """By worth. Estimates are marked `~`; the cost of a demo model is the word demo."""
    usage = metrics.usage
    about = "~" if metrics.usage_is_estimate else ""
    found: list[Figure] = []
    if metrics.cached_steps:
        # First: what follows then says little or nothing about the model.
        found.append(Figure("replayed", replayed_text(metrics), replayed_text(metrics)))
    if metrics.ttft_ms is not None:
        first = f"{metrics.ttft_ms / 1000:.2f}s"
        found.append(Figure("ttft", f"{first} first", first, "ttft" in best))
    if metrics.tokens_per_s is not None:
        speed = f"{about}{metrics.tokens_per_s:.0f} tok/s"
        found.append(Figure("speed", speed, speed, "speed" in best))
    cost = "demo" if demo else money_text(metrics.cost_usd, estimate=metrics.cost_is_estimate)
    if cost:
        found.append(Figure("cost", cost, cost, "cost" in best and not demo))
    if usage.input_tokens is not None or usage.output_tokens is not None:
        parts = [
            f"{tokens_text(count, estimate=metrics.usage_is_estimate)}{arrow}"
            for count, arrow in ((usage.input_tokens, "↑"), (usage.output_tokens, "↓"))
            if count is not None
        ]
        found.append(Figure("tokens", " ".join(parts), " ".join(parts)))
    if metrics.tool_calls:
        calls = f"{metrics.tool_calls} call{'s' if metrics.tool_calls != 1 else ''}"
        found.append(Figure("calls", calls, calls))
    if metrics.steps > 1:
        found.append(Figure("steps", f"{metrics.steps} steps", f"{metrics.steps} steps"))
    if usage.cached_input_tokens:
        cached = f"{tokens_text(usage.cached_input_tokens, estimate=metrics.usage_is_estimate)} cached"
        found.append(Figure("cached", cached, cached))
    if usage.reasoning_tokens:
        thought = f"{tokens_text(usage.reasoning_tokens, estimate=metrics.usage_is_estimate)} thinking"
        found.append(Figure("reasoning", thought, thought))
    return found


def fit(found: list[Figure], width: int) -> list[tuple[Figure, str]]:
    """The figures that fit into `width` cells, each with the text to show; brief before anything is dropped."""
    for count in range(len(found), 0, -1):
        for brief in (False, True):
            texts = [figure.shown(brief=brief) for figure in found[:count]]
            if cell_len(SEPARATOR.join(texts)) <= width and not (brief and count > 3):
                return list(zip(found, texts, strict=False))
    return []


def metrics_text(metrics: Metrics, width: int, *, demo: bool, best: AbstractSet[str] = frozenset()) -> str:
    return SEPARATOR.join(text for _, text in fit(figures(metrics, demo=demo, best=best), width))


def replayed_text(metrics: Metrics) -> str:
    """How much was answered from the response cache; "" for nothing."""
    if not metrics.cached_steps:
        return ""
    return "cached" if metrics.cached else f"{metrics.cached_steps} of {metrics.steps} steps cached"
