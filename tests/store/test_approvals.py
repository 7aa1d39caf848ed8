from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.store.approvals import KeptApprovals


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "approvals.json"


def test_what_is_kept_holds_for_this_definition_of_this_program_after_a_restart(path: Path) -> None:
    KeptApprovals(path, now=lambda: 5.0).keep("s", "t", "digest", "program")
    kept = KeptApprovals(path)
    assert kept.knows("s", "t", "digest", "program")
    assert not kept.knows("s", "t", "other", "program")
    assert not kept.knows("s", "t", "digest", "other")
    assert not kept.knows("s2", "t", "digest", "program")
    assert [one.since for one in kept.all()] == [5.0]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_forgotten_is_gone_from_the_disk(path: Path) -> None:
    kept = KeptApprovals(path)
    kept.keep("s", "t", "d", "p")
    assert kept.forget("s", "t")
    assert not kept.forget("s", "t")
    assert KeptApprovals(path).all() == ()


def test_two_dashboards_do_not_undo_each_other(path: Path) -> None:
    one, two = KeptApprovals(path), KeptApprovals(path)
    assert one.all() == two.all() == ()
    one.keep("s", "a", "d", "p")
    two.keep("s", "b", "d", "p")
    assert {entry.tool for entry in KeptApprovals(path).all()} == {"a", "b"}
    one.forget("s", "a")
    assert {entry.tool for entry in KeptApprovals(path).all()} == {"b"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"approvals": 7}', '{"approvals": [7, {"server": "s"}]}'])
def test_a_damaged_file_makes_every_tool_ask_and_is_replaced(path: Path, text: str) -> None:
    path.parent.mkdir()
    path.write_text(text)
    kept = KeptApprovals(path)
    assert kept.all() == ()
    kept.keep("s", "t", "d", "p")
    assert [entry["tool"] for entry in json.loads(path.read_text())["approvals"]] == ["t"]


def test_a_disk_that_refuses_is_told_and_leaves_nothing_behind(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(AppError, match="approvals"):
        KeptApprovals(path).keep("s", "t", "d", "p")
    assert [entry.name for entry in path.parent.iterdir()] == ["approvals.json"]
