"""Component styles as Rich styles to lay over a line: colours mixed with the widget's own background."""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def ink(widget: Widget, component: str) -> Style:
    """Foreground and attributes only; whatever background the line has stays."""
    style = widget.get_component_rich_style(component)
    return Style(
        color=style.color,
        bold=style.bold,
        italic=style.italic,
        underline=style.underline,
        reverse=style.reverse,
    )


def paper(widget: Widget, component: str) -> Style:
    """Background and attributes only; the inks on it stay."""
    style = widget.get_component_rich_style(component)
    return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
