"""Characters that not every terminal gives the same number of cells, drawn so that nothing beside them moves.

An emoji made of several code points (U+26A0 U+FE0F, a skin tone, a family) takes one cell in one terminal, two or
four in another; so do scripts with vowel signs, and what is newer than the terminal. Left alone, the rest of the line
stands beside its place, and what was there before stays on the screen, as only what changed is drawn.
"""

from __future__ import annotations

import re

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

# Latin, Greek, Cyrillic, punctuation, arrows, mathematics, boxes, our own glyphs, Chinese, Japanese, Korean.
_SURE = (
    "\x00-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u2319"
    "\u2400-\u25fc\u2713\u2717\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6"
)
_UNSURE = re.compile(f"[^{_SURE}]")
_EMOJI = re.compile(
    ".?[\u200d\u20e3\u231a-\u23ff\u25fd-\u2712\u2714-\u2716\u2718-\u27bf\u2b00-\u2bff\ufe0e\ufe0f\U0001f000-\U0001faff]+"
)
"""With the character before: what follows may be a part of it."""
_SCRIPT = re.compile("[\u0530-\u1dff]")
"""Their words run on, whatever their width: cut back to its place a word would lose its last letters."""
_BOX = re.compile("[\u2500-\u259f]")


def drawn(strip: Strip, x: int, console: Console) -> str:
    """What to write for a strip that begins in column `x`, where the cursor stands."""
    plain = strip.render(console)
    if plain.isascii() or _UNSURE.search(plain) is None:
        return plain
    # What the text does not fill is empty already: spaces behind a text that is too wide would push on.
    parts = [_styled(" " * segment.cell_length, segment.style, console) for segment in strip]
    parts.append(_column(x))
    for segment in strip:
        text, done = segment.text, 0
        if text.isspace():
            x += segment.cell_length
            parts.append(_column(x))
            continue
        if _BOX.match(text):
            parts.append(_column(x))
        for match in _EMOJI.finditer(text) if _SCRIPT.search(text) is None else ():
            parts.append(_styled(text[done : match.end()], segment.style, console))
            parts.append(_column(x + cell_len(text[: match.end()])))
            done = match.end()
        parts.append(_styled(text[done:], segment.style, console))
        x += segment.cell_length
    return "".join([*parts, _column(x)])


def _styled(text: str, style: Style | None, console: Console) -> str:
    return Strip([Segment(text, style)]).render(console) if text else ""


def _column(x: int) -> str:
    return f"\x1b[{x + 1}G"
