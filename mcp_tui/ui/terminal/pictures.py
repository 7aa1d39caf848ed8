"""Pictures as half blocks: two pixels a cell, for any terminal that has colours, also over SSH and in tmux.

Pillow decodes; it is loaded with the first picture. Blocks: use a thread, or `PictureShelf`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from io import BytesIO
from typing import Any, Generic, TypeAlias, TypeVar

from rich.color import Color
from rich.style import Style

from mcp_tui.core import media

MAX_BASE64_CHARS = 28_000_000
MAX_PIXELS = 40_000_000
"""A small file can hold a huge picture."""
MAX_ROWS = 18
MAX_CELLS = 72
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_SEEN_FROM = 128
"""Alpha below this is drawn as the terminal's own background."""

CellRow: TypeAlias = tuple[tuple[str, Style], ...]
"""One line of a picture: (characters, their style)."""
_Asker = TypeVar("_Asker")
_Pixel: TypeAlias = tuple[int, int, int, int]


def picture_rows(data: str, width_cells: int) -> tuple[CellRow, ...]:
    """data: base64. At most `width_cells` and MAX_ROWS, never enlarged; () for what cannot be drawn."""
    width_cells = min(width_cells, MAX_CELLS)
    if width_cells < 2 or len(data) > MAX_BASE64_CHARS:
        return ()
    raw = media.decode_base64(data)
    declared = media.picture(raw) if raw is not None else None
    if raw is None or declared is None or not 0 < declared.width * declared.height <= MAX_PIXELS:
        return ()
    try:
        pixels, width = _scaled(raw, width_cells)
    except Exception:  # noqa: BLE001  a decoder fed by strangers raises whatever; the words above it say what it is
        return ()
    lines = [pixels[start : start + width] for start in range(0, len(pixels), width)]
    nothing: list[_Pixel] = [(0, 0, 0, 0)] * width
    pairs = zip(lines[::2], [*lines[1::2], nothing] if len(lines) % 2 else lines[1::2], strict=True)
    return tuple(_cells(top, bottom) for top, bottom in pairs)


def _scaled(raw: bytes, width_cells: int) -> tuple[list[_Pixel], int]:
    """The pixels, row by row, and how many make a row."""
    from PIL import Image

    with Image.open(BytesIO(raw), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            return [], 1
        scale = min(width_cells / image.width, 2 * MAX_ROWS / image.height, 1.0)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image.draft("RGB", size)  # a JPEG is decoded near this size
        whole: Any = image.convert("RGBA")  # its methods are only partly typed
        flat: bytes = whole.resize(size, Image.Resampling.BOX).tobytes()
    return list(zip(flat[::4], flat[1::4], flat[2::4], flat[3::4], strict=True)), size[0]


def _cells(top: list[_Pixel], bottom: list[_Pixel]) -> CellRow:
    spans: list[tuple[str, Style]] = []
    for upper, lower in zip(top, bottom, strict=True):
        character, style = _cell(upper, lower)
        if spans and spans[-1][1] == style and spans[-1][0][0] == character:
            spans[-1] = (spans[-1][0] + character, style)
        else:
            spans.append((character, style))
    return tuple(spans)


def _cell(upper: _Pixel, lower: _Pixel) -> tuple[str, Style]:
    if upper[3] < _SEEN_FROM and lower[3] < _SEEN_FROM:
        return " ", Style.null()
    if upper[3] < _SEEN_FROM:
        return "▄", Style(color=_colour(lower))
    if lower[3] < _SEEN_FROM:
        return "▀", Style(color=_colour(upper))
    if upper[:3] == lower[:3]:
        return " ", Style(bgcolor=_colour(upper))
    return "▀", Style(color=_colour(upper), bgcolor=_colour(lower))


def _colour(pixel: _Pixel) -> Color:
    return Color.from_rgb(*pixel[:3])


def can_draw(color_system: str | None) -> bool:
    """Whether a terminal has the colours for it, by Rich's name for them."""
    return color_system in ("256", "truecolor")


class PictureShelf(Generic[_Asker]):
    """The pictures of one view, drawn on threads.

    start: runs a coroutine as long as the view lives. ready: a picture that was asked for can be had now.
    """

    _KEPT = 24

    def __init__(self, start: Callable[[Coroutine[Any, Any, None]], object], ready: Callable[[_Asker], None]) -> None:
        self._start = start
        self._ready = ready
        self._drawn: OrderedDict[tuple[str, int], tuple[CellRow, ...]] = OrderedDict()
        self._waiting: dict[tuple[str, int], dict[_Asker, None]] = {}

    def rows(self, data: str, width_cells: int, asker: _Asker) -> tuple[CellRow, ...]:
        """What is there now: () until it is drawn."""
        key = data, width_cells
        drawn = self._drawn.get(key)
        if drawn is not None:
            self._drawn.move_to_end(key)
            return drawn
        if key in self._waiting:
            self._waiting[key][asker] = None
        else:
            self._waiting[key] = {asker: None}
            self._start(self._draw(key))
        return ()

    async def _draw(self, key: tuple[str, int]) -> None:
        try:
            drawn = await asyncio.to_thread(picture_rows, *key)
        finally:
            waiting = self._waiting.pop(key, {})
        self._drawn[key] = drawn
        while len(self._drawn) > self._KEPT:
            self._drawn.popitem(last=False)
        if drawn:
            for asker in waiting:
                self._ready(asker)
