"""The sanitiser: every text from outside passes through it before it reaches a terminal.

What it removes: escape sequences (CSI, OSC, DCS, APC, PM, SOS, single ones; 7-bit and 8-bit introducers), C0
except newline and tab, DEL, C1, bidirectional controls, invisible and tag characters. Line breaks of every
kind become `\\n`, lone surrogates U+FFFD. A zero-width joiner or an emoji variation selector stays where it
joins emoji.

A sequence that is never completed loses only its introducer, and what followed is shown: an OSC must end with
BEL or ST on the same line within `MAX_PAYLOAD` characters, a CSI within `MAX_PARAMETERS`. So neither a cut
stream nor Latin-1 mojibake (U+009D stands in many a mistaken curly quote) can swallow an answer, and what a
stream has to hold back is bounded. Without its introducer the rest is plain text to a terminal.

Markup is not touched: faces give the result to types that do not parse markup.
"""

from __future__ import annotations

import re

MAX_PAYLOAD = 8192
"""Characters between the introducer of a string sequence and its end (a kitty chunk: about 4,100)."""

MAX_PARAMETERS = 256

# Ranges, for use inside a character class.
_INVISIBLE = (
    "\xad\u034f\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_CONTROL = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_SURROGATE = "\ud800-\udfff"
_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u231a-\u23ff\u24c2\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)

_CSI_OPENED = rf"(?:\x1b\[|\x9b)[0-?]{{0,{MAX_PARAMETERS}}}+[ -/]{{0,16}}+"
_STRING_OPENED = rf"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\n\x18\x1a\x1b\x80-\x9f]{{0,{MAX_PAYLOAD}}}+"
_ESCAPE_OPENED = r"\x1b[ -/]{0,16}+"

_SUSPECT = re.compile(f"[{_CONTROL}{_INVISIBLE}{_SURROGATE}\u200d\ufe0e\ufe0f\u2028\u2029]")
_LINE_BREAK = re.compile("\r\n?|[\u2028\u2029]")
_LONE_SURROGATE = re.compile(f"[{_SURROGATE}]")
_REMOVED = re.compile(
    rf"{_CSI_OPENED}[@-~]"
    rf"|{_STRING_OPENED}(?:\x07|\x1b\\|\x9c)"
    rf"|{_ESCAPE_OPENED}[0-~]"
    rf"|[{_CONTROL}{_INVISIBLE}]"
    rf"|\u200d(?![{_EMOJI}])"
    rf"|(?<![{_EMOJI}])(?<![{_EMOJI}]\ufe0f)\u200d"
    rf"|(?<![{_EMOJI}])[\ufe0e\ufe0f]"
)
_UNDECIDED = re.compile(rf"(?:{_CSI_OPENED}|{_STRING_OPENED}\x1b?|{_ESCAPE_OPENED}|\u200d)\Z")
"""What stands at the end of a piece whose meaning depends on the next one."""
_JOINABLE_END = re.compile(rf"[{_EMOJI}]\ufe0f?\Z")
_LINE_ENDS = re.compile(r"[ \t]*\n\s*")


def clean(text: str) -> str:
    """The text without anything a terminal interprets; keeps `\\n` and `\\t`. Idempotent.

    Text without a suspicious character comes back as the same object.
    """
    if _SUSPECT.search(text) is None:
        return text
    return _REMOVED.sub("", _LONE_SURROGATE.sub("\ufffd", _LINE_BREAK.sub("\n", text)))


def clean_line(text: str) -> str:
    """One line of clean text: runs of line breaks read ` ↵ `, a tab is a space, the ends are trimmed."""
    text = clean(text)
    if "\n" in text:
        text = _LINE_ENDS.sub(" ↵ ", text.strip())
    return text.replace("\t", " ").strip()


class StreamCleaner:
    """`clean` for a text that comes in pieces: the outputs joined equal clean() of the pieces joined.

    Holds back at most an unfinished sequence: about MAX_PAYLOAD characters.
    """

    def __init__(self) -> None:
        self._held = ""
        self._context = ""
        """The emoji the output ended with, which a joiner in the next piece may need."""
        self._after_cr = False

    def feed(self, piece: str) -> str:
        """What can be shown now."""
        if not self._held and not self._after_cr and not self._context and _SUSPECT.search(piece) is None:
            if piece and piece[-1] > "\xa8" and _JOINABLE_END.search(piece):
                self._context = piece[-1]
            return piece
        if not piece:
            return ""
        if self._after_cr and piece.startswith("\n"):
            piece = piece[1:]
            self._after_cr = False
            if not piece:
                return ""
        self._after_cr = piece.endswith("\r")
        text = self._held + _LONE_SURROGATE.sub("\ufffd", _LINE_BREAK.sub("\n", piece))
        undecided = _UNDECIDED.search(text)
        end = undecided.start() if undecided else len(text)
        self._held = text[end:]
        return self._emit(text[:end])

    def finish(self) -> str:
        """The rest, as the text ends here. The cleaner is then as new."""
        rest = self._emit(self._held)
        self._held = self._context = ""
        self._after_cr = False
        return rest

    def _emit(self, text: str) -> str:
        if not text:
            return ""
        known = self._context
        text = known + text
        joinable = _JOINABLE_END.search(text)
        self._context = joinable.group() if joinable else ""
        return _REMOVED.sub("", text)[len(known) :]
