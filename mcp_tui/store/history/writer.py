"""Writes runs while they stream, on a thread of its own.

What is handed over is in the file within moments, and committed: a program that is killed loses what came since, and
never more. A file that cannot be written is told once; what waits is kept, tried again, and written when it can be.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.store.database import is_damage, set_database_aside, transaction
from mcp_tui.store.history.events import EventReader
from mcp_tui.store.history.records import Opening, RunStatus, SavedColumn
from mcp_tui.store.history.removal import prune
from mcp_tui.store.history.tables import NewerFileError, is_dead, open_history
from mcp_tui.store.history.track import Batch, RunTrack, new_run_id, write_index
from mcp_tui.store.history.transcript import Transcript

logger = logging.getLogger(__name__)

RETRY_S = 2.0
MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Kept in memory while the file cannot be written."""
PRUNE_EVERY_S = 300.0
_ID_TRIES = 3
_RECOVERED_AT_ONCE = 200


class HistoryWriter:
    """`on_fault` is called on the thread. max_bytes, max_age_s: None = no limit."""

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int | None = None,
        max_age_s: float | None = None,
        on_fault: Callable[[ErrorInfo], None] | None = None,
        now: Callable[[], float] = time.time,
        retry_s: float = RETRY_S,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.max_age_s = max_age_s
        self._on_fault = on_fault
        self._now = now
        self._retry_s = retry_s
        self._max_waiting_bytes = max_waiting_bytes
        self._handed: list[tuple[RunTrack, Batch]] = []
        self._changed = threading.Condition()
        self._closing = False
        self._flushed = 0
        self._asked = 0
        self._thread: threading.Thread | None = None
        # Of the thread alone:
        self._waiting: dict[RunTrack, None] = {}
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._told: str = ""
        """The fault that lasts."""
        self._refused = False
        """The file belongs to a newer program."""
        self._pruned_at: float | None = None
        self._ended_since = True

    def begin(self, opening: Opening) -> RunTrack:
        """Nothing is written before the first batch."""
        return RunTrack(opening, opening.id)

    def write(self, track: RunTrack, batch: Batch) -> None:
        """Returns at once."""
        with self._changed:
            if self._closing:
                logger.warning("a run was not saved: the history is closed")
                return
            self._handed.append((track, batch))
            self._wake()

    def flush(self, *, timeout_s: float = 10.0) -> bool:
        """Blocks until all that was handed over was written, or was tried and failed (False)."""
        with self._changed:
            self._asked += 1
            wanted = self._asked
            self._wake()
            done = self._changed.wait_for(lambda: self._flushed >= wanted or not self._alive(), timeout_s)
            return done and not self._waiting and not self._handed

    def close(self, *, timeout_s: float = 5.0) -> bool:
        """Blocks. What was handed over is written first; False when it could not be."""
        with self._changed:
            self._closing = True
            thread = self._thread
            self._changed.notify_all()
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive() and not self._waiting

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _wake(self) -> None:
        """With the lock held."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="history", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    # --- on the thread

    def _serve(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(
                        lambda: self._handed or self._closing or self._asked > self._flushed,
                        self._retry_s if self._waiting else None,
                    )
                    handed, self._handed = self._handed, []
                    closing_now, asked = self._closing, self._asked
                for track, batch in handed:
                    self._take(track, batch)
                if self._waiting:
                    self._try_to_write()
                with self._changed:
                    self._flushed = asked
                    self._changed.notify_all()
                    if closing_now and not self._handed:
                        return
        finally:
            self._disconnect()

    def _take(self, track: RunTrack, batch: Batch) -> None:
        if self._refused:
            return
        try:
            track.take(batch)
        except Exception:
            # A bug must not end the thread: the other runs are still to be saved.
            logger.exception("a part of run %s cannot be saved", track.id)
            return
        self._waiting[track] = None

    def _try_to_write(self, *, again: bool = True) -> None:
        try:
            self._write_all()
        except NewerFileError as error:
            self._refused = True
            self._waiting.clear()
            self._tell("History not saved", str(error), "install the newer version, or move the file away")
        except (sqlite3.Error, OSError) as error:
            self._disconnect()
            if is_damage(error) and again:
                if self._set_aside(error):
                    self._try_to_write(again=False)
                return
            self._tell_lasting(error)
            self._give_up_what_is_too_much()
        except Exception as error:
            logger.exception("the history cannot be written")
            self._disconnect()
            self._tell_lasting(error)
            self._give_up_what_is_too_much()
        else:
            if self._told:
                self._told = ""
                self._tell("History saved again", "what had waited is written", "")

    def _write_all(self) -> None:
        connection = self._connected()
        tracks = list(self._waiting)
        for attempt in range(_ID_TRIES):
            numbers: list[int] = []
            try:
                with transaction(connection):
                    numbers += [track.write(connection, self._now()) for track in tracks]
            except sqlite3.IntegrityError:
                # Another run has the id by chance; its own was told to nobody yet.
                if attempt == _ID_TRIES - 1:
                    raise
                track = tracks[len(numbers)]
                if track.number is not None:
                    raise
                track.id = new_run_id()
                continue
            for track, number in zip(tracks, numbers, strict=True):
                track.written(number)
                self._ended_since = self._ended_since or not track.live
            break
        self._waiting.clear()
        self._prune(connection)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is not None and self._file != _identity(self.path):
            # Moved or deleted while it was open: it would be written on, and nobody would ever read it.
            logger.warning("%s is not the file any more that was opened", self.path)
            self._disconnect()
            for track in self._waiting:
                track.begin_anew()
        if self._connection is None:
            self._connection = open_history(self.path)
            self._file = _identity(self.path)
            self._recover(self._connection)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with closing(self._connection):
                self._connection = None

    def _set_aside(self, error: BaseException) -> bool:
        """The damaged file stays beside, for whoever can repair it; the runs that go on begin in a new one."""
        try:
            target = set_database_aside(self.path, error)
        except OSError as fault:
            self._tell_lasting(fault)
            return False
        for track in self._waiting:
            track.begin_anew()
        self._tell("History damaged", f"{error}: it is kept as {target.name}, and a new one was begun", "")
        return True

    def _recover(self, connection: sqlite3.Connection) -> None:
        """Runs whose program died are marked, and found by their answers from now on."""
        rows: list[tuple[int, str, int, float]] = connection.execute(
            "SELECT number, host, pid, touched_at FROM runs WHERE status = 'live' ORDER BY number DESC LIMIT ?",
            (_RECOVERED_AT_ONCE,),
        ).fetchall()
        ours = {track.number for track in self._waiting}
        for number, host, pid, touched_at in rows:
            if number in ours or not is_dead(host, pid, touched_at, self._now()):
                continue
            reader, transcript = EventReader(), Transcript(keep_results=False)
            for (body,) in connection.execute("SELECT body FROM chunks WHERE run = ? ORDER BY seq", (number,)):
                transcript.take_all(reader.events(body))
            columns = [
                SavedColumn(id_, label, {})
                for id_, label in connection.execute(
                    "SELECT id, label FROM columns WHERE run = ? AND NOT removed ORDER BY position", (number,)
                )
            ]
            with transaction(connection):
                changed = connection.execute(
                    "UPDATE runs SET status = ? WHERE number = ? AND status = 'live'",
                    (RunStatus.INTERRUPTED.value, number),
                ).rowcount
                if changed:
                    write_index(connection, number, transcript, columns)

    def _prune(self, connection: sqlite3.Connection) -> None:
        now = time.monotonic()
        due = self._pruned_at is None or now - self._pruned_at >= PRUNE_EVERY_S
        if not due or not self._ended_since:
            return
        self._pruned_at, self._ended_since = now, False
        oldest_at = None if self.max_age_s is None else self._now() - self.max_age_s
        deleted = prune(connection, max_bytes=self.max_bytes, oldest_at=oldest_at, now=self._now())
        if deleted:
            logger.info("%s: %d old runs were deleted", self.path, deleted)

    def _give_up_what_is_too_much(self) -> None:
        if sum(track.waiting_bytes for track in self._waiting) <= self._max_waiting_bytes:
            return
        lost = sum(track.drop_waiting() for track in self._waiting)
        self._tell(
            "History not saved", f"{self.path} still cannot be written: {lost:,} bytes of runs were given up", ""
        )

    def _tell_lasting(self, error: BaseException) -> None:
        """Once for as long as it lasts."""
        logger.warning("history not saved: %s: %s", self.path, error)
        if not self._told:
            self._told = str(error)
            hint = "runs go on; what they say is kept in memory and saved as soon as the file can be written"
            self._tell("History not saved", f"{self.path}: {error}", hint)

    def _tell(self, title: str, detail: str, hint: str) -> None:
        logger.warning("%s: %s", title, detail)
        if self._on_fault is not None:
            self._on_fault(ErrorInfo(title, detail, hint, code="history"))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  device and inode, as cheap as it gets
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
