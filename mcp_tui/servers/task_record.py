"""One tool call that goes on as a task: its state, what it asks, and how both eras write it down."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

import anyio
from mcp_types import InputRequest, InputResponse, Task

from mcp_tui.core.types import JsonObject

Status = Literal["working", "input_required", "completed", "failed", "cancelled"]
POLL_MS = 500


class TaskRecord:
    """Times are seconds of the monotonic clock, where they are not text."""

    def __init__(self, tool: str, *, ttl_ms: int, now: float) -> None:
        self.id = uuid.uuid4().hex
        self.tool = tool
        self.ttl_ms = ttl_ms
        self.status: Status = "working"
        self.message = ""
        self.created = self.updated = _now()
        self.ended_at: float | None = None
        self.started_at = now
        self.result: JsonObject | None = None
        """The tool's own result, also when it is an error of the tool."""
        self.error: JsonObject | None = None
        """A JSON-RPC error: the call itself failed."""
        self.pending: dict[str, InputRequest] = {}
        self.scope = anyio.CancelScope()
        self._answers: dict[str, InputResponse] = {}
        self._changed = anyio.Event()

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    def say(self, message: str) -> None:
        """What it does now, for people."""
        if not self.ended:
            self._set(self.status, message)

    async def ask(self, requests: Mapping[str, InputRequest]) -> dict[str, InputResponse]:
        """Waits until all are answered."""
        self.pending, self._answers = dict(requests), {}
        self._set("input_required", "waiting for an answer")
        while self.pending:
            await self.change()
        self._set("working", "")
        return self._answers

    def answer(self, responses: Mapping[str, InputResponse]) -> None:
        """Names that are not asked for are ignored."""
        for name in [name for name in responses if name in self.pending]:
            del self.pending[name]
            self._answers[name] = responses[name]
        self._touch()

    def complete(self, result: JsonObject, now: float, *, failed: bool = False) -> None:
        """failed: how 2025-11-25 calls an error of the tool."""
        self.result, self.ended_at = result, now
        self._set("failed" if failed else "completed", "")

    def fail(self, error: JsonObject, now: float) -> None:
        self.error, self.ended_at = error, now
        self._set("failed", str(error["message"]))

    def cancelled(self, now: float) -> None:
        if not self.ended:
            self.pending, self.ended_at = {}, now
            self._set("cancelled", "cancelled by the client")

    async def change(self) -> None:
        """Until something about it changes."""
        await self._changed.wait()

    def legacy(self) -> Task:
        """As 2025-11-25 writes it."""
        return Task(
            task_id=self.id,
            status=self.status,
            status_message=self.message or None,
            created_at=self.created,
            last_updated_at=self.updated,
            ttl=self.ttl_ms,
            poll_interval=POLL_MS,
        )

    def modern(self) -> JsonObject:
        """As the extension writes it, without what it asks and what became of it."""
        return {
            "taskId": self.id,
            "status": self.status,
            **({"statusMessage": self.message} if self.message else {}),
            "createdAt": self.created,
            "lastUpdatedAt": self.updated,
            "ttlMs": self.ttl_ms,
            "pollIntervalMs": POLL_MS,
        }

    def detailed(self) -> JsonObject:
        """The extension's answer to tasks/get."""
        parts = self.modern()
        if self.status == "input_required":
            parts["inputRequests"] = {
                name: request.model_dump(by_alias=True, mode="json", exclude_none=True)
                for name, request in self.pending.items()
            }
        if self.status == "completed":
            parts["result"] = self.result
        if self.status == "failed":
            parts["error"] = self.error
        return parts

    def _set(self, status: Status, message: str) -> None:
        self.status, self.message = status, message
        self._touch()

    def _touch(self) -> None:
        self.updated = _now()
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
