"""What a person decides on says everything that is in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core import json_text
from mcp_tui.core.text import (
    concerns,
    hidden,
    hidden_in,
    json_escaped,
    mark,
    mark_json,
    mark_line,
    mark_name,
    marked,
    marked_line,
    marked_name,
    without_hidden,
)
from mcp_tui.ui.json_style import visible
from tests.core.hostile import HOSTILE, interpreted

HIDDEN = {
    "zero width": ("\u200b", "⟨U+200B⟩"),
    "zero width twice": ("\u200b\u200b", "⟨U+200B×2⟩"),
    "joiner between letters": ("\u200d", "⟨U+200D⟩"),
    "non-joiner between letters": ("\u200c", "⟨U+200C⟩"),
    "bidi override": ("\u202e", "⟨U+202E⟩"),
    "bidi isolate": ("\u2066", "⟨U+2066⟩"),
    "left-to-right mark": ("\u200e", "⟨U+200E⟩"),
    "arabic letter mark": ("\u061c", "⟨U+061C⟩"),
    "byte order mark": ("\ufeff", "⟨U+FEFF⟩"),
    "soft hyphen": ("\xad", "⟨U+00AD⟩"),
    "word joiner": ("\u2060", "⟨U+2060⟩"),
    "grapheme joiner": ("\u034f", "⟨U+034F⟩"),
    "hangul filler": ("\u3164", "⟨U+3164⟩"),
    "hangul choseong filler": ("\u115f", "⟨U+115F⟩"),
    "half-width hangul filler": ("\uffa0", "⟨U+FFA0⟩"),
    "braille blank": ("\u2800", "⟨U+2800⟩"),
    "khmer vowel": ("\u17b4", "⟨U+17B4⟩"),
    "mongolian selector": ("\u180b", "⟨U+180B⟩"),
    "variation selector": ("\ufe0f", "⟨U+FE0F⟩"),
    "variation selector 17": ("\U000e0100", "⟨U+E0100⟩"),
    "reserved ignorable": ("\ufff0", "⟨U+FFF0⟩"),
    "shorthand control": ("\U0001bca0", "⟨U+1BCA0⟩"),
    "musical control": ("\U0001d173", "⟨U+1D173⟩"),
    "tags": ("\U000e0072\U000e006d", '⟨tags "rm"⟩'),
    "tag language": ("\U000e0001", "⟨U+E0001⟩"),
    "lone surrogate": ("\ud800", "⟨U+D800⟩"),
    "escape": ("\x1b", "⟨U+001B⟩"),
    "null": ("\0", "⟨U+0000⟩"),
    "backspace": ("\b", "⟨U+0008⟩"),
    "carriage return": ("\r", "⟨U+000D⟩"),
    "delete": ("\x7f", "⟨U+007F⟩"),
    "8-bit csi": ("\x9b", "⟨U+009B⟩"),
    "line separator": ("\u2028", "⟨U+2028⟩"),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_character_is_marked_counted_and_escaped(name: str) -> None:
    characters, shown = HIDDEN[name]
    text = f"a{characters}b"
    assert marked(text) == marked_line(text) == marked_name(text) == f"a{shown}b"
    assert hidden(text) == hidden_in({"x": [text]}) == len(characters)
    assert without_hidden(text) == "ab"
    assert concerns(text).startswith(f"{len(characters)} hidden character")
    assert visible(text) == f"a{'�' * len(characters)}b"
    written = json_escaped(json.dumps(text, ensure_ascii=False))
    assert hidden(written) == 0
    assert json.loads(written) == text
    assert json_text.parse(json_text.dump({"x": text})).value == {"x": text}


@pytest.mark.parametrize(
    "text",
    [
        "👨‍👩‍👧 family",
        "❤️ and 🏳️‍🌈",
        "1️⃣ first",
        "می‌خواهم",
        "क्‍ष and ശ്‍രീ",
        "עברית and العربية",
        "é with a combining mark: e\u0301",
        "Việt Nam, ไทยที่นี่, 日本語\u3000全角",
        "two  blanks,\n    and some indentation",
        "a\nb\n\nc",
    ],
)
def test_what_is_written_so_stays_as_it_is(text: str) -> None:
    assert mark(text).text == text and mark(text).marks == ()
    assert hidden(text) == 0 and concerns(text) == ""
    assert json_escaped(text) == text and visible(text).replace("�", "\n") == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls" + " " * 250 + "; rm", "ls⟨␣×250⟩; rm"),
        ("ls" + "\t" * 40 + "; rm", "ls⟨⇥×40⟩; rm"),
        ("ls" + "\u3000" * 40 + "; rm", "ls⟨␣×40⟩; rm"),
        ("ls" + "\n" * 60 + "; rm", "ls⟨↵×60⟩; rm"),
        ("ls" + "\r\n" * 60 + "; rm", "ls⟨↵×60⟩; rm"),
        ("ls" + " \n" * 60 + "; rm", "ls⟨↵×60 ␣×60⟩; rm"),
        (" server ", "⟨␣×1⟩server⟨␣×1⟩"),
        ("a\tb", "a⟨⇥×1⟩b"),
        ("a\nb", "a ↵ b"),
        ("Z" + "\u0301" * 300, "Z" + "\u0301" * 4 + "⟨U+0301×296⟩"),
    ],
)
def test_nothing_is_pushed_out_of_view(text: str, shown: str) -> None:
    assert marked_line(text) == shown


def test_json_keeps_its_indentation_and_shows_the_blanks_of_its_texts() -> None:
    value: object = {"cmd": "ls" + " " * 250 + "\n" * 40 + "rm", "path": "C:\\new"}
    for name in "abcdefghijkl":
        value = {name: value}
    shown = mark_json(json.dumps(value, indent=2)).text
    assert '"cmd": "ls⟨↵×40 ␣×250⟩rm"' in shown
    assert '"path": "C:\\\\new"' in shown
    assert shown.count("⟨") == 1


def test_a_long_name_keeps_its_end() -> None:
    shown = mark_name("good" + "x" * 5000 + "evil")
    assert shown.text.startswith("good") and shown.text.endswith("evil") and "⟨4,848 more⟩" in shown.text
    assert [shown.text[start:end] for start, end in shown.marks] == ["⟨4,848 more⟩"]


def test_a_mark_that_a_text_spells_itself_is_plain_text() -> None:
    shown = mark_line("a⟨U+202E⟩b\u202ec")
    assert shown.text == "a⟨U+202E⟩b⟨U+202E⟩c"
    assert shown.marks == ((10, 18),)


def test_a_flood_of_hidden_characters_is_named_and_counted() -> None:
    flood = "".join(chr(0xE0100 + code % 240) for code in range(5000))
    shown = marked_line(f"a{flood}b")
    assert shown.endswith("and 4,976 more⟩b") and len(shown) < 400


@given(st.text(alphabet=st.characters(), max_size=200))
def test_no_text_hides_anything_once_marked(text: str) -> None:
    for shown in (marked(text), marked_line(text), marked_name(text)):
        assert hidden(shown) == 0
        assert not interpreted(shown.replace("\u200c", ""))
    assert marked(marked(text)) == marked(text)


@pytest.mark.parametrize("name", HOSTILE)
def test_known_hostile_texts_do_nothing_once_marked(name: str) -> None:
    assert not interpreted(marked(HOSTILE[name]))
    assert not interpreted(marked_line(HOSTILE[name]))
