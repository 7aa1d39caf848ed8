"""The first frame does not wait for the MCP SDK."""

from __future__ import annotations

import asyncio
import subprocess
import sys

HEAVY = ("mcp", "mcp_types", "httpx", "httpx2", "pydantic", "anyio", "tenacity", "jsonschema", "textual", "rich")


def test_importing_the_manager_imports_nothing_heavy() -> None:
    script = f"import sys, mcp_tui.sessions.manager; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_sdk_is_imported_in_a_thread_while_the_loop_goes_on() -> None:
    script = """
import asyncio, sys, threading
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import stdio
where = []
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "mcp":
            where.append(threading.current_thread() is threading.main_thread())
async def main():
    sys.meta_path.insert(0, Watch())
    async with SessionManager([stdio()]) as manager:
        await manager.call_tool("one", "echo", {})
asyncio.run(main())
print(where)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[False]"


async def test_deprecation_warnings_of_the_sdk_are_not_shown() -> None:
    script = """
import warnings
warnings.simplefilter("error")
import mcp_tui.sessions.sdk
from mcp.shared.exceptions import MCPDeprecationWarning
warnings.warn("old", MCPDeprecationWarning)
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
