"""The command palette: every action, server, tool, resource and prompt by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mcp_tui.ui import safe
from mcp_tui.ui.keys import KEYS, SCOPES, shown
from mcp_tui.ui.messages import ItemChosen
from mcp_tui.ui.running_app import DashboardApp

_LISTED = 60
"""Most catalog entries one search shows; the palette is for finding, not for browsing."""


class ActionCommands(Provider):
    """What the keys do, where it can be done now, and the themes."""

    def _actions(self) -> Iterator[tuple[str, str, Callable[[], object]]]:
        app = cast("DashboardApp", self.app)
        focused = self.focused
        active = {entry.binding.id for entry in self.screen.active_bindings.values()}
        for key in KEYS:
            if key.id not in active or key.name in ("back", "palette"):
                continue
            where = f"{SCOPES[key.scope]} · {shown(app.key_overrides.get(key.id, key.keys))}"
            run = partial(self.app.run_action, key.action, focused or self.screen)
            yield key.text, where, run
        yield "Change the theme", "Preview while you choose", app.action_choose_theme
        yield (
            "Remembered approvals",
            "Tools that run without asking; let them ask again",
            app.action_review_approvals,
        )
        yield "Empty the response cache", "Forget the answers kept to be replayed", app.action_empty_cache
        yield (
            "Save a screenshot",
            "An SVG of the whole screen, in the current folder",
            app.action_save_picture,
        )
        for snapshot in app.servers:
            name = safe.clean_line(snapshot.name)
            yield f"Reconnect {name}", "Server", partial(app.reconnect, snapshot.name)
            verb, enabled = ("Connect", True) if snapshot.status == "disabled" else ("Disconnect", False)
            yield f"{verb} {name}", "Server", partial(app.set_server_enabled, snapshot.name, enabled)

    async def discover(self) -> Hits:
        for title, text, run in self._actions():
            yield DiscoveryHit(safe.label(title), run, text=title, help=text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, text, run in self._actions():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), run, text=title, help=text)


class CatalogCommands(Provider):
    """Tools, resources and prompts of all servers; choosing one opens it in the Workbench."""

    async def search(self, query: str) -> Hits:
        app = cast("DashboardApp", self.app)
        matcher = self.matcher(query)
        best: list[tuple[float, str, str, ItemChosen]] = []
        for snapshot in app.servers:
            catalog = snapshot.catalog
            entries = (
                *(("tool", tool.name, tool.description) for tool in catalog.tools),
                *(("prompt", prompt.name, prompt.description) for prompt in catalog.prompts),
                *(("resource", resource.uri, resource.title) for resource in catalog.resources),
            )
            for kind, name, text in entries:
                title = safe.clean_line(f"{snapshot.name}.{name}" if kind != "resource" else name)
                score = matcher.match(title)
                if score > 0:
                    chosen = ItemChosen(snapshot.name, kind, name)
                    best.append((score, title, f"{kind} · {safe.clean_line(text)[:90]}", chosen))
        best.sort(key=lambda entry: -entry[0])
        for score, title, text, chosen in best[:_LISTED]:
            yield Hit(score, matcher.highlight(title), partial(self.app.post_message, chosen), text=title, help=text)
