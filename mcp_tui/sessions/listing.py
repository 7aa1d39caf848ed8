"""The four lists of one connection, as last fetched."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal

import anyio.to_thread

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.state import Catalog
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.catalog import (
    capped,
    gather_pages,
    prompt_info,
    resource_info,
    template_info,
    tool_info,
    unique,
)
from mcp_tui.sessions.transport.exchange import Exchange, Page

Kind = Literal["tools", "resources", "prompts"]
ALL_KINDS: frozenset[Kind] = frozenset({"tools", "resources", "prompts"})
_NAMES = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resource templates",
    "prompts/list": "prompts",
}
_MANY = 300


class Lists:
    def __init__(self, spec: ServerSpec) -> None:
        self._spec = spec
        self._entries: dict[str, list[JsonObject]] = {}
        self._warnings: dict[str, list[str]] = {}

    async def fetch(self, method: str, ask: Callable[[str | None], Awaitable[Exchange]]) -> None:
        """Replace one list. A page the server refuses keeps what was known, with a warning."""
        refused = False

        async def page(cursor: str | None) -> Page:
            nonlocal refused
            exchange = await ask(cursor)
            if exchange.page is None:
                refused = True
                return Page((), None)
            return exchange.page

        entries, warnings = await gather_pages(_NAMES[method], page)
        if refused and (entries or method in self._entries):
            warnings.append(f"The list of {_NAMES[method]} is not complete: the server refused a page.")
            entries = entries or self._entries[method]
        self._entries[method] = entries
        self._warnings[method] = warnings

    async def catalog(self) -> Catalog:
        if sum(map(len, self._entries.values())) > _MANY:
            # Hashing thousands of definitions would hold the event loop for a noticeable time.
            return await anyio.to_thread.run_sync(self._build)
        return self._build()

    def _build(self) -> Catalog:
        server = self._spec.name
        warnings = [text for method in _NAMES for text in self._warnings.get(method, ())]
        tools = unique("tool", self._of("tools/list"), "name", lambda raw: tool_info(server, raw), warnings)
        return Catalog(
            tools=tuple(tool for tool in tools if self._offered(tool.name)),
            resources=unique(
                "resource", self._of("resources/list"), "uri", lambda raw: resource_info(server, raw), warnings
            ),
            templates=unique(
                "resource template",
                self._of("resources/templates/list"),
                "uriTemplate",
                lambda raw: template_info(server, raw),
                warnings,
            ),
            prompts=unique("prompt", self._of("prompts/list"), "name", lambda raw: prompt_info(server, raw), warnings),
            warnings=capped(warnings),
        )

    def _of(self, method: str) -> list[JsonObject]:
        return self._entries.get(method, [])

    def _offered(self, tool: str) -> bool:
        """The entry's enabled_tools and disabled_tools."""
        if self._spec.enabled_tools is not None and tool not in self._spec.enabled_tools:
            return False
        return tool not in self._spec.disabled_tools
