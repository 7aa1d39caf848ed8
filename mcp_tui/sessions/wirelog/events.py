"""Server-sent events out of the bytes of a stream (HTML standard, section 9.2), for the log's own reading."""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT_BYTES = 64 << 20


class EventSplitter:
    """`feed` yields (event type, data) of each whole event. Bytes in any chunking; LF, CRLF and CR end lines."""

    def __init__(self) -> None:
        self._line: list[bytes] = []
        self._after_cr = False
        self._first = True
        self._type = b""
        self._data: list[bytes] = []
        self._size = 0
        self.overflown = False
        """An event went past `MAX_EVENT_BYTES`; nothing more is read."""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        if self.overflown or not chunk:
            return
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        first, *rest = chunk.split(b"\n")
        self._line.append(first)
        self._size += len(chunk)
        if self._size > MAX_EVENT_BYTES:
            self.overflown = True
            self._line, self._data = [], []
            return
        for part in rest:
            line = b"".join(self._line)
            self._line = [part]
            if (event := self._take(line)) is not None:
                yield event

    def _take(self, line: bytes) -> tuple[str, bytes] | None:
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            kind, data = self._type, self._data
            self._type, self._data = b"", []
            self._size = sum(map(len, self._line))
            return (kind.decode("utf-8", "replace") or "message", b"\n".join(data)) if data else None
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = value
        return None
