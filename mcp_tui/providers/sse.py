"""Server-sent events from bytes in any chunking (WHATWG HTML, section 9.2.6).

Lines end with LF, CRLF or CR and nothing else: `str.splitlines` and httpx's `aiter_lines` also split on U+2028,
U+0085 and VT, which may stand raw inside a JSON string. Bytes are decoded a whole line at a time, so a character
split between two chunks is never torn. Work is linear in the bytes, however they are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

_BOM = b"\xef\xbb\xbf"

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""More than any real event; a stream that never ends its line must not eat the memory."""


class SseOverflowError(ValueError):
    """One event grew beyond `MAX_EVENT_BYTES`."""


@dataclass(slots=True)
class SseEvent:
    """Not frozen: thousands are made a second, and a frozen one costs twice as much."""

    name: str
    """The `event` field; "" when there was none."""
    data: str
    complete: bool = True
    """False when the stream ended before the blank line that dispatches the event: it may be cut."""


class SseDecoder:
    def __init__(self) -> None:
        self._line = bytearray()
        """The beginning of a line whose end has not come."""
        self._name = ""
        self._data: list[bytes] = []
        self._size_bytes = 0
        self._first_line = True
        self._skip_lf = False

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that this chunk completed. SseOverflowError when one event is absurdly large."""
        events: list[SseEvent] = []
        if self._skip_lf and chunk:
            # The last chunk ended with CR; an LF now belongs to that line end.
            self._skip_lf = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._skip_lf = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = chunk.split(b"\n")
        open_line = lines.pop()
        if lines and self._line:
            lines[0] = bytes(self._line) + lines[0]
            self._line.clear()
        for line in lines:
            self._end_line(line, events)
        self._line += open_line
        if self._size_bytes + len(self._line) > MAX_EVENT_BYTES:
            raise SseOverflowError(f"one event is larger than {MAX_EVENT_BYTES} bytes")
        return events

    def finish(self) -> list[SseEvent]:
        """The event that was pending when the stream ended, marked incomplete unless its line had ended."""
        events: list[SseEvent] = []
        whole = not self._line
        if self._line:
            self._end_line(bytes(self._line), events)
            self._line.clear()
        self._dispatch(events, complete=whole)
        return events

    def _end_line(self, line: bytes, events: list[SseEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data or self._name:
                self._dispatch(events, complete=True)
        elif line.startswith(b"data: "):  # the usual line, and the long one: no more copies than needed
            self._data.append(line[6:])
            self._size_bytes += len(line)
        elif line[0] != 0x3A:  # not a comment, such as a keep-alive
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                self._data.append(value)
                self._size_bytes += len(line)
            elif name == b"event":
                self._name = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[SseEvent], *, complete: bool) -> None:
        if self._data:
            data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
            events.append(SseEvent(self._name, data.decode("utf-8", "replace"), complete))
            self._data = []
            self._size_bytes = 0
        self._name = ""
