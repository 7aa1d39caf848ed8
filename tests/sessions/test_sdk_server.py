"""A real server made with the SDK, in both eras."""

from __future__ import annotations

import sys

import pytest

from mcp_tui.config.schema import Protocol, ServerSpec
from mcp_tui.core.state import Progress, ServerStatus
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import ORIGIN, SERVERS, until, until_status


@pytest.mark.parametrize(("protocol", "era"), [("auto", "modern"), ("legacy", "legacy")])
async def test_a_good_server_is_found_called_and_its_changes_are_followed(protocol: Protocol, era: str) -> None:
    spec = ServerSpec("one", ORIGIN, command=sys.executable, args=(str(SERVERS / "sdk_server.py"),), protocol=protocol)
    progress: list[Progress] = []
    async with SessionManager([spec]) as manager:
        server = await until_status(manager, ServerStatus.READY)
        assert server.facts is not None
        assert (server.facts.era, server.facts.server_name) == (era, "good")
        assert [tool.name for tool in server.catalog.tools] == ["add", "count", "grow"]
        result = await manager.call_tool("one", "add", {"a": 2, "b": 3})
        assert (result.raw["structuredContent"], result.warnings) == ({"result": 5}, ())
        await manager.call_tool("one", "count", {"to": 5}, on_progress=progress.append)
        assert progress[-1] == Progress(5.0, 5.0, "")
        wrong = await manager.call_tool("one", "add", {"a": "x"})
        assert wrong.is_error
        await manager.call_tool("one", "grow", {})
        if era == "legacy":
            grown = await until(manager, lambda server: server.diff is not None)
        else:
            await manager.refresh("one")
            grown = manager.server("one")
        assert grown.diff is not None
        assert grown.diff.added == ("tool extra",)
