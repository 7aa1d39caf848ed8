"""Icons and pages of MCP apps, told in words."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.icons import icon_words, ui_resource


@pytest.mark.parametrize(
    ("icons", "words"),
    [
        (None, ""),
        ([], ""),
        ("no list", ""),
        ([{"src": "https://x/i.png", "mimeType": "image/png", "sizes": ["48x48"]}], "icon image/png 48x48"),
        ([{"src": "data:image/svg+xml;base64,AA"}], "icon image/svg+xml"),
        ([{"src": "javascript:alert(1)", "mimeType": "image/png"}], "icon not usable (javascript)"),
        ([{"src": "file:///etc/passwd"}, {"src": 5}], "icons not usable (file), not usable (no address)"),
        ([{"src": "http://[bad"}], "icon not usable (no address)"),
        ([{"src": "https://x", "mimeType": f"image/{n}"} for n in range(5)],
         "icons image/0, image/1, image/2 and 2 more"),
    ],
)  # fmt: skip
def test_icons_in_words(icons: Any, words: str) -> None:
    assert icon_words({"icons": icons} if icons is not None else {}) == words


def test_the_page_of_an_app_is_named() -> None:
    assert ui_resource({"_meta": {"ui": {"resourceUri": "ui://board"}}}) == "ui://board"
    odd: list[dict[str, Any]] = [{}, {"_meta": 5}, {"_meta": {"ui": []}}, {"_meta": {"ui": {"resourceUri": 1}}}]
    for raw in odd:
        assert ui_resource(raw) == ""
