"""What belongs to a task but arrives apart from any request of ours that is still open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcp_types import JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

from mcp_tui.core.json_values import as_object, as_text, is_number, is_object

RELATED = "io.modelcontextprotocol/related-task"
MAX_OPEN = 256

Late = Callable[[float, float | None, str], None]
"""(progress, total, message)"""


class TaskTap:
    """Part of the connection's tap. 2025-11-25: progress goes on under the token of the call that started the task,
    which the SDK forgets once that call was answered; and whoever answers a question that belongs to a task has to
    name the task in the answer.
    """

    def __init__(self) -> None:
        self._late: dict[str | int, Late] = {}
        self._questions: dict[str | int, Any] = {}

    def listen(self, token: str | int, late: Late) -> Callable[[], None]:
        """Hear of the progress of a call that was answered already. Returns the undo."""
        self._late[token] = late

        def undo() -> None:
            self._late.pop(token, None)

        return undo

    def heard(self, message: JSONRPCRequest | JSONRPCNotification) -> None:
        if isinstance(message, JSONRPCRequest):
            related = _related(message.params)
            if related is not None and len(self._questions) < MAX_OPEN:
                self._questions[message.id] = related
        elif self._late and message.method == "notifications/progress" and message.params is not None:
            self._progress(message.params)

    def _progress(self, params: Mapping[str, Any]) -> None:
        token, progress, total = params.get("progressToken"), params.get("progress"), params.get("total")
        late = self._late.get(token) if isinstance(token, str | int) else None
        if late is not None and is_number(progress) and (total is None or is_number(total)):
            late(float(progress), total, as_text(params.get("message")))

    def answering(self, message: JSONRPCResponse) -> None:
        """Names the task in an answer of ours, in place."""
        related = self._questions.pop(message.id, None)
        if related is not None:
            named = {**as_object(message.result.get("_meta")), RELATED: related}
            message.result["_meta"] = named


def _related(params: Mapping[str, Any] | None) -> Any:
    meta = params.get("_meta") if params is not None else None
    return meta.get(RELATED) if is_object(meta) else None
