from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcp_tui.core.text import MAX_PARAMETERS, MAX_PAYLOAD, StreamCleaner, clean, clean_line
from tests.core.hostile import HOSTILE, drawn_safely

_PIECES = st.sampled_from(
    [
        *(
            "\x1b",
            "[",
            "]",
            "P",
            "_",
            "\\",
            "\x07",
            "\x9c",
            "\x9b",
            "\x9d",
            "\x90",
            "3",
            "1",
            ";",
            "m",
            " ",
            "(",
        ),
        *("(", "\n", "\r", "\r\n", "\t", "a", "é", "中", "👩", "❤", "©", "\u200d", "\ufe0f", "\ufe0e", "\u200b"),
        *("\u202e", "\u2028", "\ud800", "\ude00", "\x00", "\x18", "\x7f", "\U000e0041"),
        *("\x1b[31m", "\x1b]0;t\x07", "\x1b]52;c;eA==\x1b\\"),
    ]
)
_HOSTILE_TEXT = st.lists(_PIECES | st.text(max_size=3), max_size=30).map("".join) | st.text()


def stream(pieces: list[str]) -> str:
    cleaner = StreamCleaner()
    return "".join([*(cleaner.feed(piece) for piece in pieces), cleaner.finish()])


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_hostile_is_left(name: str) -> None:
    drawn_safely(clean(HOSTILE[name]))
    line = clean_line(HOSTILE[name])
    drawn_safely(line)
    assert not set(line) & {"\n", "\t"}


@pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith("very long")])
def test_hostile_text_cut_anywhere_cleans_the_same(name: str) -> None:
    text = HOSTILE[name]
    expected = clean(text)
    for cut in range(min(len(text), 300) + 1):
        assert stream([text[:cut], text[cut:]]) == expected, cut
    assert stream(list(text)) == expected


@given(_HOSTILE_TEXT)
@settings(max_examples=300, deadline=None)
@example("a\ufe0f\u200d👩")
@example("\x1b3\ufe0f\u20e3")
def test_clean_is_safe_and_idempotent(text: str) -> None:
    once = clean(text)
    drawn_safely(once)
    assert clean(once) == once


@given(st.lists(_HOSTILE_TEXT | _PIECES, max_size=12))
@settings(max_examples=400, deadline=None)
@example(["👩", "", "\u200d", "👩"])
@example(["\r", "\x1b[m", "\n"])
@example(["\r", "", "\n"])
def test_stream_equals_the_whole(pieces: list[str]) -> None:
    assert stream(pieces) == clean("".join(pieces))


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp", "Mn", "Cn"])))
@settings(deadline=None)
def test_plain_text_is_untouched(text: str) -> None:
    assert clean(text) == text


def test_plain_text_is_the_same_object() -> None:
    text = "plain text\n\twith é and 中文 and 👩"
    assert clean(text) is text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x9d0;title\x9cx", "x"),
        ("\x1bP1$r\x1b\\x\x1b_G\x1b\\y\x1b^p\x1b\\z\x1bXs\x1b\\w", "xyzw"),
        ("\x1bc\x1b7\x1b(Bx", "x"),
        ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("a\x08b\x00\x7f\x9fc", "abc"),
        ("abc\u202edef", "abcdef"),
        ("so\u00adft ze\u200bro", "soft zero"),
        ("\ud83dx", "\ufffdx"),
        ("a[/x]b [@click=app.quit]x[/]", "a[/x]b [@click=app.quit]x[/]"),
        ("👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 ☎\ufe0e", "👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 ☎\ufe0e"),
        ("a\u200db 1\ufe0f", "ab 1"),
        ("\t tab", "\t tab"),
    ],
)  # fmt: skip
def test_what_is_removed_and_what_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b]0;never ended\nnext", "0;never ended\nnext"),
        ("\x1b]52;c;abc", "52;c;abc"),
        ("\x1b[31", "31"),
        ("â\x80\x9dhello", "âhello"),
        ("\x1b[" + "1;" * MAX_PARAMETERS + "mx", "1;" * MAX_PARAMETERS + "mx"),
        ("\x1b]0;" + "x" * MAX_PAYLOAD + "\x07y", "0;" + "x" * MAX_PAYLOAD + "y"),
    ],
)
def test_an_unfinished_sequence_loses_only_its_introducer(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_an_unfinished_osc_does_not_hold_a_stream_back() -> None:
    cleaner = StreamCleaner()
    shown = cleaner.feed("\x1b]0;")
    for _ in range(3 * MAX_PAYLOAD // 100):
        shown += cleaner.feed("x" * 100)
    assert len(shown) > 2 * MAX_PAYLOAD
    assert len(shown + cleaner.finish()) == 2 + 100 * (3 * MAX_PAYLOAD // 100)


def test_an_escape_split_over_two_pieces_is_removed() -> None:
    cleaner = StreamCleaner()
    assert cleaner.feed("a\x1b") == "a"
    assert cleaner.feed("[31mb") == "b"
    assert cleaner.feed("\x1b]52;c;") == ""
    assert cleaner.feed("eA==\x1b") == ""
    assert cleaner.feed("\\c") == "c"
    assert cleaner.finish() == ""


def test_line_ends_are_shown_at_once() -> None:
    cleaner = StreamCleaner()
    assert cleaner.feed("a\r") == "a\n"
    assert cleaner.feed("\nb") == "b"


def test_finish_makes_the_cleaner_new() -> None:
    cleaner = StreamCleaner()
    cleaner.feed("👩")
    cleaner.finish()
    assert cleaner.feed("\u200d👩") + cleaner.finish() == clean("\u200d👩")


def test_long_hostile_text_takes_linear_steps() -> None:
    """A quadratic pattern would take minutes here."""
    for unit in ("\x1b]", "\x9d", "\x1b[1", "\x00a", "\u200d", "\x1b]x\x1b", "👩\u200d"):
        drawn_safely(clean(unit * 100_000)[:1000])


def test_clean_line_marks_line_breaks() -> None:
    assert clean_line(" first \n\n\tsecond\tthird\r\n") == "first ↵ second third"
