"""The only way a text from outside becomes something Textual or Rich draws.

A plain str given to most widgets is parsed as markup, and control bytes reach the terminal; both are closed here.
"""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.content import Content, Span

from mcp_tui.core.text import Marked, clean, clean_line, mark, mark_json, mark_line, mark_name

MARK = "$text-warning bold reverse"
"""Of what stands for characters that cannot be seen: a text that only spells such a mark has another look."""


def label(text: str, style: str = "") -> Content:
    """One line for Static, Label, Button, Tab, border titles and palette hits."""
    return Content.styled(clean_line(text), style) if style else Content(clean_line(text))


def block(text: str) -> Content:
    """Several lines, line breaks kept."""
    return Content(clean(text))


def marked(text: str, style: str = "") -> Content:
    """Several lines that a person decides on: nothing is left out, see `core.text`."""
    return _with_marks(mark(text), style)


def marked_line(text: str, style: str = "") -> Content:
    """One line that a person decides on."""
    return _with_marks(mark_line(text), style)


def marked_json(text: str) -> Content:
    """JSON text that a person decides on."""
    return _with_marks(mark_json(text), "")


def marked_name(text: str) -> Content:
    """A name in something that a person decides on; of a monstrous one the beginning and the end."""
    return _with_marks(mark_name(text), "")


def _with_marks(shown: Marked, style: str) -> Content:
    whole = [Span(0, len(shown.text), style)] if style else []
    return Content(shown.text, [*whole, *(Span(start, end, MARK) for start, end in shown.marks)])


def cell(text: str, style: str | Style = "") -> Text:
    """One line for Tree, DataTable and everything that takes Rich text."""
    return Text(clean_line(text), style=style, no_wrap=True, end="")
