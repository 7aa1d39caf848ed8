"""`mcp-tui serve llm`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mcp_tui.config.load import load
from mcp_tui.config.schema import Config
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.core.text import clean_line
from mcp_tui.providers.vendors import VENDORS
from mcp_tui.servers import hosting
from mcp_tui.servers.client_snippets import Variable

_DESCRIPTION = """Language models as tools: call_llm, compare and list_models; usage and cost as resources.

Providers are those with a key in the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, GROQ_API_KEY and the
others that `mcp-tui models` lists), in the keyring or in config.toml, and model servers on this machine. Short names,
sets, prices, limits, fallback and cache of config.toml count here too."""
_MOST_SNIPPET_KEYS = 5


def read_config(files: Sequence[str], *, max_cost_per_day_usd: float | None = None) -> Config:
    """Everything but servers, of the person's own files and these. AppError."""
    config = load([Path(file) for file in files], (), os.environ, Path.cwd())
    for problem in config.problems:
        _warn(problem)
    limits = config.limits
    if max_cost_per_day_usd is not None:
        limits = replace(limits, usd_per_day=max_cost_per_day_usd)
    return replace(config, servers=(), limits=limits)


def _warn(problem: ErrorInfo) -> None:
    print(f"warning: {clean_line(problem.line())}", file=sys.stderr)


def _keys() -> list[Variable]:
    """Of the environment, those that are set, for the snippets; else the best known ones."""
    names = [name for vendor in VENDORS for name in vendor.key_variables if os.environ.get(name)]
    return [Variable(name) for name in dict.fromkeys(names or ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"))][
        :_MOST_SNIPPET_KEYS
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = hosting.new_parser("llm", _DESCRIPTION, variables=_keys())
    parser.add_argument(
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help="read FILE too, like config.toml; repeatable",
    )
    parser.add_argument("--demo", action="store_true", help="offer the scripted demo models, which need no key")
    parser.add_argument(
        "--max-cost",
        metavar="USD",
        type=_dollars,
        help="most that one call may cost (default: usd_per_run in [limits])",
    )
    parser.add_argument(
        "--max-cost-per-day",
        metavar="USD",
        type=_dollars,
        help="most that one day may cost, of all that this person does (default: usd_per_day in [limits])",
    )
    options = hosting.parse(parser, arguments)
    try:
        config = read_config(options.config, max_cost_per_day_usd=options.max_cost_per_day)
    except AppError as error:
        parser.error(str(error))
    from mcp_tui.runs.engine import Engine, EngineOptions
    from mcp_tui.servers.llm.server import build_server

    engine = Engine(
        config,
        EngineOptions(demo=options.demo, headless=True, models_only=True),
        environ=os.environ,
        notice=_warn,
    )
    return hosting.run(build_server(engine, max_cost_usd=options.max_cost), options)


def _dollars(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    # `not 0 <= value` also refuses NaN.
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount of US dollars")
    return value


if __name__ == "__main__":
    sys.exit(main())
