"""A text that comes in many small pieces.

A list of them would take fifteen times the memory of the text: every piece is an object of its own. Here at most
a few hundred are kept apart, whatever comes.
"""

from __future__ import annotations

_APART = 256
_CHUNKS = 4_096


class Pieces:
    __slots__ = ("_apart", "_chunks")

    def __init__(self, text: str = "") -> None:
        self._chunks: list[str] = [text] if text else []
        self._apart: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._apart or self._chunks)

    def append(self, piece: str) -> None:
        self._apart.append(piece)
        if len(self._apart) == _APART:
            self._chunks.append("".join(self._apart))
            self._apart = []
            if len(self._chunks) == _CHUNKS:
                self._chunks = ["".join(self._chunks)]

    @property
    def text(self) -> str:
        """Everything so far. Costs a copy, once per change."""
        if self._apart or len(self._chunks) > 1:
            self._chunks = ["".join((*self._chunks, *self._apart))]
            self._apart = []
        return self._chunks[0] if self._chunks else ""

    @property
    def last(self) -> str:
        """The newest piece; "" when it is no longer apart."""
        return self._apart[-1] if self._apart else ""

    def clear(self) -> None:
        self._chunks = []
        self._apart = []
