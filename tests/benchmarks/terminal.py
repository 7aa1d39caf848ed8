"""Eight demo columns that stream in a real terminal: what the dashboard takes of a core, and how soon a key shows.

The whole program runs as a person starts it, the demo models with it, on a pseudo-terminal of 330x60 cells, where all
eight columns are in view. A key is typed into the prompt every few frames; it is shown when the terminal got it.
"""

from __future__ import annotations

import os
import pty
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from struct import pack

import psutil

from tests.benchmarks.table import Row, show

COLUMNS, ROWS = 330, 60
MODELS = ("demo/swift", "demo/scholar", "demo/builder") * 3
PROMPT = b"a long answer in 3000 words, no tools"
KEYS = 60
KEY_S = 0.06


class Terminal:
    """A program on a pseudo-terminal, and all that it wrote so far."""

    def __init__(self, argv: list[str], home: str) -> None:
        self._leader, follower = pty.openpty()
        ioctl(follower, termios.TIOCSWINSZ, pack("HHHH", ROWS, COLUMNS, 0, 0))
        environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        environment |= {f"XDG_{kind}_HOME": home for kind in ("CONFIG", "DATA", "STATE", "CACHE")}
        environment |= {"HOME": home, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(
            argv, stdin=follower, stdout=follower, stderr=follower, env=environment, start_new_session=True
        )
        os.close(follower)
        self.processes = psutil.Process(self._process.pid)
        self.seen = bytearray()

    def write(self, text: bytes) -> None:
        os.write(self._leader, text)

    def read(self, seconds: float) -> bool:
        if not select.select([self._leader], [], [], seconds)[0]:
            return False
        self.seen += os.read(self._leader, 1 << 16)
        return True

    def wait(self, found: Callable[[], bool], what: str, seconds: float = 30.0) -> float:
        """Seconds until it was there."""
        started = time.perf_counter()
        while not found():
            left = started + seconds - time.perf_counter()
            if left <= 0 or not self.read(left):
                raise TimeoutError(f"no {what} within {seconds} s")
        return time.perf_counter() - started

    def rest(self, seconds: float) -> None:
        until = time.perf_counter() + seconds
        while (left := until - time.perf_counter()) > 0:
            self.read(left)

    def close(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 15
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                self.read(0.05)
            except OSError:  # the follower's side was closed
                break
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        os.close(self._leader)


def _keys_ms(terminal: Terminal) -> list[float]:
    """Milliseconds from each key to its sign on the terminal."""
    taken: list[float] = []
    typed = b""
    for number in range(KEYS):
        typed += b"%c" % (97 + number % 26)
        # The editor draws its line anew, in pieces at the cursor: what is new is the end of what was typed.
        start = len(terminal.seen)
        terminal.write(typed[-1:])
        shown = typed[-12:]
        taken.append(
            terminal.wait(lambda at=start, text=shown: terminal.seen.find(text, at) >= 0, f"key {number}") * 1000
        )
        terminal.rest(max(0.0, KEY_S - taken[-1] / 1000))
    return taken


def measure() -> tuple[list[float], list[float], float, int]:
    """(milliseconds per key while nothing streams, while eight do, share of a core meanwhile, bytes per second)."""
    models = [part for model in MODELS[:8] for part in ("-m", model)]
    with tempfile.TemporaryDirectory() as home:
        terminal = Terminal([str(Path(sys.executable).with_name("mcp-tui")), "--demo", *models], home)
        try:
            terminal.wait(lambda: b"1/1" in terminal.seen, "connected server")
            terminal.rest(1.5)
            terminal.write(b"\x15" * 40 + b"\x0b" * 40)  # ctrl+u and ctrl+k: the demo's own prompt goes
            terminal.rest(0.5)
            idle = _keys_ms(terminal)
            terminal.write(b"\x15")
            terminal.rest(0.3)
            terminal.write(PROMPT)
            terminal.rest(0.5)
            terminal.write(b"\r")
            terminal.wait(lambda: b"streaming" in terminal.seen, "stream")
            written, before, started = len(terminal.seen), terminal.processes.cpu_times(), time.perf_counter()
            busy = _keys_ms(terminal)
            seconds = time.perf_counter() - started
            after = terminal.processes.cpu_times()
            cpu = after.user + after.system - before.user - before.system
            return idle, busy, cpu / seconds, round((len(terminal.seen) - written) / seconds)
        finally:
            terminal.close()


def rows() -> list[Row]:
    idle, busy, share, rate = measure()
    p99 = sorted(busy)[int(len(busy) * 0.99)]
    a, b = statistics.median(busy), statistics.median(idle)
    return [
        Row(
            "a key in a terminal, 8 demo columns streaming",
            f"{a:.0f} ms",
            f"nothing streaming {b:.0f} ms",
            a / b,
            note=f"p99 {p99:.0f} ms; {share:.0%} of a core, the demo models in it; {rate / 1000:.0f} kB/s written",
        )
    ]


if __name__ == "__main__":
    show(rows())
