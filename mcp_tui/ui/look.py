"""The background of a component class, to lay under a line whose inks stay."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def paper(widget: Widget, name: str) -> Style:
    """Background and attributes, mixed with the widget's own background."""
    style = widget.get_component_rich_style(name)
    return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
