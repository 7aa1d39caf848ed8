"""The process groups of one manager's servers, for the case that nothing else ended them."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import signal
import subprocess
from contextlib import suppress

from mcp_tui.sessions.transport.pipe_holders import signal_holders

_log = logging.getLogger(__name__)

GUARD_EXIT_S = 2
"""Whole seconds, as every `sleep` takes them: what the guard leaves a group to end by itself, for its input ended."""
GUARD_TERM_S = 1
_GOODBYE_S = 1.0
_GUARD = r"""
trap '' HUP INT QUIT TERM
groups=' '
while read -r what group; do
  case $what in
    +) groups="$groups$group " ;;
    -) case $groups in *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;; esac ;;
  esac
done
escaped() {
  ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v groups="$groups" '
    BEGIN {
      count = split(groups, group, " ")
      for (i = 1; i <= count; i++) {
        pipes = split(group[i], number, ",")
        for (j = 2; j <= pipes; j++) ours["pipe:[" number[j] "]"] = 1
      }
    }
    /^\/proc\// { split($0, path, "/") }
    $NF in ours && !told[path[3]]++ { print path[3] }'
}
left() {
  for group in $groups; do kill -s 0 -- "-${group%%,*}" 2>/dev/null && return 0; done
  [ -n "$(escaped)" ]
}
tell() {
  for group in $groups; do kill -s "$1" -- "-${group%%,*}" 2>/dev/null; done
  for pid in $(escaped); do kill -s "$1" "$pid" 2>/dev/null; done
}
wait_for() { count=0; while left && [ "$count" -lt "$1" ]; do sleep 1; count=$((count + 1)); done; }
wait_for "$1"
tell TERM
wait_for "$2"
tell KILL
"""
"""Reads `+ GROUP,PIPE,PIPE` and `- GROUP,PIPE,PIPE`; the end of its input is the end of this program, however it came
about. Who left its group is found by the pipes, where there is a `/proc`.
"""


class ProcessGroups:
    """Groups still running when this program ends are ended too, also when it is killed outright.

    For the end of the interpreter there is `atexit`. SIGKILL leaves no time for anything, so a small shell (one per
    program, in a session of its own) holds the other end of a pipe and knows the groups. Linux' own parent-death
    signal does less: it would need a wrapper around every command, strikes when the *thread* that started the child
    ends, kills without giving the child time, and does not reach what the child started. Without a shell the
    children still see their input end.

    A process leaves its group with `setsid` (the command of that name starts the whole server so); as long as it
    keeps its output it is found by that. One that gave that up too became a daemon, and is left alone.
    """

    def __init__(self) -> None:
        self._leaders: dict[int, tuple[int, ...]] = {}
        """With the pipes of its output."""
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

    def add(self, leader: int, pipes: tuple[int, ...] = ()) -> None:
        """pipes: the numbers of those it writes to."""
        self._leaders[leader] = pipes
        if self._guard is None and self._watching:
            self._post_guard()
        self._tell_guard("+", leader, pipes)

    def discard(self, leader: int) -> None:
        pipes = self._leaders.pop(leader, None)
        if pipes is not None:
            self._tell_guard("-", leader, pipes)

    def kill(self) -> None:
        for leader in self._leaders:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(leader, signal.SIGKILL)
        if pipes := [pipe for pipes in self._leaders.values() for pipe in pipes]:
            signal_holders(pipes, signal.SIGKILL)
        for leader in list(self._leaders):
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

    def _tell_guard(self, what: str, leader: int, pipes: tuple[int, ...]) -> None:
        guard = self._guard
        if guard is None or guard.stdin is None:
            return
        try:
            guard.stdin.write(f"{what} {','.join(map(str, (leader, *pipes)))}\n".encode())
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
