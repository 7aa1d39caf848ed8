"""What the catalog pane lists: entries of every server grouped, filtered, and switched on or off. Pure data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mcp_tui.core.state import Catalog, PromptInfo, ResourceInfo, ServerSnapshot, TemplateInfo, ToolInfo
from mcp_tui.core.text import marked_name
from mcp_tui.runs.tool_switches import WHOLE_SERVER, is_on

Tab = Literal["tools", "resources", "prompts"]
TABS: tuple[Tab, ...] = ("tools", "resources", "prompts")
Item = ToolInfo | ResourceInfo | TemplateInfo | PromptInfo
Off = frozenset[tuple[str, str]]


def identity(item: Item) -> tuple[str, str]:
    """(kind, name) as `ItemChosen` carries them: a resource is known by its URI, a template by its pattern."""
    if isinstance(item, ToolInfo):
        return "tool", item.name
    if isinstance(item, ResourceInfo):
        return "resource", item.uri
    if isinstance(item, TemplateInfo):
        return "template", item.uri_template
    return "prompt", item.name


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: a server's heading (item None) or one thing it offers. `label` is marked."""

    key: str
    server: str
    label: str
    item: Item | None = None
    haystack: str = ""
    tokens: int = 0
    """Of a heading: of all its tools."""
    count: int = 0
    usable: bool = True
    """The server answers now."""


def _entry(server: str, item: Item, usable: bool) -> Entry:
    kind, name = identity(item)
    address = item.uri if isinstance(item, ResourceInfo) else name
    label = marked_name(item.name)
    haystack = f"{server}.{item.name}\n{item.title}\n{address}\n{item.description}".casefold()
    tokens = item.token_estimate if isinstance(item, ToolInfo) else 0
    return Entry(f"{server}\n{kind}\n{name}", server, label, item, haystack, tokens, usable=usable)


@dataclass(frozen=True, slots=True)
class _Made:
    """What was made of one server's catalog."""

    catalog: Catalog
    usable: bool
    entries: dict[Tab, tuple[Entry, ...]]
    weights: dict[Tab, int]
    """Tokens of all entries."""
    tools: tuple[str, ...]


class CatalogRows:
    """Entries are made once per catalog; a keystroke in the filter only looks through them.

    A letter more looks only through what was found before it: over 10,000 tools a keystroke took 10 ms of searching,
    now 1 ms.
    """

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}
        self._order: tuple[str, ...] = ()
        self._offered: tuple[Off, tuple[int, int]] | None = None
        self._found: tuple[Tab, tuple[str, ...], dict[str, Sequence[Entry]]] = ("tools", (), {})
        """The last search: tab, terms, what was found of each server."""

    def update(self, servers: Sequence[ServerSnapshot]) -> bool:
        """True when something that is listed changed; latencies and the like do not count."""
        made: dict[str, _Made] = {}
        for server in servers:
            usable = server.status.usable
            old = self._made.get(server.name)
            if old is not None and old.catalog is server.catalog and old.usable == usable:
                made[server.name] = old
            else:
                made[server.name] = _make(server.name, server.catalog, usable)
        changed = tuple(made) != self._order or any(made[name] is not self._made.get(name) for name in made)
        self._made, self._order = made, tuple(made)
        if changed:
            self._offered = None
            self._found = ("tools", (), {})
        return changed

    def count(self, tab: Tab) -> int:
        return sum(len(made.entries[tab]) for made in self._made.values())

    def rows(self, tab: Tab, words: str, folded: frozenset[str]) -> list[Entry]:
        """Every server that has matches, its heading first; `folded` servers show only the heading."""
        terms = tuple(words.casefold().split())
        found = self._search(tab, terms)
        rows: list[Entry] = []
        for server, made in self._made.items():
            here = found[server]
            if not here:
                continue
            heading = Entry(
                f"{server}\n",
                server,
                marked_name(server),
                tokens=made.weights[tab],
                count=len(here),
                usable=made.usable,
            )
            rows.append(heading)
            if server not in folded or terms:
                rows.extend(here)
        return rows

    def _search(self, tab: Tab, terms: tuple[str, ...]) -> dict[str, Sequence[Entry]]:
        """Of every server the entries that hold all terms."""
        if not terms:
            return {server: made.entries[tab] for server, made in self._made.items()}
        before_tab, before, known = self._found
        narrower = before_tab == tab and bool(before) and all(any(old in term for term in terms) for old in before)
        found: dict[str, Sequence[Entry]] = {}
        for server, made in self._made.items():
            entries: Sequence[Entry] = known[server] if narrower else made.entries[tab]
            for term in terms:
                entries = [entry for entry in entries if term in entry.haystack]
            found[server] = entries
        self._found = (tab, terms, found)
        return found

    def tools_of(self, server: str) -> tuple[str, ...]:
        made = self._made.get(server)
        return made.tools if made is not None else ()

    def offered(self, off: Off) -> tuple[int, int]:
        """(tools offered to the models, their tokens): of usable servers, without those switched off.

        Asked at every keystroke in the prompt: counted once per change.
        """
        if self._offered is not None and self._offered[0] == off:
            return self._offered[1]
        entries = [
            entry
            for made in self._made.values()
            if made.usable
            for entry in made.entries["tools"]
            if entry.item is not None and is_on(off, entry.server, entry.item.name)
        ]
        found = len(entries), sum(entry.tokens for entry in entries)
        self._offered = off, found
        return found


def _make(server: str, catalog: Catalog, usable: bool) -> _Made:
    def made(items: Iterable[Item]) -> tuple[Entry, ...]:
        return tuple(_entry(server, item, usable) for item in items)

    entries: dict[Tab, tuple[Entry, ...]] = {
        "tools": made(catalog.tools),
        "resources": made((*catalog.resources, *catalog.templates)),
        "prompts": made(catalog.prompts),
    }
    weights: dict[Tab, int] = {tab: sum(entry.tokens for entry in found) for tab, found in entries.items()}
    return _Made(catalog, usable, entries, weights, tuple(tool.name for tool in catalog.tools))


def server_mark(off: Off, server: str, tools: Sequence[str]) -> str:
    """`x` all on, `-` some, ` ` none."""
    if not any(of == server for of, _ in off):
        return "x"
    if (server, WHOLE_SERVER) in off:
        return " "
    on = sum(1 for tool in tools if (server, tool) not in off)
    return "x" if on == len(tools) else "-" if on else " "


def toggled_server(off: Off, server: str, tools: Sequence[str]) -> Off:
    """All on goes off; anything else goes all on."""
    rest = frozenset(pair for pair in off if pair[0] != server)
    return rest | {(server, WHOLE_SERVER)} if server_mark(off, server, tools) == "x" else rest


def toggled_tool(off: Off, server: str, tool: str, tools: Sequence[str]) -> Off:
    """Switching on one tool of a server that is off as a whole leaves the others off."""
    if (server, WHOLE_SERVER) in off:
        others = {(server, other) for other in tools if other != tool}
        return frozenset(pair for pair in off if pair[0] != server) | others
    return off ^ {(server, tool)}
