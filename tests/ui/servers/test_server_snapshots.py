"""How servers look that do not work: waiting for a sign-in, for the next try, given up, restarting.

Look at the picture before `--snapshot-update`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import RESTARTING, CatalogDiff, CrashCard, ServerStatus
from mcp_tui.ui.servers.card import ServerCard
from tests.builders import server
from tests.ui.compare.test_compare_snapshots import picture
from tests.ui.doubles import Stage
from tests.ui.stage import Snap, every_size

NOW = 1000.0
"""What the stage's clock stands at."""
STDERR = (
    "Traceback (most recent call last):",
    '  File "/srv/weather/server.py", line 12, in <module>',
    '    TOKEN = os.environ["WEATHER_API_TOKEN"]',
    '  File "<frozen os>", line 679, in __getitem__',
    "KeyError: 'WEATHER_API_TOKEN'",
)
CRASHED = replace(
    server("weather", ServerStatus.FAILED),
    target="python server.py --units metric",
    reason=ErrorInfo(
        "The server keeps ending",
        "5 times within a minute; last: python exited with code 1: KeyError: 'WEATHER_API_TOKEN'",
        "WEATHER_API_TOKEN is set here, but a server gets only what its entry names: "
        'add env = { WEATHER_API_TOKEN = "${WEATHER_API_TOKEN}" }',
        ErrorKind.UNREACHABLE,
        "crashed",
    ),
    crash=CrashCard(
        ("python", "server.py", "--units", "metric"),
        "/srv/weather",
        1,
        None,
        STDERR,
        ("AWS_PROFILE", "GITHUB_TOKEN", "WEATHER_API_TOKEN"),
    ),
    stderr_tail=STDERR,
)
WAITING = replace(
    server("docs", ServerStatus.BACKOFF),
    target="http://127.0.0.1:8000/mcp",
    transport="http",
    attempt=4,
    retry_at=NOW + 7.0,
    reconnects=2,
    reason=ErrorInfo(
        "Cannot reach the server",
        "http://127.0.0.1:8000/mcp: All connection attempts failed",
        "Nothing listens on port 8000 there: is it running, on this port?",
        ErrorKind.UNREACHABLE,
        "unreachable",
    ),
    diff=CatalogDiff(added=("tool search_pages",), removed=("tool search",), changed=("tool read_page",)),
)
SIGN_IN = replace(
    server("tracker", ServerStatus.NEEDS_AUTH),
    target="https://mcp.example.com/v1",
    transport="http",
    reason=ErrorInfo(
        "Authorisation needed",
        'https://mcp.example.com/v1 answered HTTP 401 Unauthorized, WWW-Authenticate: Bearer realm="tracker"',
        "Sign in with `mcp-tui auth tracker`, or add an Authorization header to the entry",
        ErrorKind.AUTH,
        "needs_auth",
    ),
)
RESTARTS = server(
    "notes",
    ServerStatus.CONNECTING,
    since_at=NOW - 1.0,
    reason=ErrorInfo("Restarting", "src/notes/server.py changed", code=RESTARTING),
)
ALL = (server("fs"), CRASHED, WAITING, SIGN_IN, RESTARTS)


@every_size
@pytest.mark.parametrize("name", ["weather", "docs", "tracker", "notes"])
def test_a_server_that_does_not_work_looks(name: str, size: tuple[int, int], snap_compare: Snap) -> None:
    """The row of each in the pane, and the card of one."""
    row = [each.name for each in ALL].index(name)

    async def scene(s: Stage) -> None:
        if size[0] < 100:
            await s.press("ctrl+b")
        s.screen.servers_pane.focus()
        await s.press(*["down"] * row, "i")
        assert isinstance(s.top, ServerCard)
        assert s.top.server_name == name

    assert picture(snap_compare, scene, size, servers=ALL)


@every_size
def test_the_rows_of_servers_that_do_not_work_look(size: tuple[int, int], snap_compare: Snap) -> None:
    async def scene(s: Stage) -> None:
        if size[0] < 100:
            await s.press("ctrl+b")
        s.screen.servers_pane.focus()

    assert picture(snap_compare, scene, size, servers=ALL)
