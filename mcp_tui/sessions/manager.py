"""The session manager: one supervising task per server, snapshots for every face.

INTERFACE (the owner of sessions/ fills it in; names and shapes are relied on by runs/, cli/ and ui/).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.state import CallResult, Progress, ServerSnapshot
from mcp_tui.core.types import JsonObject


class SessionManager:
    """Use as `async with SessionManager(specs) as manager`; leaving it ends every server and child process.

    All methods must be called on the event loop that entered it. Errors are `AppError`.
    """

    def __init__(
        self,
        specs: Sequence[ServerSpec],
        *,
        elicit: Callable[[str, JsonObject], object] | None = None,
    ) -> None: ...

    async def __aenter__(self) -> SessionManager: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def snapshot(self) -> tuple[ServerSnapshot, ...]:
        """Every configured server in configuration order. Cheap: unchanged servers give the same object."""
        ...

    def server(self, name: str) -> ServerSnapshot:
        """AppError (usage, with the known names) when there is no such server."""
        ...

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` on the loop after anything changed (coalesced: once per burst). Returns the undo."""
        ...

    async def wait_settled(self, names: Sequence[str] | None = None, *, timeout_s: float) -> None:
        """Return when none of these (default: all) is connecting or in backoff for the first time, or at the deadline."""
        ...

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: JsonObject,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult:
        """Waits for a reconnecting server up to its own deadline. Cancelling sends the cancellation.

        AppError codes: "unknown_server", "unknown_tool", "bad_arguments", "timeout", "not_ready", "rejected"
        (JSON-RPC error), "outcome_unknown" (the connection was lost after sending), "needs_auth".
        """
        ...

    async def read_resource(self, server: str, uri: str, *, timeout_s: float | None = None) -> JsonObject:
        """The resources/read result with wire keys: {"contents": [{"uri", "mimeType", "text" | "blob"}]}."""
        ...

    async def get_prompt(
        self, server: str, name: str, arguments: Mapping[str, str], *, timeout_s: float | None = None
    ) -> JsonObject:
        """The prompts/get result with wire keys: {"description", "messages": [...]}."""
        ...

    async def complete(
        self,
        server: str,
        ref: JsonObject,
        argument: tuple[str, str],
        context: Mapping[str, str] | None = None,
        *,
        timeout_s: float = 5.0,
    ) -> tuple[str, ...]:
        """completion/complete for ref {"type": "ref/prompt", "name"} or {"type": "ref/resource", "uri"}.

        Empty when the server has no completions.
        """
        ...

    async def refresh(self, name: str) -> None:
        """Fetch the catalog again, past every cache."""
        ...

    def retry(self, name: str) -> None:
        """Reconnect now: ends a backoff, restarts a failed or a live server."""
        ...

    def set_enabled(self, name: str, enabled: bool) -> None: ...
