"""When a command may open a browser, and what it tells the person meanwhile."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from mcp_tui.cli.output import notice
from mcp_tui.sessions.authorisation.policy import ATTENDED_TIMEOUT_S, UNATTENDED_TIMEOUT_S, SignInPolicy

if TYPE_CHECKING:
    from collections.abc import Generator

    from mcp_tui.sessions.manager import SessionManager


def attended() -> bool:
    """Somebody reads what we print and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def policy(automatic: Literal["entries", "all"] = "entries", *, timeout_s: float | None = None) -> SignInPolicy:
    """With a terminal or a configured browser, servers may ask for a sign-in; otherwise they only say so."""
    here = attended()
    limit = timeout_s or (ATTENDED_TIMEOUT_S if here else UNATTENDED_TIMEOUT_S)
    if not here and not os.environ.get("BROWSER"):
        return SignInPolicy("ordered", attended=False, timeout_s=limit)
    return SignInPolicy(automatic, attended=here, timeout_s=limit)


@contextmanager
def announced(manager: SessionManager, *, pasting: bool = False) -> Generator[None]:
    """Prints the address of every sign-in on stderr, once, for browsers that did not open by themselves.

    pasting: the address a browser ended on is read from the terminal.
    """
    shown: set[str] = set()

    def look() -> None:
        for server in manager.snapshot():
            url = server.sign_in_url
            if url and url not in shown:
                shown.add(url)
                notice(f"{server.name}: sign in with your browser: {url}")
                if pasting:
                    notice("if the browser is on another machine, paste the address it ended on here")

    undo: Callable[[], None] = manager.subscribe(look)
    try:
        yield
    finally:
        undo()
