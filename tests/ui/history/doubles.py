"""Saved runs on disk, and the History screen on the stage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.state import CallStatus, ColumnStatus
from mcp_tui.store.history.reader import HistoryReader
from mcp_tui.ui.history.screen import HistoryScreen
from mcp_tui.ui.messages import RunRevived
from tests.builders import HOSTILE
from tests.store.history_runs import NOON, Scribe, answer, call, column, figures, in_order, said
from tests.ui.stage import StageApp

DAY_S = 86_400.0

MARKDOWN = """The job failed because the **session table** was locked:

1. `cleanup` started at 02:00
2. the export waited 30 s for it

```python
c.execute("set lock_timeout='5s'")
```"""


def example(path: Path) -> None:
    """Runs of every state: the newest first in the list are written last."""
    scribe = Scribe(path)
    old = NOON - 400 * DAY_S
    scribe.run(
        answer("c1", "It is noon.", prompt="What time is it?", metrics=figures(None)),
        columns=[column(1, "demo/swift")],
        started_at=old,
        id_="demo2222",
        source="compare",
    )
    scribe.run(
        answer("c1", "Hello.", prompt=f"Greet {HOSTILE}", status=ColumnStatus.CANCELLED),
        started_at=NOON - 20 * DAY_S,
        id_="hostile2",
    )
    refused = ErrorInfo("groq refused", "429: rate limit reached", "wait a minute", ErrorKind.PROVIDER, "http_429")
    scribe.run(
        in_order(
            answer("c1", "Six tables, two without an index.", prompt="Review the schema", took_s=2.0),
            answer("c2", "", prompt="Review the schema", status=ColumnStatus.ERROR, error=refused, took_s=0.9),
        ),
        columns=[column(1, "anthropic/claude-sonnet"), column(2, "groq/llama-4")],
        started_at=NOON - 3 * DAY_S,
        id_="partly22",
    )
    scribe.run(
        answer("c1", "I begin with the", prompt="Write a long story", end=False),
        columns=[column(1, "openai/gpt-mini")],
        started_at=NOON - 2 * DAY_S,
        id_="inter222",
    )
    first = in_order(
        answer("c1", MARKDOWN, calls=[call("t1s1c1")], thinking="The log first.", took_s=3.1),
        answer(
            "c2",
            "Lock contention at 02:00. Move the cleanup job.",
            calls=[call("t1s1c1", shared=True), call("t1s1c2", CallStatus.DENIED, tool="restart")],
            metrics=figures(0.0004, 44),
            took_s=1.2,
        ),
    )
    second = in_order(
        answer("c1", "At 04:00.", prompt="When then?", turn=2, at_s=60.0, took_s=1.0),
        answer("c2", "Any time before 01:00.", prompt="When then?", turn=2, at_s=60.0, took_s=0.9),
    )
    scribe.run(
        [*first, *second],
        columns=[column(1, "anthropic/claude-sonnet"), column(2, "openai/gpt-mini")],
        answers=[said("c1", MARKDOWN), said("c2", "Lock contention."), said("c1", "At 04:00.", 2)],
        started_at=NOON - 3600.0,
        id_="night222",
    )
    scribe.flush()
    scribe.close()


class HistoryApp(StageApp):
    """The History screen as the dashboard shows it, in UTC, on the day of the example."""

    def __init__(self, path: Path, *, theme: str = "midnight") -> None:
        self.revived: list[RunRevived] = []
        reader = HistoryReader(path, now=lambda: NOON + 2.0 * DAY_S / 24)
        self.history = HistoryScreen(reader=reader, now=lambda: datetime.fromtimestamp(NOON, UTC))
        super().__init__(self.history, theme=theme)

    def on_run_revived(self, message: RunRevived) -> None:
        self.revived.append(message)
