"""The sanitiser: every text from outside passes through it before it reaches a terminal.

INTERFACE (the owner fills it in):
clean(text) -> str: keeps \\n and \\t; clean_line(text) -> str: one line, line breaks become ` ↵ ` or a space;
class StreamCleaner: feed(piece) -> str, finish() -> str, equal to clean() of the whole whatever the cuts.
"""

from __future__ import annotations


def clean(text: str) -> str:
    raise NotImplementedError


def clean_line(text: str) -> str:
    raise NotImplementedError
