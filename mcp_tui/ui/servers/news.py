"""What a person should hear about servers without looking at them: why one restarts, what came back different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcp_tui.core.state import RESTARTING, CatalogDiff, ServerSnapshot
from mcp_tui.core.text import clean_line

_NAMED = 4
"""Names in one notice; the server card has them all."""


def news(before: Iterable[ServerSnapshot], after: Iterable[ServerSnapshot]) -> Iterator[str]:
    """Sentences, cleaned."""
    known = {server.name: server for server in before}
    for server in after:
        old = known.get(server.name)
        if old is None or old is server:
            continue
        name = clean_line(server.name)
        if _restarting(server) and (not _restarting(old) or old.reason != server.reason):
            yield f"{name} restarts: {clean_line(server.reason.detail) if server.reason else ''}"
        came_back = server.reconnects > old.reconnects and server.status.usable
        if came_back and server.diff:
            yield f"{name} came back with {diff_text(server.diff)}"
        elif came_back and _restarting(old):
            yield f"{name} came back; it offers the same"


def _restarting(server: ServerSnapshot) -> bool:
    return server.reason is not None and server.reason.code == RESTARTING


def diff_text(diff: CatalogDiff) -> str:
    """`+ tool a, - tool b, ~ tool c and 3 more`."""
    signed = [
        f"{sign} {clean_line(item)}"
        for sign, items in (("+", diff.added), ("-", diff.removed), ("~", diff.changed))
        for item in items
    ]
    more = f" and {len(signed) - _NAMED} more" if len(signed) > _NAMED else ""
    return ", ".join(signed[:_NAMED]) + more
