"""Charts as PNG files, without an imaging library."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Literal

ChartKind = Literal["bar", "line"]

_WIDTH, _HEIGHT, _MARGIN = 480, 220, 14
_PAPER, _GRID, _AXIS, _INK = 0, 1, 2, 3
_PALETTE = bytes((22, 27, 38, 48, 56, 74, 148, 160, 184, 255, 196, 87))
"""Paper, grid, axis and ink as RGB triples."""


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(rows: Sequence[bytes], palette: bytes) -> bytes:
    """An image of palette indices, one byte a pixel (PNG colour type 3, no interlace)."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 3, 0, 0, 0)
    pixels = b"".join(b"\0" + row for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", palette)
        + _chunk(b"IDAT", zlib.compress(pixels, 9))
        + _chunk(b"IEND", b"")
    )


def chart(values: Sequence[float], kind: ChartKind = "bar") -> bytes:
    """A bar or line chart of 1 or more finite values, 480 x 220. The scale always holds zero."""
    canvas = [bytearray([_PAPER]) * _WIDTH for _ in range(_HEIGHT)]
    low, high = min(0.0, *values), max(0.0, *values)
    span = high - low
    top, bottom = _MARGIN, _HEIGHT - _MARGIN
    left, right = _MARGIN, _WIDTH - _MARGIN

    def y_of(value: float) -> int:
        # Divided first: the span of two huge values may not fit a float.
        share = (value / 2 - low / 2) / (span / 2) if span else 0.0
        return round(bottom - max(0.0, min(1.0, share)) * (bottom - top))

    def fill(x0: int, x1: int, y0: int, y1: int, colour: int) -> None:
        for y in range(max(0, y0), min(_HEIGHT, y1)):
            for x in range(max(0, x0), min(_WIDTH, x1)):
                canvas[y][x] = colour

    for quarter in range(5):
        y = top + (bottom - top) * quarter // 4
        fill(left, right, y, y + 1, _GRID)
    zero = y_of(0.0)
    pitch = (right - left) / len(values)
    if kind == "bar":
        for index, value in enumerate(values):
            x0, x1 = left + round(index * pitch), left + round((index + 1) * pitch)
            y = y_of(value)
            fill(x0 + 1, max(x0 + 2, x1 - 1), min(y, zero), max(y, zero) + 1, _INK)
    else:
        before: int | None = None
        for x in range(left, right):
            place = min(max((x - left) / pitch - 0.5, 0.0), len(values) - 1.0)
            index = int(place)
            after = values[min(index + 1, len(values) - 1)]
            y = y_of(values[index] * (1 - (place - index)) + after * (place - index))
            fill(
                x, x + 1, min(y, y if before is None else before) - 1, max(y, y if before is None else before) + 2, _INK
            )
            before = y
    fill(left, right, zero, zero + 1, _AXIS)
    return png([bytes(row) for row in canvas], _PALETTE)
