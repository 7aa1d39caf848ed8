from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.config.document import DocumentSyntaxError
from mcp_tui.config.toml import parse

_TEXT = '''# a comment with [servers.no]
top = 1
[servers.fs]
command = "npx"   # [x]
args = [
  "-y", # ]
  "]",
]
env.A = "1"

[ servers . "my.db" ]
note = """
[servers.fake]
key = 1
"""
command = 'x'
[servers]
inline = { command = "y", args = ["=", "#"] }
[[list]]
a = 1
[[list]]
a = 2
[list.inner]
b = 1
[[list.more]]
[[list.more]]
c = 1
[list.more.deep]
'''


def test_lines_of_tables_and_keys() -> None:
    document = parse(_TEXT, Path("config.toml"))
    assert document.line(("top",)) == 2
    assert document.line(("servers", "fs")) == 3
    assert document.line(("servers", "fs", "args")) == 5
    assert document.line(("servers", "fs", "args", 1)) == 5
    assert document.line(("servers", "fs", "env", "A")) == 9
    assert document.line(("servers", "my.db")) == 11
    assert document.line(("servers", "my.db", "command")) == 16
    assert document.line(("servers", "inline")) == 18
    assert document.line(("servers", "inline", "command")) == 18
    assert document.line(("list", 1, "a")) == 22
    assert document.line(("list", 1, "inner")) == 23
    assert document.line(("list", 1, "inner", "b")) == 24
    assert document.line(("list", 1, "more", 1, "c")) == 27
    assert document.line(("list", 1, "more", 1, "deep")) == 28
    assert document.line(("list", 0, "inner")) == 19
    assert ("servers", "fake") not in document.lines


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("a = 1\nb = \n", 2, 5),
        ('a = 1\n[x\nb = "', 2, 3),
        ("a = 1\na = 2\n", 2, 6),
        ('a = "never closed\n', 1, 18),
        ("\n\na = [1, 2", 3, 0),
    ],
)
def test_faults_name_their_place(text: str, line: int, column: int) -> None:
    with pytest.raises(DocumentSyntaxError) as caught:
        parse(text, Path("config.toml"))
    assert (caught.value.line, caught.value.column) == (line, column)
    assert "at line" not in caught.value.reason


def test_deep_nesting_is_a_fault() -> None:
    with pytest.raises(DocumentSyntaxError):
        parse("a = " + "[" * 100_000, Path("config.toml"))
