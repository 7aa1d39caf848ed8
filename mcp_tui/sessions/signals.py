"""SIGTERM and SIGHUP skip every cleanup of Python; here they end a task like Ctrl+C does, and all is closed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(slots=True)
class EndedBy:
    """`signal` is what arrived first, or None. By convention the exit code is then 128 + its number."""

    signal: signal.Signals | None = None


@contextmanager
def ended_by_signals(signals: Sequence[signal.Signals] = ENDING_SIGNALS) -> Generator[EndedBy]:
    """Within the block, these signals cancel the current task, once; repeated ones change nothing.

    Everything the task holds (the session manager) closes in its own time, which is bounded. Main thread only.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    ended = EndedBy()

    def arrived(number: signal.Signals) -> None:
        if ended.signal is None and task is not None:
            ended.signal = number
            task.cancel(f"ended by {number.name}")

    before = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        loop.add_signal_handler(number, arrived, number)
    try:
        yield ended
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)
