"""`watch` of a server entry, in every shape that has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mcp_tui.config.load import load
from mcp_tui.config.schema import ServerSpec


def one(folder: Path, name: str, text: str) -> ServerSpec:
    file = folder / name
    file.write_text(text)
    return load((file,), (), {}, folder).servers[0]


def test_a_list_and_a_single_glob_in_toml(tmp_path: Path) -> None:
    text = '[servers.a]\ncommand = "python"\nwatch = '
    assert one(tmp_path, "a.toml", text + '["src/**/*.py", "!src/gen/**"]').watch == ("src/**/*.py", "!src/gen/**")
    assert one(tmp_path, "b.toml", text + '"*.py"').watch == ("*.py",)
    assert one(tmp_path, "c.toml", '[servers.a]\ncommand = "python"').watch == ()


@pytest.mark.parametrize("watch", ["build/**/*.js", ["build/**/*.js"]])
def test_the_development_mode_of_vs_code_is_understood(watch: object, tmp_path: Path) -> None:
    entry = {"command": "node", "args": ["build/index.js"], "dev": {"watch": watch, "debug": {"type": "node"}}}
    spec = one(tmp_path, "mcp.json", json.dumps({"servers": {"a": entry}}))
    assert (spec.problem, spec.watch) == (None, ("build/**/*.js",))


def test_a_development_mode_of_another_shape_is_left_alone(tmp_path: Path) -> None:
    entry = {"command": "node", "dev": {"watch": 5}}
    spec = one(tmp_path, "mcp.json", json.dumps({"servers": {"a": entry}}))
    assert (spec.problem, spec.watch) == (None, ())


def test_a_url_cannot_be_restarted(tmp_path: Path) -> None:
    entry = {"url": "http://127.0.0.1:1/mcp", "watch": ["*.py"]}
    spec = one(tmp_path, "mcp.json", json.dumps({"mcpServers": {"a": entry}}))
    assert spec.problem is not None
    assert "`watch` restarts a command, and this entry has a URL" in spec.problem.detail
