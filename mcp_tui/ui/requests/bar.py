"""One line above the keys that says what a server asks. It takes neither focus nor keys."""

from __future__ import annotations

from textual.app import RenderResult
from textual.content import Content
from textual.widget import Widget

from mcp_tui.core.server_requests import ServerRequest
from mcp_tui.core.text import marked_line, marked_name
from mcp_tui.ui.requests.text import ASKS, gist


class RequestBar(Widget, can_focus=False):
    """A click opens the requests."""

    DEFAULT_CSS = """
    RequestBar { height: 1; width: 100%; background: $warning 20%; color: $foreground; padding: 0 1; }
    RequestBar:ansi { background: ansi_default; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._requests: tuple[ServerRequest, ...] = ()

    def show(self, requests: tuple[ServerRequest, ...], key: str) -> None:
        """The oldest of them, and how many wait behind it. key: what opens them."""
        self._requests = requests
        self._key = key
        self.display = bool(requests)
        self.refresh()

    def render(self) -> RenderResult:
        if not self._requests:
            return Content("")
        first = self._requests[0]
        end = f"  {self._key} answers"
        if len(self._requests) > 1:
            end = f"  and {len(self._requests) - 1} more{end}"
        head = f"{marked_name(first.server)} {ASKS[first.kind]}"
        room = self.size.width - len(end) - 2
        said = marked_line(gist(first)[:500])
        start = Content.assemble(("? ", "$text-warning bold"), (head, "bold"), (f": {said}" if said else "", ""))
        return Content.assemble(start.truncate(max(1, room), ellipsis=True), (end, "$text-accent"))

    async def on_click(self) -> None:
        await self.run_action("app.open_requests")
