"""call, read, prompt: one request to one server."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.arguments import bad, build, parse_object, split_pair
from mcp_tui.cli.connect import chosen, connected, load_config, usable
from mcp_tui.cli.content import Part, content_parts, resource_parts, save, tool_parts
from mcp_tui.cli.elicit import responder
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import notice, print_json, say, styled, warn
from mcp_tui.core.errors import EXIT_CODES, AppError, ErrorInfo, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import CallResult, Progress
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
@click.option(
    "--elicit",
    metavar="defaults|JSON",
    help="Answer what the server asks meanwhile; declined without it.",
)
@_timeout
@_output
@source_options
@click.pass_context
def call(
    context: click.Context,
    server: str,
    tool: str,
    pairs: tuple[str, ...],
    args_text: str | None,
    elicit: str | None,
    timeout_s: float | None,
    output: str | None,
) -> int:
    """Call TOOL of SERVER.

    KEY=VALUE is read by the tool's schema; KEY:=JSON gives any JSON value.

    \b
    mcp-tui call demo add a=2 b=3 --demo
    mcp-tui call fs read_text_file path=README.md --output copy.md
    mcp-tui call fs edit_file --args @arguments.json --json

    Exit code 5 when the tool answers an error or the server rejects the call, 3 when the server wants a sign-in,
    4 when it cannot be reached or does not answer in time.
    """
    settings = settings_of(context)
    given = parse_object(args_text, what="--args")
    result = tasks.run(_call(settings, server, tool, pairs, given, elicit, timeout_s))
    for warning in result.warnings:
        warn(ErrorInfo(f"{server}.{tool}", warning))
    if settings.json:
        print_json(result.raw)
        _save(tool_parts(result.raw), output)
    else:
        _show(tool_parts(result.raw), output, failed=result.is_error)
    return EXIT_CODES[ErrorKind.TOOL] if result.is_error else 0


@click.command()
@click.argument("server")
@click.argument("uri")
@_timeout
@_output
@source_options
@click.pass_context
def read(context: click.Context, server: str, uri: str, timeout_s: float | None, output: str | None) -> int:
    """Read the resource URI of SERVER: its text, or with --output also binary data.

    Exit code 5 when the server rejects it, 3 when it wants a sign-in, 4 when it cannot be reached.
    """
    settings = settings_of(context)
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
    for message in cast("list[JsonObject]", result.get("messages") or []):
        say(styled(str(message.get("role", "")), bold=True))
        for part in content_parts([message.get("content")]):
            say(part.shown)
    return 0


def _texts(values: JsonObject) -> dict[str, str]:
    for key, value in values.items():
        if not isinstance(value, str):
            raise bad(f"{key}: arguments of a prompt are texts")
    return dict(values)


async def _call(
    settings: Settings,
    name: str,
    tool: str,
    pairs: Sequence[str],
    given: JsonObject | None,
    elicit: str | None,
    timeout_s: float | None,
) -> CallResult:
    answer = responder(elicit, notice)
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name), elicit=answer) as manager:
        server = usable(manager, name)
        info = server.catalog.tool(tool)
        if info is None:
            raise _unknown("tool", name, tool, [item.name for item in server.catalog.tools])
        arguments = build(info.input_schema, pairs, given)
        return await manager.call_tool(name, tool, arguments, timeout_s=timeout_s, on_progress=_ProgressLine())


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


class _ProgressLine:
    """Progress as notices on a terminal's stderr: a line per whole percent at most, else per new message."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, progress: Progress) -> Any:
        if not sys.stderr.isatty():
            return
        share = ""
        if progress.total and progress.total > 0:
            share = f"{max(0.0, min(1.0, progress.progress / progress.total)):.0%}"
        line = " ".join(part for part in (share, progress.message) if part)
        if line and line != self._last:
            self._last = line
            notice(line)
