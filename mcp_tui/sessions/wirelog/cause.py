"""Who caused a request: set by the caller, read where the request enters the transport."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

_CAUSE: ContextVar[str] = ContextVar("cause", default="")


@contextmanager
def causing(what: str) -> Generator[None]:
    """Requests sent in this block (and by tasks started in it) name this cause in the wire log.

    For example `run r1 column c2 call t1s1c1`, `workbench`, `health probe`. A block inside another one wins.
    """
    token = _CAUSE.set(what)
    try:
        yield
    finally:
        _CAUSE.reset(token)


def current_cause() -> str:
    return _CAUSE.get()
