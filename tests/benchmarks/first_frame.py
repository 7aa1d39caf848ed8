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

_EMPTY_APP = """
from textual.app import App
from textual.widgets import Static


class Empty(App[None]):
    def compose(self):
        yield Static("Compare")


Empty().run()
"""


def first_frame_s(argv: list[str], marker: bytes, *, timeout_s: float = 30.0) -> float:
    """Seconds from starting `argv` on a 160x45 pseudo-terminal until `marker` was painted."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 160, 0, 0))
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


def measure(rounds: int = 7) -> tuple[float, float]:
    """(median of ours, median of the empty app), in seconds, taken in turn after one warm-up each."""
    ours_argv = [str(Path(sys.executable).with_name("mcp-tui"))]
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(_EMPTY_APP)
        empty_argv = [sys.executable, str(script)]
        ours: list[float] = []
        empty: list[float] = []
        for number in range(rounds + 1):
            a = first_frame_s(ours_argv, b"Compare")
            b = first_frame_s(empty_argv, b"Compare")
            if number:
                ours.append(a)
                empty.append(b)
    return statistics.median(ours), statistics.median(empty)


def main() -> None:
    ours, empty = measure()
    print(
        f"first frame            {ours * 1000:7.0f} ms   empty Textual app {empty * 1000:7.0f} ms   {ours / empty:.2f}x"
    )


if __name__ == "__main__":
    main()
