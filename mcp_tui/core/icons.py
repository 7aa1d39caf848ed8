"""Icons in words: a terminal draws none, but whoever builds a server wants to know that they arrived."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import urlsplit

MAX_ICONS = 3
_SAFE = ("https", "data")
"""Schemes the protocol lets clients fetch; anything else may be a trick (javascript:, file:)."""


def icon_words(raw: Mapping[str, Any]) -> str:
    """`icon image/png 48x48`, for a tool, resource, prompt or server; "" without icons. Hostile text: clean it."""
    given = raw.get("icons")
    icons = (
        [cast("Mapping[str, Any]", icon) for icon in cast("list[Any]", given) if isinstance(icon, dict)]
        if (isinstance(given, list))
        else []
    )
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
    size = " ".join(str(item) for item in cast("list[Any]", sizes)[:3]) if isinstance(sizes, list) else str(sizes or "")
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
    ui = cast("Mapping[str, Any]", meta).get("ui") if isinstance(meta, dict) else None
    uri = cast("Mapping[str, Any]", ui).get("resourceUri") if isinstance(ui, dict) else None
    return uri if isinstance(uri, str) else ""
