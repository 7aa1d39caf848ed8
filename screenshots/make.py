"""Take the pictures of the README from a real run of the demo: `python screenshots/make.py`.

Needs Chromium (or Chrome) on the PATH to turn the SVG of the screen into PNG.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

_HERE = Path(__file__).resolve().parent
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-device-scale-factor=1.25",
]
_DEADLINE_S = 60.0


def to_png(svg: str, target: Path) -> None:
    """Render with a browser: fonts and spaces come out as in a terminal."""
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(_BROWSERS)} is installed")
    box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    if box is None:
        raise SystemExit("the picture has no viewBox")
    width, height = (round(float(side)) for side in box.groups())
    # Only local fonts: a picture must not depend on what a browser can download.
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg).replace("Fira Code", "DejaVu Sans Mono")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "screen.html"
        page = f'<body style="margin:0;background:transparent">{svg}</body>'
        source.write_text(f"<!doctype html><meta charset=utf-8>{page}", "utf-8")
        subprocess.run(
            [
                browser,
                *_FLAGS,
                f"--user-data-dir={folder}/profile",
                f"--window-size={width},{height}",
                "--default-background-color=00000000",
                f"--screenshot={target}",
                source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


async def until(condition: Callable[[], object], pilot: Pilot[Any]) -> None:
    async with asyncio.timeout(_DEADLINE_S):
        while not condition():
            await pilot.pause(0.02)


async def compare(size: tuple[int, int], theme: str, target: Path) -> None:
    """Mid-run: one column finished, one streams, one waits for approval."""
    from mcp_tui.ui.app import McpTuiApp
    from mcp_tui.ui.bridge import DashboardOptions

    app = McpTuiApp(DashboardOptions(demo=True, theme=theme))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.servers and all(server.status.usable for server in app.servers), pilot)
        await pilot.pause(0.3)
        await pilot.press("enter")
        await until(lambda: app.questions, pilot)
        await pilot.press("f6")
        await pilot.pause(3.4)
        to_png(app.export_screenshot(title="mcp-tui"), target)


async def workbench(size: tuple[int, int], theme: str, target: Path) -> None:
    """A tool with its arguments as JSON, and the picture it drew."""
    from mcp_tui.ui.app import McpTuiApp
    from mcp_tui.ui.bridge import DashboardOptions
    from mcp_tui.ui.messages import ItemChosen
    from mcp_tui.ui.workbench.screen import WorkbenchScreen

    app = McpTuiApp(DashboardOptions(demo=True, theme=theme))
    async with app.run_test(size=size) as pilot:
        await until(lambda: app.servers and all(server.status.usable for server in app.servers), pilot)
        app.post_message(ItemChosen("demo", "tool", "draw_chart"))
        await pilot.pause(1.0)
        await pilot.press("f8")
        assert isinstance(app.screen, WorkbenchScreen)
        app.screen.form.editor.text = '{\n  "title": "errors per hour",\n  "values": [2, 3, 5, 4, 8, 13, 11, 6, 3]\n}'
        await pilot.pause(0.5)
        await pilot.press("f9")
        await pilot.pause(1.5)
        to_png(app.export_screenshot(title="mcp-tui"), target)


async def main() -> None:
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with tempfile.TemporaryDirectory() as home:
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            os.environ[variable] = home
        await compare((160, 45), "midnight", _HERE / "compare-160x45.png")
        await compare((120, 35), "paper", _HERE / "compare-light-120x35.png")
        await compare((80, 24), "midnight", _HERE / "compare-80x24.png")
        await workbench((160, 45), "midnight", _HERE / "workbench-160x45.png")


if __name__ == "__main__":
    sys.path.insert(0, str(_HERE.parent))
    asyncio.run(main())
