"""The top line: name, mode tabs, and what matters now; shortens by worth as the terminal narrows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.reactive import reactive
from textual.widget import Widget

from mcp_tui.core.figures import money_text, tokens_text

if TYPE_CHECKING:
    from mcp_tui.core.state import ServerSnapshot

MODES: tuple[tuple[str, str], ...] = (
    ("compare", "Compare"),
    ("workbench", "Workbench"),
    ("wire", "Wire"),
    ("history", "History"),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the right side says. waiting: tool calls, requests: of servers. demo: its models or server are in use."""

    servers: tuple[ServerSnapshot, ...] = ()
    tools: int = 0
    tool_tax: int = 0
    waiting: int = 0
    requests: int = 0
    cost_usd: float | None = None
    cost_is_estimate: bool = False
    demo: bool = False
    starting: bool = True
    failed: bool = False


class TopBar(Widget):
    """Posts nothing; a click on a tab switches the mode."""

    DEFAULT_CSS = """
    TopBar { height: 1; dock: top; background: $panel; color: $foreground; }
    TopBar > .top-bar--name { color: $accent; text-style: bold; }
    TopBar > .top-bar--tab { color: $secondary; }
    TopBar > .top-bar--active { background: $primary; color: $background; text-style: bold; }
    TopBar > .top-bar--good { color: $text-success; }
    TopBar > .top-bar--bad { color: $text-error; }
    TopBar > .top-bar--wait { color: $text-warning; text-style: bold; }
    TopBar > .top-bar--muted { color: $secondary; }
    """
    COMPONENT_CLASSES = {
        "top-bar--name",
        "top-bar--tab",
        "top-bar--active",
        "top-bar--good",
        "top-bar--bad",
        "top-bar--wait",
        "top-bar--muted",
    }

    facts: reactive[Facts] = reactive(Facts())

    def __init__(self, mode: str) -> None:
        super().__init__()
        self._mode = mode
        self._tabs: list[tuple[int, int, str]] = []

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"top-bar--{name}", partial=True)

    def _left(self, *, short: bool) -> Text:
        line = Text(" mcp-tui ", style=self._style("name"), no_wrap=True, end="")
        self._tabs = []
        for mode, title in MODES:
            active = mode == self._mode
            if short and not active:
                continue
            start = line.cell_len
            line.append(f" {title} ", self._style("active" if active else "tab"))
            self._tabs.append((start, line.cell_len, mode))
            line.append(" ")
        return line

    def _right(self) -> list[Text]:
        """The parts, most worth first."""
        facts = self.facts
        if facts.failed:
            return [Text("! engine failed", self._style("bad"))]
        parts: list[Text] = []
        if facts.waiting:
            noun = "call waits" if facts.waiting == 1 else "calls wait"
            parts.append(Text(f"? {facts.waiting} {noun} (F6)", self._style("wait")))
        if facts.requests:
            noun = "request" if facts.requests == 1 else "requests"
            parts.append(Text(f"? {facts.requests} {noun} waiting (^g)", self._style("wait")))
        ready = sum(1 for server in facts.servers if server.status.usable)
        wanted = sum(1 for server in facts.servers if server.status != "disabled")
        if facts.starting:
            parts.append(Text("◐ starting", self._style("muted")))
        elif facts.servers:
            style = self._style("good" if ready == wanted else "wait")
            parts.append(Text(f"{'●' if ready == wanted else '◐'} {ready}/{wanted} servers", style))
        else:
            parts.append(Text("○ no servers", self._style("muted")))
        if facts.demo:
            parts.append(Text("demo", self._style("wait")))
        if facts.cost_usd is not None:
            parts.append(Text(money_text(facts.cost_usd, estimate=facts.cost_is_estimate)))
        if facts.tools:
            parts.append(Text(f"{facts.tools} tools"))
            parts.append(Text(f"{tokens_text(facts.tool_tax, estimate=True)} tok", self._style("muted")))
        return parts

    def render(self) -> RenderResult:
        width = self.size.width
        parts = self._right()
        left = self._left(short=False)
        if left.cell_len + parts[0].cell_len + 2 > width:
            left = self._left(short=True)
        kept: list[Text] = []
        room = width - left.cell_len - 2
        for part in parts:
            if part.cell_len + 3 <= room or not kept:
                kept.append(part)
                room -= part.cell_len + 3
        right = Text(" · ", self._style("muted"), no_wrap=True, end="").join(kept)
        gap = max(1, width - left.cell_len - right.cell_len - 1)
        return Text.assemble(left, " " * gap, right, no_wrap=True, end="")

    async def on_click(self, event: events.Click) -> None:
        for start, end, mode in self._tabs:
            if start <= event.x < end:
                await self.run_action(f"app.switch_mode('{mode}')")
                return
