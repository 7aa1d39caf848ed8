"""What is known about a column's model, as lines for its dialog. No widgets."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_tui.core.figures import duration_text, money_text, price_text, tokens_text
from mcp_tui.core.rate_text import limit_lines
from mcp_tui.core.state import Usage
from mcp_tui.core.text import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_tui.core.chat import ModelParams
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.spec import ColumnSpec
    from mcp_tui.ui.compare.conversation import Conversation
    from mcp_tui.ui.widgets.catalog_rows import Off


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    lines: tuple[tuple[str, str], ...]
    """(what it is about, the words)."""
    unsent: Callable[[ModelParams], tuple[str, ...]]
    """Names of the parameters this model would not get."""


def column_facts(engine: Engine, conversation: Conversation, spec: ColumnSpec, off: Off) -> ColumnFacts:
    """Reads only what is in memory."""
    lines = [("model", _model(engine, spec)), ("tools", _tools(engine, spec, off))]
    found = conversation.run.rate_limits(spec.id) if conversation.run is not None else None
    if found is None:
        lines.append(("rate limits", "not known yet: the provider says them with an answer, if it says them"))
    else:
        now = time.time()
        ago = duration_text(max(0.0, now - found.seen_at) * 1000)
        first, *rest = limit_lines(found, now)
        lines.append(("rate limits", f"{first}  ({ago} ago)"))
        lines += [("", line) for line in rest]
    if spec.fallback:
        chain = ", then ".join(clean_line(str(choice.ref)) for choice in spec.fallback)
        lines.append(("fallback", chain))
    return ColumnFacts(tuple(lines), lambda params: engine.registry.unsent(spec.ref, params))


def _model(engine: Engine, spec: ColumnSpec) -> str:
    info = engine.models.info(spec.ref)
    size = tokens_text(info.context_tokens)
    prices = price_text(info.input_usd_per_mtok), price_text(info.output_usd_per_mtok)
    free = engine.registry.charges_nothing(spec.ref.provider)
    parts = [
        clean_line(str(spec.ref)),
        f"{size} context" if size else "context size not known",
        f"{prices[0]} in, {prices[1]} out per million tokens"
        if all(prices)
        else ("runs on this machine, costs nothing" if free else "price not known"),
    ]
    return " · ".join(parts)


def _tools(engine: Engine, spec: ColumnSpec, off: Off) -> str:
    tax = engine.tool_tax(off)
    if not tax:
        return "none offered"
    usd = engine.prices.cost_usd(spec.ref, Usage(tax, 0))
    cost = f", {money_text(usd, estimate=True)}" if usd is not None else ""
    return f"{tokens_text(tax, estimate=True)} tokens{cost} in every request"
