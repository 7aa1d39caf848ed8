"""A parsed configuration file that still knows on which line everything stands."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from mcp_tui.config import paths
from mcp_tui.config.schema import Origin
from mcp_tui.core.types import JsonObject

KeyPath: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    path: Path
    value: JsonObject
    lines: Mapping[KeyPath, int] = field(default_factory=dict[KeyPath, int])
    """1-based line of each key that stands on a line of its own, or of the table it belongs to."""
    duplicates: tuple[tuple[KeyPath, int], ...] = ()
    """Keys that stand twice (the last one counts), with the line of the one that lost."""
    syntax: Literal["toml", "json"] = "json"
    digest: str = ""
    """sha256 hex of the bytes that were parsed; trust is bound to it."""

    def line(self, keys: KeyPath) -> int | None:
        """The line of the key, else of the nearest thing around it."""
        for length in range(len(keys), 0, -1):
            if (line := self.lines.get(keys[:length])) is not None:
                return line
        return None

    def where(self, keys: KeyPath) -> str:
        """`FILE:LINE`, as people read it."""
        line = self.line(keys)
        return paths.shown(self.path) if line is None else f"{paths.shown(self.path)}:{line}"

    def origin(self, keys: KeyPath) -> Origin:
        return Origin(self.where(keys), self.path, self.line(keys))


class DocumentSyntaxError(Exception):
    """A file that cannot be parsed. `line` and `column` are 1-based; 0 = unknown."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.column = column


class LineIndex:
    """Turns offsets into 1-based lines and columns."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def line(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def column(self, offset: int) -> int:
        return offset - self._starts[self.line(offset) - 1] + 1
