"""A saved run as a file or as text for the clipboard. Blocks: call it on a thread."""

from __future__ import annotations

from pathlib import Path

from mcp_tui.core.errors import AppError
from mcp_tui.core.text import clean
from mcp_tui.store.history.records import SavedRun

NOTE = "enter saves · .md, .html or .json · esc goes back"


def save(saved: SavedRun, path: Path) -> str:
    """What is wrong, or ""; the file's suffix says the format."""
    from mcp_tui.config.save import write_atomically
    from mcp_tui.runs.export.document import format_of, of_run, written

    try:
        text = written(of_run(saved), format_of(str(path)))
        write_atomically(path, text.encode("utf-8", "backslashreplace"), private=False)
    except AppError as error:
        return f"Not saved: {error.info.line()}"
    except OSError as error:
        return f"Not saved: {error.strerror or error}: {path}"
    return ""


def as_markdown(saved: SavedRun) -> str:
    from mcp_tui.runs.export.document import of_run, written

    return clean(written(of_run(saved), "md"))
