"""Nothing blinks in a picture."""

from __future__ import annotations

from textual.widgets import Input, TextArea


def stop_blinking(field: Input | TextArea) -> None:
    """The cursor is drawn from now on, also where it was just invisible."""
    field.cursor_blink = False
    if isinstance(field, TextArea):
        # Its cache of drawn lines takes a cursor that does not blink for one that is not visible.
        field.notify_style_update()
    field.refresh()
