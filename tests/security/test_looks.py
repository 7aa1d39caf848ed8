"""How hidden characters look where a person decides. Clocks stand still."""

from __future__ import annotations

import pytest

from mcp_tui.core.state import Catalog
from mcp_tui.sessions.catalog import tool_info
from tests.security.hostile_server import BLANKS, TAGS, TOOLS
from tests.security.test_decisions import trust_question
from tests.ui.compare.test_compare_snapshots import Snap, picture
from tests.ui.doubles import Stage, question, server

SIZES = pytest.mark.parametrize("size", [(160, 45), (80, 24)], ids=["160x45", "80x24"])


@SIZES
def test_a_call_that_hides_something_looks(snap_compare: Snap, size: tuple[int, int]) -> None:
    tools = tuple(tool_info("evil", raw) for raw in TOOLS)
    arguments = {"command": f"ls{BLANKS}; rm -rf /\u202e", "note": f"kind{TAGS}", "text": "می\u200cخواهم ❤\ufe0f"}
    more = {f"line{number}": "x\u200by" for number in range(12)}

    async def scene(s: Stage) -> None:
        await s.questions(question(1, arguments={**arguments, **more}, of=tool_info("ev\u200bil", TOOLS[0])))

    assert picture(snap_compare, scene, size, servers=(server("evil", catalog=Catalog(tools=tools)),))


@SIZES
def test_the_trust_of_a_command_that_hides_something_looks(snap_compare: Snap, size: tuple[int, int]) -> None:
    async def scene(s: Stage) -> None:
        s.app.push_screen(trust_question("-c", f"ls{BLANKS}; rm -rf /\u202e {TAGS} " + "and so on " * 200))
        await s.settle()

    assert picture(snap_compare, scene, size)
