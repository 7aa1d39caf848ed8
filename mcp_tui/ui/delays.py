"""Things a screen does a moment later, by name."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer
from textual.widget import Widget


class Delays:
    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._timers: dict[str, Timer] = {}

    def gather(self, name: str, delay_s: float, action: Callable[[], object]) -> None:
        """After a pause; a wish of the same name that is waiting already stays, and does what is wanted then."""
        if name not in self._timers:
            self._start(name, delay_s, action)

    def postpone(self, name: str, delay_s: float, action: Callable[[], object]) -> None:
        """After a pause; a newer wish of the same name replaces it, and waits anew."""
        self.cancel(name)
        self._start(name, delay_s, action)

    def cancel(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.stop()

    def _start(self, name: str, delay_s: float, action: Callable[[], object]) -> None:
        def run() -> None:
            if self._timers.get(name) is timer:  # else it was replaced when its turn had come already
                del self._timers[name]
                action()

        timer = self._timers[name] = self._owner.set_timer(delay_s, run)
