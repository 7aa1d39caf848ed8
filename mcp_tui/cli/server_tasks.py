"""tasks: calls of a server that go on by themselves. And what other commands say and ask about tasks and logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mcp_tui.cli import tasks as runner
from mcp_tui.cli.connect import chosen, connected, load_config, usable
from mcp_tui.cli.content import tool_parts
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import notice, print_json, say, styled, table, warn
from mcp_tui.core.errors import EXIT_CODES, AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import CallResult, Progress
from mcp_tui.core.tasks import LOG_LEVELS, LogLine, TaskInfo
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from mcp_tui.sessions.manager import SessionManager

_Command = TypeVar("_Command", bound=Callable[..., Any])
_COLOURS = {"warning": "yellow", "error": "red", "critical": "red", "alert": "red", "emergency": "red"}


@dataclass(frozen=True, slots=True)
class TaskWish:
    as_task: bool | None
    """None: as the tool demands."""
    detach: bool


def task_options(command: _Command) -> _Command:
    """--task and --detach."""
    task = click.option(
        "--task",
        "as_task",
        is_flag=True,
        help="Run it as a task, for a tool that can (2025-11-25). A tool that must is called so by itself; a "
        "2026-07-28 server decides.",
    )
    detach = click.option(
        "--detach",
        is_flag=True,
        help="When it has become a task, print that and leave it running; `mcp-tui tasks` finds it again.",
    )
    return task(detach(command))


log_option = click.option(
    "--log-level",
    "log_level",
    type=click.Choice(LOG_LEVELS, case_sensitive=False),
    help="Print what the server logs, from this level on, to stderr.",
)


@click.command()
@click.argument("server")
@click.argument("task", required=False)
@click.option("--wait", is_flag=True, help="Wait for TASK and print its result.")
@click.option("--cancel", is_flag=True, help="Ask the server to stop TASK.")
@click.option("--timeout", "timeout_s", metavar="S", type=click.FloatRange(min=0, min_open=True),
              help="Seconds to wait for TASK; it goes on after that.")  # fmt: skip
@source_options
@click.pass_context
def tasks(
    context: click.Context, server: str, task: str | None, wait: bool, cancel: bool, timeout_s: float | None
) -> int:
    """Tasks of SERVER: calls that go on after they were answered.

    All that the server names (2025-11-25), or those started from here (2026-07-28 servers name none).

    \b
    mcp-tui call builder nightly --detach
    mcp-tui tasks builder
    mcp-tui tasks builder 786512e2 --wait --json
    mcp-tui tasks builder 786512e2 --cancel

    --json prints a list of {"taskId", "tool", "status", "statusMessage", "createdAt", "ttlMs", "note"}, one of these
    for a single TASK, or with --wait the result as `call --json` does.
    Exit code 5 when the server refuses or the task failed, 4 when it cannot be reached or does not end in time.
    """
    settings = settings_of(context)
    if (wait or cancel) and task is None:
        raise AppError("tasks", "--wait and --cancel need a TASK", "name one of the list", kind=ErrorKind.USAGE)
    if wait and cancel:
        raise AppError("tasks", "--wait and --cancel exclude each other", kind=ErrorKind.USAGE)
    if wait and task is not None:
        result = runner.run(_wait(settings, server, task, timeout_s))
        return show_result(settings, server, result.task.tool if result.task is not None else "", result)
    found = runner.run(_list(settings, server, task, cancel=cancel))
    if settings.json:
        objects = [task_object(info) for info in found]
        print_json(objects[0] if task is not None else objects)
    elif found:
        table(["TASK", "TOOL", "STATUS", "MESSAGE"], [_row(info) for info in found])
    else:
        notice(f"{server} has no tasks")
    return 0


async def _list(settings: Settings, name: str, wanted: str | None, *, cancel: bool) -> tuple[TaskInfo, ...]:
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name)) as manager:
        usable(manager, name)
        found = await manager.list_tasks(name)
        if wanted is None:
            return found
        info = one_of(found, wanted)
        if cancel:
            await manager.cancel_task(name, info.id)
        return tuple(task for task in manager.server(name).tasks if task.id == info.id)


async def _wait(settings: Settings, name: str, wanted: str, timeout_s: float | None) -> CallResult:
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name)) as manager:
        usable(manager, name)
        info = one_of(await manager.list_tasks(name), wanted)
        return await manager.task_result(name, info.id, timeout_s=timeout_s, on_progress=ProgressLine())


def one_of(found: tuple[TaskInfo, ...], wanted: str) -> TaskInfo:
    """By its id, or by the start of it when only one begins so. AppError (usage)."""
    matching = [info for info in found if info.id == wanted] or [info for info in found if info.id.startswith(wanted)]
    if len(matching) == 1:
        return matching[0]
    detail = f"{len(matching)} tasks begin with {wanted!r}" if matching else f"there is no task {wanted!r}"
    known = ", ".join(info.id for info in (matching or found)[:8])
    hint = f"known: {known}" if known else "the server names none, and none was started from here"
    raise AppError("Unknown task", detail, hint, kind=ErrorKind.USAGE, code="unknown_task")


def task_object(info: TaskInfo) -> JsonObject:
    return {
        "taskId": info.id,
        "tool": info.tool,
        "status": info.status.value,
        "statusMessage": info.message,
        "createdAt": info.created,
        "ttlMs": info.ttl_ms,
        "note": info.note,
    }


def _row(info: TaskInfo) -> list[str]:
    message = " · ".join(part for part in (info.message, info.note) if part)
    return [info.id, info.tool or "-", info.status.value.replace("_", " "), message]


def show_result(settings: Settings, server: str, tool: str, result: CallResult) -> int:
    """What a call gave, or the task it has become; the exit code."""
    for warning in result.warnings:
        warn(ErrorInfo(f"{server}.{tool}", warning))
    task = result.task
    if settings.json:
        print_json({**result.raw, "task": task_object(task)} if task is not None else result.raw)
    elif task is not None and not task.status.ended and not result.raw:
        say(styled(task.id))
        notice(f"{tool} runs as a task; mcp-tui tasks {server} {task.id} --wait prints its result")
    else:
        if result.is_error:
            notice(styled("the tool answered an error:", fg="red", err=True))
        for part in tool_parts(result.raw):
            say(part.shown)
    return EXIT_CODES[ErrorKind.TOOL] if result.is_error else 0


async def listen_to_log(manager: SessionManager, server: str, level: str) -> None:
    """Print what it logs from now on; a server that does not log is a warning."""
    manager.hear_log(server, print_log)
    try:
        await manager.set_log_level(server, level)
    except AppError as error:
        warn(error.info)


def print_log(line: LogLine) -> None:
    """A message a server logs, on stderr."""
    word = styled(f"[{line.level}]", fg=_COLOURS.get(line.level), dim=line.level == "debug", err=True)
    source = f"{styled(line.logger, dim=True, err=True)} " if line.logger else ""
    for text in line.text.splitlines() or [""]:
        click.echo(f"{word} {source}{styled(text, err=True)}", err=True, color=sys.stderr.isatty())


class ProgressLine:
    """Progress as notices on a terminal's stderr: a line per whole percent at most, else per new message or state."""

    def __init__(self) -> None:
        self._last = ""
        self._began = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if not sys.stderr.isatty():
            return
        share = ""
        if progress.total and progress.total > 0:
            share = f"{max(0.0, min(1.0, progress.progress / progress.total)):.0%}"
        state = f"task {progress.task.status.value.replace('_', ' ')}" if progress.task is not None else ""
        line = " ".join(part for part in (state, share, progress.message) if part)
        if line and line != self._last:
            self._last = line
            notice(f"{duration_text((time.monotonic() - self._began) * 1000)} {line}" if state else line)
