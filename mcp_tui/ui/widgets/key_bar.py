"""The bottom line: the keys of the focused pane, then the global ones; whole items are dropped from the right.

The key for help stays, however little room there is: it tells all the others.
"""

from __future__ import annotations

from typing import Any, cast

from rich.text import Text
from textual.app import RenderResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widget import Widget

from mcp_tui.ui.keys import KEYS, shown

_HELP = next(key.label for key in KEYS if key.id == "app.help")
_RANKS = {key.id: rank for rank, key in enumerate(KEYS)}


def _rank(binding: Binding) -> int:
    """The order of the table of keys; what is not in it comes first (dialogs)."""
    return _RANKS.get(binding.id or "", -1)


class KeyBar(Widget):
    """One line; follows the focus by itself."""

    DEFAULT_CSS = """
    KeyBar { height: 1; dock: bottom; background: $panel; color: $secondary; }
    KeyBar > .key-bar--key { color: $accent; text-style: bold; }
    """
    COMPONENT_CLASSES = {"key-bar--key"}

    def on_mount(self) -> None:
        screen = cast("Screen[Any]", self.screen)
        # The signal carries screens of an open type.
        screen.bindings_updated_signal.subscribe(self, self._bindings_changed)  # pyright: ignore[reportUnknownMemberType]

    def _bindings_changed(self, _screen: Screen[Any]) -> None:
        self.refresh()

    def items(self) -> list[tuple[str, str]]:
        """(key, label), most useful first: the focused pane's, then the app's."""
        local: list[tuple[str, str]] = []
        everywhere: list[tuple[str, str]] = []
        bindings = (active.binding for active in self.screen.active_bindings.values() if active.enabled)
        for binding in sorted(bindings, key=_rank):
            if not binding.show or not binding.description:
                continue
            item = (shown(binding.key), binding.description)
            target = everywhere if (binding.id or "").startswith("app.") else local
            if all(item[1] != other[1] for other in target):
                target.append(item)
        return local + everywhere

    def render(self) -> RenderResult:
        key_style = self.get_component_rich_style("key-bar--key", partial=True)
        line = Text(" ", no_wrap=True, end="")
        items = [(label, Text.assemble((key, key_style), " ", label, "  ")) for key, label in self.items()]
        kept = sum(item.cell_len for label, item in items if label == _HELP)
        for label, item in items:
            if label == _HELP:
                kept = 0
            elif line.cell_len + item.cell_len + kept - 2 > self.size.width:
                continue
            line.append_text(item)
        return line
