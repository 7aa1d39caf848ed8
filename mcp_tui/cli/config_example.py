"""config example: configurations, and a suite of an evaluation, that are shipped with the program."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from mcp_tui.cli.options import json_option, settings_of
from mcp_tui.cli.output import notice, print_json, say

_FOLDER = Path(__file__).resolve().parent.parent / "config" / "examples"
_OWN_COMMAND = 'command = "mcp-tui"'


_FILES = {"assistant": "assistant.toml", "eval": "eval-demo.toml"}


@click.command(short_help="Print a configuration or suite that is shipped with the program.")
@click.argument("name", required=False)
@json_option
@click.pass_context
def example(context: click.Context, name: str | None) -> int:
    """Print an example, to be saved and used with --config or `mcp-tui eval`; without NAME, list them.

    \b
    assistant    files, GitHub, a database and the clock, for one question that needs all of them
    eval         a suite for `mcp-tui eval`, to be run with --demo
    """
    settings = settings_of(context)
    known = list(_FILES)
    if name is None:
        if settings.json:
            print_json({"examples": known})
        for one in [] if settings.json else known:
            say(one)
        return 0
    if name not in known:
        from mcp_tui.cli.failures import AppUsageError
        from mcp_tui.core.names import known_names_hint

        raise AppUsageError("Unknown example", f"{name!r} is none", known_names_hint(name, known, what="examples"))
    text = (_FOLDER / _FILES[name]).read_text("utf-8")
    program = Path(sys.executable).with_name("mcp-tui")
    if shutil.which("mcp-tui") is None and program.exists():
        # The servers it starts are found by PATH; this program was started by its own path.
        text = text.replace(_OWN_COMMAND, f"command = {_toml_text(str(program))}")
    if settings.json:
        print_json({"name": name, "toml": text})
        return 0
    say(text.rstrip("\n"))
    if name == "assistant" and shutil.which("npx") is None:
        notice("npx is not on PATH: the server `files` needs Node.js")
    return 0


def _toml_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
