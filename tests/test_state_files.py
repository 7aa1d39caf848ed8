"""What holds for every small file the program keeps by itself: nothing is lost, nothing is open to others."""

from __future__ import annotations

import json
import logging
import os
import random
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from mcp_tui.config import paths, save
from mcp_tui.config.edit import add_servers, own_servers, remove_server
from mcp_tui.core.errors import AppError
from tests.state_files import BY_NAME, KINDS, Kind

every = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
SEVERAL = [kind for kind in KINDS if kind.name != "tokens"]
"""Those of many entries."""
several = pytest.mark.parametrize("kind", SEVERAL, ids=lambda kind: kind.name)


def begin(kind: Kind, *values: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.state_files", kind.name, *values],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[1], env={**os.environ, **environ},
    )  # fmt: skip


def written(kind: Kind, content: bytes) -> Path:
    kind.path().parent.mkdir(parents=True, exist_ok=True)
    kind.path().write_bytes(content)
    return kind.path()


def told(kind: Kind, caplog: pytest.LogCaptureFixture) -> str:
    """What is said of a value that cannot be kept."""
    try:
        kind.put("a")
    except AppError as error:
        return str(error)
    return caplog.text


@every
def test_a_file_of_an_earlier_version_is_read_and_kept(kind: Kind) -> None:
    path = written(kind, kind.written.encode())
    assert kind.get() == {"old"}
    kind.put("a")
    assert kind.get() == ({"a"} if kind.name == "tokens" else {"old", "a"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.damaged*"))


_CONTENTS = {
    "empty": b"",
    "cut": b'{"approvals": [{"ser',
    "binary": bytes(range(256)) * 50,
    "nested": b"[" * 100_000,
    "nested objects": b'{"eras":' * 100_000,
    "huge": b"x" * (9 << 20),
    "null": b"null",
    "number": b"5",
    "others": b'{"approvals": 7, "files": 7, "eras": 7, "server": 7}',
    "list": b"[7]",
}
_HOLDS_NOTHING = {("prompts", "empty"), ("preferences", "others")}
"""What is no damage."""


@every
@pytest.mark.parametrize("content", list(_CONTENTS))
def test_a_damaged_file_counts_as_empty_and_is_set_aside(
    kind: Kind, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(kind, _CONTENTS[content])
    assert kind.get() == set()
    assert path.read_bytes() == _CONTENTS[content], "reading changes nothing"
    kind.put("a")
    assert kind.get() == {"a"}
    aside = path.with_name(f"{path.name}.damaged")
    if (kind.name, content) not in _HOLDS_NOTHING:
        assert aside.read_bytes() == _CONTENTS[content]
        assert any(str(aside) in line and f"{path} " in line for line in caplog.messages)
    taken = aside.exists()
    path.write_bytes(b"\xff")
    kind.put("b")
    assert kind.get() == {"b"}
    if taken:
        assert path.with_name(f"{path.name}.damaged2").read_bytes() == b"\xff", "one does not replace the other"


@pytest.mark.parametrize("content", ["cut", "binary", "nested", "nested objects", "huge", "null", "number"])
def test_a_damaged_servers_toml_is_an_error_and_left_to_the_person(content: str) -> None:
    path = paths.servers_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_CONTENTS[content])
    for work in (own_servers, lambda: add_servers({"a": {"command": "x"}}), lambda: remove_server("a")):
        with pytest.raises(AppError, match=r"servers\.toml"):
            work()
    assert path.read_bytes() == _CONTENTS[content]


@every
def test_a_bad_entry_does_not_cost_the_others(kind: Kind) -> None:
    bad = json.dumps(kind.with_bad(json.loads(kind.written))).encode()
    content = kind.written.encode() + bad if kind.name == "prompts" else bad
    path = written(kind, content)
    assert kind.get() == {"old"}
    if kind.name == "tokens":
        return
    kind.put("a")
    assert kind.get() == {"old", "a"}
    assert path.with_name(f"{path.name}.damaged").read_bytes() == content


@every
def test_what_is_no_file_is_neither_read_nor_replaced(kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    kind.path().parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(kind.path())
    try:
        assert kind.get() == set()
    except AppError as error:
        assert "no regular file" in str(error)
    assert "no regular file" in told(kind, caplog)
    assert stat.S_ISFIFO(kind.path().lstat().st_mode)


@several
def test_two_processes_that_write_at_once_lose_nothing(kind: Kind) -> None:
    values = [[f"{who}{number}" for number in range(20)] for who in "xy"]
    processes = [begin(kind, *mine) for mine in values]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert kind.get() == {*values[0], *values[1]}


@every
def test_a_process_that_is_killed_while_it_writes_leaves_a_whole_file(kind: Kind) -> None:
    written(kind, kind.written.encode())
    chance = random.Random(kind.name)
    for _ in range(4):
        process = begin(kind, "forever", "b")
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.2))
        process.kill()
        process.communicate(timeout=30)
        for line in kind.path().read_text().splitlines() if kind.name == "prompts" else [kind.path().read_text()]:
            json.loads(line)
    assert kind.get() - {"a", "b"} <= {"old"}
    kind.put("a")
    assert "a" in kind.get()
    if kind.name == "tokens":
        return
    assert "old" in kind.get() or kind.name == "prompts"


@every
@pytest.mark.parametrize("umask", ["0", "077", "777"])
def test_files_and_folders_are_private_whatever_the_umask(kind: Kind, umask: str, tmp_path: Path) -> None:
    homes = {
        variable: str(tmp_path / "new" / variable.lower())
        for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME")
    }
    process = begin(kind, "a", TEST_UMASK=umask, **homes)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    everything = list((tmp_path / "new").rglob("*"))
    assert kind.path().name in {path.name for path in everything}
    for path in [tmp_path / "new", *everything]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@every
def test_what_was_open_to_others_is_closed_to_them(kind: Kind) -> None:
    path = written(kind, kind.written.encode())
    path.chmod(0o666)
    path.parent.chmod(0o777)
    assert kind.get() == {"old"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kind.put("a")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@every
def test_a_lock_that_another_process_holds_is_a_sentence(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kind.put("b")
    monkeypatch.setattr(save, "LOCK_S", 0.05)
    lock = next(paths.state_dir().glob("*.lock"))
    script = "import fcntl, sys; file = open(sys.argv[1]); fcntl.flock(file, 2); print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert "is in use" in told(kind, caplog)
    assert kind.get() == {"b"}, "reading needs no lock"
    holder.communicate("\n", timeout=30)
    kind.put("a")
    assert "a" in kind.get()


@every
def test_a_file_system_without_locks_is_a_sentence(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import errno
    import fcntl

    def refuse(handle: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert "No locks available" in told(kind, caplog)


@every
def test_a_full_disk_is_a_sentence_and_the_old_file_stays(kind: Kind) -> None:
    path = written(kind, kind.written.encode())
    process = begin(kind, "a", TEST_FILE_BYTES="4")
    _, errors = process.communicate(timeout=60)
    assert "File too large" in errors
    assert path.read_bytes() == kind.written.encode()
    assert not list(path.parent.glob(f".{path.name}*"))


@every
def test_a_full_disk_costs_no_damaged_file_either(kind: Kind) -> None:
    path = written(kind, b"\xff\n")
    process = begin(kind, "a", TEST_FILE_BYTES="4")
    _, errors = process.communicate(timeout=60)
    assert "File too large" in errors
    assert path.read_bytes() == b"\xff\n"
    assert not path.with_name(f"{path.name}.damaged").exists()


@every
def test_a_folder_that_cannot_be_written_is_a_sentence(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            monkeypatch.setenv(variable, name)
        written(kind, kind.written.encode()).chmod(0o644)
        folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        # For root no folder is closed.
        process = begin(kind, "a", **({"TEST_USER": "65534"} if os.geteuid() == 0 else {}))
        _, errors = process.communicate(timeout=60)
        for folder in folders:
            folder.chmod(0o700)
        assert "Permission denied" in errors
        assert "Traceback" not in errors
        assert kind.path().read_text() == kind.written


def test_the_person_who_wants_nothing_kept_links_to_nothing() -> None:
    kind = BY_NAME["prompts"]
    kind.path().parent.mkdir(parents=True, exist_ok=True)
    kind.path().symlink_to(os.devnull)
    kind.put("a")
    assert kind.get() == set()
    assert kind.path().is_symlink()
    assert Path(os.devnull).is_char_device()


@several
def test_a_link_stays_a_link(kind: Kind, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_text(kind.written)
    kind.path().parent.mkdir(parents=True, exist_ok=True)
    kind.path().symlink_to(target)
    kind.put("a")
    assert kind.path().is_symlink()
    assert kind.get() == {"old", "a"}


def test_what_is_not_damaged_is_not_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for kind in KINDS:
        kind.put("a")
        assert "a" in kind.get()
    assert caplog.messages == []
