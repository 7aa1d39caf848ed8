"""Errors a person can act on.

SDK and HTTP exceptions become an `AppError` inside sessions/ and providers/ only; above them nothing else is
caught as an expected failure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ErrorKind(StrEnum):
    """What an error means to a script; each kind has one exit code."""

    INTERNAL = "internal"
    USAGE = "usage"
    AUTH = "auth"
    UNREACHABLE = "unreachable"
    TOOL = "tool"
    PROVIDER = "provider"
    CANCELLED = "cancelled"


EXIT_CODES: dict[ErrorKind, int] = {
    ErrorKind.INTERNAL: 1,
    ErrorKind.USAGE: 2,
    ErrorKind.AUTH: 3,
    ErrorKind.UNREACHABLE: 4,
    ErrorKind.TOOL: 5,
    ErrorKind.PROVIDER: 6,
    ErrorKind.CANCELLED: 130,
}
EXIT_SOME_COLUMNS_FAILED = 7


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error as data, for state and events.

    title: what failed, a few words. detail: why, one sentence. hint: what the person can do, or "".
    code: a stable machine word such as "http_429" or "timeout", or "".
    """

    title: str
    detail: str = ""
    hint: str = ""
    kind: ErrorKind = ErrorKind.INTERNAL
    code: str = ""

    def line(self) -> str:
        """`TITLE: DETAIL (HINT)`, leaving out what is empty."""
        text = f"{self.title}: {self.detail}" if self.detail else self.title
        return f"{text} ({self.hint})" if self.hint else text


class AppError(Exception):
    """An expected failure, raised with the text to show."""

    def __init__(
        self,
        title: str,
        detail: str = "",
        hint: str = "",
        *,
        kind: ErrorKind = ErrorKind.INTERNAL,
        code: str = "",
    ) -> None:
        super().__init__(title, detail, hint)
        self.info = ErrorInfo(title, detail, hint, kind, code)

    @classmethod
    def of(cls, info: ErrorInfo) -> AppError:
        return cls(info.title, info.detail, info.hint, kind=info.kind, code=info.code)

    def __str__(self) -> str:
        return self.info.line()
