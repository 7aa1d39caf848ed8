"""The last lines a child process wrote to its standard error, and short notices about a server."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

MAX_LINES = 200
MAX_LINE_CHARS = 2_000
MAX_NOTICES = 20


class StderrTail:
    """Fed with bytes in any cut; keeps the newest `MAX_LINES` lines, each cut to `MAX_LINE_CHARS`."""

    def __init__(
        self,
        changed: Callable[[], None] = lambda: None,
        heard: Callable[[str], None] = lambda line: None,
        cleaned: Callable[[str], str] = lambda text: text,
    ) -> None:
        """heard: gets each whole line that is kept. cleaned: takes secrets out of a line."""
        self._changed = changed
        self._heard = heard
        self._cleaned = cleaned
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._open = b""

    def feed(self, data: bytes) -> None:
        # Only the end of a flood can survive, so the rest is not even split.
        whole = (self._open + data)[-(MAX_LINES * MAX_LINE_CHARS * 4) :]
        *lines, self._open = whole.split(b"\n")
        self._open = self._open[: MAX_LINE_CHARS * 4]
        for line in lines[-MAX_LINES:]:
            text = self._text(line)
            self._lines.append(text)
            self._heard(text)
        self._changed()

    def lines(self) -> tuple[str, ...]:
        """Oldest first; a line without its line break counts as one."""
        if self._open:
            return (*self._lines, self._text(self._open))[-MAX_LINES:]
        return tuple(self._lines)

    def clear(self) -> None:
        self._lines.clear()
        self._open = b""

    def _text(self, line: bytes) -> str:
        # Cleaned before it is cut, or the half of a secret at the cut would stay.
        return self._cleaned(line.rstrip(b"\r").decode("utf-8", "replace"))[:MAX_LINE_CHARS]


class Notices:
    """Sentences worth showing about a server; a repeated one is counted, the oldest ones go."""

    def __init__(
        self, changed: Callable[[], None] = lambda: None, cleaned: Callable[[str], str] = lambda text: text
    ) -> None:
        self._changed = changed
        self._cleaned = cleaned
        self._counts: dict[str, int] = {}

    def add(self, sentence: str) -> None:
        sentence = self._cleaned(sentence)
        count = self._counts.pop(sentence, 0) + 1
        self._counts[sentence] = count
        while len(self._counts) > MAX_NOTICES:
            del self._counts[next(iter(self._counts))]
        self._changed()

    def sentences(self) -> tuple[str, ...]:
        return tuple(text if count == 1 else f"{text} ({count:,} times)" for text, count in self._counts.items())
