"""The only way a text from outside becomes something Textual or Rich draws.

A plain str given to most widgets is parsed as markup, and control bytes reach the terminal; both are closed here.
"""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.content import Content

from mcp_tui.core.text import clean, clean_line


def label(text: str, style: str = "") -> Content:
    """One line for Static, Label, Button, Tab, border titles and palette hits."""
    return Content.styled(clean_line(text), style) if style else Content(clean_line(text))


def block(text: str) -> Content:
    """Several lines, line breaks kept."""
    return Content(clean(text))


def cell(text: str, style: str | Style = "") -> Text:
    """One line for Tree, DataTable and everything that takes Rich text."""
    return Text(clean_line(text), style=style, no_wrap=True, end="")
