"""What to paste into other clients so that they use a bundled server: the end of every server's --help."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_tui.config.clients.shapes import SHAPES, shaped
from mcp_tui.core.types import JsonObject

SHOWN = ("claude-desktop", "vscode", "mcp-tui")
_FILES = {
    "claude-desktop": "claude_desktop_config.json",
    "vscode": ".vscode/mcp.json",
    "mcp-tui": "config.toml",
}


_LIST = re.compile(r"\[\s+([^\[\]{}]*?),?\s+\]")
"""A list of plain values over several lines."""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable of the server. example: shown where the client replaces no variables itself."""

    name: str
    example: str = ""


def snippets(name: str, *, variables: Sequence[Variable | str] = (), flags: Sequence[str] = (), http: str = "") -> str:
    """The entry of `mcp-tui serve NAME` in the file of each client, as text of several lines.

    http: the URL of the server where it runs on its own, shown at the end.
    """
    known = [one if isinstance(one, Variable) else Variable(one) for one in variables]
    entry: JsonObject = {"command": program(), "args": ["serve", name, *flags]}
    if known:
        entry["env"] = {one.name: f"${{{one.name}}}" for one in known}
    parts: list[str] = []
    for shape in SHOWN:
        text = _LIST.sub(_on_one_line, shaped(shape, {name: entry}).text.strip())
        if shape == "claude-desktop":
            # It replaces no variables: what stands there is handed over as it is.
            for one in known:
                text = text.replace(f"${{{one.name}}}", one.example or f"the value of {one.name}")
        client = "mcp-tui" if shape == "mcp-tui" else SHAPES[shape]
        parts.append(f"{client}, {_FILES[shape]}:\n{textwrap.indent(text, '  ')}")
    if http:
        parts.append(
            f"Over HTTP, after `mcp-tui serve {name} --http`:\n"
            f"  mcp-tui tools --server {name}={http}\n"
            f"  claude mcp add --transport http {name} {http}"
        )
    parts.append("Other clients: mcp-tui config copy --help")
    return "\n\n".join(parts)


def _on_one_line(found: re.Match[str]) -> str:
    items = re.sub(r"\n *", " ", found[1])
    return f"[{items}]"


def program() -> str:
    """The path of this very program where it is known: clients with a window rarely have the PATH of a shell."""
    beside = Path(sys.executable).with_name("mcp-tui")
    return str(beside) if beside.is_file() else shutil.which("mcp-tui") or "mcp-tui"
