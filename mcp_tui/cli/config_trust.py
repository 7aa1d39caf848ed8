"""config trust: may the servers of a project file be started?"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mcp_tui.cli.options import json_option, settings_of
from mcp_tui.cli.output import print_json, say, styled
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.text import marked_line

if TYPE_CHECKING:
    from mcp_tui.config.clients.places import ClientFile


@click.command(short_help="Let the servers of project files start.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--revoke", is_flag=True, help="Trust it no longer.")
@json_option
@click.pass_context
def trust(context: click.Context, files: tuple[str, ...], revoke: bool) -> int:
    """Trust project files as they are now: .mcp.json, .cursor/mcp.json, .vscode/mcp.json, .codex/config.toml.

    Without FILE, all of the working directory. What their servers run is printed. When a file changes, it has to
    be trusted again.
    """
    settings = settings_of(context)
    done = [_revoked(file) if revoke else _trusted(file) for file in _files(files, revoke=revoke)]
    if settings.json:
        print_json({"files": done})
        return 0
    for file in done:
        word = "trusted" if file["trusted"] else "not trusted"
        same = "" if file["changed"] else " (as before)"
        say(f"{styled(word, bold=True)} {marked_line(file['file'])}{same}")
        for name, what in file["servers"].items():
            say(f"  {marked_line(f'{name} {what}')}")
    return 0


def _files(names: tuple[str, ...], *, revoke: bool) -> list[ClientFile]:
    """The files meant. AppError (usage) for one that needs no trust, and when there is none."""
    from mcp_tui.config.clients.places import Places, project_files

    if not names:
        files = project_files(Places.here(os.environ, Path.cwd()), automatic=False)
        here = [file for file in files if file.path.is_file() and (revoke or _holds_servers(file))]
        if not here:
            hint = "give the file"
            raise AppError("Nothing to trust", "there is no project file here", hint, kind=ErrorKind.USAGE)
        return here
    return [_file(Path(name).expanduser(), revoke=revoke) for name in names]


def _holds_servers(file: ClientFile) -> bool:
    from mcp_tui.config.clients.tables import read_table

    table = read_table(file)
    return table is not None and bool(table.entries)


def _file(path: Path, *, revoke: bool) -> ClientFile:
    from mcp_tui.config.clients.places import Places, project_files

    path = Path.cwd() / path
    for folder in (path.parent, path.parent.parent):
        for file in project_files(Places.here(os.environ, folder), automatic=False):
            if file.path == path:
                if not revoke and not path.is_file():
                    raise AppError("Trust", f"{path} does not exist", kind=ErrorKind.USAGE)
                return file
    hint = "files given with --config, your own and those of your home directory need no trust"
    raise AppError("Trust", f"{path} is no project file", hint, kind=ErrorKind.USAGE)


def _trusted(file: ClientFile) -> dict[str, Any]:
    from mcp_tui.config import trust as store
    from mcp_tui.config.clients.tables import read_table
    from mcp_tui.config.expand import Scope
    from mcp_tui.config.files import read_document
    from mcp_tui.config.merge import read_entry

    table = read_table(file)
    servers: dict[str, str] = {}
    if table is None:
        document = read_document(file.path)
    else:
        document = table.document
        scope = Scope(os.environ, Path.cwd(), inert=True)
        for name in table.entries:
            spec = read_entry(table, name, scope)
            servers[name] = f"is wrong: {spec.problem.detail}" if spec.problem else store.would(spec)
    # Exactly the content whose commands are printed.
    changed = store.set_trust(file.path, document.digest)
    return {"file": str(file.path), "trusted": True, "changed": changed, "servers": servers}


def _revoked(file: ClientFile) -> dict[str, Any]:
    from mcp_tui.config import trust as store

    return {
        "file": str(file.path),
        "trusted": False,
        "changed": store.set_trust(file.path, None),
        "servers": {},
    }
