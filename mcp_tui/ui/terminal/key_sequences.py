"""Key sequences the framework reads otherwise than people mean them."""

from __future__ import annotations

from collections.abc import MutableMapping
from enum import Enum
from typing import Any, cast

from textual import _ansi_sequences


class _AltDigit(Enum):
    ALT_1 = "alt+1"
    ALT_2 = "alt+2"
    ALT_3 = "alt+3"
    ALT_4 = "alt+4"
    ALT_5 = "alt+5"
    ALT_6 = "alt+6"
    ALT_7 = "alt+7"
    ALT_8 = "alt+8"
    ALT_9 = "alt+9"


def read_alt_digits() -> None:
    """Let `ESC 1` to `ESC 9` mean alt+1 to alt+9.

    Terminals without the kitty keyboard protocol (tmux, xterm, SSH into most) send alt+digit so; the framework's
    table takes these for the characters a Mac types with option (`ESC 1` = `¡`), which then stand in the prompt.
    """
    table = cast("MutableMapping[str, Any]", _ansi_sequences.ANSI_SEQUENCES_KEYS)
    for key in _AltDigit:
        table["\x1b" + key.value[-1]] = (key,)
