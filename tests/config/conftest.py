from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config.clients.findings import Findings, find
from mcp_tui.config.clients.places import CLIENTS, Places
from mcp_tui.config.inputs import Answers
from mcp_tui.config.load import load
from mcp_tui.config.schema import Config, ServerSpec


@dataclass(frozen=True)
class Machine:
    """A home directory with a project in it. Names of files are relative to the home directory."""

    home: Path
    project: Path
    environ: dict[str, str]

    def write(self, name: str, content: object) -> Path:
        file = self.home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else json.dumps(content, indent=2), "utf-8")
        return file

    def own(self, text: str, name: str = "config.toml") -> Path:
        return self.write(f".config/mcp-tui/{name}", text)

    @property
    def places(self) -> Places:
        return Places.here(self.environ, self.project)

    def load(self, *files: str, servers: tuple[str, ...] = (), answers: Answers | None = None) -> Config:
        return load([Path(file) for file in files], servers, self.environ, self.project, answers=answers)

    def find(self, *clients: str) -> Findings:
        return find(clients or list(CLIENTS), self.places)

    def files(self) -> dict[Path, tuple[bytes, int, int]]:
        """Content, mode and time of everything outside our own directories."""
        own = {self.home / folder / "mcp-tui" for folder in (".config", ".local/state", ".local/share", ".cache")}
        found: dict[Path, tuple[bytes, int, int]] = {}
        for folder, _, names in os.walk(self.home):
            if any(Path(folder).is_relative_to(path) for path in own):
                continue
            for name in names:
                file = Path(folder) / name
                found[file] = (file.read_bytes(), file.stat().st_mode, file.stat().st_mtime_ns)
        return found


@pytest.fixture
def machine(private_environment: Path) -> Machine:
    project = private_environment / "project"
    project.mkdir()
    environ = {"HOME": str(private_environment), "TOKEN": "tok-very-secret", "PATH": "/bin"}
    return Machine(private_environment, project, environ)


def named(config: Config, name: str) -> ServerSpec:
    return next(spec for spec in config.servers if spec.name == name)


def facts(spec: ServerSpec, *fields: str) -> tuple[Any, ...]:
    assert spec.problem is None, spec.problem
    return tuple(getattr(spec, field) for field in fields)
