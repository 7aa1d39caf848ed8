"""A text in the person's own editor or pager, on the same terminal, while the engine goes on working."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textual.app import App, SuspendNotSupported

from mcp_tui.core.errors import AppError, ErrorKind


def command(environ: Mapping[str, str]) -> list[str]:
    """$VISUAL, else $EDITOR, else vi. AppError (usage) when the variable is no command line."""
    return _split("EDITOR", environ.get("VISUAL", "").strip() or environ.get("EDITOR", "").strip() or "vi")


def pager_command(environ: Mapping[str, str]) -> list[str]:
    """$PAGER, else less. AppError as `command`."""
    return _split("PAGER", environ.get("PAGER", "").strip() or "less")


def _split(variable: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise _failed(variable, f"${variable} is {text!r}: {error}", "quote it as in a shell") from error


async def edit(app: App[Any], text: str, *, suffix: str, environ: Mapping[str, str] | None = None) -> str:
    """The text as it was saved. AppError says why there is none; the caller keeps the old one then.

    No deadline: a person writes. Painting stops meanwhile, columns and servers do not.
    """
    argv = command(os.environ if environ is None else environ)
    return await _with_terminal(app, "EDITOR", argv, text, suffix)


async def page(app: App[Any], text: str, *, suffix: str, environ: Mapping[str, str] | None = None) -> None:
    """Show the text in the pager until the person leaves it. AppError as `edit`."""
    await _with_terminal(app, "PAGER", pager_command(os.environ if environ is None else environ), text, suffix)


async def _with_terminal(app: App[Any], variable: str, argv: list[str], text: str, suffix: str) -> str:
    """What stands in the file once the program ended."""
    path = await asyncio.to_thread(_write, text, suffix)
    try:
        # In this order: nothing may be painted between the terminal's return and its hand-over.
        with app.batch_update(), app.suspend():
            process = await asyncio.create_subprocess_exec(*argv, str(path))
            code = await process.wait()
        if code:
            raise _failed(variable, f"{argv[0]} ended with exit code {code}", "the text is unchanged")
        return await asyncio.to_thread(_read, path)
    except FileNotFoundError as error:
        hint = f"set {variable} to {_KINDS[variable]} that is installed"
        raise _failed(variable, f"{argv[0]} was not found", hint) from error
    except SuspendNotSupported as error:
        raise _failed(variable, "this terminal cannot be handed over", "read or write the text here") from error
    except (OSError, UnicodeDecodeError) as error:
        hint = f"set {variable} to {_KINDS[variable]} that works"
        raise _failed(variable, f"{argv[0]}: {error}", hint) from error
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)


_KINDS = {"EDITOR": "an editor", "PAGER": "a pager"}


def _failed(variable: str, detail: str, hint: str) -> AppError:
    title = f"{_KINDS[variable].split()[1].capitalize()} failed"
    return AppError(title, detail, hint, kind=ErrorKind.USAGE, code=variable.lower())


def _write(text: str, suffix: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix="mcp-tui-", suffix=suffix)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
        file.write(text)
    return Path(name)


def _read(path: Path) -> str:
    # Editors end a file with a line break that nobody typed.
    return path.read_text(encoding="utf-8").removesuffix("\n")
