"""Everything that is known about one server; stays current while it is open."""

from __future__ import annotations

import time
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mcp_tui.core import crash_text, json_text
from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import RESTARTING, CrashCard, ServerFacts, ServerSnapshot, ServerStatus
from mcp_tui.core.text import clean_line, hidden, hidden_words
from mcp_tui.ui import safe
from mcp_tui.ui.messages import LogAsked, ReconnectAsked, ServerSwitched
from mcp_tui.ui.running_app import host
from mcp_tui.ui.screens.scroll_keys import SCROLL_KEYS, ScrollKeys
from mcp_tui.ui.servers.activity_text import live_facts, server_words
from mcp_tui.ui.status import INK, MUTED, server_state
from mcp_tui.ui.stylesheets import sheets

_STDERR_LINES = 40
_STDERR = "Last lines of stderr"


class ServerCard(ScrollKeys, ModalScreen[None]):
    """sign_in, finish_sign_in: what `s` and a pasted address do."""

    CSS_PATH = sheets("compare_dialogs")
    BINDINGS = [
        Binding("escape,enter,i,q", "dismiss", "close"),
        Binding("r", "reconnect", "reconnect"),
        Binding("space", "switch", "on/off"),
        Binding("s", "sign_in", "sign in"),
        Binding("c", "copy_address", "copy address"),
        Binding("l", "open_log", "log"),
        Binding("t", "app.open_tasks", "tasks"),
        *SCROLL_KEYS,
    ]

    def __init__(
        self,
        server: ServerSnapshot,
        *,
        sign_in: Callable[[str], bool] = lambda name: False,
        finish_sign_in: Callable[[str, str], None] = lambda name, address: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._server = server
        self._sign_in = sign_in
        self._finish_sign_in = finish_sign_in
        self._clock = clock
        self._body = Static(markup=False)
        self._scroll = VerticalScroll(self._body)

    def compose(self) -> ComposeResult:
        yield self._scroll

    def on_mount(self) -> None:
        self._scroll.focus()
        self._draw()
        self.set_interval(0.5, self._tick)

    @property
    def server_name(self) -> str:
        return self._server.name

    def show(self, server: ServerSnapshot) -> None:
        self._server = server
        if self.is_mounted:
            self._draw()

    def _tick(self) -> None:
        if not self._server.status.settled or self._server.sign_in_url:
            self._draw()

    def _draw(self) -> None:
        self._scroll.border_title = safe.marked_line(self._server.name)
        self._scroll.border_subtitle = _keys(self._server)
        self._body.update(card(self._server, self._clock()))

    def action_reconnect(self) -> None:
        self.post_message(ReconnectAsked(self._server.name))

    def action_sign_in(self) -> None:
        self._sign_in(self._server.name)

    def action_open_log(self) -> None:
        self.post_message(LogAsked(self._server.name))

    def action_copy_address(self) -> None:
        if self._server.sign_in_url:
            host(self).copy_to_clipboard(clean_line(self._server.sign_in_url))

    def on_paste(self, event: events.Paste) -> None:
        if self._server.sign_in_url:
            event.stop()
            self._finish_sign_in(self._server.name, event.text.strip())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "sign_in":
            return self._server.transport != "stdio"
        return super().check_action(action, parameters)

    def action_switch(self) -> None:
        self.post_message(ServerSwitched(self._server.name, self._server.status is ServerStatus.DISABLED))


def _keys(server: ServerSnapshot) -> str:
    if server.sign_in_url:
        return "c copy the address · s stop waiting · esc close"
    sign_in = "s sign in · " if server.status is ServerStatus.NEEDS_AUTH else ""
    return f"{sign_in}l log · t tasks · r reconnect · space on/off · esc close"


def card(server: ServerSnapshot, now: float) -> Content:
    """The whole card. Only cleaned text goes in."""
    parts: list[Content] = [_head(server, now)]
    if server.reason is not None:
        reason = server.reason
        ink = "$text-accent" if reason.code == RESTARTING else "$text-error"
        lines = [Content.styled(clean_line(reason.title), f"bold {ink}")]
        if reason.detail:
            lines.append(safe.marked(reason.detail))
        if reason.hint:
            lines.append(Content.styled(f"→ {clean_line(reason.hint)}", "$text-accent"))
        parts.append(Content("\n").join(lines))
    if server.sign_in_url:
        # Whole, however long: it is copied where no browser can be opened. Never a link: nothing opens by a click.
        elsewhere = Content.styled("From another machine? Paste the address the browser ended on here.", MUTED)
        parts.append(_section("Sign in at", [safe.marked_line(server.sign_in_url), elsewhere]))
    if server.crash is not None:
        parts.append(_crash(server.crash))
    stderr = [Content.styled(line, MUTED) for line in crash_text.last_words(server, _STDERR_LINES)]
    if stderr and server.crash is not None:
        parts.append(_section(_STDERR, stderr))  # why it ended stands above what it was
    if server.warnings or server.catalog.warnings:
        notes = [safe.marked_line(f"! {text}") for text in (*server.warnings, *server.catalog.warnings)]
        parts.append(_section("Warnings", notes))
    if server.diff:
        signs = (("+", server.diff.added), ("-", server.diff.removed), ("~", server.diff.changed))
        parts.append(_section("Catalog changes", [safe.marked_line(f"{s} {t}") for s, names in signs for t in names]))
    if server.facts is not None:
        parts.extend(_facts(server.facts))
    if stderr and server.crash is None:
        parts.append(_section(_STDERR, stderr))
    return Content("\n\n").join(parts)


def _head(server: ServerSnapshot, now: float) -> Content:
    state = server_state(server, now)
    catalog = server.catalog
    offers = (
        f"{len(catalog.tools)} tools · {len(catalog.resources)} resources · {len(catalog.templates)} templates"
        f" · {len(catalog.prompts)} prompts"
    )
    rows: list[tuple[str, Content]] = [
        ("status", Content.styled(str(state), INK[state.tone])),
        ("target", safe.marked_line(server.target)),
        ("transport", Content(server.transport + (f", pid {server.pid}" if server.pid is not None else ""))),
        ("source", Content(clean_line(server.source))),
    ]
    if server.facts is not None:
        facts = server.facts
        rows.extend((name, Content(text)) for name, text in server_words(facts))
        era = f"{facts.era}, {server.era_source}" if server.era_source else facts.era
        rows.append(("protocol", Content(clean_line(f"{facts.protocol_version} ({era})"))))
    rows.append(("offers", Content(offers)))
    rows.extend((name, Content(text)) for name, text in live_facts(server))
    if server.signed_in:
        rows.append(("access", Content("signed in")))
    if server.latency_ms is not None:
        rows.append(("latency", Content(duration_text(server.latency_ms))))
    if server.reconnects:
        rows.append(("reconnects", Content(str(server.reconnects))))
    return Content("\n").join(Content.assemble((f"{name:<12}", MUTED), value) for name, value in rows)


def _crash(crash: CrashCard) -> Content:
    lines = [
        Content.assemble((f"{name:<12}", MUTED), safe.marked_line(text, "$text-error" if name == "ended" else ""))
        for name, text in crash_text.rows(crash)
    ]
    return _section("Process", lines)


def _facts(facts: ServerFacts) -> list[Content]:
    parts: list[Content] = []
    if facts.instructions.strip():
        parts.append(_section("Instructions", _told(facts.instructions)))
    if facts.capabilities:
        parts.append(_section("Capabilities", [Content(json_text.dump(facts.capabilities))]))
    return parts


def _told(text: str) -> list[Content]:
    count = hidden(text)
    flag = [Content.styled(f"! {hidden_words(count)}", "$text-warning")] if count else []
    return [*flag, safe.marked(text)]


def _section(title: str, lines: list[Content]) -> Content:
    return Content("\n").join([Content.styled(title, "bold $text-primary"), *lines])
