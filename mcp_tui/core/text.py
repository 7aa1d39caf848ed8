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

Where a person decides (a call, an answer to a server, a command that would start, an address that would open), nothing
may be taken out: what is shown there is what is sent. `marked` shows what `clean` removes, and what would push the rest
out of view, as marks:

- a hidden character: `⟨U+202E⟩`, one that is repeated `⟨U+200B×40⟩`, tag characters with the text they spell
  `⟨tags "run rm"⟩`. Hidden are controls, bidirectional controls, every code point that is ignored by default, fillers
  that are drawn as a blank, lone surrogates;
- 17 blanks or more in a row `⟨␣×250⟩`, five line breaks or more `⟨↵×40⟩`; in a line every tab, and blanks at its ends;
- of combining marks on one letter those beyond the fourth.

Not hidden, since text is written with them: a joiner between two emoji, a joiner or non-joiner between two letters of
a script that joins (Arabic, Persian, Indic ones and their neighbours), one variation selector after an emoji or in a
keycap. Letters written from right to left are letters. A mark that a text spells out itself is plain text: where there
are styles, only a true one has the style of a mark.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from mcp_tui.core.json_values import is_list, is_object

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

_FILLERS = "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2028\u2029\u2800\u3164\uffa0\ufff0-\ufff8\U0001d159"
"""What is hidden too, though `clean` leaves it: drawn as a blank or not at all."""
_JOINING = (
    "\u0620-\u07ff\u0840-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17ff\u1820-\u18aa\ua8e0-\ua8ff"
    "\ufb50-\ufdff\ufe70-\ufefc"
)
_BLANK = " \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000"
_COMBINING = (
    "\u0300-\u034e\u0350-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u06d6-\u06dc\u0e31\u0e34-\u0e3a"
    "\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
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


# ---------------------------------------------------------------------- where a person decides

MOST_BLANKS = 16
MOST_BREAKS = 4
_MOST_COMBINING = 4
_MOST_NAMED = 24
"""Different characters named in one mark; of the others it says how many there are."""
_LONGEST_NAME = 160
_NAME_HEAD = 120
_MOST_SPELT = 400
"""Characters of a text in tags."""

_MAYBE_HIDDEN = rf"{_CONTROL}{_SURROGATE}{_INVISIBLE}{_FILLERS}\u200c\u200d\ufe0e\ufe0f"
_MAYBE = re.compile(f"[{_MAYBE_HIDDEN}]")
_NEEDED = re.compile(
    rf"(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])"
    rf"|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    rf"|(?<=[{_EMOJI}])[\ufe0e\ufe0f]"
    rf"|(?<=[0-9#*])\ufe0f(?=\u20e3)"
)
_LONG_VOID = rf"(?:[{_BLANK}]*\n){{{MOST_BREAKS + 1},}}[{_BLANK}]*|[{_BLANK}]{{{MOST_BLANKS + 1},}}"
_STACKED = rf"(?<=[{_COMBINING}]{{{_MOST_COMBINING}}})[{_COMBINING}]+"
_MARKED = re.compile(rf"[{_MAYBE_HIDDEN}]+|{_LONG_VOID}|{_STACKED}")
_MARKED_IN_LINE = re.compile(
    rf"[{_MAYBE_HIDDEN}]+|{_LONG_VOID}|{_STACKED}|\A[{_BLANK}]+|[{_BLANK}]+\Z|[{_BLANK}]*\t[{_BLANK}]*|\n"
)
_MARKED_IN_JSON = re.compile(rf"[{_MAYBE_HIDDEN}]+|{_STACKED}|(?<=[^\s\\])(?:[{_BLANK}]|\\[nrt]){{{MOST_BLANKS + 1},}}")
"""Indented JSON: blanks at the beginning of a line are its own."""


@dataclass(frozen=True, slots=True)
class Marked:
    text: str
    marks: tuple[tuple[int, int], ...] = ()
    """(start, end) of each mark in it."""


def mark(text: str) -> Marked:
    """What a person decides on, line breaks kept."""
    return _mark(text.replace("\r\n", "\n"), _MARKED)


def mark_line(text: str) -> Marked:
    """The same as one line: a line break reads ` ↵ `."""
    return _mark(text.replace("\r\n", "\n").strip("\n"), _MARKED_IN_LINE)


def mark_json(text: str) -> Marked:
    """The same for JSON text, indented or not; its escapes for line breaks and tabs count as the blanks they are."""
    return _mark(text, _MARKED_IN_JSON)


def marked(text: str) -> str:
    """`mark` where there are no styles. Idempotent."""
    return mark(text).text


def marked_line(text: str) -> str:
    return mark_line(text).text


def hidden(text: str) -> int:
    """How many characters in it a reader cannot see."""
    return sum(1 for found in _MAYBE.finditer(text) if _NEEDED.match(text, found.start()) is None)


def hidden_in(value: object) -> int:
    """The same for all texts of a decoded JSON value, names of members among them."""
    count = 0
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            count += hidden(node)
        elif is_object(node):
            count += sum(map(hidden, node))
            waiting.extend(node.values())
        elif is_list(node):
            waiting.extend(node)
    return count


def without_hidden(text: str) -> str:
    """The text as a reader sees it. The same object when there is nothing to take out."""
    return replace_hidden(text, lambda character: "")


def json_escaped(text: str) -> str:
    """JSON text that says the same without a hidden character: each one as the escapes JSON has for it."""
    return replace_hidden(text, lambda character: json.dumps(character)[1:-1])


def replace_hidden(text: str, by: Callable[[str], str]) -> str:
    if _MAYBE.search(text) is None:
        return text
    return _MAYBE.sub(lambda found: found[0] if _NEEDED.match(text, found.start()) else by(found[0]), text)


def mark_name(text: str) -> Marked:
    """A name within a line. Of a monstrous one the beginning and the end, and how much is missing."""
    more = len(text) - _LONGEST_NAME
    if more <= 0:
        return mark_line(text)
    head, tail = mark_line(text[:_NAME_HEAD]), mark_line(text[_NAME_HEAD + more :])
    gap = f"⟨{more:,} more⟩"
    after = len(head.text) + len(gap)
    marks = (*head.marks, (len(head.text), after), *((start + after, end + after) for start, end in tail.marks))
    return Marked(head.text + gap + tail.text, marks)


def marked_name(text: str) -> str:
    return mark_name(text).text


def concerns(text: str) -> str:
    """What to look out for in a text that is shown as it is, in words; "" for nothing."""
    found: list[str] = []
    count = hidden(text)
    if count:
        found.append(hidden_words(count))
    blanks = max((len(run[0]) for run in re.finditer(_LONG_VOID, text)), default=0)
    if blanks:
        found.append(f"{blanks:,} blanks in a row")
    return " and ".join(found)


def hidden_words(count: int) -> str:
    return f"{count:,} hidden character{'' if count == 1 else 's'}"


def _mark(text: str, pattern: re.Pattern[str]) -> Marked:
    pieces: list[str] = []
    marks: list[tuple[int, int]] = []
    at = length = 0

    def add(piece: str, *, is_mark: bool = False) -> None:
        nonlocal length
        if is_mark:
            marks.append((length, length + len(piece)))
        pieces.append(piece)
        length += len(piece)

    for found in pattern.finditer(text):
        add(text[at : found.start()])
        at = found.end()
        run = found[0]
        if run == "\n":
            add(" ↵ ")
        elif _MAYBE.match(run) is not None:
            for needed, characters in groupby(
                range(found.start(), at), lambda index: _NEEDED.match(text, index) is not None
            ):
                part = "".join(text[index] for index in characters)
                add(part if needed else _named(part), is_mark=not needed)
        elif run[0].isspace() or run[0] == "\\":
            around = "\n" if "\n" in run and pattern is _MARKED else ""
            add(around)
            add(_void(run), is_mark=True)
            add(around)
        else:
            add(_named(run), is_mark=True)
    if not pieces:
        return Marked(text)
    add(text[at:])
    return Marked("".join(pieces), tuple(marks))


def _named(run: str) -> str:
    """`⟨U+200B×3 U+202E⟩`; tag characters are spelt: they repeat ASCII."""
    words: list[str] = []
    for is_tag, part in groupby(run, lambda character: "\U000e0020" <= character <= "\U000e007e"):
        if is_tag:
            spelt = "".join(chr(ord(character) - 0xE0000) for character in part)
            cut = f"{spelt[:_MOST_SPELT]}…" if len(spelt) > _MOST_SPELT else spelt
            words.append(f'tags "{cut}"' + (f" of {len(spelt):,}" if cut != spelt else ""))
        else:
            for character, same in groupby(part):
                count = sum(1 for _ in same)
                words.append(f"U+{ord(character):04X}" + (f"×{count}" if count > 1 else ""))
    more = len(words) - _MOST_NAMED
    return f"⟨{' '.join([*words[:_MOST_NAMED], *([f'and {more:,} more'] if more > 0 else [])])}⟩"


def _void(run: str) -> str:
    """Blanks as they stand, or as JSON escapes them. A tab among few blanks is named."""
    breaks = run.count("\n") + run.count("\\n") + run.count("\\r")
    tabs = run.count("\t") + run.count("\\t")
    blanks = len(run) - run.count("\\") - breaks - tabs
    counts = (("↵", breaks), ("⇥", tabs), ("␣", blanks))
    words = " ".join(f"{sign}×{count}" for sign, count in counts if count)
    return f"⟨{words}⟩"


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
