"""The command line. Without a command it opens the dashboard.

Only click is imported here: `--help` and `--version` answer at once, and each command loads what it needs.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import click

from mcp_tui.cli.options import dashboard_options, settings_of, version_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_COMMANDS = {
    "servers": ("listing:servers", "Servers, their state and what they offer."),
    "tools": ("listing:tools", "Tools of all servers, or of one."),
    "resources": ("listing:resources", "Resources and resource templates."),
    "prompts": ("listing:prompts", "Prompts and their arguments."),
    "call": ("calls:call", "Call a tool."),
    "read": ("calls:read", "Read a resource."),
    "prompt": ("calls:prompt", "Get a prompt, filled with arguments."),
    "tasks": ("server_tasks:tasks", "Calls of a server that go on as tasks: list, wait for, cancel."),
    "compare": ("compare:compare", "One prompt to several models, with the tools of all servers."),
    "eval": ("eval:evaluate", "A suite of prompts with expectations, over several models; for CI."),
    "wire": ("wire:wire", "Messages to and from servers, as they went over the wire."),
    "models": ("models:models", "Providers, their keys and models."),
    "history": ("runs:history", "Runs that were saved: list, search, delete."),
    "export": ("runs:export", "A saved run as Markdown, JSON or HTML."),
    "replay": ("runs:replay", "Print a saved run as it streamed."),
    "usage": ("usage:usage", "What model calls used and cost, by model, provider or day."),
    "cache": ("cache:cache", "Answers kept to be replayed: how many, how large; forget them."),
    "config": ("settings:config", "Show the configuration; add, import and copy servers; trust project files."),
    "auth": ("auth:auth", "Sign in to a server with the browser, or store the key of a provider."),
    "doctor": ("doctor:doctor", "Check this machine, the configuration, keys and servers."),
    "serve": ("serve:serve", "Run a bundled MCP server."),
}


class LazyGroup(click.Group):
    """Knows its commands by name; a command's module is imported when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(f"mcp_tui.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        # Completing what was typed so far must not fail.
        if args and args[0] not in _COMMANDS and not ctx.resilient_parsing:
            from mcp_tui.cli.failures import AppUsageError
            from mcp_tui.core.names import known_names_hint

            raise AppUsageError(
                "Unknown command",
                f"{args[0]!r} is not a command",
                known_names_hint(args[0], _COMMANDS, what="commands", limit=len(_COMMANDS)),
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands without their modules, then the options of the group."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=text) for name, (_, text) in _COMMANDS.items() if name.startswith(incomplete)
        ]
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@dashboard_options
@version_option
@click.pass_context
def cli(context: click.Context) -> int:
    """A terminal dashboard for the Model Context Protocol.

    Without a command: the dashboard. The commands do the same work for scripts: with --json, JSON goes to
    stdout and nothing else does.

    \b
    mcp-tui --demo                                   try it, without keys and servers
    mcp-tui --server "time=uvx mcp-server-time" -m openai/gpt-4.1 -m groq/llama-3.3-70b-versatile
    mcp-tui tools --config .vscode/mcp.json          what the servers of another client offer
    mcp-tui compare "What time is it?" --demo --json

    Exit codes: 0 ok, 1 unexpected fault, 2 usage or configuration, 3 sign-in needed or keyring refused, 4 server
    or provider unreachable, 5 the tool answered an error, 6 the provider refused or failed, 7 some columns or
    cases failed, 130 cancelled.

    Completion: eval "$(_MCP_TUI_COMPLETE=bash_source mcp-tui)", or zsh_source, or fish_source piped to source.
    """
    settings = settings_of(context)
    if context.invoked_subcommand is not None:
        return 0
    from mcp_tui.cli.failures import AppUsageError

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise AppUsageError(
            "No terminal",
            "the dashboard needs one on stdin and stdout",
            "for scripts there are commands such as tools, call and compare: see mcp-tui --help",
        )
    from pathlib import Path

    for file in settings.config_files:
        if not Path(file).exists():
            raise AppUsageError("Configuration", f"{file} does not exist", "")
    if not sys.stderr.isatty():
        # The framework draws on the original stderr; `2>FILE` is for what goes wrong, not for the screen.
        sys.__dict__["__stderr__"] = sys.__stdout__
    # Until the engine is up nearly everything that is made stays: collecting in between only delays the first frame.
    gc.disable()
    from mcp_tui.ui.bridge import DashboardOptions
    from mcp_tui.ui.dashboard import run_dashboard

    return run_dashboard(
        DashboardOptions(
            config_files=tuple(Path(file) for file in settings.config_files),
            servers=tuple(settings.servers),
            models=tuple(settings.models),
            demo=settings.demo,
            theme=settings.theme,
        )
    )


def run(arguments: Sequence[str]) -> int:
    """One command; the exit code. No failure leaves as a traceback."""
    try:
        # Not `cli.main`: that one ends the process by itself on a broken pipe, with exit code 1.
        with cli.make_context("mcp-tui", list(arguments)) as context:
            result = cli.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001  the boundary: it becomes the message and the exit code
        return failed(cast("BaseException", error), as_json=_wants_json(arguments))


def failed(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong; the exit code."""
    from mcp_tui.cli.failures import describe, is_broken_pipe
    from mcp_tui.cli.output import print_error
    from mcp_tui.core.errors import EXIT_CODES
    from mcp_tui.core.streams import lead_nowhere

    if is_broken_pipe(error):
        lead_nowhere(sys.stdout)  # the reader had enough
        return 0
    info = describe(error)
    print_error(info, as_json=as_json)
    return EXIT_CODES[info.kind]


def _wants_json(arguments: Sequence[str]) -> bool:
    """Also when the command line could not be parsed."""
    own = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return "--json" in own


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # What the locale cannot write is escaped instead of ending the program.
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  TextIO of a real file
    if "_MCP_TUI_COMPLETE" in os.environ:
        cli.main(prog_name="mcp-tui")  # shell completion answers and exits
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
