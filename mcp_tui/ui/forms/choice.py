"""One value of a few, on one line: side by side where they fit, else the chosen one with a list to pick from."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from mcp_tui.core.text import marked_name
from mcp_tui.ui import safe
from mcp_tui.ui.component_colours import ink
from mcp_tui.ui.running_app import host


class PickScreen(ModalScreen[int | None]):
    """Pick one of many by typing a part of it; the answer is its index, None after escape."""

    BINDINGS = [
        Binding("escape", "dismiss(None)", "back"),
        Binding("down", "move(1)", "down", show=False, priority=True),
        Binding("up", "move(-1)", "up", show=False, priority=True),
        Binding("enter", "pick", "pick", priority=True),
    ]
    DEFAULT_CSS = """
    PickScreen { align: center middle; background: $background 60%; }
    PickScreen > Vertical {
        width: 60%; max-width: 90; min-width: 30; height: auto; max-height: 80%;
        border: round $primary; background: $surface; padding: 0 1;
    }
    PickScreen OptionList { height: auto; max-height: 20; border: none; background: transparent; padding: 0; }
    PickScreen Input { border: none; height: 1; padding: 0; }
    """

    def __init__(self, title: str, labels: Sequence[str], current: int | None) -> None:
        super().__init__()
        self._title = title
        self._labels = [marked_name(label) for label in labels]
        self._current = current

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = safe.marked_name(self._title)  # pyright: ignore[reportAttributeAccessIssue]  Content is taken as it is
            yield Input(placeholder="type to narrow, enter picks", compact=True)
            yield OptionList(markup=False)

    def on_mount(self) -> None:
        self._fill("")
        if self._current is not None:
            self.query_one(OptionList).highlighted = self._current

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, text: str) -> None:
        wanted = text.casefold()
        options = [
            Option(Content(label or '""'), id=str(index))
            for index, label in enumerate(self._labels)
            if wanted in label.casefold()
        ]
        picks = self.query_one(OptionList)
        picks.set_options(options)
        picks.highlighted = 0 if options else None

    def action_move(self, by: int) -> None:
        picks = self.query_one(OptionList)
        if picks.option_count:
            picks.highlighted = ((picks.highlighted or 0) + by) % picks.option_count

    def action_pick(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None and option.id is not None:
            self.dismiss(int(option.id))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.action_pick()


class ChoiceLine(Widget, can_focus=True):
    """left and right change it, enter opens the list, a typed letter goes to the next that starts with it."""

    BINDINGS = [
        Binding("left", "step(-1)", "previous", show=False),
        Binding("right,space", "step(1)", "next", show=False),
        Binding("enter", "open", "choose"),
    ]
    DEFAULT_CSS = """
    ChoiceLine { height: 1; width: 1fr; background: $surface; color: $text-muted; padding: 0; }
    ChoiceLine:focus { background: $primary 25%; }
    ChoiceLine > .choice-line--on { color: $text; text-style: bold; }
    ChoiceLine > .choice-line--focus { background: $primary; color: $text; text-style: bold; }
    """
    COMPONENT_CLASSES = {"choice-line--on", "choice-line--focus"}

    class Changed(Message):
        def __init__(self, choice_line: ChoiceLine, index: int) -> None:
            super().__init__()
            self.choice_line = choice_line
            self.index = index

        @property
        def control(self) -> ChoiceLine:
            return self.choice_line

    def __init__(self, title: str, labels: Sequence[str], index: int | None, *, empty: str = "not set") -> None:
        super().__init__()
        self._title = title
        self._labels = [marked_name(label) or '""' for label in labels]
        self.index = index
        self.empty = empty
        self._places: list[tuple[int, int, int]] = []

    def set_index(self, index: int | None) -> None:
        """Without a message."""
        self.index = index
        self.refresh()

    def _inline(self, width: int) -> bool:
        return len(self._labels) <= 12 and sum(cell_len(label) + 4 for label in self._labels) <= width

    def render(self) -> RenderResult:
        width = self.size.width
        focus = self.get_component_rich_style("choice-line--focus")
        chosen = focus if self.has_focus else ink(self, "choice-line--on")
        line = Text(no_wrap=True, overflow="ellipsis", end="")
        self._places = []
        if self._inline(width):
            for index, label in enumerate(self._labels):
                start = line.cell_len
                on = index == self.index
                line.append(f"{'●' if on else '○'} {label}", chosen if on else "")
                self._places.append((start, line.cell_len, index))
                line.append("  ")
            if self.index is None and self.has_focus:
                line.stylize(focus, 0, 1)
            return line
        count = f"▾ {len(self._labels) if self.index is None else f'{self.index + 1}/{len(self._labels)}'}"
        label = self.empty if self.index is None else self._labels[self.index]
        line.append(label, chosen if self.index is not None or self.has_focus else "")
        line.append(f"  {count}")
        return line

    def _change(self, index: int) -> None:
        if index != self.index:
            self.set_index(index)
            self.post_message(self.Changed(self, index))

    def action_step(self, by: int) -> None:
        if self._labels:
            start = (-1 if by > 0 else 0) if self.index is None else self.index
            self._change((start + by) % len(self._labels))

    def action_open(self) -> None:
        if self._inline(self.size.width):
            self.action_step(1)
            return

        def picked(index: int | None) -> None:
            if index is not None:
                self._change(index)

        host(self).push_screen(PickScreen(self._title, self._labels, self.index), picked)

    def on_key(self, event: events.Key) -> None:
        character = event.character or ""
        if len(character) != 1 or not character.isprintable() or character == " ":
            return
        count = len(self._labels)
        after = 0 if self.index is None else self.index + 1
        for offset in range(count):
            index = (after + offset) % count
            if self._labels[index].casefold().startswith(character.casefold()):
                self._change(index)
                event.stop()
                return

    def on_click(self, event: events.Click) -> None:
        for start, end, index in self._places:
            if start <= event.x < end:
                self._change(index)
                return
        if not self._places:
            self.action_open()
