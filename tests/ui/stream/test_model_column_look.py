"""How a column alone looks: dark with an answer being written, light and narrow with calls of every state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.events import (
    ColumnEvent,
    MetricsChanged,
    ReasoningAppended,
    StatusChanged,
    TextAppended,
    TurnStarted,
)
from mcp_tui.core.state import CallStatus, ColumnStatus, Metrics, Progress, Usage
from tests.ui.stage import Snap
from tests.ui.stream.harness import ColumnApp, call

ANSWER = """The job failed because the **session table** was locked:

1. **cleanup** started at `02:00`
2. the export waited 30 s for it, then gave up; see [locks](https://www.postgresql.org/docs/locks.html)

| time | event | rows |
|---|---|--:|
| 02:00 | cleanup locks `user_sessions` | 12 |

> lock wait timeout exceeded

```python
with engine.begin() as c:  # one transaction
    c.execute(text("set lock_timeout='5s'"), 3)
```

日本語 and an"""


def fed(*events: ColumnEvent, theme: str, keys: tuple[str, ...] = ()) -> Callable[[Pilot[Any]], Any]:
    async def run(pilot: Pilot[Any]) -> None:
        app = pilot.app
        assert isinstance(app, ColumnApp)
        app.theme = theme
        await pilot.pause()
        for event in events:
            app.feed(event)
            app.clock.now += 1.2 if isinstance(event, ReasoningAppended) else 0
        app.column.focus()
        await pilot.press(*keys)
        app.view.flush()
        await pilot.pause()

    return run


def test_an_answer_being_written(snap_compare: Snap) -> None:
    events = fed(
        TurnStarted("c1", 1, "Why did the nightly job fail?"),
        StatusChanged("c1", ColumnStatus.STREAMING),
        ReasoningAppended("c1", "The log comes first."),
        TextAppended("c1", "I will read the log first."),
        call("1", tool="read_file", arguments={"path": "logs/error.log"}, duration_ms=12.0),
        call("2", duration_ms=31.0, shared=True),
        TextAppended("c1", ANSWER),
        MetricsChanged("c1", Metrics(Usage(1204, 310), ttft_ms=410, tokens_per_s=83, cost_usd=0.0061)),
        theme="midnight",
        keys=("k",),
    )
    assert snap_compare(ColumnApp("anthropic/claude-sonnet", False), terminal_size=(64, 32), run_before=events)


def test_calls_of_every_state_and_an_error(snap_compare: Snap) -> None:
    result = {"content": [{"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgoAAAANSUhEUgAAAUAAAADI"}]}
    events = fed(
        TurnStarted("c1", 1, "first"),
        TextAppended("c1", "Done."),
        StatusChanged("c1", ColumnStatus.DONE),
        TurnStarted("c1", 2, "Why did the nightly job fail, and what do we do about it?"),
        *(call(status.value, status, arguments={"id": 7}, started_at=1000.0) for status in CallStatus),
        call("bar", CallStatus.RUNNING, started_at=998.0, progress=Progress(3, 8, "")),
        call("open", tool="chart", result=result, duration_ms=1200.0),
        StatusChanged("c1", ColumnStatus.ERROR, ErrorInfo("Key refused", "401: invalid key", "set PROVIDER_KEY")),
        MetricsChanged("c1", Metrics(Usage(1204, 310), True, 0.0061, True, 410, 3100, 83)),
        theme="paper",
        keys=("k", "enter"),
    )
    assert snap_compare(ColumnApp("anthropic/claude-sonnet", False), terminal_size=(38, 32), run_before=events)
