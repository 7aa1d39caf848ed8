"""The log on disk: sizes, rotation, several writers, followers, and what happens when there is too much."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
from pathlib import Path

import pytest

from mcp_tui.sessions.wirelog.file_reader import WireTail
from mcp_tui.sessions.wirelog.files import Appender, LogFiles, base_name, known_servers
from mcp_tui.sessions.wirelog.log import Limits, WireLog
from mcp_tui.sessions.wirelog.secrets import Secrets
from tests.sessions.wirelog.records import T0, line, records, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wire"


def orders(tail: WireTail) -> list[int]:
    return [(found.line.head.order - T0) // 1000 for found in tail.poll()]


def test_files_rotate_at_their_size_and_only_two_stay(folder: Path) -> None:
    size = len(line(100))
    write(folder, [line(n) for n in range(100, 135)], max_bytes=size * 10)
    files = LogFiles.of(folder, "fs")
    assert files.current.stat().st_size == size * 5
    assert files.older.stat().st_size == size * 10
    assert [(whole.head.order - T0) // 1000 for whole in records(folder)] == list(range(120, 135))
    assert sorted(path.name for path in folder.iterdir()) == ["fs.1.jsonl", "fs.jsonl"]


def test_a_record_larger_than_a_file_is_kept_whole(folder: Path) -> None:
    write(folder, [line(1), line(2, message={"x": "y" * 5000}), line(3)], max_bytes=1000)
    assert [(whole.head.order - T0) // 1000 for whole in records(folder)] == [2, 3]


def _append_many(folder: str, start: int) -> None:
    appender = Appender(LogFiles.of(Path(folder), "fs"), max_bytes=30_000)
    for n in range(start, start + 200):
        appender.append([line(n)])


def test_several_processes_share_a_log(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(str(folder), start)) for start in (1000, 2000, 3000)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    files = LogFiles.of(folder, "fs")
    for path in (files.current, files.older):
        assert path.stat().st_size <= 30_000
        for text in path.read_text().splitlines():
            json.loads(text)
    # Nothing that was in the two newest files' worth of records is missing or doubled.
    found = [whole.head.order for whole in records(folder)]
    assert len(found) == len(set(found))
    assert len(found) > 100


def test_a_line_cut_by_a_crash_costs_only_itself(folder: Path) -> None:
    files = LogFiles.of(folder, "fs")
    write(folder, [line(1)])
    with files.current.open("ab") as file:
        file.write(line(2)[:40])
    write(folder, [line(3)])
    assert [(whole.head.order - T0) // 1000 for whole in records(folder)] == [1, 3]


@pytest.mark.parametrize("name", ["..", "a/b", "a.1", "ü\n\x1b[31m", "x" * 300, ".hidden", "~", "\ud800"])
def test_any_server_name_is_one_plain_file(folder: Path, name: str) -> None:
    write(folder, [line(1, server=name)], name)
    assert [path.parent for path in folder.iterdir()] == [folder]
    assert [path.name for path in folder.parent.iterdir() if path.name != "home"] == ["wire"]
    assert base_name(name) != base_name(f"{name}.1")
    known = known_servers(folder)
    assert len(known) == 1
    if name != "\ud800":
        assert list(known) == [name]


def test_a_follower_misses_nothing_over_a_rotation(folder: Path) -> None:
    size = len(line(100)) * 4
    tail = WireTail(folder)
    write(folder, [line(100), line(101)], max_bytes=size)
    assert orders(tail) == [100, 101]
    assert orders(tail) == []
    write(folder, [line(n) for n in range(102, 107)], max_bytes=size)
    assert orders(tail) == [102, 103, 104, 105, 106]
    # Rotated away before it was read: what is still there comes.
    write(folder, [line(n) for n in range(107, 127)], max_bytes=size)
    late = orders(tail)
    assert late == list(range(late[0], 127))
    write(folder, [line(200, server="new")], "new")
    assert orders(tail) == [200]


def test_a_follower_reads_in_portions_and_waits_for_the_end_of_a_line(folder: Path) -> None:
    tail = WireTail(folder)
    write(folder, [line(n) for n in range(100, 140)])
    portions: list[int] = []
    while portion := tail.poll(max_bytes=2000):
        assert sum(len(found.raw) for found in portion) < 2000 + len(line(100))
        portions += [(found.line.head.order - T0) // 1000 for found in portion]
    assert portions == list(range(100, 140))
    path = LogFiles.of(folder, "fs").current
    half = line(140)
    with path.open("ab") as file:
        file.write(half[:50])
    assert tail.poll() == []
    with path.open("ab") as file:
        file.write(half[50:])
    assert orders(tail) == [140]


def test_servers_are_merged_by_order_and_a_tail_is_bounded(folder: Path) -> None:
    write(folder, [line(n, server="a") for n in range(100, 200, 2)], "a")
    write(folder, [line(n, server="b") for n in range(101, 201, 2)], "b")
    assert [(found.line.head.order - T0) // 1000 for found in WireTail(folder).records()] == list(range(100, 200))
    tail = WireTail(folder)
    newest = [(found.line.head.order - T0) // 1000 for found in tail.recent(len(line(100, server="a")) * 20)]
    assert tail.skipped
    assert newest == list(range(180, 200))
    assert orders(tail) == []


async def test_too_much_is_counted_and_said_and_never_waits(folder: Path) -> None:
    log = WireLog(folder, limits=Limits(queued_items=10))
    recorder = log.recorder("fs", Secrets())
    for n in range(50):  # nothing is written before the thread runs
        recorder.sent(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % n)
    log.start()
    await log.close()
    found = records(folder)
    assert [whole.head.id for whole in found[:10]] == list(range(10))
    assert found[10].head.method == "dropped"
    assert found[10].fields["detail"]["count"] == 40
    assert found[10].head.failed


async def test_bytes_in_the_queue_are_bounded_too(folder: Path) -> None:
    log = WireLog(folder, limits=Limits(queued_bytes=10_000))
    recorder = log.recorder("fs", Secrets())
    message = b'{"jsonrpc":"2.0","id":1,"result":{"text":"%s"}}' % (b"x" * 4000)
    for _ in range(5):
        recorder.received(message)
    log.start()
    await log.close()
    assert [whole.head.kind for whole in records(folder)] == ["response", "response", "event"]
    assert records(folder)[-1].fields["detail"]["count"] == 3


async def test_what_the_disk_refused_is_counted_when_it_takes_records_again(folder: Path) -> None:
    folder.write_text("in the way")
    log = WireLog(folder)
    recorder = log.recorder("fs", Secrets())
    log.start()
    written = asyncio.Event()
    log.subscribe(written.set)
    recorder.event("connecting")
    recorder.event("connected")
    async with asyncio.timeout(20):
        await written.wait()
    assert log.problem is not None
    folder.unlink()
    recorder.event("closed")
    await log.close()
    assert log.problem is None
    found = records(folder)
    assert [whole.head.method for whole in found] == ["dropped", "closed"]
    assert found[0].fields["detail"]["count"] == 2


async def test_records_are_written_within_a_second_and_announced(folder: Path) -> None:
    assert Limits().gather_s < 1
    log = WireLog(folder)
    log.start()
    written = asyncio.Event()
    log.subscribe(written.set)
    log.recorder("fs", Secrets()).event("connecting")
    async with asyncio.timeout(20):
        await written.wait()
    assert [whole.head.method for whole in records(folder)] == ["connecting"]
    await log.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "wire log"]
