"""Time to the first frame in a real terminal, against an empty Textual app started the same way."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

from tests.benchmarks.table import Row, show

_EMPTY_APP = """
from textual.app import App
from textual.widgets import Static


class Empty(App[None]):
    def compose(self):
        yield Static("Compare")


Empty().run()
"""
_TYPED = b"Zq"


def first_frame_s(argv: list[str], marker: bytes, *, typed: bytes = b"", timeout_s: float = 30.0) -> float:
    """Seconds from starting `argv` on a 160x45 pseudo-terminal until `marker` was painted; `typed` waits in it."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
    # Nothing but the program may show what is typed.
    settings = termios.tcgetattr(follower)
    settings[3] &= ~termios.ECHO
    termios.tcsetattr(follower, termios.TCSANOW, settings)
    os.write(leader, typed)
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
            "HOME": home,
            "XDG_CONFIG_HOME": home,
            "XDG_DATA_HOME": home,
            "XDG_STATE_HOME": home,
            "XDG_CACHE_HOME": home,
            "TERM": "xterm-256color",
        }
        started = time.perf_counter()
        process = subprocess.Popen(
            argv, stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True
        )
        os.close(follower)
        seen = b""
        try:
            while marker not in seen:
                left = started + timeout_s - time.perf_counter()
                if left <= 0 or not select.select([leader], [], [], left)[0]:
                    raise TimeoutError(f"no first frame of {argv[0]} within {timeout_s} s")
                seen += os.read(leader, 1 << 16)
            return time.perf_counter() - started
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            _drain_until_exit(leader, process)
            os.close(leader)


def _drain_until_exit(leader: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 15
    while process.poll() is None and time.monotonic() < deadline:
        if select.select([leader], [], [], 0.05)[0]:
            try:
                os.read(leader, 1 << 16)
            except OSError:  # the follower side was closed
                break
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(rounds: int = 9) -> tuple[list[float], list[float], list[float]]:
    """Seconds to (our first frame, the first key's echo in our prompt, the empty app), in turn after a warm-up each."""
    ours_argv = [str(Path(sys.executable).with_name("mcp-tui"))]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(_EMPTY_APP)
        empty_argv = [sys.executable, str(script)]
        ours: list[float] = []
        keys: list[float] = []
        empty: list[float] = []
        for number in range(rounds + 1):
            a = first_frame_s(ours_argv, b"Compare")
            b = first_frame_s(empty_argv, b"Compare")
            c = first_frame_s(ours_argv, _TYPED, typed=_TYPED)
            if number:
                ours.append(a)
                empty.append(b)
                keys.append(c)
    return ours, keys, empty


def rows() -> list[Row]:
    ours, keys, empty = measure()
    # The ratio of each pair: what disturbs one of them most likely disturbed the other.
    ratio = statistics.median(a / b for a, b in zip(ours, empty, strict=True))
    echo = statistics.median(a / b for a, b in zip(keys, empty, strict=True))
    base = f"empty Textual app {statistics.median(empty) * 1000:.0f} ms"
    return [
        Row("first frame", f"{statistics.median(ours) * 1000:.0f} ms", base, ratio, 1.5),
        Row(
            "a key typed at once is in the prompt",
            f"{statistics.median(keys) * 1000:.0f} ms",
            base,
            echo,
            note="the panes stand",
        ),
    ]


if __name__ == "__main__":
    show(rows())
