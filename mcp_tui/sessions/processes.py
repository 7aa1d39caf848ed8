"""The process groups of one manager's servers, for the case that nothing else ended them."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import subprocess
from contextlib import suppress

_log = logging.getLogger(__name__)

GUARD_EXIT_S = 2
"""Whole seconds, as every `sleep` takes them: what the guard leaves a group to end by itself, for its input ended."""
GUARD_TERM_S = 1
_GOODBYE_S = 1.0
_GUARD = """
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
  esac
done
left() { for group in $groups; do kill -s 0 -- "-$group" 2>/dev/null && return 0; done; return 1; }
tell() { for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done; }
wait_for() { count=0; while left && [ "$count" -lt "$1" ]; do sleep 1; count=$((count + 1)); done; }
wait_for "$1"
tell TERM
wait_for "$2"
tell KILL
"""
"""Reads `+ GROUP` and `- GROUP`; the end of its input is the end of this program, however it came about."""


class ProcessGroups:
    """Groups still running when this program ends are ended too, also when it is killed outright.

    For the end of the interpreter there is `atexit`. SIGKILL leaves no time for anything, so a small shell (one per
    program, in a session of its own) holds the other end of a pipe and knows the groups. Linux' own parent-death
    signal does less: it would need a wrapper around every command, strikes when the *thread* that started the child
    ends, kills without giving the child time, and does not reach what the child started. Without a shell the
    children still see their input end.
    """

    def __init__(self) -> None:
        self._leaders: set[int] = set()
        self._guard: subprocess.Popen[bytes] | None = None
        self._watching = False
        self.starting = asyncio.Lock()
        """One process is started at a time: fifty in one turn of the loop would freeze the screen."""

    def watch(self) -> None:
        self._watching = True
        atexit.register(self.kill)

    async def unwatch(self) -> None:
        """Call when every group has ended; lets the guard go."""
        self._watching = False
        atexit.unregister(self.kill)
        guard, self._guard = self._guard, None
        if guard is not None:
            await asyncio.to_thread(_dismiss, guard)

    def add(self, leader: int) -> None:
        self._leaders.add(leader)
        if self._guard is None and self._watching:
            self._post_guard()
        self._tell_guard("+", leader)

    def discard(self, leader: int) -> None:
        if leader in self._leaders:
            self._leaders.discard(leader)
            self._tell_guard("-", leader)

    def kill(self) -> None:
        for leader in list(self._leaders):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
            self.discard(leader)

    def _post_guard(self) -> None:
        # Nothing in its command line names this program: `pkill -9 -f` must not take the guard along.
        argv = ["/bin/sh", "-c", _GUARD, "guard", str(GUARD_EXIT_S), str(GUARD_TERM_S)]
        try:
            guard = subprocess.Popen(
                argv,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )
        except OSError as error:
            self._watching = False
            _log.warning("servers are not guarded against a sudden end of this program: %s", error)
            return
        if guard.stdin is not None:
            os.set_blocking(guard.stdin.fileno(), False)
        self._guard = guard

    def _tell_guard(self, what: str, leader: int) -> None:
        guard = self._guard
        if guard is None or guard.stdin is None:
            return
        try:
            guard.stdin.write(f"{what} {leader}\n".encode())
        except OSError as error:  # somebody ended it
            _log.warning("the guard of the servers is gone: %s", error)
            self._guard, self._watching = None, False
            _dismiss(guard, 0.0)


def _dismiss(guard: subprocess.Popen[bytes], seconds: float = _GOODBYE_S) -> None:
    if guard.stdin is not None:
        with suppress(OSError):
            guard.stdin.close()
    with suppress(subprocess.TimeoutExpired):  # it waits for a group that did not end, as it should
        guard.wait(seconds)
