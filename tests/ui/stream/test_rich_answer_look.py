"""How a rich answer looks: every kind of Markdown, at three sizes, dark and light."""

from __future__ import annotations

import pytest

from mcp_tui.core.events import MetricsChanged, StatusChanged, TextAppended, TurnStarted
from mcp_tui.core.state import ColumnStatus, Metrics, Usage
from tests.ui.stage import Snap
from tests.ui.stream.harness import ColumnApp
from tests.ui.stream.test_model_column_look import fed

RICH = """# Why the nightly export failed

The job **waited 30 s** for a lock that the *cleanup* held, then gave up; `session_lock` is ~~fine~~ the cause.
See [the manual](https://www.postgresql.org/docs/current/explicit-locking.html) or https://wiki.postgresql.org/wiki/Lock_Monitoring.

## What happened

1. `cleanup` locked **user_sessions** at 02:00
2. the export waited:
   - its connection stayed busy
   - the pool of 8 ran dry
     1. first the readers
     2. then the writers
3. at 02:00:31 it gave up

| time     | event                              |  rows | state |
|----------|------------------------------------|------:|:-----:|
| 02:00:00 | cleanup locks `user_sessions`      |    12 |  ok   |
| 02:00:31 | export gives up, 7 writers waiting | 4 711 | error |

> A cleanup in batches of 1,000 rows would never hold the lock for so long.
>
> - so said the *manual*

### What to do

- [x] read the log
- [ ] raise the pool to 16
- [ ] move the cleanup to 04:00

```python
def retry(job: Job, attempts: int = 3) -> Result:
    for attempt in range(attempts):  # the lock is usually free again
        try:
            return job.run(timeout_s=5.0)
        except LockTimeout as error:
            log.warning("attempt %d of %s: %s", attempt, job.name, error)
```

```diff
- lock_timeout = '30s'
+ lock_timeout = '5s'
```

---

日本語のテキストと絵文字 👩‍💻 ✅ が混ざる行です。 ![lock waits per hour](https://example.com/waits.png)
"""


@pytest.mark.parametrize("theme", ["midnight", "paper"])
@pytest.mark.parametrize("size", [(160, 45), (120, 35), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_rich_answer(snap_compare: Snap, size: tuple[int, int], theme: str) -> None:
    events = fed(
        TurnStarted("c1", 1, "Why did the nightly job fail?"),
        StatusChanged("c1", ColumnStatus.STREAMING),
        TextAppended("c1", RICH),
        MetricsChanged("c1", Metrics(Usage(1204, 310), ttft_ms=410, tokens_per_s=83, cost_usd=0.0061)),
        StatusChanged("c1", ColumnStatus.DONE),
        theme=theme,
        keys=("home",),
    )
    assert snap_compare(ColumnApp("anthropic/claude-sonnet", False), terminal_size=size, run_before=events)


def test_a_search_and_the_current_link(snap_compare: Snap) -> None:
    events = fed(
        TurnStarted("c1", 1, "Why did the nightly job fail?"),
        TextAppended("c1", RICH),
        StatusChanged("c1", ColumnStatus.DONE),
        theme="midnight",
        keys=("home", "right_square_bracket", "slash", *"lock", "enter", "n"),
    )
    assert snap_compare(ColumnApp("anthropic/claude-sonnet", False), terminal_size=(80, 30), run_before=events)
