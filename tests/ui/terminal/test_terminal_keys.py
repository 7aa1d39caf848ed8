from __future__ import annotations

import pytest
from textual._xterm_parser import XTermParser
from textual.events import Key

from mcp_tui.ui.terminal.key_sequences import read_alt_digits


@pytest.mark.parametrize("digit", range(1, 10))
def test_escape_and_digit_is_alt_and_digit(digit: int) -> None:
    read_alt_digits()
    parser = XTermParser()
    events = [*parser.feed(f"\x1b{digit}"), *parser.feed("")]
    assert [event.key for event in events if isinstance(event, Key)] == [f"alt+{digit}"]
