"""Text that can always be encoded as UTF-8.

JSON may carry half a surrogate pair: one emoji split between two deltas, or a broken one. Left alone it would crash
whatever encodes the text later (a terminal, SQLite, a request body). Halves that meet are joined; lone ones
become U+FFFD.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, cast

from mcp_tui.core.json_values import is_object

_SURROGATE = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced by U+FFFD."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def encodable_json(value: Any) -> Any:
    """The JSON value with every string encodable, keys included."""
    text = json.dumps(value, ensure_ascii=False)
    return value if _SURROGATE.search(text) is None else json.loads(encodable(text))


def json_bytes(value: Any) -> bytes:
    """The value as UTF-8 JSON that any server decodes: lone surrogates replaced, NaN and infinity null."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)
    return encodable(text).encode()


def _finite(value: Any) -> Any:
    if is_object(value):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in cast("list[Any]", value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class SurrogateJoiner:
    """The streaming form: a high surrogate at the end of a delta waits for the next one."""

    def __init__(self) -> None:
        self._held: str = ""

    def feed(self, text: str) -> str:
        if text.isascii() and not self._held:
            return text
        text = self._held + text
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held = text[-1]
            text = text[:-1]
        return encodable(text)

    def flush(self) -> str:
        held, self._held = self._held, ""
        return encodable(held)
