"""May the servers of a project file be started? Asked once per content of the file."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from mcp_tui.config import paths
from mcp_tui.config.state_file import in_background
from mcp_tui.config.trust import set_trust, would
from mcp_tui.core.errors import AppError, ErrorInfo
from mcp_tui.ui import safe

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config, UntrustedFile


def file_of(config: Config, server: str) -> UntrustedFile | None:
    """The untrusted file that a server stands in; None for one that needs no trust."""
    spec = next((spec for spec in config.servers if spec.name == server and spec.needs_trust), None)
    return next((file for file in config.untrusted if spec is not None and file.path == spec.origin.path), None)


def question(config: Config, file: UntrustedFile) -> Content:
    """Names everything that a yes starts, and marks what could not be seen in it."""
    specs = [spec for spec in config.servers if spec.needs_trust and spec.origin.path == file.path]
    lines = [safe.marked_line(f"{spec.name} {would(spec)}") for spec in specs]
    others = [name for name in file.servers if name not in {spec.name for spec in specs}]
    if others:
        lines.append(safe.marked_line(f"{', '.join(others)}: in the place of entries of your own"))
    since = " It changed since it was trusted." if file.changed else ""
    head = safe.marked_line(f"Trust {paths.shown(file.path)} as it is now?{since}")
    return Content("\n").join([head, Content(""), *("  " + line for line in lines)])


async def trust(file: UntrustedFile) -> ErrorInfo | None:
    """Trust what was shown, even if the file changed meanwhile. Why not, when the disk refuses."""
    try:
        await in_background(partial(set_trust, file.path, file.digest))
    except AppError as error:
        return error.info
    return None
