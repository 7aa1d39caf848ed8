"""The history on a real disk: saved while it streams, found again, and never in anybody's way."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mcp_tui.core.chat import ImageBlock, Message, Opaque, ReasoningBlock, TextBlock, ToolCallBlock, ToolResultBlock
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import StatusChanged, TextAppended
from mcp_tui.core.state import CallStatus, ColumnStatus
from mcp_tui.store.history.query import STATES, RunQuery
from mcp_tui.store.history.reader import HistoryReader, UnknownRunError
from mcp_tui.store.history.records import Answered, Prompt, RunStatus
from mcp_tui.store.history.tables import STALE_S, VERSION, NewerFileError
from mcp_tui.store.history.track import Batch, new_run_id
from tests.store.history_runs import (
    DEADLINE_S,
    NOON,
    Scribe,
    Wall,
    answer,
    call,
    column,
    in_order,
    near,
    prompt,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.sqlite"


def reader(path: Path, now: float = NOON) -> HistoryReader:
    return HistoryReader(path, now=lambda: now)


def ids(path: Path, text: str = "", now: float = NOON) -> list[str]:
    runs = reader(path, now).find(RunQuery.parse(text))
    return [runs.head(place).id for place in range(len(runs))]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        threading.Event().wait(0.01)


def ending(text: str) -> Batch:
    return Batch([(9.0, TextAppended("c1", text)), (9.1, StatusChanged("c1", ColumnStatus.DONE))])


# --- what is kept


def test_a_run_is_kept_as_it_was(path: Path) -> None:
    scribe = Scribe(path)
    signed = Opaque("anthropic-messages", {"signature": "abc"})
    said = Answered(
        "c1",
        1,
        {"stop_reason": "stop", "tool_tax": {"tokens": 12}},
        (
            Message("assistant", (ReasoningBlock("r", signed), ToolCallBlock("1", "read", {"a": 1}, '{"a": 1}'))),
            Message("user", (ToolResultBlock("1", "read", (ImageBlock("image/png", "AAAA"),), False),)),
        ),
    )
    sent = Prompt(1, "Why?", Message("user", (TextBlock("[attached resource]"), TextBlock("Why?"))))
    events = in_order(answer("c1", "Because.", calls=[call("a")]), answer("c2", "Dunno."))
    scribe.run(events, prompts=[sent], answers=[said], settings={"no_tools": False}, source="compare", id_="abc23456")
    scribe.close()
    head = reader(path).find().head(0)
    assert (head.id, head.status, head.source, head.turns) == ("abc23456", RunStatus.DONE, "compare", 1)
    assert (head.title, head.models) == ("Why did the nightly job fail?", ("openai/gpt-1", "openai/gpt-2"))
    assert near(head.duration_ms, 3_100) and near(head.cost_usd, 0.0122)
    saved = reader(path).open(head.number)
    assert [event for _, event in saved.events] == [event for _, event in events]
    assert saved.prompts == (sent,) and dict(saved.answers) == {("c1", 1): said}
    assert saved.settings == {"no_tools": False} and saved.faults == ()
    assert saved.columns == (column(1), column(2))


def test_the_file_and_its_folder_are_for_the_owner_alone(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "x"))
    scribe.flush()
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    scribe.close()


def test_text_that_no_database_takes_is_kept_all_the_same(path: Path) -> None:
    scribe = Scribe(path)
    text = "lone \ud800 surrogate, nul \x00, \x02marks\x03"
    scribe.run(answer("c1", text, prompt=text), columns=[column(1, f"openai/{text}")])
    scribe.flush()
    assert ids(path, "surrogate") == ["run00001"]
    saved = reader(path).open(1)
    assert "".join(event.text for _, event in saved.events if isinstance(event, TextAppended)) == text
    scribe.close()


def test_columns_that_were_taken_away_stay_out(path: Path) -> None:
    scribe = Scribe(path)
    events = in_order(answer("c1", "Stays."), answer("c2", "Goes, with a needle."))
    track = scribe.run(events)
    scribe.writer.write(track, Batch(columns=(column(1),)))
    track_two = scribe.run(answer("c1", "Another."))
    scribe.flush()
    saved = reader(path).open(1)
    assert [c.id for c in saved.shown_columns] == ["c1"] and len(saved.columns) == 2
    scribe.writer.write(track, Batch(answer("c1", "More.", turn=2, prompt="and", at_s=10.0)))
    scribe.writer.write(track_two, Batch())
    scribe.flush()
    assert ids(path, "needle") == [], "it is not found by what was taken away"
    scribe.close()


# --- found again


def test_search_finds_prompts_answers_tools_models_and_errors(path: Path) -> None:
    scribe = Scribe(path)
    refused = ErrorInfo("groq refused", "429: rate limit reached")
    scribe.run(answer("c1", "The naïve approach: Größe", prompt="Sort a list"), columns=[column(1, "groq/llama-4")])
    scribe.run(answer("c1", "", prompt="Second", status=ColumnStatus.ERROR, error=refused, calls=[call("a")]))
    scribe.run(answer("c1", "データベースの移行は完了しました。", prompt="数据库迁移"))
    scribe.flush()
    found = {text: ids(path, text) for text in (
        "sor", "LIST", "grosse", "naive app", '"naive approach"', '"approach naive"', "model:llama", "model:sort",
        "tool:read_file", "fs.read_file", "rate limit", "データ", "移行", "迁移", "数据库", "is:error", "is:failed",
        "sort -list", "-second", "-second -迁移", "prompt:second", "answer:second", "is:done llama", "is:nonsense",
    )}  # fmt: skip
    one, two, three = ["run00001"], ["run00002"], ["run00003"]
    assert found == {
        "sor": one,
        "LIST": one,
        "grosse": [],  # ß is a letter of its own
        "naive app": one,
        '"naive approach"': one,
        '"approach naive"': [],
        "model:llama": one,
        "model:sort": [],
        "tool:read_file": two,
        "fs.read_file": two,
        "rate limit": two,
        "データ": three,
        "移行": three,
        "迁移": three,
        "数据库": three,
        "is:error": two,
        "is:failed": two,
        "sort -list": [],
        "-second": [*three, *one],
        "-second -迁移": one,
        "prompt:second": two,
        "answer:second": [],
        "is:done llama": one,
        "is:nonsense": [],
    }
    scribe.close()


@pytest.mark.parametrize(
    "text",
    [
        '"', "''", "a OR b", "NEAR(a b)", "*", "a*b", "^a", "col:umn", "(", "a AND", "-", "--", "- -x", 'say "', "\0",
        "é\u0301", "🎉", "prompt:", "x" * 5_000, 'model:"a b" is:done -"c d"', "{a b}: c", "\ud800",
    ],
)  # fmt: skip
def test_nothing_that_can_be_typed_is_an_error(path: Path, text: str) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "text"))
    scribe.flush()
    query = RunQuery.parse(text.replace("\ud800", "?"))
    found = reader(path).find(query)
    reader(path).snippets(query, found.numbers())
    scribe.close()


def test_every_state_can_be_asked_for() -> None:
    assert {status.value for status in RunStatus} <= set(STATES)
    for word in STATES:
        assert RunQuery.parse(f"is:{word}").states


def test_a_snippet_shows_the_words_that_matched(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "word " * 50 + "then the needle in データベース stands " + "word " * 50))
    scribe.flush()
    query = RunQuery.parse("need ベース")
    (snippet,) = reader(path).snippets(query, [1]).values()
    assert [piece for piece, matched in snippet.pieces if matched] == ["needle", "ベース"]
    assert snippet.text.startswith("…") and "needle in データベース stands" in snippet.text
    scribe.close()


def test_ids_are_short_unlike_each_other_and_found_by_their_beginning(path: Path) -> None:
    made = {new_run_id() for _ in range(2_000)}
    assert len(made) == 2_000 and all(len(id_) == 8 and id_.isalnum() and id_[0].isalpha() for id_ in made)
    scribe = Scribe(path)
    for id_ in ("abcd2222", "abcd3333", "abce4444"):
        scribe.run(answer("c1", "x"), id_=id_)
    scribe.flush()
    history = reader(path)
    assert history.resolve("abce").id == "abce4444"
    assert history.resolve("ABCD2222").id == "abcd2222"
    assert history.resolve("last").id == "abce4444"
    with pytest.raises(UnknownRunError) as several:
        history.resolve("abc")
    assert set(several.value.candidates) == {"abcd2222", "abcd3333", "abce4444"}
    for nothing in ("zz", "", "%", "a%", "_bcd", "' OR 1=1"):
        with pytest.raises(UnknownRunError) as unknown:
            history.resolve(nothing)
        assert unknown.value.candidates == ()
    scribe.close()


def test_two_runs_that_drew_the_same_id_are_both_kept(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "first"), id_="same2222")
    scribe.flush()
    scribe.run(answer("c1", "second"), id_="same2222")
    scribe.run(answer("c1", "third"), id_="other222")
    scribe.flush()
    assert len(set(ids(path))) == 3 and ids(path, "first") == ["same2222"]
    scribe.close()


# --- killed, locked, full, damaged


_CHILD = """
import sys, time
from pathlib import Path
from tests.store.history_runs import Scribe, answer, call
from mcp_tui.core.state import CallStatus
from mcp_tui.store.history.track import Batch
from mcp_tui.core.events import TextAppended

scribe = Scribe(Path(sys.argv[1]), now=time.time)
track = scribe.run(answer("c1", "start", calls=[call("a", CallStatus.RUNNING)], end=False), id_="killed22")
number = 0
while True:
    number += 1
    scribe.writer.write(track, Batch([(float(number), TextAppended("c1", f" {number}"))]))
    if number % 50 == 0:
        scribe.flush()
        print(number, flush=True)
"""


def test_a_program_that_is_killed_leaves_a_run_that_can_be_read(path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        promised = [int(child.stdout.readline()) for _ in range(4)][-1]
        live = HistoryReader(path).find().head(0)
        assert live.status is RunStatus.LIVE
        assert HistoryReader(path).delete([live.number]) == 0, "a run that goes on is not deleted"
        child.send_signal(signal.SIGKILL)
        child.wait(DEADLINE_S)
    finally:
        child.kill()
        child.wait(DEADLINE_S)
        if child.stdout is not None:
            child.stdout.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    history = HistoryReader(path)
    head = history.find().head(0)
    assert head.status is RunStatus.INTERRUPTED
    saved = history.open(head.number)
    text = "".join(event.text for _, event in saved.events if isinstance(event, TextAppended))
    numbers = [int(word) for word in text.split()[1:]]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= promised, "what was committed is there"
    last = saved.events[-1][1]
    assert isinstance(last, StatusChanged) and last.status is ColumnStatus.INCOMPLETE
    # The next program that writes marks it, and it is found by what it said.
    scribe = Scribe(path, now=time.time)
    scribe.run(answer("c1", "later"))
    scribe.close()
    assert ids(path, f"answer:{promised} is:interrupted", time.time()) == ["killed22"]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT status FROM runs WHERE id = 'killed22'").fetchone() == ("interrupted",)


def test_a_run_nobody_touched_for_long_is_interrupted_and_lives_again_when_it_is(path: Path) -> None:
    wall = Wall()
    scribe = Scribe(path, now=wall)
    track = scribe.run(answer("c1", "Going on", end=False))
    scribe.flush()
    assert reader(path, NOON + STALE_S - 1).find().head(0).status is RunStatus.LIVE
    asleep = NOON + STALE_S + 1
    assert reader(path, asleep).find().head(0).status is RunStatus.INTERRUPTED
    assert ids(path, "is:interrupted", asleep) == ["run00001"] and ids(path, "is:live", asleep) == []
    wall.now = asleep
    scribe.writer.write(track, Batch())  # the heartbeat of a program that was only stopped for a while
    scribe.flush()
    assert reader(path, asleep).find().head(0).status is RunStatus.LIVE
    scribe.close()


def test_two_programs_write_at_once_and_nothing_is_lost(path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.store.history_runs import Scribe, answer
scribe = Scribe(Path(sys.argv[1]))
for number in range(40):
    scribe.run(answer("c1", f"text {sys.argv[2]} {number}"), id_=f"{sys.argv[2]}{number:07d}")
    if number % 5 == 0:
        scribe.flush()
scribe.close()
assert not scribe.faults, scribe.faults
"""
    children = [subprocess.Popen([sys.executable, "-c", script, str(path), name]) for name in "abc"]
    try:
        assert [child.wait(60) for child in children] == [0, 0, 0]
    finally:
        for child in children:
            child.kill()
            child.wait(DEADLINE_S)
    assert len(ids(path)) == 120 and len(ids(path, "text b")) == 40
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_locked_file_is_told_once_and_written_when_it_is_free(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.store.database.BUSY_TIMEOUT_S", 0.1)
    scribe = Scribe(path, retry_s=0.05)
    scribe.run(answer("c1", "first"))
    scribe.flush()
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        other.execute("BEGIN IMMEDIATE")
        track = scribe.run(answer("c1", "second", end=False))
        until(lambda: scribe.faults)
        assert scribe.faults[0].title == "History not saved" and "locked" in scribe.faults[0].detail
        assert not scribe.writer.flush(timeout_s=DEADLINE_S)
        scribe.writer.write(track, Batch([(5.0, StatusChanged("c1", ColumnStatus.DONE))]))
        other.execute("ROLLBACK")
    finally:
        other.close()
    until(lambda: ids(path, "second is:done") == ["run00002"])
    assert [fault.title for fault in scribe.faults] == ["History not saved", "History saved again"]
    scribe.close()


_FULL = """
import resource, signal, sys, json
from pathlib import Path
from tests.store.history_runs import Scribe, answer

path = Path(sys.argv[1])
scribe = Scribe(path, retry_s=0.05)
scribe.run(answer("c1", "before the disk was full"))
scribe.flush()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size = max(file.stat().st_size for file in path.parent.iterdir())
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
scribe.run(answer("c1", "while it was full " + "".join(chr(97 + n * 7919 % 26) for n in range(300_000))))
failed = not scribe.writer.flush(timeout_s=30)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
scribe.flush()
scribe.close()
print(json.dumps([failed, [fault.title for fault in scribe.faults]]))
"""


def test_a_full_disk_loses_nothing_and_is_said(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    failed, titles = json.loads(done.stdout)
    assert failed and titles == ["History not saved", "History saved again"]
    assert ids(path, "full") == ["run00002", "run00001"]


def test_what_waits_too_long_is_given_up_and_said(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.mkdir()  # no file can be made here
    scribe = Scribe(path, retry_s=0.01, max_waiting_bytes=10)
    scribe.run(answer("c1", "lost"))
    until(lambda: len(scribe.faults) >= 2)
    assert "given up" in scribe.faults[1].detail
    path.rmdir()
    scribe.run(answer("c1", "kept"))
    until(lambda: "run00002" in ids(path))
    scribe.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written_to_is_said(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.chmod(0o500)
    scribe = Scribe(path)
    scribe.run(answer("c1", "x"))
    assert not scribe.writer.flush(timeout_s=DEADLINE_S)
    assert [fault.title for fault in scribe.faults] == ["History not saved"]
    path.parent.chmod(0o700)


def test_a_damaged_file_is_kept_beside_and_a_new_one_begun(path: Path) -> None:
    path.parent.mkdir(parents=True)
    for number in (1, 2):
        path.write_bytes(b"not a database at all " * 1_000)
        scribe = Scribe(path)
        scribe.run(answer("c1", f"after damage {number}"))
        scribe.flush()
        assert [fault.title for fault in scribe.faults] == ["History damaged"]
        scribe.close()
        assert ids(path, "damage") == ["run00001"]
        for side in ("-wal", "-shm"):
            path.with_name(path.name + side).unlink(missing_ok=True)
    kept = sorted(file.name for file in path.parent.glob("*.damaged*"))
    assert kept == ["history.sqlite.damaged", "history.sqlite.damaged2"], "one does not replace the other"


def test_damage_in_the_middle_of_a_run_begins_it_anew(path: Path) -> None:
    scribe = Scribe(path)
    track = scribe.run(answer("c1", "Before.", end=False), id_="going222")
    scribe.flush()
    scribe.writer._disconnect()  # pyright: ignore[reportPrivateUsage]  so that the next write opens what is there
    for file in path.parent.iterdir():
        file.unlink()
    path.write_bytes(b"garbage" * 10_000)
    scribe.writer.write(track, ending("After."))
    scribe.flush()
    head = reader(path).find().head(0)
    assert (head.id, head.title, head.status) == ("going222", "Why did the nightly job fail?", RunStatus.DONE)
    assert ids(path, "after before") == ["going222"], "what is found is all that was said"
    scribe.close()


def test_a_file_that_was_moved_away_is_not_written_on(path: Path) -> None:
    scribe = Scribe(path)
    track = scribe.run(answer("c1", "First.", end=False), id_="moved222")
    scribe.run(answer("c1", "Other."))
    scribe.flush()
    for file in list(path.parent.iterdir()):
        file.rename(path.parent / f"old-{file.name}")
    scribe.run(answer("c1", "Third."), id_="third222")
    scribe.flush()
    scribe.writer.write(track, ending("Second."))
    scribe.flush()
    assert ids(path) == ["moved222", "third222"], "and nothing of one run lands in the row of another"
    saved = reader(path).open(reader(path).resolve("third").number)
    assert "".join(event.text for _, event in saved.events if isinstance(event, TextAppended)) == "Third."
    scribe.close()


def test_a_file_of_a_newer_program_is_left_alone(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "x"))
    scribe.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    scribe = Scribe(path)
    scribe.run(answer("c1", "y"))
    scribe.writer.flush(timeout_s=DEADLINE_S)
    assert [fault.title for fault in scribe.faults] == ["History not saved"] and "version" in scribe.faults[0].detail
    scribe.run(answer("c1", "z"))
    assert scribe.writer.close(timeout_s=DEADLINE_S) and len(scribe.faults) == 1
    assert path.read_bytes() == before
    with pytest.raises(NewerFileError):
        reader(path).find()


def test_reading_a_history_that_is_not_there_makes_nothing(path: Path) -> None:
    history = reader(path)
    assert len(history.find()) == 0 and history.count() == 0 and history.version() == (0, 0.0)
    assert history.delete([1]) == 0 and history.clear() == 0
    assert not path.parent.exists()
    with pytest.raises(LookupError):
        history.open(1)


def test_a_part_that_cannot_be_read_does_not_hide_the_rest(path: Path) -> None:
    scribe = Scribe(path)
    track = scribe.run(answer("c1", "First.", end=False), answers=[Answered("c1", 1, {}, ())])
    scribe.flush()
    scribe.writer.write(track, ending(" Second."))
    scribe.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE chunks SET body = x'00' WHERE seq = 0")
        connection.execute("UPDATE answers SET messages = x'00'")
        connection.execute("UPDATE prompts SET message = x'00'")
    saved = reader(path).open(1)
    assert len(saved.faults) == 3 and saved.prompts[0].text == "Why did the nightly job fail?"
    assert [event.text for _, event in saved.events if isinstance(event, TextAppended)] == [" Second."]


# --- going


def test_deleted_text_is_not_in_the_file_any_more(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "Xylophonesecret word"), id_="secret22")
    scribe.run(answer("c1", "Other."))
    scribe.close()
    history = reader(path)
    assert history.delete([history.resolve("secret22").number]) == 1
    assert ids(path, "xylophonesecret") == [] and len(ids(path)) == 1
    assert history.clear() == 1 and history.count() == 0
    assert b"xylophonesecret" not in b"".join(file.read_bytes() for file in path.parent.iterdir()).lower()


def test_a_conversation_that_goes_on_after_it_was_deleted_begins_anew(path: Path) -> None:
    scribe = Scribe(path)
    track = scribe.run(answer("c1", "Gone."), id_="again222")
    scribe.flush()
    assert reader(path).clear() == 1
    scribe.writer.write(
        track, Batch(answer("c1", "New.", turn=2, prompt="Go on", at_s=50.0), prompts=[prompt("Go on", 2)])
    )
    scribe.flush()
    saved = reader(path).open(reader(path).resolve("again222").number)
    assert [event.text for _, event in saved.events if isinstance(event, TextAppended)] == ["New."]
    assert saved.faults == () and [c.label for c in saved.columns] == ["openai/gpt-1"]
    scribe.close()


def test_the_oldest_runs_go_when_the_file_is_too_large(path: Path) -> None:
    scribe = Scribe(path)
    letters = "".join(chr(97 + n * n * 7919 % 26) for n in range(20_000))
    for number in range(60):
        scribe.run(answer("c1", f"{number} {letters[number:]}{letters[:number]}"))
        scribe.flush()
    scribe.close()
    full = path.stat().st_size
    scribe = Scribe(path, max_bytes=full // 2)
    scribe.run(answer("c1", "newest"), id_="newest22")
    scribe.flush()
    left = ids(path)
    assert left[0] == "newest22" and left[-1] != "run00001" and 5 < len(left) < 50
    with closing(sqlite3.connect(path)) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {p}").fetchone()[0] for p in ("page_count", "freelist_count", "page_size")
        )
        assert (pages - free) * size <= full // 2
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM search").fetchone() == (len(left),)
    scribe.close()


def test_old_runs_go_and_those_that_go_on_stay(path: Path) -> None:
    scribe = Scribe(path)
    scribe.run(answer("c1", "old"), started_at=NOON - 100.0)
    scribe.run(answer("c1", "old, going on", end=False), started_at=NOON - 100.0)
    scribe.run(answer("c1", "new"), started_at=NOON)
    scribe.flush()
    scribe.close()
    scribe = Scribe(path, max_age_s=50.0)
    scribe.run(answer("c1", "newest"), id_="newest22")
    scribe.flush()
    assert ids(path) == ["newest22", "run00003", "run00002"]
    scribe.close()


def test_nothing_of_the_way_to_a_provider_is_in_the_file(path: Path) -> None:
    """What is kept has no place for keys or headers: the names of all columns of all tables say so."""
    scribe = Scribe(path)
    scribe.run(answer("c1", "x", calls=[call("a", CallStatus.OK)]))
    scribe.flush()
    saved = reader(path).open(1)
    spec = json.dumps(saved.columns[0].spec)
    assert set(saved.columns[0].spec) == {"provider", "model", "column"}
    assert set(json.loads(spec)["column"]) <= {"id", "ref", "label", "params", "system", "fallback"}
    scribe.close()
