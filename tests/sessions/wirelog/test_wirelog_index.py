"""Rows, links and filters of the Wire screen, without a screen."""

from __future__ import annotations

import asyncio
import threading
from array import array
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcp_tui.sessions.wirelog.export import export
from mcp_tui.sessions.wirelog.feed import WireFeed
from mcp_tui.sessions.wirelog.file_reader import Segment, WireTail
from mcp_tui.sessions.wirelog.files import LogFiles
from mcp_tui.sessions.wirelog.index import IndexSnapshot, WireIndex
from mcp_tui.sessions.wirelog.query import Query
from tests.sessions.wirelog.records import T0, call, line, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "wire"


def indexed(folder: Path, **options: int) -> WireIndex:
    index = WireIndex(**options)
    for found in WireTail(folder).records():
        index.add(found)
    return index


def fill(folder: Path) -> None:
    """Rows 0 to 7."""
    write(
        folder,
        [
            *call(10, "read_file", result={"content": [{"type": "text", "text": "Größe of notes.txt"}]}),
            *call(20, "wipe", result={"isError": True, "content": []}),
        ],
    )
    write(
        folder,
        [
            line(30, server="db", direction="none", kind="event", method="lost", id=None, failed=True),
            line(40, server="db", method="resources/read", name="file:///notes.txt", id="n-7"),
            line(50, server="db", direction="received", kind="notification", method="notifications/message", id=None),
            line(60, server="db", direction="sent", cause="run r1 column c2 call t1s1c1"),
        ],
        "db",
    )


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("error", [3, 4]),
        ("-error", [0, 1, 2, 5, 6, 7]),
        ("wipe", [2, 3]),
        ("WIPE", [2, 3]),
        ("server:db", [4, 5, 6, 7]),
        ("db error", [4]),
        ("method:tools sent", [0, 2]),
        ("notes.txt", [1, 5]),
        ("text:notes.txt", [1]),
        ("größe", [1]),
        ("Größe", [1]),
        ('"Größe of"', [1]),
        ('"Größe of', [1]),
        ("id:10", [0, 1]),
        ("id:1", []),
        ("n-7", [5]),
        ("cause:c2", [7]),
        ("kind:event", [4]),
        ("tool:read received", [1]),
        ("size_bytes", []),
        ("text:jsonrpc -method:tools", [4, 5, 6, 7]),
        ("http://x", []),
        ("nothing-of-this", []),
        ("-nothing-of-this error", [3, 4]),
    ],
)
def test_filters(folder: Path, text: str, rows: list[int]) -> None:
    fill(folder)
    index = indexed(folder)
    query = Query.parse(text)
    found = index.snapshot().search(query, stopped=lambda: False)
    assert found is not None
    assert list(found) == rows
    # What is looked at as it arrives gives the same.
    live = [
        n
        for n, item in enumerate(WireTail(folder).records())
        if query.matches(item.line.head, item.raw, item.line.body_at)
    ]
    assert live == rows


def test_only_messages_still_in_question_are_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder)
    index = indexed(folder)
    opened: list[str] = []
    true_open = Segment.open

    def counted(segment: Segment) -> object:
        opened.append(segment.files.current.name)
        return true_open(segment)

    monkeypatch.setattr(Segment, "open", counted)
    index.snapshot().search(Query.parse("error server:db method:lost"), stopped=lambda: False)
    assert opened == [], "words of the head read no message"
    index.snapshot().search(Query.parse("notes.txt server:db"), stopped=lambda: False)
    assert opened == ["db.jsonl"], "one file once, and only that of the rows in question"


def test_a_search_can_be_stopped(folder: Path) -> None:
    fill(folder)
    assert indexed(folder).snapshot().search(Query.parse("text:notes"), stopped=lambda: True) is None


def test_requests_and_answers_find_each_other(folder: Path) -> None:
    write(folder, call(10))
    write(folder, [line(10, server="db"), line(12, server="db", kind="response", request=T0 + 10_000, ms=2.0)], "db")
    index = indexed(folder)
    # Two servers asked in the same microsecond.
    rows = [index.row(n).head for n in range(4)]
    for number, head in enumerate(rows):
        linked = index.linked(number)
        assert linked is not None
        assert index.row(linked).head.server == head.server
        assert index.linked(linked) == number
    assert index.linked(99) is None


def test_progress_on_the_way_is_not_the_answer(folder: Path) -> None:
    asked, answer = call(10)
    note = line(10, kind="notification", method="notifications/progress", request=T0 + 10_000, direction="received")
    write(folder, [asked, note, note])
    index = indexed(folder)
    assert index.linked(0) == 2
    assert index.linked(1) == 0
    write(folder, [answer])
    assert indexed(folder).linked(0) == 3


def test_the_index_is_bounded_and_numbers_stay(folder: Path) -> None:
    write(folder, [line(n) for n in range(500)])
    index = indexed(folder, max_rows=100)
    assert 100 <= len(index) < 200
    assert index.end == 500
    assert index.row(499).head.order == T0 + 499_000
    assert index.row(index.base).head.order == T0 + index.base * 1000
    with pytest.raises(IndexError):
        index.row(index.base - 1)
    whole = index.row(450).whole()
    assert whole is not None
    assert whole.message == '{"jsonrpc": "2.0", "id": 450, "method": "ping"}'


def test_a_body_that_was_rotated_away_is_missing_and_no_other_is_taken_for_it(folder: Path) -> None:
    size = len(line(100)) * 3
    write(folder, [line(n) for n in range(100, 103)], max_bytes=size)
    index = indexed(folder)
    write(folder, [line(n) for n in range(103, 106)], max_bytes=size)
    whole = index.row(0).whole()
    assert whole is not None
    assert whole.head.id == 100
    write(folder, [line(n) for n in range(106, 109)], max_bytes=size)
    assert index.row(0).whole() is None
    assert index.row(0).head.id == 100


def test_export_writes_the_lines_as_they_are(folder: Path, tmp_path: Path) -> None:
    lines = [*call(10), *call(20, "wipe")]
    write(folder, lines)
    index = indexed(folder)
    path = tmp_path / "out.jsonl"
    path.touch(0o644)
    assert export([index.row(1), index.row(2)], path) == (2, 0)
    assert path.read_bytes() == lines[1] + lines[2]
    assert path.stat().st_mode & 0o777 == 0o600
    LogFiles.of(folder, "fs").current.unlink()
    assert export([index.row(1)], path) == (0, 1)


# ------------------------------------------------------------------ the feed


class Following:
    """Runs a feed and waits for what it shows."""

    def __init__(self, feed: WireFeed) -> None:
        self.feed = feed
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(self.feed.follow(self.changed.set))

    async def stop(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not holds():
                await self.changed.wait()
                self.changed.clear()


@asynccontextmanager
async def following(feed: WireFeed) -> AsyncGenerator[Following]:
    runner = Following(feed)
    runner.start()
    await runner.until(lambda: feed.loaded)
    try:
        yield runner
    finally:
        await runner.stop()


async def test_a_feed_shows_what_is_there_and_what_comes(folder: Path) -> None:
    fill(folder)
    feed = WireFeed(folder, poll_s=30)
    async with following(feed) as runner:
        assert feed.numbers == range(8)
        write(folder, call(70))
        feed.tell()
        await runner.until(lambda: len(feed.numbers) == 10)


async def test_a_filter_goes_on_with_what_comes(folder: Path) -> None:
    fill(folder)
    feed = WireFeed(folder, poll_s=30)
    async with following(feed) as runner:
        assert await feed.filter("wipe")
        assert list(feed.numbers) == [2, 3]
        write(folder, [*call(70), *call(80, "wipe")])
        feed.tell()
        await runner.until(lambda: len(feed.index) == 12)
        assert list(feed.numbers) == [2, 3, 10, 11]
        assert await feed.filter("")
        assert feed.numbers == range(12)


async def test_a_newer_filter_wins(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(folder)
    feed = WireFeed(folder, poll_s=30)
    newer_came = threading.Event()
    search = IndexSnapshot.search

    def held(index: IndexSnapshot, query: Query, *, stopped: Callable[[], bool]) -> array[int] | None:
        assert query != Query.parse("text:notes") or newer_came.wait(30)
        return search(index, query, stopped=stopped)

    monkeypatch.setattr(IndexSnapshot, "search", held)
    async with following(feed):
        first = asyncio.ensure_future(feed.filter("text:notes"))
        await asyncio.sleep(0)
        assert await feed.filter("wipe")
        newer_came.set()
        assert not await first
        assert list(feed.numbers) == [2, 3]


async def test_a_filter_typed_before_the_log_was_read_counts(folder: Path) -> None:
    fill(folder)
    feed = WireFeed(folder, poll_s=30)
    await feed.filter("wipe")
    async with following(feed) as runner:
        await runner.until(lambda: list(feed.numbers) == [2, 3])


async def test_a_feed_that_was_stopped_and_goes_on_misses_nothing(folder: Path) -> None:
    write(folder, [line(n) for n in range(100)])
    feed = WireFeed(folder, poll_s=30)
    runner = Following(feed)
    for turn in range(1, 6):
        runner.start()
        # Stopped at once, while its thread reads.
        await asyncio.sleep(0)
        await runner.stop()
        write(folder, [line(n) for n in range(turn * 100, turn * 100 + 100)])
    runner.start()
    await runner.until(lambda: len(feed.index) == 600)
    await runner.stop()
    orders = array("q", (feed.index.row(n).head.order for n in range(600)))
    assert list(orders) == [T0 + n * 1000 for n in range(600)]


async def test_rows_that_are_trimmed_leave_the_filter_too(folder: Path) -> None:
    write(folder, [line(n) for n in range(100)])
    feed = WireFeed(folder, poll_s=30, max_rows=60)
    async with following(feed) as runner:
        await feed.filter("ping")
        assert list(feed.numbers) == list(range(feed.index.base, 100))
        write(folder, [line(n) for n in range(100, 250)])
        feed.tell()
        await runner.until(lambda: feed.index.end == 250)
        assert list(feed.numbers) == list(range(feed.index.base, 250))
        assert feed.index.base > 0
        assert feed.skipped
