"""What went wrong in a database, in words that say what to do."""

from __future__ import annotations

from typing import Literal

FaultKind = Literal["statement", "not_found", "limit", "read_only", "unreachable", "unknown_outcome", "cancelled"]


class DatabaseError(Exception):
    """An expected failure; its text is for the person or the model that asked, without secrets."""

    def __init__(self, text: str, kind: FaultKind = "statement") -> None:
        super().__init__(text)
        self.kind: FaultKind = kind


READ_ONLY = DatabaseError(
    "this only reads: nothing was changed. `execute` changes data, where the server was started with --write",
    "read_only",
)
ONE_STATEMENT = DatabaseError("give one statement at a time: nothing was run")


def too_slow(seconds: float) -> DatabaseError:
    return DatabaseError(
        f"stopped after {seconds:g} s: narrow it with WHERE or LIMIT, look at its plan with `explain`, or start the "
        "server with a larger --timeout",
        "limit",
    )
