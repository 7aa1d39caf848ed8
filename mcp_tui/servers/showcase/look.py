"""Icons of the showcase: small SVG pictures as data URIs, so that no client has to fetch anything."""

from __future__ import annotations

import base64

from mcp_types import Icon

_COLOURS = {"c": "#3b82f6", "q": "#a855f7", "m": "#22c55e", "t": "#f59e0b", "s": "#ffc457"}


def icon(letter: str) -> Icon:
    """A coloured disc with one letter."""
    colour = _COLOURS.get(letter, "#64748b")
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">'
        f'<circle cx="8" cy="8" r="8" fill="{colour}"/>'
        f'<text x="8" y="11.5" font-size="10" font-family="sans-serif" text-anchor="middle" fill="#fff">{letter}</text>'
        "</svg>"
    )
    data = base64.b64encode(svg.encode()).decode()
    return Icon(src=f"data:image/svg+xml;base64,{data}", mime_type="image/svg+xml", sizes=["any"])
