"""Icons in words: a terminal draws none, but whoever builds a server wants to know that they arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp_tui.core.json_values import as_text, is_list, is_object, objects

MAX_ICONS = 3
_SAFE = ("https", "data")
"""Schemes the protocol lets clients fetch; anything else may be a trick (javascript:, file:)."""


def icon_words(raw: Mapping[str, Any]) -> str:
    """`icon image/png 48x48`, for a tool, resource, prompt or server; "" without icons. Hostile text: clean it."""
    icons = objects(raw.get("icons"))
    words = [_one(icon) for icon in icons[:MAX_ICONS]]
    if not words:
        return ""
    more = f" and {len(icons) - MAX_ICONS} more" if len(icons) > MAX_ICONS else ""
    return f"icon{'' if len(icons) == 1 else 's'} {', '.join(words)}{more}"


def _one(icon: Mapping[str, Any]) -> str:
    source = str(icon.get("src") or "")
    scheme = _scheme(source)
    if scheme not in _SAFE:
        return f"not usable ({scheme or 'no address'})"
    sizes = icon.get("sizes")
    size = " ".join(str(item) for item in sizes[:3]) if is_list(sizes) else str(sizes or "")
    kind = str(icon.get("mimeType") or "") or source[:60].partition(";")[0].removeprefix("data:")
    return " ".join(word[:40] for word in (kind, size) if word)


def _scheme(source: str) -> str:
    try:
        return urlsplit(source).scheme[:20]
    except ValueError:
        return ""


def ui_resource(raw: Mapping[str, Any]) -> str:
    """The address of the page an MCP app would show for this tool; a terminal shows the text instead."""
    meta = raw.get("_meta")
    ui = meta.get("ui") if is_object(meta) else None
    return as_text(ui.get("resourceUri") if is_object(ui) else None)
