"""Two results of one tool side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mcp_tui.ui.compare.diff import ComparedAnswer, DiffScreen
from mcp_tui.ui.workbench.outcomes import Outcome, View, plain_text


async def result_diff(outcomes: Sequence[Outcome], index: int, view: View) -> DiffScreen:
    """The one at `index` on the right and the one before it on the left; of the first one the next on the right."""
    texts = await asyncio.to_thread(lambda: [plain_text(outcome, view) for outcome in outcomes])
    answers = [
        ComparedAnswer(f"{number} of {len(texts)} · {outcome.status.value}", text)
        for number, (outcome, text) in enumerate(zip(outcomes, texts, strict=True), 1)
    ]
    other = index - 1 if index else 1
    return DiffScreen(answers, min(index, other), max(index, other))
