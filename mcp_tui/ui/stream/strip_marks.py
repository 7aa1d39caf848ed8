"""What is drawn over finished segments of one line: selected text, matches of a search, the writing cursor."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mcp_tui.ui.stream.rows import Palette, Row, shorten
from mcp_tui.ui.widgets import glyphs


def restyled(segments: Sequence[Segment], base: Style, start: int, end: int, style: Style) -> list[Segment]:
    """`style` laid over the characters from `start` to `end`."""
    result: list[Segment] = []
    at = 0
    for segment in segments:
        text, own = segment.text, segment.style or base
        low, high = max(0, start - at), max(0, end - at)
        at += len(text)
        if low >= len(text) or not high:
            result.append(segment)
            continue
        for part, marked in ((text[:low], False), (text[low:high], True), (text[high:], False)):
            if part:
                result.append(Segment(part, own + style if marked else own))
    return result


def with_cursor(row: Row, width: int, base: Style, palette: Palette) -> list[Segment]:
    """The block behind the last character of a text that is being written."""
    if cell_len(row.text) >= width:
        return row.segments(width, base)
    background = Style.from_color(None, row.fill.bgcolor) if row.fill else Style.null()
    spans = [*row.spans, (glyphs.CURSOR, palette.accent + background)]
    return Row(spans, fill=row.fill, tail=row.tail).segments(width, base)


def centred(lines: Sequence[str], y: int, width: int, height: int, style: Style) -> Segment:
    """Line `y` of a few lines in the middle of an empty view; exactly `width` cells."""
    index = y - max(0, (height - len(lines)) // 2)
    text = shorten(lines[index], max(0, width - 2)) if 0 <= index < len(lines) else ""
    left = (width - cell_len(text)) // 2
    line = " " * left + text
    return Segment(line + " " * (width - cell_len(line)), style)
