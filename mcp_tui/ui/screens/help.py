"""F1: every key, the focused pane's first."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.ui.keys import KEYS, SCOPES, Key, shown
from mcp_tui.ui.running_app import dashboard

_WORDS = (
    "The prompt goes to every model column at once; each model can call the tools of all connected servers. "
    "Letters act in the pane that has the focus, never while typing."
)


class HelpScreen(ModalScreen[None]):
    """`scopes`: the scopes of the focused pane and its parents, innermost first."""

    BINDINGS = [
        Binding("escape,f1,q", "app.pop_screen", "close"),
        Binding("up,k", "scroll(-1)", show=False),
        Binding("down,j", "scroll(1)", show=False),
    ]
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen > VerticalScroll {
        width: 84; max-width: 96%; height: auto; max-height: 92%; padding: 0 2;
        border: round $primary; border-title-color: $accent; background: $surface;
    }
    HelpScreen .intro { color: $text-muted; margin-bottom: 1; }
    HelpScreen .scope { color: $accent; text-style: bold; margin-top: 1; }
    """

    def __init__(self, scopes: tuple[str, ...]) -> None:
        super().__init__()
        rest = tuple(scope for scope in SCOPES if scope not in scopes)
        self._order = tuple(scope for scope in scopes if scope in SCOPES) + rest

    def compose(self) -> ComposeResult:
        body = VerticalScroll()
        body.border_title = "Keys"
        body.border_subtitle = "esc close"
        with body:
            yield Static(_WORDS, classes="intro", markup=False)
            for scope in self._order:
                yield Static(SCOPES[scope], classes="scope", markup=False)
                yield Static(self._table(scope))

    def _table(self, scope: str) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(width=14, no_wrap=True)
        table.add_column(ratio=1)
        for key in KEYS:
            if key.scope == scope and not _repeats(key):
                table.add_row(Text(self._keys(key), style="bold"), Text(key.text))
        return table

    def _keys(self, key: Key) -> str:
        """As it is now: a remapped binding shows its new keys."""
        app = dashboard(self)
        keys = app.key_overrides.get(key.id, key.keys) if app is not None else key.keys
        return " ".join(shown(part) for part in keys.split(","))

    def action_scroll(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)


def _repeats(key: Key) -> bool:
    """alt+2 to alt+9 are told by the line of alt+1."""
    return key.scope == "app" and key.name.startswith("column") and key.name != "column1"
