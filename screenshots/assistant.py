"""Take the picture of the README's assistant from a real run: `python screenshots/assistant.py`.

The servers are those of the example config, GitHub is the tests' loopback double, the models are the demo models.
Needs the filesystem server of npm (see tests/servers/test_assistant.py) and Chromium, as make.py does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from screenshots.make import to_png, until  # noqa: E402  # the checkout must be on the path first
from tests.servers.github_double import GitHubDouble  # noqa: E402
from tests.servers.test_assistant import LOG, QUESTION, SESSIONS, installed_example  # noqa: E402


async def assistant(folder: Path, target: Path) -> None:
    """The evidence of four servers is there, and the issue waits for the person's permission."""
    from mcp_tui.ui.app import McpTuiApp
    from mcp_tui.ui.bridge import DashboardOptions

    models = ("demo/swift", "demo/builder")
    app = McpTuiApp(DashboardOptions(config_files=(folder / "assistant.toml",), models=models, theme="midnight"))
    async with app.run_test(size=(160, 45)) as pilot:
        await until(lambda: app.servers and all(server.status.usable for server in app.servers), pilot)
        await pilot.pause(0.3)
        await pilot.press(*(("space" if key == " " else "comma" if key == "," else key) for key in QUESTION))
        await pilot.press("enter")
        await until(lambda: app.questions, pilot)
        await pilot.pause(4.0)
        await pilot.press("f6")
        await pilot.pause(0.5)
        to_png(app.export_screenshot(title="mcp-tui"), target)


async def main() -> None:
    with tempfile.TemporaryDirectory() as home, GitHubDouble() as github, contextlib.ExitStack() as stack:
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = home
        # Its path is in the picture.
        folder = Path(tempfile.gettempdir()) / "shop"
        folder.mkdir()
        stack.callback(shutil.rmtree, folder)
        del github.issues[0]
        logs = folder / "logs"
        logs.mkdir()
        (logs / "error.log").write_text(LOG)
        with sqlite3.connect(folder / "shop.db") as made:
            made.executescript(SESSIONS)
        made.close()
        os.environ |= github.environment() | {"LOGS": str(logs), "DATABASE_URL": f"sqlite:///{folder / 'shop.db'}"}
        (folder / "assistant.toml").write_text(installed_example())
        await assistant(folder, _HERE / "assistant-160x45.png")


if __name__ == "__main__":
    asyncio.run(main())
