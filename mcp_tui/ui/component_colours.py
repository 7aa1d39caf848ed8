"""The colours of a component class as they really are on this widget.

`get_component_rich_style(..., partial=True)` drops alpha, so muted text, whose colour is a share of the contrast
colour, comes out as bright as any other.
"""

from __future__ import annotations

from rich.style import Style
from textual.widget import Widget


def ink(widget: Widget, name: str) -> Style:
    """Colour and attributes, resolved against the widget's background, without a background of its own."""
    style = widget.get_component_rich_style(name)
    return Style(
        color=style.color, bold=style.bold, italic=style.italic, underline=style.underline, reverse=style.reverse
    )


def paper(widget: Widget, name: str) -> Style:
    """Background and attributes, mixed with the widget's own: to lay under a line whose inks stay."""
    style = widget.get_component_rich_style(name)
    return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
