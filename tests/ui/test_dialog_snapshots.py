"""How the questions that wait for a person look: sign-in, trust, an input. Clocks stand still."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.widgets import Input

from mcp_tui.config.schema import NEEDS_TRUST, Config, InputSpec, Origin, ServerSpec, UntrustedFile
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import ServerStatus
from mcp_tui.ui.screens.dialog import ConfirmScreen
from mcp_tui.ui.screens.input_value import InputValueScreen
from mcp_tui.ui.servers.card import ServerCard
from tests.builders import server
from tests.ui.compare.test_compare_snapshots import picture
from tests.ui.doubles import FakeEngine, Stage
from tests.ui.stage import Snap, stop_blinking

SIZE = (120, 35)
PROJECT = Path("/srv/shop/.mcp.json")
ADDRESS = (
    "https://login.example.com/oauth/authorize?response_type=code&client_id=mcp-tui&redirect_uri=http%3A%2F%2F127.0.0.1"
    "%3A41873%2Fcallback&scope=read%20write&state=b1f0c2&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    "&code_challenge_method=S256"
)


def test_a_sign_in_that_waits_looks(snap_compare: Snap) -> None:
    why = ErrorInfo(
        "Sign in with your browser", "Waiting for login.example.com", "open the address yourself", ErrorKind.AUTH
    )
    remote = replace(
        server("tracker", ServerStatus.NEEDS_AUTH, since_at=958.0, reason=why),
        transport="http",
        target="https://tracker.example.com/mcp",
        sign_in_url=ADDRESS,
    )

    async def scene(s: Stage) -> None:
        s.screen.servers_pane.focus()
        await s.press("enter")
        assert isinstance(s.top, ServerCard)

    assert picture(snap_compare, scene, SIZE, servers=(remote, server("fs")))


def test_the_question_of_trust_looks(snap_compare: Snap) -> None:
    origin = Origin(str(PROJECT), path=PROJECT)
    untrusted = ErrorInfo("Not trusted", code=NEEDS_TRUST)
    engine = FakeEngine()
    engine.config = Config(
        servers=(
            ServerSpec(name="db", origin=origin, command="uvx", args=("db-server", "--rw"), problem=untrusted),
            ServerSpec("search", origin, "http", url="https://search.example.com/mcp", problem=untrusted),
        ),
        untrusted=(UntrustedFile(PROJECT, "0" * 64, True, ("db", "search", "fs")),),
    )

    async def scene(s: Stage) -> None:
        s.screen.servers_pane.focus()
        await s.press("r")
        assert isinstance(s.top, ConfirmScreen)

    servers = (server("db", ServerStatus.NEEDS_TRUST), server("search", ServerStatus.NEEDS_TRUST), server("fs"))
    assert picture(snap_compare, scene, SIZE, engine=engine, servers=servers)


def test_the_question_for_an_input_looks(snap_compare: Snap) -> None:
    async def scene(s: Stage) -> None:
        wanted = InputSpec("tracker-key", PROJECT, "The key of the tracker", servers=("tracker", "db"))
        s.app.push_screen(InputValueScreen(wanted))
        await s.settle()
        field = s.top.query_one(Input)
        stop_blinking(field)
        field.value = "not shown"
        await s.settle()

    assert picture(snap_compare, scene, SIZE)
