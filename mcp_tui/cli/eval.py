"""eval: a suite of prompts with expectations, headless."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.answering import answering
from mcp_tui.cli.connect import load_config, longest_connect_s, servers_ready
from mcp_tui.cli.options import Settings, run_options, settings_of
from mcp_tui.cli.output import notice, print_json, warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.streams import lead_nowhere

if TYPE_CHECKING:
    from mcp_tui.cli.eval_text import Lines
    from mcp_tui.config.schema import Config, ServerSpec
    from mcp_tui.runs.engine import Engine
    from mcp_tui.runs.evals.results import Results
    from mcp_tui.runs.evals.runner import Evaluation, Planned
    from mcp_tui.runs.evals.suite import Suite


@click.command("eval")
@click.argument("suite", metavar="SUITE.toml")
@click.option("--case", "cases", metavar="NAME", multiple=True, help="Only cases of this name, or pattern. Repeatable.")
@click.option("--repeat", metavar="N", type=click.IntRange(1, 1000), help="Attempts of each case.")
@click.option("--jobs", metavar="N", type=click.IntRange(1, 16), default=2, help="Cases at once: 1 to 16, default 2.")
@click.option("--fail-fast", is_flag=True, help="Begin nothing more once a case cannot pass any more.")
@click.option("--junit", metavar="FILE", help="Write JUnit XML too: a testsuite per model, a testcase per attempt.")
@click.option(
    "--approve",
    metavar="POLICY",
    type=click.Choice([policy.value for policy in ApprovalPolicy]),
    help="Tool calls, instead of what the suite says: readonly (default) runs tools that say they only read, auto all, "
    "never none; ask denies what would ask.",
)
@click.option("--max-steps", metavar="N", type=click.IntRange(1, 1000), help="Model calls per attempt at most.")
@click.option(
    "--max-cost",
    metavar="USD",
    type=click.FloatRange(min=0),
    help="Of the whole evaluation: nothing is asked that could cost more (default: usd_per_run in [limits], else no "
    "limit). What was not run has failed.",
)
@click.option(
    "--cache/--no-cache",
    default=None,
    help="Answer requests that were made before from the response cache (default: cache in [defaults], else not).",
)
@click.option("--no-history", is_flag=True, help="Do not save the runs (default: history in [defaults], else saved).")
@run_options
@click.pass_context
def evaluate(
    context: click.Context,
    suite: str,
    cases: tuple[str, ...],
    repeat: int | None,
    jobs: int,
    fail_fast: bool,
    junit: str | None,
    approve: str | None,
    max_steps: int | None,
    max_cost: float | None,
    cache: bool | None,
    no_history: bool,
) -> int:
    """Ask every model the prompts of a suite, with the tools of the servers, and check what comes.

    \b
    [[case]]
    prompt = "Why is the checkout slow?"
    servers = ["db"]                              only their tools (default: of all servers)
    repeat = 3
    pass_rate = 0.6                               2 of 3 attempts will do (default 1.0: all)
    [case.expect]                                 all of it must hold
    calls = ["db.query", "fs.*"]                  each called, and succeeded; * and ? as in file names
    calls_in_order = ["db.schema", "db.query"]
    never = ["*.delete*"]                         also: only = ["db.*"], no_tool_errors = true
    call = [{ tool = "db.query", arguments = { sql = { matches = "(?i)select" }, limit = 5 } }]
    text = { contains = ["pool"], icontains = "x", not_contains = "y", matches = "regex" }
    json = { type = "object", required = ["id"] } the last message, or its one fenced block, fits this JSON Schema
    max_cost_usd = 0.01                           also: max_calls, max_steps, max_duration_s, max_ttft_s,
                                                  max_output_tokens

    \b
    In a case or before the first one: models, system, approve, max_steps, timeout_s (600), repeat, pass_rate.
    In a case: name, prompt or prompt_file, attach, servers, no_tools, tools_off, expect.
    In `arguments` a value is meant as it is, and a table of these is a rule: equals, contains, icontains, matches,
      one_of, min, max. More arguments may be there. `result = { contains = "id" }` beside it reads the result's text.

    -m comes before the suite's models, those before [defaults]; --approve, --max-steps and --repeat come before
    everything in the suite. A figure nobody knows (no price, no first token) has not passed. Models share no
    results of tools: each is measured by itself.

    \b
    mcp-tui config example eval > eval-demo.toml && mcp-tui eval eval-demo.toml --demo
    mcp-tui eval shop.toml -m fast -m openai/gpt-4.1 --max-cost 0.50 --junit report.xml
    mcp-tui eval shop.toml --case "finds*" --repeat 5 --json

    Exit code 0 when all cases passed, 7 when some did not; when no provider answered at all, the failure's own code
    (2, 3, 4, 6), or 6 when they differ.
    """
    settings = settings_of(context)
    if junit is not None:
        _check_target(Path(junit))
    from mcp_tui.runs.evals.runner import Evaluation
    from mcp_tui.runs.evals.suite import read_suite

    chosen = read_suite(Path(suite)).part(cases)
    wanted = _wanted_servers(chosen)
    config = load_config(settings, ask_for=lambda name: wanted is None or name in wanted)
    defaults = config.defaults
    config = replace(
        config,
        defaults=replace(
            defaults,
            cache=defaults.cache if cache is None else cache,
            history=defaults.history and not no_history,
            fallback="",  # another model's answer says nothing about this one; a chain after -m is meant
        ),
        limits=config.limits if max_cost is None else replace(config.limits, usd_per_run=max_cost),
        servers=_needed(config, wanted),
    )
    chosen = chosen.adjusted(
        approval=ApprovalPolicy(approve) if approve else None,
        max_steps=max_steps,
        repeat=repeat,
        default_approval=defaults.approval or ApprovalPolicy.READONLY,
        default_max_steps=defaults.max_steps,
    )
    if config.defaults.cache and any(case.settings.repeat > 1 for case in chosen.cases):
        notice("with the response cache every attempt of a case gets the same answer")
    evaluation: Evaluation
    lines: Lines | None = None
    if settings.json:
        evaluation = Evaluation(chosen, jobs=jobs, fail_fast=fail_fast, report=lambda _: None)
    else:
        from mcp_tui.cli.eval_text import Lines

        lines = Lines(lambda: _without_reader(evaluation))
        evaluation = Evaluation(chosen, jobs=jobs, fail_fast=fail_fast, report=lines)
    failure: BaseException | None = None
    try:
        tasks.run(_evaluate(settings, config, chosen, evaluation, lines, offline=wanted == frozenset()))
    except BaseException as error:
        if not evaluation.began:
            raise
        failure = error  # what was done until then is worth its money
    results = evaluation.results()
    try:
        if lines is None:
            from mcp_tui.runs.evals.report import to_json

            print_json(to_json(results))
        else:
            lines.finish(results)
    finally:
        if junit is not None:
            _write_junit(results, Path(junit))
    if failure is not None:
        raise failure
    return results.exit_code()


async def _evaluate(
    settings: Settings,
    config: Config,
    suite: Suite,
    evaluation: Evaluation,
    lines: Lines | None,
    *,
    offline: bool,
) -> None:
    """offline: no case wants a tool."""
    from mcp_tui.runs.engine import Engine, EngineOptions
    from mcp_tui.runs.evals.runner import OneEngine, meaningless

    options = EngineOptions(demo=settings.demo, headless=True, answering=answering(None, None, notice))
    async with Engine(config, options, environ=os.environ, notice=warn) as engine:
        await engine.local_models_known()  # one of them may be meant
        planned = _plan(settings, config, suite, engine)
        if not offline:
            await servers_ready(engine, config)
            for text in meaningless(suite, engine.servers()):
                warn(ErrorInfo("Suite", text, kind=ErrorKind.USAGE))
        models = list(dict.fromkeys(column.label for one in planned for column in one.columns))
        if lines is not None:
            lines.begin({one.case.name: one.case.settings.repeat for one in planned}, models)
        host = OneEngine(engine, connect_s=longest_connect_s(config.servers))
        await evaluation.run(host, planned)


def _plan(settings: Settings, config: Config, suite: Suite, engine: Engine) -> list[Planned]:
    """Who answers each case. AppError (usage) for a model that cannot be had, with its place in the suite."""
    from mcp_tui.runs.evals.runner import Planned

    planned: list[Planned] = []
    for case in suite.cases:
        own = case.settings
        models = tuple(settings.models) or own.models
        if not (models or config.defaults.models or settings.demo) and engine.demo_models:
            # compare lets the demo models answer; a report about models nobody asked for would be a lie.
            raise AppError(
                "No model",
                "no provider has a key, and the suite names no model",
                "name models with -m or `models`, set a key such as OPENAI_API_KEY, or use --demo",
                kind=ErrorKind.USAGE,
                code="no_model",
            )
        try:
            columns = engine.default_columns(models, system=own.system)
        except AppError as error:
            if settings.models or not own.models_at:
                raise
            raise AppError.of(replace(error.info, detail=f"{error.info.detail}, at {own.models_at}")) from error
        planned.append(Planned(case, columns))
    return planned


def _wanted_servers(suite: Suite) -> frozenset[str] | None:
    """Whose tools are offered at all; None: of every server."""
    wanted: set[str] = set()
    for case in suite.cases:
        if not case.no_tools:
            if case.servers is None:
                return None
            wanted.update(case.servers)
    return frozenset(wanted)


def _needed(config: Config, wanted: frozenset[str] | None) -> tuple[ServerSpec, ...]:
    """What has to be started. With a name that nobody knows: all, so that what is said of it is true."""
    if wanted is None or not wanted <= {spec.name for spec in config.servers}:
        return config.servers
    return tuple(spec for spec in config.servers if spec.name in wanted)


def _check_target(file: Path) -> None:
    """Before anything is paid for. AppError (usage)."""
    reason = ""
    if file.is_dir():
        reason = "it is a folder"
    elif not file.parent.is_dir():
        reason = f"there is no folder {file.parent}"
    elif not os.access(file if file.exists() else file.parent, os.W_OK):
        reason = "it must not be written"
    if reason:
        raise AppError("Cannot write", f"--junit {file}: {reason}", kind=ErrorKind.USAGE, code="write")


def _write_junit(results: Results, file: Path) -> None:
    from mcp_tui.config.save import write_atomically
    from mcp_tui.runs.evals.junit import junit

    write_atomically(file, junit(results), private=False)
    notice(f"saved {file}")


def _without_reader(evaluation: Evaluation) -> None:
    """stdout leads nowhere from here on; what was not begun has not passed."""
    lead_nowhere(sys.stdout)
    evaluation.stop("nobody reads the report any more")
