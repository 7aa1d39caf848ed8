"""Which requests of the log can be sent again by hand, and as what they are shown for editing."""

from __future__ import annotations

from typing import Any

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject

RESENDABLE = frozenset(
    {
        "tools/call",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "ping",
        "server/discover",
    }
)
"""Requests that change nothing of the connection itself (no handshake, no subscription)."""

_OF_THE_CONNECTION = "io.modelcontextprotocol/"


def editable(message: JsonObject) -> JsonObject:
    """`method` and `params` of a request, without what the connection sets anew for each one."""
    request: JsonObject = {"method": message.get("method")}
    params: Any = message.get("params")
    if is_object(params):
        kept = dict(params)
        meta: Any = kept.pop("_meta", None)
        if is_object(meta):
            own = {
                key: value
                for key, value in meta.items()
                if key != "progressToken" and not key.startswith(_OF_THE_CONNECTION)
            }
            if own:
                kept["_meta"] = own
        request["params"] = kept
    return request
