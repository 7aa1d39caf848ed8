from __future__ import annotations

import json

import pytest

from mcp_tui.cli.output import cut_cells, print_json, table, width_cells
from tests.core.hostile import HOSTILE, drawn_safely


def test_json_is_utf8_and_safe_for_a_terminal(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    # Two escaped halves of a pair are one character to a JSON reader.
    texts = {name: text for name, text in HOSTILE.items() if name != "surrogate pair in two halves"}
    value = {"texts": texts, "é": "中", "huge": 10**30, "nan": [float("nan"), float("inf"), (1.5,)]}
    print_json(value)
    out = capfdbinary.readouterr().out.decode()
    assert '"é": "中"' in out
    assert "\x9b" not in out
    assert "\u202e" not in out
    assert json.loads(out) == {**value, "nan": [None, None, [1.5]]}


def test_table_is_aligned_clean_and_uncut_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    table(("NAME", "N", "TEXT"), [["中文", "1", "x" * 300], ["a\x1b]0;t\x07\nb", "22", "[/x]"]], right=frozenset({1}))
    out = capfd.readouterr().out
    drawn_safely(out)
    assert out.splitlines() == ["NAME    N  TEXT", f"中文    1  {'x' * 300}", "a ↵ b  22  [/x]"]


def test_widths_count_cells() -> None:
    assert width_cells("abc") == 3
    assert width_cells("中e\u0301") == 3
    assert cut_cells("中文字", 4) == "中…"
    assert cut_cells("abc", 3) == "abc"
    assert cut_cells("abcd", 3) == "ab…"
