"""What an unfolded call shows: arguments, result or error, in rows."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, cast

from rich.cells import cell_len

from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.core.text import clean, clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.widgets.code_body import CodeBody, CodeRows
from mcp_tui.ui.widgets.rows import Palette, Row, prefix, wrap

SHOWN_ROWS = 40
ALL_ROWS = 4000
"""Even "everything" ends: the interface stays quick."""
ROW_CHARACTERS = 400
"""Upper bound of characters one row can take, for cutting huge texts before they are laid out."""


def detail_rows(call: CallRecord, width: int, palette: Palette, *, everything: bool) -> list[Row]:
    limit = ALL_ROWS if everything else SHOWN_ROWS
    bar = (("  ", palette.text),)
    rows = list(islice(_details(call, width - 2, palette, limit), limit + 1))
    if len(rows) > limit:
        rows = rows[:limit]
        note = "cut here" if everything else "enter shows more"
        rows.append(Row([(f"… {note}", palette.muted)]))
    return prefix(rows, bar, bar)


def _details(call: CallRecord, width: int, palette: Palette, limit: int) -> Iterable[Row]:
    if call.arguments is None:
        if call.status is not CallStatus.STREAMING:
            yield _heading("arguments (not valid JSON: never sent)", palette)
        yield from _text(call.arguments_raw, width, palette, limit)
    elif call.arguments:
        yield from _json(call.arguments, width, palette, limit)
    else:
        yield Row([("no arguments", palette.muted)])
    progress = call.progress
    if call.status is CallStatus.RUNNING and progress is not None:
        total = f" of {progress.total:g}" if progress.total else ""
        message = f"  {clean_line(progress.message)}" if progress.message else ""
        yield from wrap([(f"progress {progress.progress:g}{total}{message}", palette.accent)], width)
    if call.status is CallStatus.WAITING:
        yield Row([("waits for your approval", palette.warning)])
    if call.status is CallStatus.UNKNOWN:
        yield from wrap([("The connection was lost after the call was sent: it may have run.", palette.error)], width)
    if call.error is not None:
        yield from error_rows(call.error, width, palette)
    if call.result is not None:
        yield _heading("result: the tool reports an error" if call.result.get("isError") else "result", palette)
        yield from _result(call.result, width, palette, limit)
    if call.shared:
        yield from wrap([("shared: an identical call of another column ran once for both", palette.muted)], width)
    if call.note:
        yield from wrap([(clean_line(call.note), palette.muted)], width)


def error_rows(error: ErrorInfo, width: int, palette: Palette) -> list[Row]:
    rows = wrap([(clean_line(error.title), palette.error)], width)
    if error.detail:
        rows += wrap([(clean(error.detail), palette.text)], width)
    if error.hint:
        lead = (("→ ", palette.accent),)
        rows += prefix(wrap([(clean(error.hint), palette.text)], width - 2), lead, (("  ", palette.text),))
    return rows


def _heading(text: str, palette: Palette) -> Row:
    return Row([(text, palette.muted)])


def _text(text: str, width: int, palette: Palette, limit: int) -> Iterable[Row]:
    for line in clean(text[: limit * ROW_CHARACTERS]).split("\n")[: limit + 1]:
        yield from wrap([(line.replace("\t", "    "), palette.text)], width)


def _json(value: Any, width: int, palette: Palette, limit: int) -> list[Row]:
    """On one line where it fits."""
    short = clean_line(json.dumps(value, ensure_ascii=False))
    if cell_len(short) <= width - 2:
        return CodeRows(CodeBody("json", [short]), width, palette).rows()
    whole = clean(json.dumps(value, indent=2, ensure_ascii=False))
    lines = [line[: limit * ROW_CHARACTERS] for line in whole.split("\n")[: limit + 1]]
    return CodeRows(CodeBody("json", lines, whole=whole), width, palette).rows()


def _result(result: JsonObject, width: int, palette: Palette, limit: int) -> Iterable[Row]:
    blocks: Sequence[object] = result["content"] if isinstance(result.get("content"), list) else ()
    structured = result.get("structuredContent")
    told = False
    for block in blocks:
        if not isinstance(block, dict):
            continue
        content = cast("JsonObject", block)
        text = content.get("text")
        if content.get("type") == "text" and isinstance(text, str):
            value = _as_json(text)
            told = told or (structured is not None and value == structured)
            if value is not None:
                yield from _json(value, width, palette, limit)
            else:
                yield from _text(text, width, palette, limit)
        else:
            yield from wrap([(describe(content), palette.accent)], width)
            inner = content.get("resource")
            if isinstance(inner, dict) and isinstance(cast("JsonObject", inner).get("text"), str):
                yield from _text(cast("JsonObject", inner)["text"], width, palette, limit)
    if structured is not None and not told:
        if blocks:
            yield _heading("structured", palette)
        yield from _json(structured, width, palette, limit)
    if not blocks and structured is None:
        yield Row([("empty", palette.muted)])


def _as_json(text: str) -> Any:
    """The value of a text that is a JSON object or array, else None."""
    if text.lstrip()[:1] not in ("{", "[") or len(text) > 200_000:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None


def describe(content: JsonObject) -> str:
    """A content block that is not text, in words: `image 320x200 PNG, 4.1 kB`."""
    kind = str(content.get("type", "unknown"))
    mime = str(content.get("mimeType", "")).partition("/")[2].upper()
    match kind:
        case "image" | "audio":
            data = _decoded(content.get("data"))
            if data is None:
                return clean_line(f"{kind} {mime}, not readable".replace(" ,", ","))
            size = image_size(data) if kind == "image" else None
            shape = f" {size[0]}x{size[1]}" if size else ""
            return clean_line(f"{kind}{shape} {mime or 'of unknown format'}, {byte_size(len(data))}")
        case "resource_link":
            return clean_line(f"resource {content.get('name', '')} {content.get('uri', '')}")
        case "resource":
            inner = content.get("resource")
            resource = cast("JsonObject", inner) if isinstance(inner, dict) else {}
            blob = _decoded(resource.get("blob"))
            size_text = f", {byte_size(len(blob))}" if blob is not None else ""
            mime_type = f" ({resource['mimeType']})" if resource.get("mimeType") else ""
            return clean_line(f"resource {resource.get('uri', '')}{mime_type}{size_text}")
        case _:
            return clean_line(f"{kind} content")


def _decoded(data: object) -> bytes | None:
    if not isinstance(data, str):
        return None
    try:
        return base64.b64decode(data, validate=False)
    except (binascii.Error, ValueError):
        return None


def byte_size(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height from the header of a PNG, GIF or JPEG."""
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if data[:6] in (b"GIF87a", b"GIF89a") and len(data) >= 10:
        return int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
    if data[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        # Start-of-frame markers carry the size; C4, C8 and CC are tables.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + max(2, length)
    return None
