"""call, read, prompt: one request to one server."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from mcp_tui.cli import following, tasks
from mcp_tui.cli.answering import ModelAnswers, answer_options, answering
from mcp_tui.cli.arguments import bad, build, parse_object, split_pair
from mcp_tui.cli.call_again import call_again, watch_option
from mcp_tui.cli.connect import chosen, connected, load_config, usable
from mcp_tui.cli.content import Part, content_parts, resource_parts, save, tool_parts
from mcp_tui.cli.following import follow_option
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import notice, print_json, print_json_line, say, styled, warn
from mcp_tui.cli.server_tasks import (
    ProgressLine,
    TaskWish,
    listen_to_log,
    log_option,
    show_result,
    task_options,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_list
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import CallResult
from mcp_tui.core.types import JsonObject

_pairs = click.argument("pairs", nargs=-1, metavar="[KEY=VALUE]...")
_args = click.option("--args", "args_text", metavar="JSON|@FILE|-", help="All arguments as one JSON object.")
_timeout = click.option(
    "--timeout", "timeout_s", metavar="S", type=click.FloatRange(min=0, min_open=True), help="Seconds to wait."
)
_output = click.option("--output", metavar="FILE", help="Save the result's text or data.")


@click.command()
@click.argument("server")
@click.argument("tool")
@_pairs
@_args
@answer_options
@task_options
@log_option
@_timeout
@_output
@watch_option
@source_options
@click.pass_context
def call(
    context: click.Context,
    server: str,
    tool: str,
    pairs: tuple[str, ...],
    args_text: str | None,
    elicit: str | None,
    sampling: str | None,
    as_task: bool,
    detach: bool,
    log_level: str | None,
    timeout_s: float | None,
    output: str | None,
    watch: bool,
) -> int:
    """Call TOOL of SERVER.

    KEY=VALUE is read by the tool's schema; KEY:=JSON gives any JSON value.

    \b
    mcp-tui call demo add a=2 b=3 --demo
    mcp-tui call fs read_text_file path=README.md --output copy.md
    mcp-tui call fs edit_file --args @arguments.json --json
    mcp-tui call shop book --elicit '{"confirmed": true}' --sampling groq/llama-3.3-70b-versatile

    --json prints the result as the server gave it; of a call that became a task with one more member, `task`:
    {"taskId", "tool", "status", "statusMessage", "createdAt", "ttlMs", "note"}, and with --detach only that.
    Interrupting a call stops its task too.

    Exit code 5 when the tool answers an error or the server rejects the call, 3 when the server wants a sign-in,
    4 when it cannot be reached or does not answer in time.
    """
    settings = settings_of(context)
    given = parse_object(args_text, what="--args")
    wish = TaskWish(as_task=True if as_task else None, detach=detach)

    def once() -> int:
        result = tasks.run(_call(settings, server, tool, pairs, given, elicit, sampling, wish, log_level, timeout_s))
        saving = output is not None and bool(result.raw)
        if settings.json or not saving or result.is_error:
            code = show_result(settings, server, tool, result)
        else:
            code = 0
            for warning in result.warnings:
                warn(ErrorInfo(f"{server}.{tool}", warning))
        if saving and (settings.json or not result.is_error):
            _save(tool_parts(result.raw), output)
        sys.stdout.flush()
        if result.check is not None and (late := tasks.run(result.late_warning())):
            warn(ErrorInfo(f"{server}.{tool}", late))
        return code

    return call_again(settings, server, once) if watch else once()


@click.command()
@click.argument("server")
@click.argument("uri")
@follow_option
@_timeout
@_output
@source_options
@click.pass_context
def read(
    context: click.Context, server: str, uri: str, follow: bool, timeout_s: float | None, output: str | None
) -> int:
    """Read the resource URI of SERVER: its text, or with --output also binary data.

    With --follow, --json prints one result per line, and --output writes the file anew each time.

    Exit code 5 when the server rejects it (or cannot say when it changes), 3 when it wants a sign-in, 4 when it
    cannot be reached.
    """
    settings = settings_of(context)
    if follow:
        return _follow(settings, server, uri, timeout_s, output)
    result = tasks.run(_read(settings, server, uri, timeout_s))
    if settings.json:
        print_json(result)
        _save(resource_parts(result), output)
    else:
        _show(resource_parts(result), output)
    return 0


@click.command()
@click.argument("server")
@click.argument("name")
@_pairs
@_args
@_timeout
@source_options
@click.pass_context
def prompt(
    context: click.Context,
    server: str,
    name: str,
    pairs: tuple[str, ...],
    args_text: str | None,
    timeout_s: float | None,
) -> int:
    """Get the prompt NAME of SERVER. Its arguments are texts.

    Exit code 5 when the server rejects it, 3 when it wants a sign-in, 4 when it cannot be reached.
    """
    settings = settings_of(context)
    arguments = _texts(parse_object(args_text, what="--args") or {})
    for pair in pairs:
        key, value, as_json = split_pair(pair)
        if as_json:
            raise bad(f"{key}: arguments of a prompt are texts", "write KEY=VALUE")
        arguments[key] = value
    result = tasks.run(_prompt(settings, server, name, arguments, timeout_s))
    if settings.json:
        print_json(result)
        return 0
    for message in as_list(result.get("messages")):
        say(styled(str(message.get("role", "")), bold=True))
        for part in content_parts([message.get("content")]):
            say(part.shown)
    return 0


def _texts(values: JsonObject) -> dict[str, str]:
    for key, value in values.items():
        if not isinstance(value, str):
            raise bad(f"{key}: arguments of a prompt are texts")
    return dict(values)


def _follow(settings: Settings, server: str, uri: str, timeout_s: float | None, output: str | None) -> int:
    def show(result: JsonObject) -> None:
        if settings.json:
            print_json_line(result)
            _save(resource_parts(result), output)
        else:
            _show(resource_parts(result), output)
        sys.stdout.flush()

    tasks.run(following.follow(settings, server, uri, timeout_s, show))
    return 0


async def _call(
    settings: Settings,
    name: str,
    tool: str,
    pairs: Sequence[str],
    given: JsonObject | None,
    elicit: str | None,
    sampling: str | None,
    wish: TaskWish,
    log_level: str | None,
    timeout_s: float | None,
) -> CallResult:
    config = load_config(settings, ask_for=name.__eq__)
    sample = ModelAnswers(sampling, notice) if sampling is not None else None
    answers = answering(elicit, sample, notice)
    async with contextlib.AsyncExitStack() as stack:
        if sample is not None:
            from mcp_tui.runs.engine import Engine, EngineOptions

            demo = settings.demo or (sampling or "").partition("/")[0] == "demo"  # it needs no key
            options = EngineOptions(demo=demo, headless=True, models_only=True)
            sample.begin(await stack.enter_async_context(Engine(config, options, environ=os.environ, notice=warn)))
        manager = await stack.enter_async_context(connected(chosen(config, name), answering=answers))
        server = usable(manager, name)
        info = server.catalog.tool(tool)
        if info is None:
            raise _unknown("tool", name, tool, [item.name for item in server.catalog.tools])
        arguments = build(info.input_schema, pairs, given)
        if log_level is not None:
            await listen_to_log(manager, name, log_level)
        return await manager.call_tool(
            name,
            tool,
            arguments,
            timeout_s=timeout_s,
            on_progress=ProgressLine(),
            as_task=wish.as_task,
            detach=wish.detach,
        )


async def _read(settings: Settings, name: str, uri: str, timeout_s: float | None) -> JsonObject:
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name)) as manager:
        usable(manager, name)
        return await manager.read_resource(name, uri, timeout_s=timeout_s)


async def _prompt(
    settings: Settings, name: str, prompt_name: str, arguments: dict[str, str], timeout_s: float | None
) -> JsonObject:
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name)) as manager:
        server = usable(manager, name)
        info = next((item for item in server.catalog.prompts if item.name == prompt_name), None)
        if info is None:
            raise _unknown("prompt", name, prompt_name, [item.name for item in server.catalog.prompts])
        missing = [item.name for item in info.arguments if item.required and item.name not in arguments]
        if missing:
            raise bad(f"missing: {', '.join(missing)}", f"give {' '.join(f'{item}=…' for item in missing)}")
        return await manager.get_prompt(name, prompt_name, arguments, timeout_s=timeout_s)


def _unknown(what: str, server: str, name: str, names: Sequence[str]) -> AppError:
    hint = known_names_hint(name, names, what=f"{what}s")
    detail = f"{server} has no {what} {name!r}"
    return AppError(f"Unknown {what}", detail, hint, kind=ErrorKind.USAGE, code=f"unknown_{what}")


def _show(parts: Sequence[Part], output: str | None, *, failed: bool = False) -> None:
    if output is not None and not failed:
        save(parts, output)
        return
    if failed:
        notice(styled("the tool answered an error:", fg="red", err=True))
    for part in parts:
        say(part.shown)


def _save(parts: Sequence[Part], output: str | None) -> None:
    if output is not None:
        save(parts, output)
