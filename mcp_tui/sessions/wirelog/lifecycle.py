"""What happens to one server's connections, as events between the messages."""

from __future__ import annotations

from dataclasses import replace

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import ServerFacts, ServerStatus
from mcp_tui.sessions.wirelog.log import Recorder, WireLog
from mcp_tui.sessions.wirelog.secrets import Secrets

_TOLD = {
    ServerStatus.BACKOFF: "reconnect",
    ServerStatus.FAILED: "failed",
    ServerStatus.NEEDS_AUTH: "needs_auth",
    ServerStatus.NEEDS_TRUST: "needs_trust",
    ServerStatus.DEGRADED: "degraded",
    ServerStatus.DISABLED: "disabled",
}
"""Statuses that are events of their own; the others follow from what `connecting` and its like say."""
_BAD = frozenset({ServerStatus.FAILED, ServerStatus.NEEDS_AUTH, ServerStatus.DEGRADED})


class Lifecycle:
    def __init__(self, log: WireLog | None, spec: ServerSpec) -> None:
        self._log = log
        self._spec = spec
        self._secrets = Secrets.of(spec)
        self._recorder: Recorder | None = None

    def cleaned(self, text: str) -> str:
        """What the other side said, without the secrets of the entry and of the sign-in."""
        return self._secrets.clean_text(text)

    def told(self, reason: ErrorInfo | None) -> ErrorInfo | None:
        """A reason quotes what a server or its process said."""
        if reason is None:
            return None
        texts = {"title": reason.title, "detail": reason.detail, "hint": reason.hint}
        return replace(reason, **{name: self.cleaned(text) for name, text in texts.items()})

    def connecting(self, transport: str) -> Recorder | None:
        """A new connection begins; what it sends and receives goes to the recorder."""
        if self._log is None:
            return None
        self._recorder = self._log.recorder(self._spec.name, self._secrets)
        self._recorder.event("connecting", transport=transport)
        return self._recorder

    def connected(self, facts: ServerFacts | None) -> None:
        if self._recorder is None or facts is None:
            return
        self._recorder.event(
            "connected",
            protocol=facts.protocol_version,
            era=facts.era,
            server_name=facts.server_name or None,
            server_version=facts.server_version or None,
        )

    def lost(self, reason: ErrorInfo) -> None:
        if self._recorder is not None:
            self._recorder.event("lost", failed=True, reason=_words(reason))

    def restarting(self, reason: ErrorInfo) -> None:
        """Files of its source changed."""
        if self._recorder is not None:
            self._recorder.event("restart", reason=reason.detail)

    def closed(self, reason: ErrorInfo | None, *, exit_code: int | None, signal: str | None, ready_s: float) -> None:
        """The connection is gone; `reason` None = it was stopped."""
        if self._recorder is not None:
            self._recorder.event(
                "closed",
                failed=reason is not None,
                reason=_words(reason) if reason is not None else "stopped",
                exit_code=exit_code,
                signal=signal,
                ready_s=round(ready_s, 3),
            )

    def became(self, status: ServerStatus, reason: ErrorInfo | None, *, attempt: int, wait_s: float | None) -> None:
        """The server's status changed."""
        name = _TOLD.get(status)
        if name is None or self._recorder is None:
            return
        self._recorder.event(
            name,
            failed=status in _BAD,
            reason=_words(reason) if reason is not None else None,
            attempt=attempt or None,
            wait_s=round(wait_s, 3) if wait_s is not None else None,
        )


def _words(reason: ErrorInfo) -> str:
    return f"{reason.title}: {reason.detail}" if reason.detail else reason.title
