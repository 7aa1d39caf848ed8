"""Why a command cannot be started, and what helps: looked up where a person would look."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from mcp_tui.config.schema import ServerSpec

_BROUGHT_BY = {
    **dict.fromkeys(("npx", "node", "npm"), "Node.js (https://nodejs.org)"),
    **dict.fromkeys(("uvx", "uv"), "uv (https://docs.astral.sh/uv)"),
    **dict.fromkeys(("docker", "podman"), "Docker or Podman"),
    **dict.fromkeys(("bun", "bunx"), "Bun (https://bun.sh)"),
    **dict.fromkeys(("python", "python3", "pipx"), "Python (https://www.python.org)"),
    "deno": "Deno (https://deno.com)",
    "pnpm": "pnpm (https://pnpm.io)",
    "java": "a Java runtime",
    "dotnet": ".NET (https://dotnet.microsoft.com)",
    "go": "Go (https://go.dev)",
    "cargo": "Rust (https://rustup.rs)",
}
_USUAL_FOLDERS = (
    "~/.local/bin",
    "~/.cargo/bin",
    "~/.bun/bin",
    "~/.deno/bin",
    "~/.volta/bin",
    "~/go/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/snap/bin",
)


def not_found_fix(spec: ServerSpec, ours: Mapping[str, str], passed: Mapping[str, str]) -> str:
    """For a command that does not exist. `ours`: our environment, `passed`: what the child gets."""
    command = spec.command
    if os.sep in command:
        return _path_fix(spec)
    first, *rest = command.split()
    if rest and shutil.which(first, path=passed.get("PATH")):
        return f'`command` holds its arguments too: command = "{first}", and the rest in args'
    here = shutil.which(command, path=ours.get("PATH"))
    if here is not None:
        return f"It is at {here}, which the PATH in this entry's env leaves out: use the full path as command"
    if elsewhere := _elsewhere(command, ours):
        return f"It is at {elsewhere}, which is not on PATH: use the full path as command"
    if command == "python" and (other := shutil.which("python3", path=passed.get("PATH"))):
        return f"There is {other}: use python3 as command"
    if (bringer := _BROUGHT_BY.get(command)) is not None:
        return f"Install {bringer}, which brings {command}; if it is installed, give its full path as command"
    return "Install it, or give its full path in the entry"


def not_executable_fix(spec: ServerSpec, *, unknown_format: bool) -> str:
    """For a command that exists and cannot be run."""
    found = Path(spec.command) if os.sep in spec.command else Path(shutil.which(spec.command) or spec.command)
    path = _from_cwd(spec, found)
    if path.is_dir():
        return "It is a folder: name the program in it"
    if unknown_format:
        return "It is no program for this machine: name its interpreter as command and the file in args"
    return f"Make it executable with `chmod +x {path}`, or name its interpreter as command and the file in args"


def _path_fix(spec: ServerSpec) -> str:
    path = _from_cwd(spec, Path(spec.command))
    if path.exists():
        return _interpreter_fix(path)
    if spec.command.startswith("/"):
        return "Correct the path of the command"
    return f"Correct the path; it is read from {spec.cwd or Path.cwd()}"


def _interpreter_fix(path: Path) -> str:
    try:
        with path.open("rb") as file:
            first = file.readline(256).decode("utf-8", "replace").strip()
    except OSError:
        return "Install what runs it"
    if first.startswith("#!"):
        return f"It exists, but what runs it does not: its first line names {first.removeprefix('#!').strip()}"
    return "It exists, but a library or loader it needs does not"


def _from_cwd(spec: ServerSpec, path: Path) -> Path:
    return (Path(spec.cwd) if spec.cwd else Path.cwd()) / path


def _elsewhere(command: str, ours: Mapping[str, str]) -> str:
    home = Path(ours.get("HOME", "/nonexistent"))
    folders = [home / folder[2:] if folder.startswith("~/") else Path(folder) for folder in _USUAL_FOLDERS]
    folders += sorted(home.glob(".nvm/versions/node/*/bin"), reverse=True)[:5]
    folders += sorted(home.glob(".local/share/fnm/node-versions/*/installation/bin"), reverse=True)[:5]
    found = (shutil.which(command, path=str(folder)) for folder in folders)
    return next((path for path in found if path is not None), "")
