"""call --watch: the same call again whenever the server's source changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.connect import chosen, load_config
from mcp_tui.cli.failures import describe
from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import notice, print_error
from mcp_tui.core.errors import EXIT_CODES, AppError, ErrorKind

if TYPE_CHECKING:
    from mcp_tui.sessions.file_watch import FileWatch

watch_option = click.option(
    "--watch",
    is_flag=True,
    help="Call again, on a new process, whenever a file of the entry's `watch` changes; ends when interrupted.",
)


def call_again(settings: Settings, server: str, once: Callable[[], int]) -> int:
    """Runs `once` now and after each change, also after it failed. Ends with AppError (cancelled)."""
    watch = _watch(settings, server)
    seen = watch.look()
    while True:
        try:
            code = once()
        except (Exception, BaseExceptionGroup) as fault:
            info = describe(fault)
            if info.kind is ErrorKind.CANCELLED:
                raise
            print_error(info, as_json=settings.json)
            code = EXIT_CODES[info.kind]
        notice(f"--- exit code {code}; waiting for a change")
        # What changed while it ran counts too: the call may have seen the old files.
        seen, changed = tasks.run(watch.change(seen))
        first, *others = changed
        more = f" and {len(others)} more" if others else ""
        notice(f"--- {first}{more} changed")


def _watch(settings: Settings, server: str) -> FileWatch:
    from mcp_tui.sessions.file_watch import FileWatch

    (spec,) = chosen(load_config(settings, report=False), server)
    title = f"Nothing to watch for {server}"
    if not spec.watch:
        hint = 'add `watch = ["src/**/*.py"]` to its entry'
        raise AppError(title, "its entry names no files", hint, kind=ErrorKind.USAGE, code="no_watch")
    try:
        return FileWatch(spec.watch, Path(spec.cwd) if spec.cwd else Path.cwd())
    except ValueError as fault:
        raise AppError(title, str(fault), kind=ErrorKind.USAGE, code="no_watch") from fault
