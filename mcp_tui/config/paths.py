"""Where files live: the XDG base directories, asked for at call time so that tests and `env` can move them."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_APP = "mcp-tui"


def config_dir() -> Path:
    return platformdirs.user_config_path(_APP, appauthor=False)


def data_dir() -> Path:
    return platformdirs.user_data_path(_APP, appauthor=False)


def state_dir() -> Path:
    return platformdirs.user_state_path(_APP, appauthor=False)


def cache_dir() -> Path:
    return platformdirs.user_cache_path(_APP, appauthor=False)


def config_file() -> Path:
    """The person's own file; the program never writes it."""
    return config_dir() / "config.toml"


def servers_file() -> Path:
    """What was added from the interface or by `config add`; the program owns it."""
    return config_dir() / "servers.toml"


def trust_file() -> Path:
    """Which project files the person trusts."""
    return state_dir() / "trusted.json"


def themes_dir() -> Path:
    """The person's own themes."""
    return config_dir() / "themes"


def shown(path: Path) -> str:
    """The path as people read it: the home directory is `~`."""
    try:
        return str(Path("~") / path.relative_to(Path.home()))
    except (ValueError, RuntimeError):
        return str(path)
