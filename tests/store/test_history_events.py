"""A run's events in the file: compact, exact, and readable even when a part is damaged."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import (
    CallChanged,
    ColumnEvent,
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import CallRecord, CallStatus, ColumnStatus, Metrics, Progress, Usage
from mcp_tui.store.history import events as events_module
from mcp_tui.store.history.events import EventReader, EventWriter, Timed, compacted, since_start
from mcp_tui.store.history.records import RunStatus
from mcp_tui.store.history.transcript import Transcript
from tests.store.history_runs import answer, call, figures, in_order, near, only


def round_trip(*chunks: list[Timed]) -> list[Timed]:
    writer, reader = EventWriter(), EventReader()
    packed = [writer.chunk(chunk) for chunk in chunks]
    found = [timed for chunk in packed for timed in reader.events(chunk)]
    assert reader.faults == []
    return found


Said = type[TextAppended] | type[ReasoningAppended]


def text_of(events: list[Timed], column: str, kind: Said = TextAppended) -> str:
    return "".join(event.text for event in only(events, column) if isinstance(event, kind))


def test_a_run_comes_back_event_by_event_at_its_times() -> None:
    told = ErrorInfo("Slow down", "429", "wait")
    events: list[Timed] = [
        *answer("c1", "One two three", calls=[call("a"), call("b", CallStatus.DENIED)], thinking="Hm."),
        (4.0, StatusChanged("c1", ColumnStatus.RETRYING, told, 5.5)),
    ]
    found = round_trip(events[:7], events[7:])
    assert [event for _, event in found] == [event for _, event in events]
    assert all(near(at, wanted) for (at, _), (wanted, _) in zip(found, events, strict=True))


def test_text_of_a_frame_is_one_entry_and_columns_do_not_disturb_each_other() -> None:
    events: list[Timed] = []
    for index in range(200):
        for name in ("c1", "c2"):
            events.append((index * 0.004, TextAppended(name, f"{name}-{index} ")))
    kept = compacted(events)
    assert len(kept) < len(events) / 5
    for name in ("c1", "c2"):
        assert text_of(kept, name) == text_of(events, name)


def test_other_events_of_a_column_keep_their_place_in_its_text() -> None:
    events: list[Timed] = [
        (0.000, TextAppended("c1", "before")),
        (0.001, CallChanged("c1", call("a"))),
        (0.002, TextAppended("c1", "after")),
        (0.003, ReasoningAppended("c1", "thought")),
    ]
    assert [event for _, event in compacted(events)] == [event for _, event in events]


def test_arguments_that_stream_cost_what_they_are_long_not_their_square() -> None:
    writer, reader = EventWriter(), EventReader()
    raw, chunks = "", list[bytes]()
    for index in range(400):
        raw += f'"key{index * 7919}": {index},'
        record = CallRecord("a", 1, "fs", "write", None, raw, CallStatus.STREAMING)
        chunks.append(writer.chunk([(float(index), CallChanged("c1", record))]))
    found = [event for chunk in chunks for _, event in reader.events(chunk)]
    last = found[-1]
    assert isinstance(last, CallChanged) and last.call.arguments_raw == raw
    assert sum(map(len, chunks)) < 12 * len(raw)


def test_a_call_is_told_by_its_changes_and_fields_go_back_to_their_defaults() -> None:
    record = call("a", CallStatus.RUNNING, progress=Progress(1, 10, "half"))
    ended = replace(record, status=CallStatus.OK, progress=None, result={"content": []})
    found = round_trip([(0.0, CallChanged("c1", record))], [(1.0, CallChanged("c1", ended))])
    assert [event.call for _, event in found if isinstance(event, CallChanged)] == [record, ended]


def test_calls_of_another_turn_with_the_same_id_begin_anew() -> None:
    first, second = call("a"), call("a", tool="other", result={"content": [{"type": "text", "text": "2"}]})
    events: list[Timed] = [
        (0.0, TurnStarted("c1", 1, "p")),
        (0.1, CallChanged("c1", first)),
        (1.0, TurnStarted("c1", 1, "p")),
        (1.1, CallChanged("c1", second)),
    ]
    assert [event for _, event in round_trip(events)] == [event for _, event in events]


def test_what_json_cannot_hold_costs_only_its_own_record() -> None:
    deep: object = []
    for _ in range(100_000):
        deep = [deep]
    bad = call("a", result={"content": deep})
    found = round_trip(
        [(0.0, TextAppended("c1", "kept")), (0.1, CallChanged("c1", bad)), (0.9, TextAppended("c1", "!"))]
    )
    changed = found[1][1]
    assert isinstance(changed, CallChanged) and changed.call.result is None and "not kept" in changed.call.note
    assert text_of(found, "c1") == "kept!"


def test_a_huge_result_is_left_out_and_the_call_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "MAX_RESULT_CHARS", 1_000)
    huge = call("a", result={"content": [{"type": "text", "text": "x" * 2_000}]}, note="cut")
    ((_, event),) = round_trip([(0.0, CallChanged("c1", huge))])
    assert isinstance(event, CallChanged) and event.call.result is None
    assert event.call.note == "cut; the result is too large for the history and was not kept"


def test_a_damaged_chunk_is_told_and_the_rest_is_read() -> None:
    writer, reader = EventWriter(), EventReader()
    good, bad, late = (writer.chunk([(at, TextAppended("c1", f"{at}"))]) for at in (0.0, 1.0, 2.0))
    found = [
        event for chunk in (good, bad[:-3], zlib.compress(b'{"no": "list"}'), late) for event in reader.events(chunk)
    ]
    assert text_of(found, "c1") == "0.02.0"
    assert len(reader.faults) >= 2 and all("cannot be read" in fault for fault in reader.faults)


def test_times_on_the_engines_clock_become_times_of_the_run() -> None:
    moved = since_start(1_000.0)
    at_s, event = moved(1_003.5, CallChanged("c1", call("a", started_at=1_003.0)))
    assert at_s == 3.5 and isinstance(event, CallChanged) and event.call.started_at == 3.0
    _, waiting = moved(1_004.0, StatusChanged("c1", ColumnStatus.RETRYING, None, 1_006.0))
    assert isinstance(waiting, StatusChanged) and waiting.retry_at == 6.0


_TEXTS = st.text(st.characters(codec=None), max_size=8)
_FIGURES = st.builds(Metrics, st.builds(Usage, st.none() | st.integers(0, 9)))
_EVENTS = st.one_of(
    st.builds(TextAppended, st.sampled_from(["c1", "c2"]), _TEXTS),
    st.builds(ReasoningAppended, st.sampled_from(["c1", "c2"]), _TEXTS),
    st.builds(
        MetricsChanged,
        st.sampled_from(["c1", "c2"]),
        st.builds(Metrics, st.builds(Usage, st.none() | st.integers(0, 9))),
    ),
    st.builds(StatusChanged, st.sampled_from(["c1", "c2"]), st.sampled_from(ColumnStatus)),
)


@given(st.lists(st.tuples(st.floats(0, 0.2), _EVENTS), max_size=30), st.integers(1, 10))
def test_what_a_column_said_survives_any_batching(steps: list[tuple[float, ColumnEvent]], size: int) -> None:
    at, events = 0.0, list[Timed]()
    for gap, event in steps:
        at += gap
        events.append((at, event))
    found = round_trip(*(events[start : start + size] for start in range(0, len(events), size)))
    for name in ("c1", "c2"):
        for kind in (TextAppended, ReasoningAppended):
            assert text_of(found, name, kind) == text_of(events, name, kind)
        last = [event for event in only(events, name) if isinstance(event, MetricsChanged)]
        assert [event for event in only(found, name) if isinstance(event, MetricsChanged)][-1:] == last[-1:]
        states = [event for event in only(events, name) if isinstance(event, StatusChanged)]
        assert [event for event in only(found, name) if isinstance(event, StatusChanged)] == states


# --- what they add up to


def test_a_transcript_tells_turns_texts_figures_and_how_long_it_took() -> None:
    events = [
        *in_order(answer("c1", "One.", calls=[call("a")], thinking="Hm."), answer("c2", "Uno.", took_s=1.0)),
        *answer("c1", "Two.", turn=2, at_s=600.0, prompt="More", took_s=2.0, metrics=figures(0.01, 400)),
    ]
    transcript = Transcript().take_all(events)
    assert transcript.prompts == {1: "Why did the nightly job fail?", 2: "More"}
    first, second = transcript.columns["c1"][1], transcript.columns["c1"][2]
    assert (first.text, first.reasoning, list(first.calls)) == ("One.", "Hm.", ["a"])
    assert (second.text, second.own_metrics.usage.output_tokens) == ("Two.", 90)
    assert near(second.own_metrics.cost_usd, 0.0039)
    assert near(transcript.duration_ms, 5_100.0), "the pause between the turns does not count"
    assert near(transcript.cost[0], 0.0161)
    assert transcript.status is RunStatus.DONE


def test_a_turn_that_is_tried_again_replaces_the_first_try() -> None:
    events = [*answer("c1", "Wrong.", status=ColumnStatus.ERROR), *answer("c1", "Right.", at_s=10.0)]
    transcript = Transcript().take_all(events)
    assert transcript.columns["c1"][1].text == "Right." and transcript.status is RunStatus.DONE


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (("done", "done"), RunStatus.DONE),
        (("done", "error"), RunStatus.PARTLY),
        (("error", "error"), RunStatus.ERROR),
        (("cancelled", "cancelled"), RunStatus.CANCELLED),
        (("incomplete", "error"), RunStatus.INCOMPLETE),
    ],
)
def test_the_state_of_a_run_is_that_of_its_columns(statuses: tuple[str, str], whole: RunStatus) -> None:
    pairs = [answer(f"c{n}", "x", status=ColumnStatus(status)) for n, status in enumerate(statuses, 1)]
    assert Transcript().take_all(in_order(*pairs)).status is whole


def test_an_interrupted_run_gets_an_honest_end() -> None:
    events = answer("c1", "Half", calls=[call("a", CallStatus.RUNNING), call("b", CallStatus.WAITING)], end=False)
    endings = list(Transcript().take_all(events).endings())
    calls = {event.call.id: event.call.status for event in endings if isinstance(event, CallChanged)}
    assert calls == {"a": CallStatus.UNKNOWN, "b": CallStatus.CANCELLED}, "what ran may have run"
    last = endings[-1]
    assert isinstance(last, StatusChanged) and last.status is ColumnStatus.INCOMPLETE and last.error is not None
