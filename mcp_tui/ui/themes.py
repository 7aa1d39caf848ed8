"""Themes are TOML files: the shipped ones, then the person's own in `CONFIG_DIR/themes`.

A file holds the fields of `textual.theme.Theme`. A bad file is a warning that names the file and the key; the
others are unharmed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from mcp_tui.core.errors import ErrorInfo, ErrorKind

DEFAULT_THEME = "midnight"

_COLORS = frozenset(
    [
        "primary",
        "secondary",
        "warning",
        "error",
        "success",
        "accent",
        "foreground",
        "background",
        "surface",
        "panel",
        "boost",
    ]
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    **dict.fromkeys(_COLORS, (str,)),
    "dark": (bool,),
    "ansi": (bool,),
    "luminosity_spread": (float, int),
    "text_alpha": (float, int),
    "variables": (dict,),
}


class ThemeError(Exception):
    """A theme file that cannot be used; `info` is what the person reads."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.line())
        self.info = info


def shipped_folder() -> Path:
    """Inside the package in an installed wheel, beside it in a checkout (an editable install)."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def load_file(path: Path) -> Theme:
    """ThemeError names the file and the key."""

    def fault(detail: str, hint: str) -> ThemeError:
        return ThemeError(ErrorInfo(f"Theme {path.name} ignored", detail, hint, ErrorKind.USAGE, "bad_theme"))

    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise fault(f"cannot read {path}: {error}", "check the file's permissions and encoding") from error
    except tomllib.TOMLDecodeError as error:
        raise fault(f"{path}: {error}", "themes are TOML; see the shipped ones for the form") from error
    for key, value in fields.items():
        if key not in _TYPES:
            raise fault(f"{path}: unknown key {key!r}", f"known keys: {', '.join(sorted(_TYPES))}")
        if not isinstance(value, _TYPES[key]):
            raise fault(f"{path}: {key} has the wrong type", f"expected {_TYPES[key][0].__name__}")
        if key in _COLORS:
            try:
                Color.parse(value)
            except ColorParseError as error:
                raise fault(f"{path}: {key} = {value!r} is no colour", "write it as #rrggbb") from error
    if "primary" not in fields:
        raise fault(f"{path}: primary is missing", "a theme needs at least a primary colour")
    fields.setdefault("name", path.stem)
    variables: Mapping[Any, Any] = fields.get("variables", {})
    fields["variables"] = {str(name): str(value) for name, value in variables.items()}
    if fields.get("ansi"):
        # The framework's own styles name these two for terminal colours.
        fields["variables"] = {"ansi-background": "ansi_black", "ansi-foreground": "ansi_white", **fields["variables"]}
    return Theme(**fields)


def load_folder(folder: Path) -> tuple[dict[str, Theme], list[ErrorInfo]]:
    """Every usable theme of a folder by name, and what was wrong with the others. A missing folder is empty."""
    themes: dict[str, Theme] = {}
    problems: list[ErrorInfo] = []
    for path in _files(folder):
        try:
            theme = load_file(path)
        except ThemeError as error:
            problems.append(error.info)
        else:
            themes[theme.name] = theme
    return themes, problems


def _files(folder: Path) -> Iterable[Path]:
    return sorted(folder.glob("*.toml")) if folder.is_dir() else ()
