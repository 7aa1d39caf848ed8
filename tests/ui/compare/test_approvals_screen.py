"""Tools that run without asking can be looked at, and asked about again."""

from __future__ import annotations

from pathlib import Path

from mcp_tui.runs.approval import ApprovalDesk
from mcp_tui.store.approvals import KeptApprovals
from mcp_tui.ui.compare.approvals import ApprovalsScreen
from tests.ui.compare.test_compare_snapshots import picture
from tests.ui.doubles import Stage, stage
from tests.ui.stage import Snap


def desk(folder: Path) -> ApprovalDesk:
    kept = KeptApprovals(folder / "approvals.json", now=lambda: 1_780_000_000.0)
    kept.keep("db", "execute", "d1", "program")
    kept.keep("fs", "write_file\x1b]52;c;x\x07", "d2", "old")
    return ApprovalDesk(kept=kept, programs={"db": "program", "fs": "new"})


async def test_d_lets_a_tool_ask_again(tmp_path: Path) -> None:
    async with stage() as s:
        approvals = desk(tmp_path)
        s.app.push_screen(ApprovalsScreen(approvals))
        await s.settle()
        assert "db.execute" in s.shown() and "for another program of that name" in s.shown()
        await s.press("d")
        assert "db.execute" not in s.shown()
        assert [one.server for one in approvals.remembered()] == ["fs"]
        await s.press("d", "d")
        assert "every tool asks" in s.shown()
        await approvals.saved()
        assert KeptApprovals(tmp_path / "approvals.json").all() == ()
        await s.press("escape")
        assert s.top is s.screen


def test_remembered_approvals_look(snap_compare: Snap, tmp_path: Path) -> None:
    async def scene(s: Stage) -> None:
        s.app.push_screen(ApprovalsScreen(desk(tmp_path)))
        await s.settle()

    assert picture(snap_compare, scene, (120, 35))
