"""Server-sent events from bytes in any chunking (WHATWG HTML, section 9.2.6).

Lines end with LF, CRLF or CR and nothing else: `str.splitlines` and httpx's `aiter_lines` also split on U+2028,
U+0085 and VT, which may stand raw inside a JSON string. Bytes are decoded a whole line at a time, so a character
split between two chunks is never torn. Work is linear in the bytes, however they are cut.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""More than any real event; a stream that never ends its line must not eat the memory."""


class SseOverflowError(ValueError):
    """One event grew beyond `MAX_EVENT_BYTES`."""


@dataclass(frozen=True, slots=True)
class SseEvent:
    name: str
    """The `event` field; "" when there was none."""
    data: str
    complete: bool = True
    """False when the stream ended before the blank line that dispatches the event: it may be cut."""


class SseDecoder:
    def __init__(self) -> None:
        self._line = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._size_bytes = 0
        self._first_line = True
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completed. SseOverflowError when one event is absurdly large."""
        events: list[SseEvent] = []
        at = 0
        if self._skip_lf and chunk:
            # The last chunk ended with CR; an LF now belongs to that line end.
            self._skip_lf = False
            at = 1 if chunk[0] == 0x0A else 0
        for end in _LINE_END.finditer(chunk, at):
            self._line += chunk[at : end.start()]
            at = end.end()
            self._end_line(events)
            self._skip_lf = at == len(chunk) and end.group() == b"\r"
        self._line += chunk[at:]
        if self._size_bytes + len(self._line) > MAX_EVENT_BYTES:
            raise SseOverflowError(f"one event is larger than {MAX_EVENT_BYTES} bytes")
        return events

    def finish(self) -> list[SseEvent]:
        """The event that was pending when the stream ended, marked incomplete unless its line had ended."""
        events: list[SseEvent] = []
        whole = not self._line
        if self._line:
            self._end_line(events)
        self._dispatch(events, complete=whole)
        return events

    def _end_line(self, events: list[SseEvent]) -> None:
        raw = bytes(self._line)
        self._line.clear()
        if self._first_line:
            self._first_line = False
            raw = raw.removeprefix(_BOM)
        if not raw:
            self._dispatch(events, complete=True)
            return
        if raw[0] == 0x3A:  # a comment, e.g. a keep-alive
            return
        name, _, value = raw.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size_bytes += len(raw)
        elif name == "event":
            self._name = value

    def _dispatch(self, events: list[SseEvent], *, complete: bool) -> None:
        if self._data:
            events.append(SseEvent(self._name, "\n".join(self._data), complete))
        self._name = ""
        self._data = []
        self._size_bytes = 0
