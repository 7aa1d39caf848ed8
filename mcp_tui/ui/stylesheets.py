"""The style files, by name. The app loads what its first frame needs; other screens bring theirs when they open."""

from __future__ import annotations

from pathlib import Path, PurePath

_FOLDER = Path(__file__).resolve().parent / "styles"

FIRST_FRAME = ("approval", "catalog", "columns", "compare", "matrix", "model_column", "prompt", "servers")
"""The matrix is among them because a screen resolves its own component classes before its style files are read."""


def sheets(*names: str) -> list[str | PurePath]:
    return [_FOLDER / f"{name}.tcss" for name in names]
