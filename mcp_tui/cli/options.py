"""Options that several commands share, given before or after the command's name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import click

from mcp_tui import __version__

_Command = TypeVar("_Command", bound=Callable[..., Any])


@dataclass(slots=True)
class Settings:
    """What the options before and after the command said together."""

    config_files: list[str] = field(default_factory=list[str])
    servers: list[str] = field(default_factory=list[str])
    models: list[str] = field(default_factory=list[str])
    demo: bool = False
    theme: str = ""
    json: bool = False


def settings_of(context: click.Context) -> Settings:
    return context.ensure_object(Settings)


def _add(attribute: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], None]:
    def callback(context: click.Context, _: click.Parameter, values: tuple[str, ...]) -> None:
        getattr(settings_of(context), attribute).extend(values)

    return callback


def _set(attribute: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> None:
        settings = settings_of(context)
        if value:
            setattr(settings, attribute, value)

    return callback


def _applied(*options: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_config = click.option(
    "--config",
    "shared_config",
    metavar="FILE",
    multiple=True,
    expose_value=False,
    callback=_add("config_files"),
    help="Read FILE too: TOML like config.toml, or the JSON of another MCP client. Repeatable.",
)
_server = click.option(
    "--server",
    "shared_server",
    metavar="NAME=COMMAND-OR-URL",
    multiple=True,
    expose_value=False,
    callback=_add("servers"),
    help='Add a server, such as "fs=npx -y PACKAGE ." or docs=https://HOST/mcp. Repeatable.',
)
_demo = click.option(
    "--demo",
    "shared_demo",
    is_flag=True,
    expose_value=False,
    callback=_set("demo"),
    help="Only the demo server and demo models.",
)
_model = click.option(
    "-m",
    "--model",
    "shared_model",
    metavar="MODEL",
    multiple=True,
    expose_value=False,
    callback=_add("models"),
    help="PROVIDER/MODEL, a short name or set of the configuration, or a model's or provider's name; "
    '"...?temperature=0.2" sets parameters, "... | ..." a fallback. Repeatable.',
)
_theme = click.option(
    "--theme",
    "shared_theme",
    metavar="NAME",
    expose_value=False,
    callback=_set("theme"),
    help="Colours of the dashboard: a built-in theme, or one of yours.",
)
json_option = click.option(
    "--json",
    "shared_json",
    is_flag=True,
    expose_value=False,
    callback=_set("json"),
    help="JSON on stdout, errors as JSON on stderr.",
)


def newest_option(default: int) -> Callable[[_Command], _Command]:
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        help="Only the newest N; 0 = all.",
    )


dashboard_options = _applied(_config, _server, _model, _demo, _theme)
"""For the group: everything but --json."""
source_options = _applied(_config, _server, _demo, json_option)
"""For every command that uses servers or the configuration."""
run_options = _applied(_config, _server, _model, _demo, json_option)
"""For commands that talk to models."""

version_option = click.version_option(__version__, "--version", prog_name="mcp-tui")
