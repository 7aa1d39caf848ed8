"""config show, config path, and the group they belong to."""

from __future__ import annotations

import os
from typing import Any

import click

from mcp_tui.cli.config_edit import add, remove
from mcp_tui.cli.config_example import example
from mcp_tui.cli.config_import import import_servers
from mcp_tui.cli.config_shapes import copy, print_shaped
from mcp_tui.cli.config_trust import trust
from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import settings_of, source_options
from mcp_tui.cli.output import error_object, print_json, say, styled, warn
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject


@click.group()
def config() -> None:
    """Show the configuration and change it: the merged whole, other clients, servers of your own, trust."""


config.add_command(import_servers)
config.add_command(add)
config.add_command(remove)
config.add_command(copy)
config.add_command(trust)
config.add_command(example)


@config.command(short_help="Everything that is configured, and where it comes from.")
@click.option("--as", "shape", metavar="SHAPE", help="Print all servers as the file of another client would hold them.")
@source_options
@click.pass_context
def show(context: click.Context, shape: str | None) -> int:
    """Everything that is configured, where each entry comes from, and what is wrong. Secrets are masked.

    Servers, providers, models, sets, prices, limits, defaults and keys. Exit code 0 also when an entry is wrong:
    `mcp-tui doctor` judges; 2 when a file cannot be read at all.
    """
    settings = settings_of(context)
    if shape is not None:
        return print_shaped(load_config(settings, report=False), shape, None)
    value = _shown(context)
    if settings.json:
        print_json(value)
        return 0
    _print(value)
    return 0


@config.command(short_help="The files that are read, and the other directories.")
@source_options
@click.pass_context
def path(context: click.Context) -> int:
    """The files that are read, and the other directories of the program."""
    from pathlib import Path

    from mcp_tui.config import paths
    from mcp_tui.config.clients.places import Places, project_files

    settings = settings_of(context)
    files = [*(Path.cwd() / file for file in settings.config_files), paths.config_file(), paths.servers_file()]
    files += [file.path for file in project_files(Places.here(os.environ, Path.cwd()))]
    directories = {"data": paths.data_dir(), "state": paths.state_dir(), "cache": paths.cache_dir()}
    if settings.json:
        print_json(
            {
                "files": [{"path": str(file), "exists": file.exists()} for file in files],
                **{name: str(directory) for name, directory in directories.items()},
            }
        )
        return 0
    for file in files:
        say(marked_line(str(file)) + ("" if file.exists() else "  " + styled("(not there)", dim=True)))
    for name, directory in directories.items():
        say(f"{marked_line(str(directory))}  {styled(f'({name})', dim=True)}")
    return 0


def _shown(context: click.Context) -> JsonObject:
    from dataclasses import asdict

    from mcp_tui.cli.config_models import model_sections
    from mcp_tui.config import mask

    merged = load_config(settings_of(context), report=False)
    used = {spec.name: spec.origin.label for spec in merged.servers}
    defaults = {name: value for name, value in asdict(merged.defaults).items() if value not in (None, "", ())}
    defaults = {name: _without_tokens(value) for name, value in defaults.items()}
    if "imports" in defaults:
        defaults["import"] = defaults.pop("imports")
    return {
        "sources": [str(source) for source in merged.sources],
        "servers": {
            spec.name: {
                **mask.server(spec),
                "source": spec.origin.label,
                **({"from": f"{spec.origin.client} ({spec.origin.scope})"} if spec.origin.client else {}),
                **({"trusted_file": False} if spec.needs_trust else {}),
                **_problem(spec.problem),
            }
            for spec in merged.servers
        },
        "providers": {
            spec.name: {**mask.provider(spec), "source": spec.origin.label, **_problem(spec.problem)}
            for spec in merged.providers
        },
        **model_sections(merged),
        "defaults": defaults,
        "keys": dict(merged.keys),
        "shadowed": [{"server": name, "source": label, "used": used.get(name)} for name, label in merged.shadowed],
        "untrusted": [
            {"file": str(file.path), "changed": file.changed, "servers": list(file.servers)}
            for file in merged.untrusted
        ],
        "inputs": [
            {"id": wanted.id, "servers": list(wanted.servers), "variable": wanted.variable} for wanted in merged.inputs
        ],
        "problems": [error_object(problem) for problem in merged.problems],
    }


def _without_tokens(value: Any) -> Any:
    from mcp_tui.config import mask

    if isinstance(value, tuple):
        return [_without_tokens(item) for item in value]  # pyright: ignore[reportUnknownVariableType]  any setting
    # Enums are texts too, and have no token in them.
    return mask.text(value) if type(value) is str else value


def _problem(problem: Any) -> JsonObject:
    return {} if problem is None else {"problem": error_object(problem)}


def _print(value: JsonObject) -> None:
    from mcp_tui.cli.config_models import SECTIONS, print_model_sections, toml

    for section in ("servers", "providers"):
        for name, entry in value[section].items():
            origin = f"{entry.pop('from')}, {entry.pop('source')}" if "from" in entry else entry.pop("source")
            source = "  " + styled(f"# {origin}", dim=True)
            entry.pop("trusted_file", None)
            say(styled(f"[{section}.{name}]", bold=True) + source)
            problem = entry.pop("problem", None)
            for key, item in entry.items():
                say(f"{marked_line(key)} = {marked_line(toml(item))}")
            if problem is not None:
                text = " ".join(part for part in (problem["detail"], problem["hint"]) if part)
                say(styled(f"# problem: {text}", fg="yellow"))
            say()
    print_model_sections(value)
    for section in ("defaults", "keys"):
        if value[section]:
            say(styled(f"[{section}]", bold=True))
            for key, item in value[section].items():
                say(f"{marked_line(key)} = {marked_line(toml(item))}")
            say()
    for lost in value["shadowed"]:
        winner = f" by {lost['used']}" if lost["used"] else ""
        say(styled(f"# {lost['server']} of {lost['source']} is shadowed{winner}", dim=True))
    for file in value["untrusted"]:
        since = "changed since it was trusted" if file["changed"] else "is not trusted"
        names = ", ".join(file["servers"])
        say(styled(f"# {file['file']} {since}; `mcp-tui config trust` lets these start: {names}", fg="yellow"))
    if not any(value[section] for section in ("servers", "providers", "keys", *SECTIONS)):
        say(styled("# nothing is configured yet; `mcp-tui config path` lists the files that would be read", dim=True))
    for problem in value["problems"]:
        from mcp_tui.core.errors import ErrorInfo

        warn(ErrorInfo(problem["title"], problem["detail"], problem["hint"]))
