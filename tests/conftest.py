"""Every test runs in a home directory of its own, without keys or settings of the person who runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_PRIVATE_SUFFIXES = ("_API_KEY", "_BASE_URL", "_TOKEN")
_PRIVATE_NAMES = ("OLLAMA_HOST", "NO_COLOR", "COLORTERM", "TEXTUAL", "EDITOR", "VISUAL", "BROWSER")


@pytest.fixture(autouse=True)
def private_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh HOME with XDG directories inside, and a terminal of 256 colours; returns the home directory."""
    home = tmp_path / "home"
    for variable, folder in (
        ("HOME", "."),
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_DATA_HOME", ".local/share"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"),
    ):
        directory = (home / folder).resolve()
        directory.mkdir(parents=True, exist_ok=True)
        monkeypatch.setenv(variable, str(directory))
    for name in list(os.environ):
        if name.endswith(_PRIVATE_SUFFIXES) or name in _PRIVATE_NAMES or name.startswith("MCP_TUI_"):
            monkeypatch.delenv(name)
    # What a terminal can show must not depend on where the tests run.
    monkeypatch.setenv("TERM", "xterm-256color")
    return home
