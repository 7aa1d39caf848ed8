"""One execution for identical calls of several columns."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from mcp_tui.core.state import CallResult, Progress, ToolInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.approval import canonical

OnProgress = Callable[[Progress], None]
Execute = Callable[[OnProgress], Awaitable[CallResult]]
Spawn = Callable[[Coroutine[Any, Any, Any], str], "asyncio.Task[Any]"]
"""Start a coroutine, under a name, as a task that outlives the column asking for it."""


@dataclass(slots=True, eq=False)
class _Execution:
    task: asyncio.Task[CallResult | Exception]
    watchers: dict[int, OnProgress] = field(default_factory=dict[int, OnProgress])
    progress: Progress | None = None


class SharedCalls:
    """The calls of read-only tools in one turn of several columns; made new for every turn.

    The first column executes, the others join while it runs or take its result afterwards. The n-th identical
    call of a column shares with the n-th of the others: a model that polls gets fresh results, and still the
    same ones as its neighbours. Failures are shared with those who were waiting, and not kept.
    """

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._executions: dict[tuple[str, ...], _Execution] = {}
        self._asked: Counter[tuple[str, ...]] = Counter()
        self._watcher_ids = itertools.count()

    async def call(
        self, column: str, tool: ToolInfo, arguments: JsonObject, execute: Execute, on_progress: OnProgress
    ) -> tuple[CallResult, bool]:
        """The result, and whether another column's execution gave it. Raises what the execution raised.

        Cancelling leaves the execution to the columns that still wait for it; the last one to leave ends it.
        """
        call = (tool.server, tool.name, tool.digest, canonical(arguments))
        turn_of_column = self._asked[(column, *call)]
        self._asked[(column, *call)] += 1
        key = (*call, str(turn_of_column))
        execution = self._executions.get(key)
        shared = execution is not None
        if execution is None:
            execution = self._start(key, execute)
        watcher = next(self._watcher_ids)
        execution.watchers[watcher] = on_progress
        if execution.progress is not None and not execution.task.done():
            on_progress(execution.progress)
        try:
            # wait() leaves the task alone when this waiter is cancelled.
            await asyncio.wait((execution.task,))
        finally:
            del execution.watchers[watcher]
            if not execution.watchers and not execution.task.done():
                self._executions.pop(key, None)
                execution.task.cancel()
        outcome = execution.task.result()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome, shared

    def _start(self, key: tuple[str, ...], execute: Execute) -> _Execution:
        async def run() -> CallResult | Exception:
            # A failure is a value here: the task belongs to nobody's group that could take it as its own.
            try:
                outcome = await execute(spread)
            except Exception as error:  # noqa: BLE001 (raised again in every column that waits)
                outcome = error
            failed = isinstance(outcome, Exception) or outcome.is_error
            if failed and self._executions.get(key) is execution:
                del self._executions[key]
            return outcome

        def spread(progress: Progress) -> None:
            execution.progress = progress
            for watcher in list(execution.watchers.values()):
                watcher(progress)

        execution = _Execution(self._spawn(run(), f"shared call {key[0]}.{key[1]}"))
        self._executions[key] = execution
        return execution
