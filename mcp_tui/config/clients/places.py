"""Where other MCP clients keep their servers, on each platform."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mcp_tui.config.document import KeyPath
from mcp_tui.config.schema import EntryScope

CLIENTS: dict[str, str] = {
    "claude-desktop": "Claude Desktop",
    "claude-code": "Claude Code",
    "cursor": "Cursor",
    "vscode": "VS Code",
    "codex": "Codex CLI",
    "cline": "Cline",
    "windsurf": "Windsurf",
    "gemini": "Gemini CLI",
}
"""Name on the command line and in `[defaults] import` -> name people know."""

_VSCODE_FAMILY = ("Code", "Code - Insiders", "VSCodium")
_CLINE_HOSTS = (*_VSCODE_FAMILY, "Cursor", "Windsurf")
_CLINE_SETTINGS = "User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that everything else is found from."""

    home: Path
    cwd: Path
    environ: Mapping[str, str]
    platform: str = sys.platform

    @classmethod
    def here(cls, environ: Mapping[str, str], cwd: Path) -> Places:
        home = environ.get("HOME") or environ.get("USERPROFILE")
        return cls(Path(home) if home else Path.home(), cwd, environ)

    @property
    def app_data(self) -> Path:
        """The parent of each desktop application's own folder."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        if self.platform == "win32":
            return self._folder("APPDATA", self.home / "AppData" / "Roaming")
        return self._folder("XDG_CONFIG_HOME", self.home / ".config")

    def _folder(self, variable: str, default: Path) -> Path:
        given = self.environ.get(variable)
        return Path(given) if given else default

    def claude_folder(self) -> Path:
        return self._folder("CLAUDE_CONFIG_DIR", self.home / ".claude")

    def claude_state(self) -> Path:
        """Claude Code's `.claude.json`: beside the folder, or inside one that was moved."""
        folder = self.environ.get("CLAUDE_CONFIG_DIR")
        return Path(folder) / ".claude.json" if folder else self.home / ".claude.json"

    def codex_folder(self) -> Path:
        return self._folder("CODEX_HOME", self.home / ".codex")

    def cline_settings(self) -> Path:
        """Of its command line; the extension keeps its own inside each editor."""
        folder = self._folder("CLINE_DIR", self.home / ".cline")
        return self._folder("CLINE_MCP_SETTINGS_PATH", folder / "data" / "settings" / "cline_mcp_settings.json")


@dataclass(frozen=True, slots=True)
class ClientFile:
    client: str
    scope: EntryScope
    path: Path
    sections: tuple[KeyPath, ...]
    """Where the table of servers may stand; the first one that is there counts."""


_MCP_SERVERS: tuple[KeyPath, ...] = (("mcpServers",),)
_ANY: tuple[KeyPath, ...] = (("mcpServers",), ("servers",), ("mcp_servers",))


def client_files(client: str, places: Places) -> tuple[ClientFile, ...]:
    """The files of a client, whether they exist or not; an entry of an earlier one wins."""
    return tuple(ClientFile(client, *rest) for rest in _files(client, places))


def _files(client: str, places: Places) -> Iterator[tuple[EntryScope, Path, tuple[KeyPath, ...]]]:
    cwd, home = places.cwd, places.home
    match client:
        case "claude-desktop":
            yield "user", places.app_data / "Claude" / "claude_desktop_config.json", _MCP_SERVERS
        case "claude-code":
            # `projects` is keyed by the folder; a link to it is the same project.
            folders = dict.fromkeys((str(cwd), cwd.as_posix(), str(cwd.resolve())))
            local = tuple(("projects", folder, "mcpServers") for folder in folders)
            yield "local", places.claude_state(), local
            yield "project", cwd / ".mcp.json", _ANY
            yield "project", cwd / ".claude" / "settings.json", _MCP_SERVERS
            yield "user", places.claude_state(), _MCP_SERVERS
            yield "user", places.claude_folder() / "settings.json", _MCP_SERVERS
        case "cursor":
            yield "project", cwd / ".cursor" / "mcp.json", _ANY
            yield "user", home / ".cursor" / "mcp.json", _ANY
        case "vscode":
            yield "project", cwd / ".vscode" / "mcp.json", (("servers",), ("mcpServers",))
            for editor in _VSCODE_FAMILY:
                yield "user", places.app_data / editor / "User" / "mcp.json", (("servers",), ("mcpServers",))
        case "codex":
            yield "project", cwd / ".codex" / "config.toml", (("mcp_servers",),)
            yield "user", places.codex_folder() / "config.toml", (("mcp_servers",),)
        case "cline":
            yield "user", places.cline_settings(), _MCP_SERVERS
            for editor in _CLINE_HOSTS:
                yield "user", places.app_data / editor / _CLINE_SETTINGS, _MCP_SERVERS
        case "windsurf":
            yield "user", home / ".codeium" / "windsurf" / "mcp_config.json", _MCP_SERVERS
        case "gemini":
            yield "project", cwd / ".gemini" / "settings.json", _MCP_SERVERS
            yield "user", home / ".gemini" / "settings.json", _MCP_SERVERS
        case _:
            raise ValueError(client)


_AUTOMATIC = (".mcp.json", ".cursor/mcp.json", ".vscode/mcp.json", ".codex/config.toml")


def project_files(places: Places, *, automatic: bool = True) -> tuple[ClientFile, ...]:
    """Files of the working directory that hold servers; they come with a project, so they need trust.

    automatic: only those that are read without being asked for. In the home directory they are the person's own
    user files: not here.
    """
    own = {file.path for client in CLIENTS for file in client_files(client, places) if file.scope == "user"}
    files = [file for client in CLIENTS for file in client_files(client, places) if file.scope == "project"]
    by_path = {file.path.relative_to(places.cwd).as_posix(): file for file in files if file.path not in own}
    names = _AUTOMATIC if automatic else (*_AUTOMATIC, *(name for name in by_path if name not in _AUTOMATIC))
    return tuple(by_path[name] for name in names if name in by_path)


_BY_NAME = {
    "claude_desktop_config.json": "claude-desktop",
    ".mcp.json": "claude-code",
    ".claude.json": "claude-code",
    ".claude/settings.json": "claude-code",
    ".cursor/mcp.json": "cursor",
    ".vscode/mcp.json": "vscode",
    "User/mcp.json": "vscode",
    ".codex/config.toml": "codex",
    "cline_mcp_settings.json": "cline",
    "windsurf/mcp_config.json": "windsurf",
    ".gemini/settings.json": "gemini",
}


def identify(path: Path) -> str:
    """The client whose file this is by its name, or ""; a person may name a file of any client."""
    name, in_folder = path.name, f"{path.parent.name}/{path.name}"
    return _BY_NAME.get(in_folder) or _BY_NAME.get(name) or ""
