"""Tool call ids in the form a format takes. Each vendor makes them its own way and refuses some of the others'."""

from __future__ import annotations

import hashlib
import re

_SAFE = re.compile(r"[a-zA-Z0-9_-]+")


def legal_id(call_id: str, *, prefix: str, max_length: int = 64) -> str:
    """The id itself when it is legal, else one that depends on it alone."""
    if len(call_id) <= max_length and _SAFE.fullmatch(call_id):
        return call_id
    return prefix + hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[:24]
