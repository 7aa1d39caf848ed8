"""What the README says is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mcp_tui.runs.evals.suite import read_suite
from mcp_tui.ui.keys import KEYS, SCOPES, shown

_ROOT = Path(__file__).resolve().parent.parent
_README = (_ROOT / "README.md").read_text("utf-8")


def keys_table() -> str:
    """The table between the `keys` marks of the README."""
    rows = ["| where | keys | id |", "|---|---|---|"]
    for key in KEYS:
        if re.fullmatch(r"column[2-9]", key.name):
            continue
        keys = " ".join(f"`{shown(part)}`" for part in key.keys.split(","))
        rows.append(f"| {SCOPES[key.scope]} | {keys} {key.label} | `{key.id}` |")
    return "\n".join(rows)


def test_keys_table_is_current() -> None:
    written = _README.partition("<!-- keys -->\n")[2].partition("<!-- /keys -->")[0].strip()
    assert written == keys_table(), "paste the result of tests.test_readme.keys_table() between the marks"


def test_suite_of_an_evaluation_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(_README.partition("### Evaluations")[2].partition("```toml\n")[2].partition("```")[0])
    assert [case.name for case in read_suite(file).cases] == ["finds the failing service", "adds up"]


@pytest.mark.parametrize("picture", re.findall(r"\]\((screenshots/[^)]+)\)", _README))
def test_picture_exists(picture: str) -> None:
    assert (_ROOT / picture).stat().st_size > 10_000
