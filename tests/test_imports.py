"""What may be loaded when: in a fresh interpreter each, because a test process has everything loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LIST = """
import sys
print(*{name.partition(".")[0] for name, module in sys.modules.items() if module is not None}, sep="\\n")
"""


def _loaded_after(statement: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{_LIST}"], capture_output=True, text=True, timeout=120, check=True
    )
    return set(result.stdout.split())


_WHOLE_ENGINE = """
import mcp_tui.runs.engine, mcp_tui.sessions.manager, mcp_tui.providers.registry, mcp_tui.config.load
import pkgutil, importlib
import mcp_tui.core, mcp_tui.config, mcp_tui.sessions, mcp_tui.providers, mcp_tui.store, mcp_tui.demo, mcp_tui.runs
for package in (mcp_tui.core, mcp_tui.config, mcp_tui.sessions, mcp_tui.providers, mcp_tui.store, mcp_tui.demo,
                mcp_tui.runs):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
"""


_ALL_BUT_THE_DATABASE_SERVER = """
import pkgutil, importlib
import mcp_tui
for module in pkgutil.walk_packages(mcp_tui.__path__, "mcp_tui."):
    name = module.name
    if not name.startswith("mcp_tui.servers.database.") or name.endswith(("__main__", ".settings")):
        importlib.import_module(name)
"""


def test_only_the_database_server_loads_what_databases_need() -> None:
    loaded = _loaded_after(_ALL_BUT_THE_DATABASE_SERVER)
    assert {"textual", "mcp", "httpx"} <= loaded, "the statement must really load the rest"
    assert not loaded & {"sqlalchemy", "psycopg"}
    assert {"sqlalchemy", "psycopg"} <= _loaded_after("import mcp_tui.servers.database.postgresql")


def test_engine_loads_neither_textual_nor_rich() -> None:
    loaded = _loaded_after(_WHOLE_ENGINE)
    assert "mcp" in loaded, "the statement must really load the engine"
    assert not loaded & {"textual", "rich"}


@pytest.mark.parametrize("heavy", ["mcp", "mcp_types", "httpx", "httpx2", "pydantic", "genai_prices", "uvicorn"])
def test_path_to_the_first_frame_leaves_out(heavy: str) -> None:
    statement = "from mcp_tui.ui.app import McpTuiApp; from mcp_tui.ui.bridge import DashboardOptions; McpTuiApp()"
    loaded = _loaded_after(statement)
    assert "textual" in loaded
    assert heavy not in loaded


def test_answering_help_loads_only_click() -> None:
    loaded = _loaded_after("import mcp_tui.cli.main")
    assert "click" in loaded
    assert not loaded & {"textual", "rich", "mcp", "httpx", "httpx2", "pydantic", "asyncio"}
