from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from mcp_tui.config.save import save_servers, write_atomically
from mcp_tui.core.errors import AppError


def test_servers_are_written_and_private(tmp_path: Path) -> None:
    file = tmp_path / "new" / "servers.toml"
    save_servers(file, {"a b": {"command": "npx", "env": {"K": "${K}"}}})
    assert tomllib.loads(file.read_text("utf-8")) == {"servers": {"a b": {"command": "npx", "env": {"K": "${K}"}}}}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_refused_write_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    with pytest.raises(AppError, match="folder"):
        write_atomically(target, b"x")
    assert list(tmp_path.iterdir()) == [tmp_path / "home", target]


def test_a_written_answer_has_the_usual_mode(tmp_path: Path) -> None:
    file = tmp_path / "answer.png"
    write_atomically(file, b"\x89PNG", private=False)
    assert file.read_bytes() == b"\x89PNG"
    assert stat.S_IMODE(file.stat().st_mode) & 0o400
