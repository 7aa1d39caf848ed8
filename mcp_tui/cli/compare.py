"""compare: one prompt to several models, headless."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.answering import ModelAnswers, answer_options, answering
from mcp_tui.cli.arguments import read_text
from mcp_tui.cli.connect import load_config, servers_ready
from mcp_tui.cli.options import Settings, run_options, settings_of
from mcp_tui.cli.output import notice, print_json, warn
from mcp_tui.core.errors import EXIT_CODES, EXIT_SOME_COLUMNS_FAILED, AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config
    from mcp_tui.runs.engine import Attachment


@click.command()
@click.argument("prompt", metavar="PROMPT|@FILE|-")
@click.option("--system", metavar="TEXT", help="System prompt of every model.")
@click.option(
    "--approve",
    metavar="POLICY",
    type=click.Choice([policy.value for policy in ApprovalPolicy]),
    help="Tool calls: readonly (default) runs tools that say they only read, auto all, never none; ask denies "
    "what would ask, since nobody is there.",
)
@click.option("--no-tools", is_flag=True, help="Offer no tools.")
@click.option("--max-steps", metavar="N", type=click.IntRange(1, 1000), help="Model calls per column at most.")
@click.option(
    "--cache/--no-cache",
    default=None,
    help="Answer requests that were made before from the response cache, marked cached (default: cache in "
    "[defaults], else not).",
)
@click.option(
    "--max-cost",
    metavar="USD",
    type=click.FloatRange(min=0),
    help="Stop before the run costs more (default: usd_per_run in [limits], else no limit). Models without a known "
    "price are not counted, and said.",
)
@click.option(
    "--attach",
    metavar="FILE",
    multiple=True,
    help="Put FILE into the prompt: text, image, PDF, office document, audio or video. Repeatable.",
)
@click.option("--limits", is_flag=True, help="Show what the providers say about your rate limits (always in --json).")
@click.option("--export", metavar="FILE", help="Save the comparison: Markdown for .md, HTML for .html, else JSON.")
@click.option("--no-history", is_flag=True, help="Do not save the run (default: history in [defaults], else saved).")
@answer_options
@run_options
@click.pass_context
def compare(
    context: click.Context,
    prompt: str,
    system: str | None,
    approve: str | None,
    no_tools: bool,
    max_steps: int | None,
    cache: bool | None,
    max_cost: float | None,
    attach: tuple[str, ...],
    limits: bool,
    export: str | None,
    no_history: bool,
    elicit: str | None,
    sampling: str | None,
) -> int:
    """Send PROMPT to several models at once; each may call the tools of all servers.

    \b
    -m takes PROVIDER/MODEL, a short name of [models], or a set of [sets]; and with any of them
      parameters:  -m "openai/gpt-5?temperature=0.2&effort=high"
                   (temperature, max_tokens, effort, seed, stop, system; % and & as %25 and %26)
      a fallback:  -m "openai/gpt-5.5 | groq/llama-3.3-70b-versatile"
                   (asked, and named, when the first cannot be had: no connection or key, 429, 5xx)

    \b
    In config.toml:
      [models]    fast = "groq/llama-3.3-70b-versatile"
      [sets]      duel = ["fast", "openai/gpt-5.5?effort=low"]
      [prices."lab/qwen3"]   input = 0.2, output = 0.6, cached = 0.02: US dollars per million tokens; "lab/*"
                  is every model of lab. Without an own price the built-in table counts.
      [limits]    usd_per_run, usd_per_day; cache_days = 30, cache_mb = 200
      [defaults]  cache = true, fallback = "fast"

    Costs that the provider did not report are estimates, marked ~. `mcp-tui usage` adds up all calls. Under a limit
    a request is sent only when the most it can cost still fits; without max_tokens it asks for at most 16,384
    tokens of output, or what the limit leaves.

    A file of --attach goes to each model in the form its provider takes: up to 2 MB of text, 5 MB for an image, 20 MB
    for anything else. Where a model cannot take it the column says so, and the model is told what is missing.

    The run is saved while it goes on: `mcp-tui history` lists runs, `export` and `replay` take one by its id.

    Without -m, the models of [defaults], else of the providers with a key, else the demo models.

    \b
    mcp-tui compare "What time is it, and add 2 and 3" --demo
    mcp-tui compare "What does this contract forbid?" --attach contract.pdf -m anthropic -m gemini
    git diff | mcp-tui compare - --system "Review this" -m fast -m anthropic --max-cost 0.10 --export review.md

    Exit code 7 when some columns failed; when all did, the failure's own code (2, 4, 6), or 6 when they differ.
    """
    settings = settings_of(context)
    text = read_text(prompt, what="Prompt")
    if not text.strip():
        raise AppError("Prompt", "it is empty", kind=ErrorKind.USAGE)
    attachments = _attachments(attach)
    config = load_config(settings, ask_for=lambda _: not no_tools)
    defaults = config.defaults
    config = replace(
        config,
        defaults=replace(
            defaults,
            system=defaults.system if system is None else system,
            max_steps=max_steps or defaults.max_steps,
            approval=ApprovalPolicy(approve) if approve else defaults.approval or ApprovalPolicy.READONLY,
            cache=defaults.cache if cache is None else cache,
            history=defaults.history and not no_history,
        ),
        limits=config.limits if max_cost is None else replace(config.limits, usd_per_run=max_cost),
    )
    result, errors = tasks.run(
        _compare(settings, config, text, attachments, no_tools=no_tools, elicit=elicit, sampling=sampling)
    )
    if settings.json:
        print_json(result)
    elif limits:
        _print_limits(result)
    if export is not None:
        _export(result, export)
    return _exit_code(result, errors)


async def _compare(
    settings: Settings,
    config: Config,
    prompt: str,
    attachments: Sequence[Attachment],
    *,
    no_tools: bool,
    elicit: str | None = None,
    sampling: str | None = None,
) -> tuple[JsonObject, dict[str, ErrorInfo]]:
    """The `compare --json` object, and the error of each column (by id) that ended with one."""
    from mcp_tui.cli.compare_text import Silent, new_listener
    from mcp_tui.runs.engine import Engine, EngineOptions, RunSpec

    if no_tools:
        config = replace(config, servers=())
    sample = ModelAnswers(sampling, notice) if sampling is not None else None
    options = EngineOptions(demo=settings.demo, headless=True, answering=answering(elicit, sample, notice))
    async with Engine(config, options, environ=os.environ, notice=warn) as engine:
        if sample is not None:
            sample.begin(engine)
        if settings.models or config.defaults.models:
            await engine.local_models_known()  # one of them may be meant
        columns = engine.default_columns(settings.models)
        if not no_tools:
            await servers_ready(engine, config)
        if engine.demo_models and not settings.demo and all(column.ref.provider == "demo" for column in columns):
            notice("no provider has a key: the demo models answer (scripted, not real models)")
        listener = Silent() if settings.json else new_listener([(column.id, column.label) for column in columns])
        run = engine.start_run(
            RunSpec(
                columns=columns,
                approval=config.defaults.approval or ApprovalPolicy.READONLY,
                no_tools=no_tools,
                max_steps=config.defaults.max_steps,
            ),
            listener,
        )
        listener.reader_left = run.cancel
        run.send(prompt, attachments)
        await run.wait()
        result = run.to_json()
        listener.finish(result)
        return result, listener.errors


def _attachments(files: Sequence[str]) -> tuple[Attachment, ...]:
    if not files:
        return ()
    from pathlib import Path

    from mcp_tui.runs.files import read_files

    return read_files([Path(file) for file in files])


def _print_limits(result: JsonObject) -> None:
    """On stderr: stdout has the answers."""
    import time

    from mcp_tui.core.rate_text import limit_lines
    from mcp_tui.core.state import RateLimit, RateLimits

    for response in result["responses"]:
        said: JsonObject | None = response["rate_limits"]
        if said is None:
            notice(f"{response['model']}: the provider said nothing about rate limits")
            continue
        found = RateLimits(said["seen_at"], tuple(RateLimit(**limit) for limit in said["limits"]))
        for line in limit_lines(found, time.time()):
            notice(f"{response['model']}: {line}")


def _exit_code(result: JsonObject, errors: dict[str, ErrorInfo]) -> int:
    statuses = [str(response["status"]) for response in result["responses"]]
    failed = [status for status in statuses if status != "ok"]
    if not failed:
        return 0
    if len(failed) < len(statuses):
        return EXIT_SOME_COLUMNS_FAILED
    codes = {EXIT_CODES[error.kind] for error in errors.values()}
    # Several different reasons are no single one.
    return codes.pop() if len(codes) == 1 else EXIT_CODES[ErrorKind.PROVIDER]


def _export(result: JsonObject, file: str) -> None:
    from pathlib import Path

    from mcp_tui.config.save import write_atomically
    from mcp_tui.runs.export.document import comparison_format, of_comparison, written

    format_ = comparison_format(file)
    text = written(result if format_ == "json" else of_comparison(result), format_)
    write_atomically(Path(file), text.encode("utf-8", "backslashreplace"), private=False)
    notice(f"saved {file}")
