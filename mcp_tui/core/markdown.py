"""The Markdown parser of every face. What it decodes is cleaned once more: `&#x202E;` is only text before it.

It decodes character references everywhere but in code, and in the text of an address percent-encoding and punycode.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mcp_tui.core.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

_ENCODED = re.compile("[&%]|xn--", re.IGNORECASE)


def parser() -> MarkdownIt:
    """CommonMark with tables and strikethrough, without HTML and without typography."""
    # Late: the first frame shows no Markdown.
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    made.enable(["table", "strikethrough"])
    made.core.ruler.push("clean", _clean)
    return made


def _clean(state: StateCore) -> None:
    if _ENCODED.search(state.src) is not None:
        _clean_tokens(state.tokens)


def _clean_tokens(tokens: Iterable[Token]) -> None:
    from markdown_it.common.utils import unescapeAll

    for token in tokens:
        token.content = clean(token.content)
        if token.type == "fence" and token.info:
            # A renderer decodes it once more.
            token.info = clean(unescapeAll(token.info)).replace("&", "&amp;")
        for name, value in token.attrs.items():
            if isinstance(value, str):
                token.attrs[name] = clean(value)
        if token.children:
            _clean_tokens(token.children)
