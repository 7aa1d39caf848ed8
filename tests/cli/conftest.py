from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.cli.main import run
from tests.cli.fake_provider import FakeProvider, serving

STUB = Path(__file__).with_name("stub_server.py")


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """stdout, which must be one JSON document and nothing else."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The last error object on stderr."""
        return json.loads(self.err.splitlines()[-1])["error"]


Cli = Callable[..., Result]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process, in an empty working directory."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)

    def invoke(*arguments: str) -> Result:
        capfd.readouterr()
        code = run(arguments)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return invoke


@pytest.fixture
def spawned(tmp_path: Path) -> Cli:
    """Runs a command as a process of its own, as a shell would."""

    def invoke(*arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Result:
        ended = subprocess.run(
            [sys.executable, "-m", "mcp_tui.cli.main", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
        )
        return Result(ended.returncode, ended.stdout, ended.stderr)

    return invoke


@pytest.fixture
def stub(tmp_path: Path) -> str:
    """The --server value of the stub server, called `stub`."""
    return f"stub={sys.executable} {STUB} {tmp_path / 'trace.txt'}"


@pytest.fixture
def trace(tmp_path: Path) -> Callable[[], list[str]]:
    """What happened in the stub server so far."""
    file = tmp_path / "trace.txt"
    return lambda: file.read_text("utf-8").splitlines() if file.exists() else []


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[tuple[str, ...]]:
    """--config of a provider `fake` whose model names say what happens."""
    with serving(FakeProvider, seen=[]) as url:
        file = tmp_path / "fake.toml"
        file.write_text(
            f'[providers.fake]\nformat = "openai-chat"\nbase_url = "{url}"\napi_key = "k"\nmodels = ["good"]\n',
            "utf-8",
        )
        yield ("--config", str(file))
