"""usage: what all model calls of this person used and cost."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta
from typing import TYPE_CHECKING, get_args

import click

from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import settings_of, source_options
from mcp_tui.cli.output import notice, print_json, say, styled, table
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.figures import money_text
from mcp_tui.core.types import JsonObject
from mcp_tui.store.usage import DEMO, Grouping, UsageTotal, spent_on, totals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_HEADERS = ("CALLS", "CACHED", "FAILED", "IN", "OUT", "READ", "THOUGHT", "COST")
_KEYS: dict[Grouping, tuple[str, ...]] = {"provider": ("provider",), "model": ("provider", "model"), "day": ("day",)}


@click.command()
@click.option("--by", type=click.Choice(get_args(Grouping)), default="model", help="What to add up (default: model).")
@click.option("--since", metavar="DATE", help="YYYY-MM-DD, today, or days back such as 7d (default: everything).")
@source_options
@click.pass_context
def usage(context: click.Context, by: Grouping, since: str | None) -> int:
    """What model calls used and cost, of all runs on this machine: dashboard, compare, everything.

    \b
    CALLS    model calls; one answer with tools takes several
    CACHED   of them replayed from the response cache: no tokens, no cost
    READ     of IN, read from the provider's own prompt cache
    THOUGHT  of OUT, reasoning
    COST     US dollars; ~ where a part is an estimate from token counts and list prices,
             + where calls of models without a known price are missing

    \b
    Own prices and limits stand in config.toml:
      [prices."lab/qwen3-32b"]     US dollars per million tokens
      input = 0.2
      output = 0.6
      [limits]
      usd_per_run = 0.5
      usd_per_day = 5
    """
    from mcp_tui.config import paths

    settings = settings_of(context)
    today = date.today()
    first = _since(since, today)
    path = paths.data_dir() / "usage.sqlite"
    try:
        rows = totals(path, by, since=first)
        spent = spent_on(path, today)
    except (sqlite3.Error, OSError) as error:
        raise AppError("Usage cannot be read", f"{path}: {error}", code="usage_not_read") from error
    limit = load_config(settings).limits.usd_per_day
    total = _sum(rows)
    if settings.json:
        print_json(
            {
                "by": by,
                "since": None if first is None else first.isoformat(),
                "rows": [_object(by, row) for row in rows],
                "total": _figures(total),
                "today": {"cost_usd": spent, "limit_usd": limit},
            }
        )
        return 0
    if not rows:
        notice(f"no model call is recorded{'' if first is None else f' since {first.isoformat()}'}; {_where(path)}")
    else:
        names = ("DAY",) if by == "day" else ("PROVIDER",) if by == "provider" else ("MODEL",)
        lines = [["/".join(row.key), *_cells(row)] for row in rows]
        lines += [["total", *_cells(total)]] if len(rows) > 1 else []
        table((*names, *_HEADERS), lines, right=frozenset(range(1, len(_HEADERS) + 1)))
    if limit is not None:
        say(styled(f"today: {money_text(spent)} of {money_text(limit)}", dim=True))
    return 0


def _where(path: Path) -> str:
    return f"they are kept in {path}"


def _since(text: str | None, today: date) -> date | None:
    if text is None:
        return None
    word = text.strip().lower()
    if word == "today":
        return today
    if word.endswith("d") and word[:-1].isdigit() and int(word[:-1]) < 100_000:
        return today - timedelta(days=int(word[:-1]))
    try:
        return date.fromisoformat(word)
    except ValueError:
        hint = "write YYYY-MM-DD, today, or days back such as 7d"
        raise AppError("--since", f"{text!r} is no date", hint, kind=ErrorKind.USAGE, code="usage") from None


def _sum(rows: Sequence[UsageTotal]) -> UsageTotal:
    return UsageTotal(
        (),
        sum(row.calls for row in rows),
        sum(row.cached_calls for row in rows),
        sum(row.failed_calls for row in rows),
        sum(row.unpriced_calls for row in rows),
        sum(row.input_tokens for row in rows),
        sum(row.output_tokens for row in rows),
        sum(row.cached_input_tokens for row in rows),
        sum(row.reasoning_tokens for row in rows),
        any(row.tokens_are_estimate for row in rows),
        sum(row.cost_usd for row in rows),
        any(row.cost_is_estimate for row in rows),
    )


def _object(by: Grouping, row: UsageTotal) -> JsonObject:
    return {**dict(zip(_KEYS[by], row.key, strict=True)), **_figures(row)}


def _figures(row: UsageTotal) -> JsonObject:
    """unpriced_calls: used tokens, but no price is known, so that they are not part of cost_usd."""
    return {
        "calls": row.calls,
        "cached_calls": row.cached_calls,
        "failed_calls": row.failed_calls,
        "unpriced_calls": row.unpriced_calls,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cached_input_tokens": row.cached_input_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "tokens_are_estimate": row.tokens_are_estimate,
        "cost_usd": row.cost_usd,
        "cost_is_estimate": row.cost_is_estimate,
    }


def _cells(row: UsageTotal) -> list[str]:
    about = "~" if row.tokens_are_estimate else ""
    counts = (row.calls, row.cached_calls, row.failed_calls)
    tokens = (row.input_tokens, row.output_tokens, row.cached_input_tokens, row.reasoning_tokens)
    return [
        *(str(count) if count else "" for count in counts),
        *(f"{about}{count}" if count else "" for count in tokens),
        _cost(row),
    ]


def _cost(row: UsageTotal) -> str:
    if row.key[:1] == (DEMO,):
        return "demo"
    if row.unpriced_calls and not row.cost_usd:
        return "unknown"
    return money_text(row.cost_usd, estimate=row.cost_is_estimate) + "+" * bool(row.unpriced_calls)
