"""Two sides that know no protocol version in common: said with the versions of both."""

from __future__ import annotations

import re
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from mcp_tui.core.json_values import as_list, is_object

_MAX_VERSIONS = 8


def version_detail(protocol: str, error: BaseException) -> str:
    """protocol: of the server's entry (`auto`, `legacy` or a version)."""
    ours = {"auto": KNOWN_PROTOCOL_VERSIONS, "legacy": HANDSHAKE_PROTOCOL_VERSIONS}.get(
        protocol, MODERN_PROTOCOL_VERSIONS
    )
    theirs = _named(error)
    said = f"The server speaks {_list(theirs)}" if theirs else f"The server said: {str(error)[:300]}"
    return f"{said}; mcp-tui speaks {_list(ours)}"


def _named(error: BaseException) -> tuple[str, ...]:
    """The versions the server named in its refusal, or answered with."""
    if isinstance(error, MCPError):
        data: Any = error.error.data
        named = as_list(data.get("supported") if is_object(data) else None)
        return tuple(str(version)[:40] for version in named)
    text = str(error)
    # The SDK puts what it got at the end: a version, or a list of versions beside its own.
    single = re.search(r"protocol version from the server: (.+)$", text)
    if single is not None:
        return (single[1][:40],)
    several = re.search(r"\(server: \[(.*?)\]", text)
    return tuple(re.findall(r"'([^']{1,40})'", several[1])) if several is not None else ()


def _list(versions: tuple[str, ...]) -> str:
    shown = list(versions[:_MAX_VERSIONS])
    if len(versions) > _MAX_VERSIONS:
        shown.append("…")
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
