"""The column's frame: state, figures, call lines, focus."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.style import Style

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import MetricsChanged, StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import CallRecord, CallStatus, ColumnStatus, Metrics, Progress, Usage
from mcp_tui.ui.status import COLUMN
from mcp_tui.ui.stream.call_details import MAX_JSON_CHARACTERS, describe, detail_rows, packed
from mcp_tui.ui.stream.call_line import call_row
from mcp_tui.ui.stream.frame_clock import FrameClock
from mcp_tui.ui.stream.metrics_line import metrics_text
from mcp_tui.ui.stream.model_column import ModelColumn
from mcp_tui.ui.stream.rows import Palette
from mcp_tui.ui.widgets import glyphs
from tests.ui.stream.harness import call, column_app, joined

METRICS = Metrics(
    Usage(1204, 310, 800),
    cost_usd=0.0061,
    cost_is_estimate=False,
    ttft_ms=410,
    tokens_per_s=83.2,
    duration_ms=3100,
    tool_calls=3,
    steps=2,
)
PALETTE = Palette(**{name: Style() for name in Palette.__slots__})


def line(width: int = 60, *, folded: bool = True, **changes: object) -> str:
    event = call("1", **changes)  # type: ignore[arg-type]
    return call_row(event.call, width, PALETTE, 1003.0, folded=folded).text


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (120, "0.41s first · 83 tok/s · $0.0061 · 1204↑ 310↓ · 3 calls · 2 steps · 800 cached"),
        (60, "0.41s first · 83 tok/s · $0.0061 · 1204↑ 310↓ · 3 calls"),
        (46, "0.41s first · 83 tok/s · $0.0061 · 1204↑ 310↓"),
        (34, "0.41s first · 83 tok/s · $0.0061"),
        (28, "0.41s · 83 tok/s · $0.0061"),
        (16, "0.41s · 83 tok/s"),
        (5, "0.41s"),
        (3, ""),
    ],
)
def test_metrics_drop_from_the_right(width: int, text: str) -> None:
    assert metrics_text(METRICS, width, demo=False) == text


class Counted(list[object]):
    """How many of its items were looked at."""

    seen = 0

    def __iter__(self) -> Iterator[object]:
        for item in super().__iter__():
            self.seen += 1
            yield item


@pytest.mark.parametrize("everything", [False, True])
def test_a_huge_structured_result_is_unfolded_without_walking_all_of_it(everything: bool) -> None:
    items = Counted([{"id": number} for number in range(200_000)])
    record = CallRecord(
        "1", 1, "s", "big", {}, "{}", CallStatus.OK, result={"content": [], "structuredContent": {"items": items}}
    )
    rows = detail_rows(record, 60, PALETTE, everything=everything)
    assert '"id": 3' in "\n".join(row.text for row in rows)
    assert 0 < items.seen < 30_000
    (copied,) = {row.code.source for row in rows if row.code is not None}
    assert copied.endswith("\n… cut here")
    assert MAX_JSON_CHARACTERS <= len(copied) < MAX_JSON_CHARACTERS + 100


def test_metrics_fit_every_width() -> None:
    for width in range(121):
        assert cell_len(metrics_text(METRICS, width, demo=False, best={"ttft", "cost"})) <= width


def test_estimates_and_demo_are_said() -> None:
    estimate = Metrics(Usage(12_345, 64), usage_is_estimate=True, cost_usd=0.00001, tokens_per_s=10)
    assert metrics_text(estimate, 80, demo=False) == "~10 tok/s · ~$0.00001 · ~12k↑ ~64↓"
    assert metrics_text(METRICS, 40, demo=True) == "0.41s first · 83 tok/s · demo"


def test_a_replayed_answer_says_so_first() -> None:
    replayed = Metrics(Usage(1204, 310), cost_usd=0.0, cost_is_estimate=False, steps=2, cached_steps=2)
    assert metrics_text(replayed, 80, demo=False) == "cached · $0 · 1204↑ 310↓ · 2 steps"
    assert metrics_text(replace(replayed, steps=3), 12, demo=False) == ""
    assert metrics_text(replace(replayed, steps=3), 30, demo=False) == "2 of 3 steps cached · $0"


@pytest.mark.parametrize(
    ("status", "ending"),
    [
        (CallStatus.STREAMING, "… writing"),
        (CallStatus.WAITING, "? waiting"),
        (CallStatus.RUNNING, "○ running"),
        (CallStatus.OK, "✓ ok"),
        (CallStatus.ERROR, "✗ error"),
        (CallStatus.DENIED, "× denied"),
        (CallStatus.CANCELLED, "■ cancelled"),
        (CallStatus.UNKNOWN, "! unknown: may have run"),
    ],
)
def test_every_call_state_has_a_glyph_and_a_word(status: CallStatus, ending: str) -> None:
    assert line(status=status).endswith(ending)
    assert set(glyphs.CALL) == set(CallStatus) and set(COLUMN) == set(ColumnStatus)


def test_a_call_line_names_tool_argument_time_and_sharing() -> None:
    text = line(60, duration_ms=12.0, shared=True)
    assert text.startswith("► demo.search_logs  query=timeout  limit=5")
    assert text.endswith(" ✓ 12ms shared")
    assert cell_len(text) == 60
    assert line(60, folded=False).startswith("▼")


def test_progress_is_a_bar_where_the_total_is_known() -> None:
    def running(progress: Progress) -> str:
        return line(70, status=CallStatus.RUNNING, started_at=1000.0, progress=progress)

    assert running(Progress(4, 8, "")).endswith("○ ━━━━──── 50% 3s")
    assert running(Progress(4, None, "step four")).endswith("○ running 3s")
    assert "step four" in running(Progress(4, None, "step four"))
    assert running(Progress(99, 8, "")).endswith("━━━━━━━━ 100% 3s")


@pytest.mark.parametrize("width", [18, 24, 34, 60, 120])
def test_a_call_line_never_wraps(width: int) -> None:
    for status in CallStatus:
        text = line(
            width,
            status=status,
            server="a-server-with-a-long-name",
            tool="a_tool_with_a_very_long_name_indeed",
            arguments={"query": "多" * 80},
            duration_ms=61_000.0,
            shared=True,
        )
        assert cell_len(text) <= max(width, 34), (status, text)


def test_arguments_that_are_being_written_show_their_end() -> None:
    text = line(50, status=CallStatus.STREAMING, arguments=None, arguments_raw='{"sql": "upda')
    assert '{"sql": "upda' in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUgAAAUAAAADI"},
            "image 320x200 PNG, 24 B",
        ),
        ({"type": "audio", "mimeType": "audio/wav", "data": "AAAA"}, "audio WAV, 3 B"),
        ({"type": "image", "mimeType": "image/png", "data": 5}, "image PNG, not readable"),
        ({"type": "resource_link", "name": "log", "uri": "file:///x"}, "resource log file:///x"),
        (
            {"type": "resource", "resource": {"uri": "a://b", "mimeType": "x/y", "blob": "AAAA"}},
            "resource a://b (x/y), 3 B",
        ),
        ({"type": "hologram"}, "hologram content"),
    ],
)
def test_content_that_is_not_text_is_described(content: dict[str, object], words: str) -> None:
    assert describe(content) == words


async def test_an_idle_column_says_what_the_model_is() -> None:
    async with column_app((60, 9), label="anthropic/claude-sonnet", start=False) as (app, pilot):
        await pilot.pause()
        rows = [row.strip("│ ") for row in app.screen_rows()[1:-1]]
        assert [row for row in rows if row] == ["claude-sonnet", "anthropic"]
        assert set(app.screen_rows()[-1]) == {"╰", "─", "╯"}
    async with column_app((60, 9), label="demo/swift", demo=True, start=False) as (app, pilot):
        await pilot.pause()
        assert "demo model" in joined(app.screen_rows())


@pytest.mark.parametrize("width", [24, 38, 60, 120])
async def test_the_frame_keeps_its_shape_at_every_width(width: int) -> None:
    async with column_app((width, 12), label="anthropic/claude-sonnet-4.6") as (app, pilot):
        for status in ColumnStatus:
            app.feed(StatusChanged("c1", status, ErrorInfo("why"), app.clock.now + 4), MetricsChanged("c1", METRICS))
            await pilot.pause()
            rows = app.screen_rows()
            assert all(cell_len(row) == width for row in rows)
            assert rows[0][0] == "╭" and rows[0][-1] == "╮"
            assert rows[-1][0] == "╰" and rows[-1][-1] == "╯"
            glyph, word = COLUMN[status].glyph, COLUMN[status].word
            assert f" {glyph} " in rows[0]
            assert status is ColumnStatus.IDLE or word.split()[0] in rows[0]


async def test_the_provider_goes_before_the_model_name_is_cut() -> None:
    async with column_app((38, 10), label="anthropic/claude-sonnet-4.6") as (app, pilot):
        await pilot.pause()
        assert "claude-sonnet-4" in app.screen_rows()[0]
        assert "anthropic" not in app.screen_rows()[0]
        assert "connecting" in app.screen_rows()[0]


async def test_elapsed_time_runs_while_something_waits_and_stops_at_the_end() -> None:
    async with column_app() as (app, pilot):
        clock = FrameClock.of(app)
        app.clock.now += 3
        app.column.tick_second()
        await pilot.pause()
        assert "connecting 3s" in app.screen_rows()[0]
        assert app.column in clock.waiting
        app.feed(StatusChanged("c1", ColumnStatus.STREAMING), MetricsChanged("c1", METRICS))
        app.feed(StatusChanged("c1", ColumnStatus.DONE))
        await pilot.pause()
        assert "done 3.1s" in app.screen_rows()[0]
        assert app.column not in clock.waiting


async def test_best_figures_are_marked_and_forgotten_with_the_next_turn() -> None:
    async with column_app() as (app, pilot):
        app.feed(MetricsChanged("c1", METRICS), StatusChanged("c1", ColumnStatus.DONE))
        app.column.mark_best({"speed"})
        await pilot.pause()
        assert "◆ 83 tok/s" in app.screen_rows()[-1]
        app.feed(TurnStarted("c1", 2, "again"))
        await pilot.pause()
        assert "◆" not in app.screen_rows()[-1]


async def test_the_column_tells_what_it_holds() -> None:
    async with column_app() as (app, _):
        app.feed(
            call("1", CallStatus.RUNNING),
            call("2"),
            call("1", CallStatus.OK),
            TextAppended("c1", "**answer**"),
            MetricsChanged("c1", METRICS),
            StatusChanged("c1", ColumnStatus.INCOMPLETE, ErrorInfo("cut")),
        )
        column = app.column
        assert [(record.id, record.status) for record in column.calls] == [
            ("1", CallStatus.OK),
            ("2", CallStatus.OK),
        ]
        assert column.answer_text() == "**answer**"
        assert column.status is ColumnStatus.INCOMPLETE
        assert column.error == ErrorInfo("cut")
        assert column.metrics == METRICS
        assert column.state_text() == "incomplete 3.1s"


async def test_a_call_of_a_new_turn_may_reuse_an_id() -> None:
    async with column_app() as (app, _):
        app.feed(call("1", tool="first"), TurnStarted("c1", 2, "again"), call("1", tool="second"))
        rows = joined(app.view.plain_rows())
        assert "demo.first" in rows and "demo.second" in rows
        assert [record.tool for record in app.column.calls] == ["second"]


async def test_focus_changes_the_frame() -> None:
    async with column_app() as (app, pilot):
        app.set_focus(None)
        await pilot.pause()
        blurred = app.export_screenshot()
        app.column.focus()
        await pilot.pause()
        assert app.export_screenshot() != blurred


async def test_a_removed_column_leaves_the_clock() -> None:
    async with column_app() as (app, pilot):
        clock = FrameClock.of(app)
        app.column.handle(TextAppended("c1", "text"))
        await app.column.remove()
        await pilot.pause(0.05)
        assert clock.idle
        assert not clock.waiting


async def test_the_clock_takes_turns_and_rests_in_proportion() -> None:
    async with column_app() as (app, _):
        clock = FrameClock(app)
        painted: list[str] = []

        class Fake:
            def __init__(self, name: str) -> None:
                self.name = name

            def paint_frame(self) -> bool:
                painted.append(self.name)
                return False

        first, second = Fake("a"), Fake("b")
        clock.mark(first)
        clock.mark(second)
        clock.mark(first)
        clock.run_frame()
        assert painted == ["a"]
        clock.run_frame()
        assert painted == ["a", "b"]
        assert clock.idle
        assert clock.pause_s(0.1) >= 0.1 > clock.pause_s(0.0)


def test_record_defaults_need_no_clock() -> None:
    record = CallRecord("1", 1, "", "missing", {}, "", CallStatus.ERROR)
    assert call_row(record, 40, PALETTE, 0.0, folded=True).text.startswith("► missing")


def test_labels_are_cleaned() -> None:
    assert "\x1b" not in ModelColumn("c1", "evil\x1b]0;x\x07/model").label


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"values": [2.1, -4, True, None, "a"], "n": 1}, '{\n  "values": [2.1, -4, true, null, "a"],\n  "n": 1\n}'),
        ([[1, 2], [3]], "[\n  [1, 2],\n  [3]\n]"),
        ([], "[]"),
        ({"a": ["x" * 40, 1]}, '{\n  "a": [\n    "' + "x" * 40 + '",\n    1\n  ]\n}'),
        ([{"k": 1}, 2], '[\n  {\n    "k": 1\n  },\n  2\n]'),
        (['tricky", [', "]"], '["tricky\\", [", "]"]'),
    ],
)
def test_lists_of_short_values_take_one_line(value: object, text: str) -> None:
    lines = packed(json.dumps(value, indent=2).split("\n"))
    assert "\n".join(lines) == text
    assert json.loads("\n".join(lines)) == value
