"""What came of a call, a read or a prompt, and how its views read. Pure functions; run them on a thread."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, cast

from mcp_tui.core import media
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.figures import size_text
from mcp_tui.core.json_text import dump, dump_start
from mcp_tui.core.json_values import as_list, as_object, as_text, is_list, is_object
from mcp_tui.core.state import Progress
from mcp_tui.core.text import clean, clean_line, json_escaped
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.terminal.pictures import picture_rows
from mcp_tui.ui.widgets.line_view import ViewRow, rows_of

MAX_DRAWN_CHARS = 400_000
MAX_COPIED_CHARS = 2_000_000
MAX_PICTURES = 20
MAX_HEADER_BYTES = 65_536
"""Enough of an image to find its dimensions."""

View = Literal["result", "structured", "raw", "wire"]
VIEWS: tuple[View, ...] = ("result", "structured", "raw", "wire")
Kind = Literal["tool", "resource", "template", "prompt"]


class OutcomeStatus(StrEnum):
    RUNNING = "running"
    OK = "ok"
    TOOL_ERROR = "tool error"
    """The tool answered, with isError."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The connection was lost after sending: it may have run."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class WireMark:
    """How the messages of one call are found in the wire log."""

    server: str
    cause: str
    since: int
    """Microseconds since the epoch, before the first of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One thing that was run. `raw` has the wire keys and is never changed."""

    number: int
    kind: Kind
    name: str
    arguments: JsonObject
    started_at: float
    status: OutcomeStatus = OutcomeStatus.RUNNING
    duration_ms: float | None = None
    progress: Progress | None = None
    raw: JsonObject | None = None
    error: ErrorInfo | None = None
    warnings: tuple[str, ...] = ()
    size_bytes: int | None = None
    sent_wrong: bool = False
    """The arguments did not fit the schema and were sent all the same."""
    as_task: bool | None = None
    """Asked for a task; None: as the tool demands."""
    task_id: str = ""
    """Waits for this task, which ran before, instead of calling anything."""
    heard: str = ""
    """Of a followed resource: why it was read again."""
    wire: WireMark | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Something in a result that is not text: it can be saved, or a link that can be read."""

    label: str
    kind: Literal["media", "link"]
    uri: str = ""
    mime_type: str = ""
    data: str = ""
    """base64, as it came."""


@dataclass(frozen=True, slots=True)
class Drawn:
    rows: Sequence[ViewRow]
    parts: tuple[Part, ...] = ()
    fitted: bool = False
    """It holds pictures, made for the width it was drawn for."""


def size_of(value: object) -> int:
    """About how many bytes a decoded JSON value is on the wire: texts exactly, without escapes."""
    total = 0
    waiting: list[object] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            total += 2 + (len(node) if node.isascii() else len(node.encode("utf-8", "surrogatepass")))
        elif is_object(node):
            total += 2 + 2 * len(node)
            waiting.extend(node.keys())
            waiting.extend(node.values())
        elif is_list(node):
            total += 2 + len(node)
            waiting.extend(node)
        else:
            total += len(json.dumps(node))
    return total


def parts_of(outcome: Outcome) -> tuple[Part, ...]:
    if outcome.raw is None:
        return ()
    return tuple(_parts(outcome))


def _parts(outcome: Outcome) -> Iterator[Part]:
    for block in _blocks(outcome):
        kind = as_text(block.get("type"))
        resource = as_object(block.get("resource")) if kind == "resource" else block
        mime = as_text(resource.get("mimeType"))
        data = as_text(block.get("data")) if kind in ("image", "audio") else as_text(resource.get("blob"))
        if kind == "resource_link":
            uri = as_text(block.get("uri"))
            words = [as_text(block.get("title")) or as_text(block.get("name")), uri, mime]
            yield Part("→ " + "  ".join(clean_line(word) for word in words if word), "link", uri, mime)
        elif data:
            yield Part(describe_data(kind, mime, data), "media", as_text(resource.get("uri")), mime, data)


def _blocks(outcome: Outcome) -> Iterator[JsonObject]:
    """The content blocks of a tool result, a prompt's messages, or what a resource holds."""
    raw = outcome.raw or {}
    if outcome.kind == "tool":
        for block in as_list(raw.get("content")):
            yield as_object(block)
    elif outcome.kind == "prompt":
        for message in as_list(raw.get("messages")):
            content = as_object(message).get("content")
            for block in content if is_list(content) else [content]:
                yield as_object(block)
    else:
        for content in as_list(raw.get("contents")):
            yield {"type": "resource", "resource": as_object(content)}


def describe_data(kind: str, mime: str, data: str) -> str:
    """`image PNG 640×480  image/png  12.0 kB`: what the bytes say first, then what was declared."""
    head = media.decode_head(data, MAX_HEADER_BYTES)
    if head is None:
        return f"{kind or 'data'}  {clean_line(mime)}  is no base64"
    size = size_text(media.decoded_size(data))
    picture = media.picture(head)
    if picture is not None:
        facts = f"image {picture.format} {picture.width}×{picture.height}"
        expected = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WebP": "image/webp"}
        doubt = "" if mime in ("", expected[picture.format]) else " (declared otherwise)"
        return f"{facts}  {clean_line(mime)}{doubt}  {size}"
    word = "data" if kind == "resource" else kind or "data"
    return f"{word}  {clean_line(mime) or 'unknown type'}  {size}"


def draw(outcome: Outcome, view: View, picture_cells: int = 0) -> Drawn:
    """The whole view, texts cleaned and cut at MAX_DRAWN_CHARS with a note. The wire view is `exchange_text`'s.

    picture_cells: how wide a picture may be; 0 = pictures are only described.
    """
    writer = _Writer(picture_cells)
    for warning in outcome.warnings:
        writer.line(f"! {warning}", "warning")
    if outcome.sent_wrong:
        writer.line("! sent although the arguments do not fit the schema", "warning")
    if outcome.error is not None:
        _draw_error(writer, outcome)
    raw = outcome.raw
    if raw is None:
        return Drawn(writer.rows)
    if view == "raw":
        writer.json(raw)
    elif view == "structured":
        if "structuredContent" in raw:
            writer.json(raw["structuredContent"])
        else:
            writer.line("no structured content in this result", "muted")
    else:
        _draw_result(writer, outcome)
    return Drawn(writer.rows, parts_of(outcome) if view == "result" else (), writer.pictures > 0)


def _draw_error(writer: _Writer, outcome: Outcome) -> None:
    error = outcome.error
    assert error is not None
    stopped = outcome.status is OutcomeStatus.CANCELLED
    writer.text(f"{'■' if stopped else '✗'} {error.title}", "warning" if stopped else "error")
    if error.detail:
        writer.text(error.detail)
    if outcome.status is OutcomeStatus.UNKNOWN:
        writer.line("It may have run: the connection was lost after the call was sent.", "warning")
    if error.hint:
        writer.text(f"→ {error.hint}", "muted")
    if error.code and not stopped:
        writer.line(f"code {error.code}", "muted")


def _draw_result(writer: _Writer, outcome: Outcome) -> None:
    raw = outcome.raw or {}
    if outcome.status is OutcomeStatus.TOOL_ERROR:
        writer.line("✗ the tool reports an error", "error")
    if outcome.kind == "prompt":
        _draw_messages(writer, raw)
        return
    blocks = list(_blocks(outcome))
    for block in blocks:
        _draw_block(writer, block)
    if not blocks:
        if "structuredContent" in raw:
            writer.line("no content blocks; the structured content is", "muted")
            writer.json(raw["structuredContent"])
        else:
            writer.line("the answer is empty", "muted")


def _draw_messages(writer: _Writer, raw: JsonObject) -> None:
    description = as_text(raw.get("description"))
    if description:
        writer.text(description, "muted")
    for message in as_list(raw.get("messages")):
        role = as_text(as_object(message).get("role")) or "?"
        writer.gap()
        writer.line(role, "head")
        content = as_object(message).get("content")
        for block in content if is_list(content) else [content]:
            _draw_block(writer, as_object(block))


def _draw_block(writer: _Writer, block: JsonObject) -> None:
    kind = as_text(block.get("type"))
    if kind == "text":
        writer.maybe_json(as_text(block.get("text")))
    elif kind in ("image", "audio"):
        writer.line(f"■ {describe_data(kind, as_text(block.get('mimeType')), as_text(block.get('data')))}", "head")
        if kind == "image":
            writer.picture(as_text(block.get("data")))
    elif kind == "resource_link":
        words = [as_text(block.get("title")) or as_text(block.get("name")), as_text(block.get("uri"))]
        writer.line("→ " + "  ".join(word for word in words if word), "head")
        if as_text(block.get("description")):
            writer.text(as_text(block.get("description")), "muted")
    elif kind == "resource":
        resource = as_object(block.get("resource"))
        mime = as_text(resource.get("mimeType"))
        writer.line("  ".join(word for word in (as_text(resource.get("uri")), mime) if word), "muted")
        if "text" in resource:
            writer.maybe_json(as_text(resource.get("text")))
        elif "blob" in resource:
            writer.line(f"■ {describe_data('resource', mime, as_text(resource.get('blob')))}", "head")
            writer.picture(as_text(resource.get("blob")))
    elif kind:
        writer.line(f"content of type {kind}, which is not known here", "warning")
        writer.json(block)
    else:
        writer.json(block)


class _Writer:
    """Collects rows up to MAX_DRAWN_CHARS, and up to MAX_PICTURES."""

    def __init__(self, picture_cells: int) -> None:
        self.rows: list[ViewRow] = []
        self.pictures = 0
        self._picture_cells = picture_cells
        self._left = MAX_DRAWN_CHARS
        self._full = False

    def line(self, text: str, kind: Any = "plain") -> None:
        self.rows.append(ViewRow(clean_line(text[:4_000]), kind))

    def gap(self) -> None:
        if self.rows:
            self.rows.append(ViewRow(""))

    def text(self, text: str, kind: Any = "plain") -> None:
        whole = len(text) <= self._left
        piece = clean(text[: self._left])
        self._left -= len(piece)
        self.rows.extend(rows_of(piece, kind))
        if not whole:
            self._cut()

    def json(self, value: object) -> None:
        try:
            text, whole = dump_start(value, max_chars=max(1, self._left))
        except RecursionError:
            self.line("nested too deep to be drawn; s saves it", "warning")
            return
        self._left -= len(text)
        self.rows.extend(rows_of(json_escaped(text), "json"))
        if not whole:
            self._cut()

    def maybe_json(self, text: str) -> None:
        """Text that is a JSON object or list is indented and coloured; everything else stays as it is."""
        stripped = text.lstrip()
        if stripped[:1] in ("{", "[") and len(text) <= self._left:
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                value = None
            if isinstance(value, dict | list):
                self.json(cast(object, value))
                return
        self.text(text)

    def picture(self, data: str) -> None:
        """Nothing for what is no picture."""
        if self.pictures < MAX_PICTURES and (lines := picture_rows(data, self._picture_cells)):
            self.pictures += 1
            self.rows.extend(ViewRow("".join(text for text, _ in line), "picture", line) for line in lines)

    def _cut(self) -> None:
        if not self._full:
            self._full = True
            self.rows.append(
                ViewRow(f"… only the first {MAX_DRAWN_CHARS:,} characters are drawn; s saves everything", "warning")
            )


def plain_text(outcome: Outcome, view: View) -> str:
    """What `copy` takes: uncut up to MAX_COPIED_CHARS, cleaned."""
    raw = outcome.raw
    if raw is None:
        return clean(outcome.error.line()) if outcome.error is not None else ""
    if view == "raw":
        return json_escaped(dump_start(raw, max_chars=MAX_COPIED_CHARS)[0])
    if view == "structured":
        return json_escaped(dump_start(raw.get("structuredContent"), max_chars=MAX_COPIED_CHARS)[0])
    return clean("\n".join(_texts(outcome))[:MAX_COPIED_CHARS])


def _texts(outcome: Outcome) -> Iterator[str]:
    for block in _blocks(outcome):
        kind = as_text(block.get("type"))
        if kind == "text":
            yield as_text(block.get("text"))
        elif kind == "resource" and "text" in as_object(block.get("resource")):
            yield as_text(as_object(block.get("resource")).get("text"))
        elif kind == "resource_link":
            yield as_text(block.get("uri"))


def save_payload(outcome: Outcome, view: View, part: Part | None) -> tuple[bytes, str]:
    """(the bytes, a file suffix) of a part, or of the whole view: nothing is cut."""
    if part is not None and part.kind == "media":
        return media.decode_base64(part.data) or b"", media.suffix(part.mime_type)
    raw = outcome.raw or {}
    if view == "raw":
        return _json_bytes(raw), ".json"
    if view == "structured":
        return _json_bytes(raw.get("structuredContent")), ".json"
    data = [item for item in _parts(outcome) if item.kind == "media"]
    texts = list(_texts(outcome))
    if not texts and len(data) == 1:
        return media.decode_base64(data[0].data) or b"", media.suffix(data[0].mime_type)
    if not texts:
        return _json_bytes(raw), ".json"
    text = "\n".join(texts)
    contents = [as_object(item) for item in as_list(raw.get("contents"))]
    declared = as_text(contents[0].get("mimeType")) if len(contents) == 1 else ""
    suffix = media.suffix(declared) if declared else ".json" if text.lstrip()[:1] in ("{", "[") else ".txt"
    return text.encode("utf-8", "surrogatepass"), suffix


def _json_bytes(value: object) -> bytes:
    return (dump(value) + "\n").encode("utf-8")


def prompt_text(outcome: Outcome) -> str:
    """The text to put into a prompt editor, cleaned; "" when there is none."""
    return clean("\n\n".join(text for text in _texts(outcome) if text)[:MAX_COPIED_CHARS])
