from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import Usage
from mcp_tui.store.usage import STALE_S, CallUsage, UsageLedger, spent_on, totals

DEADLINE_S = 30.0
NOON = datetime(2026, 11, 20, 12).timestamp()
DAY = date(2026, 11, 20)


class Wall:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def call(number: int = 1, *, at: float = NOON, provider: str = "openai", model: str = "m") -> CallUsage:
    return CallUsage(f"call{number}", at, provider, model, "x-r1", "c1")


def ended(row: CallUsage, cost: float | None, *, tokens: tuple[int, int] = (100, 10)) -> CallUsage:
    used = row.used(Usage(*tokens, cached_input_tokens=5, reasoning_tokens=2), estimate=False)
    return replace(used, status="ok", cost_usd=cost, cost_is_estimate=False, attempts=1, latency_ms=12.0)


def rows(path: Path) -> list[sqlite3.Row]:
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    try:
        return connection.execute("SELECT * FROM calls ORDER BY id").fetchall()
    finally:
        connection.close()


def test_a_call_is_one_row_from_its_start_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "data" / "usage.sqlite"
    ledger = UsageLedger(path, now=Wall())
    ledger.write(call())
    ledger.flush().result(DEADLINE_S)
    (row,) = rows(path)
    assert (row["status"], row["day"], row["cost_usd"], row["pid"]) == ("open", "2026-11-20", None, os.getpid())
    ledger.write(ended(call(), 0.25))
    assert ledger.close()
    (row,) = rows(path)
    assert (row["provider"], row["model"], row["run"], row["column"]) == ("openai", "m", "x-r1", "c1")
    assert (row["status"], row["input_tokens"], row["output_tokens"]) == ("ok", 100, 10)
    assert (row["cached_input_tokens"], row["reasoning_tokens"], row["cost_usd"]) == (5, 2, 0.25)
    assert (row["cost_is_estimate"], row["cached"], row["attempts"], row["latency_ms"]) == (0, 0, 1, 12.0)


def test_the_file_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "data" / "usage.sqlite"
    ledger = UsageLedger(path)
    ledger.write(call())
    ledger.flush().result(DEADLINE_S)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    ledger.close()


def test_nothing_is_opened_before_the_first_row(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "data" / "usage.sqlite")
    assert ledger.close()
    assert not (tmp_path / "data").exists()


def test_totals_by_provider_model_and_day(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path, now=Wall())
    ledger.write(ended(call(1), 0.5))
    ledger.write(ended(call(2, at=NOON + 86400, model="n"), 0.25))
    ledger.write(ended(call(3, provider="lab"), None))
    ledger.write(replace(ended(call(4), 0.0), cached=True))
    ledger.write(replace(call(5), status="error"))
    ledger.write(ended(call(6, provider="demo"), None))
    assert ledger.close()
    by_provider = {total.key: total for total in totals(path, "provider")}
    openai = by_provider[("openai",)]
    assert (openai.calls, openai.cached_calls, openai.failed_calls, openai.unpriced_calls) == (4, 1, 1, 0)
    assert (openai.input_tokens, openai.output_tokens) == (200, 20), "replays used no tokens"
    assert (openai.cached_input_tokens, openai.reasoning_tokens) == (10, 4)
    assert (openai.cost_usd, openai.cost_is_estimate, openai.tokens_are_estimate) == (0.75, False, False)
    assert by_provider[("lab",)].unpriced_calls == 1
    assert by_provider[("demo",)].unpriced_calls == 0, "demo models have no price to be unknown"
    assert [total.key for total in totals(path, "model")] == [
        ("openai", "m"), ("openai", "n"), ("demo", "m"), ("lab", "m"),
    ]  # fmt: skip
    assert [(total.key, total.calls) for total in totals(path, "day")] == [
        (("2026-11-20",), 5),
        (("2026-11-21",), 1),
    ]
    assert [total.key for total in totals(path, "day", since=date(2026, 11, 21))] == [("2026-11-21",)]
    assert spent_on(path, DAY) == 0.5
    assert spent_on(path, date(2026, 11, 22)) == 0


def test_an_estimate_within_a_sum_marks_the_sum(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path)
    ledger.write(ended(call(1), 0.5))
    ledger.write(replace(ended(call(2), 0.5), cost_is_estimate=True, tokens_are_estimate=True))
    ledger.close()
    (total,) = totals(path, "provider")
    assert (total.cost_is_estimate, total.tokens_are_estimate) == (True, True)


def test_without_a_file_there_is_no_usage_and_none_is_made(tmp_path: Path) -> None:
    assert totals(tmp_path / "data" / "none.sqlite", "model") == ()
    assert not (tmp_path / "data").exists()


async def reserve(
    ledger: UsageLedger, row: CallUsage, usd: float, limit: float, *, least: float | None = None, shares: int = 1
) -> tuple[float | None, float, float]:
    answer = await ledger.reserve(
        row, usd=usd, least_usd=usd if least is None else least, limit_usd=limit, shares=shares
    )
    return answer.granted_usd, answer.spent_usd, answer.held_usd


async def test_running_calls_hold_money_back_until_they_end(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "usage.sqlite", now=Wall())
    ledger.write(ended(call(1), 0.4))
    assert await reserve(ledger, call(2), 0.5, 1.0) == (0.5, 0.4, 0.0)
    assert await reserve(ledger, call(3), 0.2, 1.0) == (None, 0.4, 0.5)
    ledger.write(ended(call(2), 0.1))
    assert await reserve(ledger, call(3), 0.2, 1.0) == (0.2, 0.5, 0.0)
    # Progress of a running call does not give its money back.
    ledger.write(replace(ended(call(3), 0.05), status="open"))
    assert await reserve(ledger, call(4), 0.4, 1.0) == (None, 0.5, 0.2)
    ledger.close()


async def test_a_grant_is_a_share_of_what_is_left_but_never_below_the_least(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "usage.sqlite", now=Wall())
    granted, _, _ = await reserve(ledger, call(1), 5.0, 0.9, least=0.1, shares=3)
    assert granted is not None
    assert abs(granted - 0.3) < 1e-9
    granted, _, _ = await reserve(ledger, call(2), 5.0, 0.9, least=0.5, shares=3)
    assert granted is not None
    assert abs(granted - 0.5) < 1e-9
    assert (await reserve(ledger, call(3), 5.0, 0.9, least=0.2))[0] is None
    ledger.close()


async def test_yesterday_does_not_count_today(tmp_path: Path) -> None:
    ledger = UsageLedger(tmp_path / "usage.sqlite", now=Wall())
    ledger.write(ended(call(1, at=NOON - 86400), 100.0))
    assert (await reserve(ledger, call(2), 1.0, 1.0))[0] == 1.0
    ledger.close()


async def test_a_call_nobody_touched_for_long_holds_nothing_back(tmp_path: Path) -> None:
    wall = Wall()
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path, now=wall)
    assert (await reserve(ledger, call(1), 1.0, 1.0))[0] == 1.0
    wall.now += STALE_S - 1
    assert (await reserve(ledger, call(2), 1.0, 1.0))[0] is None
    wall.now += 2
    assert (await reserve(ledger, call(2), 1.0, 1.0))[0] == 1.0
    ledger.close()
    assert [(row["id"], row["status"]) for row in rows(path)] == [("call1", "lost"), ("call2", "open")]


_WRITER = """
import sys
from pathlib import Path
from dataclasses import replace
from mcp_tui.core.state import Usage
from mcp_tui.store.usage import CallUsage, UsageLedger
ledger = UsageLedger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    row = CallUsage(f"{sys.argv[2]}-{number}", 1e9, "p", "m", "r", "c")
    ledger.write(row)
    ledger.flush().result(60)
    ledger.write(replace(row.used(Usage(1, 1), estimate=False), status="ok", cost_usd=0.01))
assert ledger.close(timeout_s=60)
"""


def test_two_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), name, "40"], stderr=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert writer.returncode == 0, errors
    found = rows(path)
    assert len(found) == 80
    assert {row["status"] for row in found} == {"ok"}
    assert len({row["pid"] for row in found}) == 2


_RESERVER = """
import asyncio, sys
from pathlib import Path
from mcp_tui.store.usage import CallUsage, UsageLedger

async def main():
    ledger = UsageLedger(Path(sys.argv[1]))
    granted = 0
    for number in range(30):
        row = CallUsage(f"{sys.argv[2]}-{number}", 1e9, "p", "m", "r", "c")
        answer = await ledger.reserve(row, usd=0.1, least_usd=0.1, limit_usd=2.05)
        granted += answer.granted_usd is not None
    print(granted, flush=True)
    sys.stdin.readline()  # the calls run on: the money stays held back
    ledger.close()

asyncio.run(main())
"""


def test_two_processes_together_never_reserve_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    reservers = [
        subprocess.Popen(
            [sys.executable, "-c", _RESERVER, str(path), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in ("a", "b")
    ]  # fmt: skip
    granted: list[int] = []
    for reserver in reservers:
        assert reserver.stdout is not None
        granted.append(int(reserver.stdout.readline()))
    for reserver in reservers:
        reserver.communicate("\n", timeout=60)
        assert reserver.returncode == 0
    assert sum(granted) == 20


_KILLED = """
import sys, time
from pathlib import Path
from dataclasses import replace
from mcp_tui.core.state import Usage
from mcp_tui.store.usage import CallUsage, UsageLedger
ledger = UsageLedger(Path(sys.argv[1]))
row = CallUsage("mine", time.time(), "p", "m", "r", "c")
for tokens in range(1, 4):
    ledger.write(replace(row.used(Usage(10, tokens), estimate=True), cost_usd=tokens / 100))
    ledger.flush().result(60)
print("written", flush=True)
sys.stdin.readline()
"""


async def test_a_killed_process_leaves_its_last_estimate_and_holds_nothing_back(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    victim = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == "written\n"
    victim.send_signal(signal.SIGKILL)
    victim.communicate(timeout=30)
    (total,) = totals(path, "model")
    assert (total.output_tokens, total.cost_usd, total.tokens_are_estimate) == (3, 0.03, True)
    ledger = UsageLedger(path)
    row = replace(call(2), at=ledger.now())
    granted, spent, held = await reserve(ledger, row, 0.5, 0.54)
    assert (granted, spent, held) == (0.5, 0.03, 0.0)
    ledger.close()
    assert {row["id"]: row["status"] for row in rows(path)} == {"mine": "lost", "call2": "open"}


async def test_a_file_that_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    path.write_bytes(b"this was a database once" * 100)
    ledger = UsageLedger(path, now=Wall())
    assert (await reserve(ledger, call(1), 0.5, 1.0))[0] == 0.5
    ledger.close()
    assert [row["id"] for row in rows(path)] == ["call1"]
    assert (tmp_path / "usage.sqlite.damaged").read_bytes().startswith(b"this was")


def test_damage_in_the_middle_is_survived_with_the_rows_in_hand(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    first = UsageLedger(path)
    for number in range(300):
        first.write(ended(call(number), 0.01))
    assert first.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    ledger = UsageLedger(path)
    for number in range(1000, 1003):
        ledger.write(ended(call(number), 0.01))
        ledger.flush().exception(DEADLINE_S)
    ledger.close()
    assert {row["id"] for row in rows(path)} >= {"call1001", "call1002"}


def test_a_directory_that_cannot_be_written_is_told_once_and_hurts_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    told: list[ErrorInfo] = []
    happened = threading.Event()

    def on_fault(info: ErrorInfo) -> None:
        told.append(info)
        happened.set()

    ledger = UsageLedger(blocked / "usage.sqlite", on_fault=on_fault)
    ledger.write(call(1))
    assert happened.wait(DEADLINE_S)
    ledger.write(call(2))
    assert not ledger.close()
    assert [info.code for info in told] == ["usage_not_written"]


async def test_a_locked_file_does_not_hold_up_the_loop_and_rows_follow_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_tui.store.database.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path)
    ledger.write(call(1))
    await asyncio.wrap_future(ledger.flush())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    ledger.write(call(2))
    await asyncio.wrap_future(ledger.flush())
    assert [row["id"] for row in rows(path)] == ["call1"]
    with pytest.raises(sqlite3.OperationalError):
        await reserve(ledger, call(3), 0.1, 1.0)
    other.execute("COMMIT")
    other.close()
    ledger.write(call(4))
    assert ledger.close()
    assert [row["id"] for row in rows(path)] == ["call1", "call2", "call4"]


def test_figures_and_names_no_database_can_hold_are_bent_to_fit(tmp_path: Path) -> None:
    path = tmp_path / "usage.sqlite"
    ledger = UsageLedger(path)
    ledger.write(ended(call(1, model="\ud800x"), 1.0, tokens=(10**30, 1)))
    assert ledger.close()
    (row,) = rows(path)
    assert (row["model"], row["input_tokens"]) == ("\\ud800x", 2**63 - 1)
