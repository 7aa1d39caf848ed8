"""Ending the dashboard from outside, in a real terminal: its children end too and the exit code says why."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import psutil
import pytest

DEADLINE_S = 40.0


def read_until(leader: int, marker: bytes) -> bytes:
    seen = b""
    deadline = time.monotonic() + DEADLINE_S
    while marker not in seen:
        left = deadline - time.monotonic()
        assert left > 0, f"{marker!r} never came"
        if select.select([leader], [], [], left)[0]:
            seen += os.read(leader, 1 << 16)
    return seen


def drain_until_exit(leader: int, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + DEADLINE_S
    while process.poll() is None:
        assert time.monotonic() < deadline, "the dashboard did not end"
        if select.select([leader], [], [], 0.05)[0]:
            try:
                os.read(leader, 1 << 16)
            except OSError:  # the other side is closed: Linux says EIO
                break
    return process.wait(DEADLINE_S)


_CONTROLLED = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


def opened(stderr: IO[bytes] | None = None, *, controlled: bool = False) -> tuple[int, subprocess.Popen[bytes]]:
    """The dashboard in a terminal of its own: the terminal's other end, and the process.

    controlled: as a window has it, so that closing it sends SIGHUP; else as some containers give it.
    """
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [
            *([sys.executable, "-c", _CONTROLLED] if controlled else []),
            str(Path(sys.executable).with_name("mcp-tui")),
            "--demo",
        ],
        stdin=follower,
        stdout=follower,
        stderr=follower if stderr is None else stderr,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "35"},
        start_new_session=True,
    )
    os.close(follower)
    return leader, process


def test_the_screen_is_drawn_on_the_terminal_also_when_stderr_goes_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "errors").open("wb") as errors:
        leader, process = opened(errors)
        try:
            read_until(leader, b"1/1 servers")
            process.send_signal(signal.SIGTERM)
            assert drain_until_exit(leader, process) == 128 + signal.SIGTERM
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            os.close(leader)
    assert b"\x1b" not in (tmp_path / "errors").read_bytes()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signal_ends_the_dashboard_and_its_children(name: str) -> None:
    leader, process = opened()
    try:
        read_until(leader, b"1/1 servers")
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        number = getattr(signal, name)
        process.send_signal(number)
        assert drain_until_exit(leader, process) == 128 + number
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(leader)


@pytest.mark.parametrize("controlled", [True, False])
def test_a_terminal_that_is_closed_ends_the_dashboard_and_its_children(controlled: bool) -> None:
    """Also where nothing but a failed write tells: a window that closes while answers stream."""
    leader, process = opened(controlled=controlled)
    closed = False
    try:
        read_until(leader, b"1/1 servers")
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        os.write(leader, b"\r")  # a run starts: something is drawn all the time
        read_until(leader, b"streaming")
        os.close(leader)
        closed = True
        assert process.wait(DEADLINE_S) == 128 + signal.SIGHUP
        _, alive = psutil.wait_procs(children, timeout=10)
        assert alive == []
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        if not closed:
            os.close(leader)


_BROKEN = """
import sys
from mcp_tui.ui import dashboard
from mcp_tui.ui.bridge import DashboardOptions

def boom(secret="hunter2-s3cret"):
    raise KeyError("no such colour")

dashboard.Dashboard.engine_ready = lambda self, engine: self.call_later(boom)
sys.exit(dashboard.run_dashboard(DashboardOptions(demo=True)))
"""


def test_a_defect_ends_with_a_sentence_and_its_details_in_the_log(private_environment: Path) -> None:
    """The framework would print pages, with the value of every local variable."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _BROKEN],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "COLUMNS": "100", "LINES": "30"},
        start_new_session=True,
    )
    os.close(follower)
    try:
        seen = read_until(leader, b"mcp-tui.log")
        assert drain_until_exit(leader, process) == 1
    finally:
        os.close(leader)
        process.kill()
        process.wait(DEADLINE_S)
    said = seen.decode("utf-8", "replace")
    assert "mcp-tui ended by an unexpected fault: KeyError: 'no such colour'" in said
    assert "Traceback" not in said
    log = (private_environment / ".local/state/mcp-tui/mcp-tui.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert "in boom" in log
    assert "hunter2" not in said + log
