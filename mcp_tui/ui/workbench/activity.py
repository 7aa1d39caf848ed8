"""What goes on in the Workbench by itself: tasks that are stopped or waited for, resources that are followed."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from mcp_tui.core.errors import AppError
from mcp_tui.core.state import ServerSnapshot, ToolHints, ToolInfo
from mcp_tui.core.tasks import SubscriptionState
from mcp_tui.ui.forms.open_item import ItemKey, OpenItem, opened
from mcp_tui.ui.servers.activity_text import followed, subscription_words
from mcp_tui.ui.workbench.outcomes import Outcome, OutcomeStatus

if TYPE_CHECKING:
    from mcp_tui.sessions.manager import SessionManager


class Bench(Protocol):
    """What it needs of the Workbench."""

    @property
    def sessions(self) -> SessionManager | None:
        """None until the engine is there."""
        ...

    @property
    def server_map(self) -> Mapping[str, ServerSnapshot]: ...

    def say(self, text: str, tone: str = "warn") -> None: ...

    def read_again(self, item: OpenItem, heard: str) -> None:
        """Read a followed resource; `heard` says why."""
        ...

    def run_worker(self, work: Coroutine[Any, Any, None], *, group: str) -> object: ...


class LiveItems:
    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._stopping: set[int] = set()
        """Numbers of outcomes whose task was asked to stop once."""
        self._heard: dict[ItemKey, int] = {}
        """Followed resources, and how many changes of each were read."""

    # ------------------------------------------------------------------ tasks

    def toggle_task(self, item: OpenItem) -> None:
        """Switch between running a tool as a task and not."""
        item.as_task = not item.as_task
        self._bench.say("It will run as a task." if item.as_task else "It will run as a plain call.", "good")

    def stop_task(self, item: OpenItem, outcome: Outcome) -> bool:
        """Ask the server to stop the task this call became; False when it is none, or was asked already."""
        task = outcome.progress.task if outcome.progress is not None else None
        sessions = self._bench.sessions
        if task is None or sessions is None or outcome.number in self._stopping:
            return False
        self._stopping.add(outcome.number)
        self._bench.say("The server was asked to stop the task; esc again stops waiting for it.")
        self._bench.run_worker(self._stop(sessions, item.key.server, task.id), group=f"stop-{outcome.number}")
        return True

    async def _stop(self, sessions: SessionManager, server: str, task_id: str) -> None:
        try:
            await sessions.cancel_task(server, task_id)
        except AppError as error:
            self._bench.say(f"{error.info.line()}. esc again stops waiting for it.", "bad")

    # ------------------------------------------------------------------ followed resources

    def toggle_follow(self, item: OpenItem) -> None:
        sessions = self._bench.sessions
        if sessions is None:
            self._bench.say("Still starting; try again in a moment.")
            return
        if item.key in self._heard:
            del self._heard[item.key]
            sessions.unfollow(item.key.server, item.key.name)
            self._bench.say("Changes are not followed any more.")
            return
        info = sessions.follow(item.key.server, item.key.name)
        self._heard[item.key] = info.updates
        self._bench.say("")
        if not item.outcomes:
            self._bench.read_again(item, "")

    def follows(self, key: ItemKey) -> bool:
        return key in self._heard

    def look(self, items: Mapping[ItemKey, OpenItem]) -> None:
        """Read what was announced as changed since; what is being read now is looked at again when it ended."""
        for key, heard in tuple(self._heard.items()):
            info = followed(self._bench.server_map.get(key.server), key.name)
            item = items.get(key)
            if info is None or item is None or info.updates <= heard or info.state is not SubscriptionState.LIVE:
                continue
            if any(outcome.status is OutcomeStatus.RUNNING for outcome in item.outcomes):
                continue
            self._heard[key] = info.updates
            at = time.strftime("%H:%M:%S")
            self._bench.read_again(item, f"after a reconnect {at}" if info.reconnected else f"changed {at}")

    def words(self, item: OpenItem) -> list[tuple[str, str]]:
        """For the status at the end of the tab line: (text, tone)."""
        server = self._bench.server_map.get(item.key.server)
        if item.key.kind == "tool":
            return [("as a task", "wait")] if runs_as_task(item, server) else []
        info = followed(server, item.key.name)
        return [subscription_words(info)] if info is not None and item.key in self._heard else []


def runs_as_task(item: OpenItem, server: ServerSnapshot | None) -> bool:
    definition = item.definition
    if not isinstance(definition, ToolInfo) or not _older(server):
        return False
    return definition.task_support == "required" or (definition.task_support == "optional" and item.as_task)


def task_is_choice(item: OpenItem, server: ServerSnapshot | None) -> bool:
    """Whether the person decides what the call of this tool becomes."""
    definition = item.definition
    return isinstance(definition, ToolInfo) and definition.task_support == "optional" and _older(server)


def _older(server: ServerSnapshot | None) -> bool:
    return server is None or server.facts is None or server.facts.era != "modern"


def task_item(server: str, task_id: str, tool: str, items: Iterable[OpenItem]) -> OpenItem:
    """Where the result of a task stands: its tool when that is open, else something made for it."""
    key = ItemKey(server, "tool", tool or f"task {task_id}")
    known = next((item for item in items if item.key == key), None)
    if known is not None:
        return known
    schema: dict[str, object] = {"type": "object", "properties": {}}
    nothing = ToolInfo(server, key.name, key.name, "", schema, None, ToolHints(), {"name": key.name}, key.name, 0)
    made = opened(key, nothing)
    made.listed = False
    return made
