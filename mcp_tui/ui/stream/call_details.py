"""What an unfolded call shows: arguments, result or error, in rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, TypeAlias

from rich.cells import cell_len

from mcp_tui.core import media
from mcp_tui.core.errors import ErrorInfo
from mcp_tui.core.figures import size_text
from mcp_tui.core.json_text import dump, dump_start
from mcp_tui.core.json_values import as_object, is_object
from mcp_tui.core.state import CallRecord, CallStatus
from mcp_tui.core.text import clean, clean_line, json_escaped, marked
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.stream.code_body import CodeBody
from mcp_tui.ui.stream.code_rows import CodeRows
from mcp_tui.ui.stream.rows import Palette, Row, prefix, wrap
from mcp_tui.ui.terminal.pictures import CellRow

SHOWN_ROWS = 40
ALL_ROWS = 4000
"""Even "everything" ends: the interface stays quick."""
ROW_CHARACTERS = 400
"""Upper bound of characters one row can take, for cutting huge texts before they are laid out."""
MAX_JSON_CHARACTERS = 500_000
"""Of one value, to be shown and copied: indenting 20 MB takes seconds. The Workbench saves results of any size."""
_HEAD_BYTES = 64 << 10
_SHORT_VALUE = re.compile(r' *(?:"(?:[^"\\]|\\.){0,22}"|[-\dtfn][^" ]{0,23}),?')


Drawer: TypeAlias = Callable[[str, int], Sequence[CellRow]]
"""The lines of a picture, of base64 and a width in cells; none where it is not drawn, or not yet."""


def no_picture(_data: str, _width: int) -> Sequence[CellRow]:
    return ()


def detail_rows(
    call: CallRecord, width: int, palette: Palette, *, everything: bool, picture: Drawer = no_picture
) -> list[Row]:
    limit = ALL_ROWS if everything else SHOWN_ROWS
    bar = (("  ", palette.text),)
    rows = list(islice(_details(call, width - 2, palette, limit, picture), limit + 1))
    if len(rows) > limit:
        rows = rows[:limit]
        note = "cut here" if everything else "enter shows more"
        rows.append(Row([(f"… {note}", palette.muted)]))
    return prefix(rows, bar, bar)


def _details(call: CallRecord, width: int, palette: Palette, limit: int, picture: Drawer) -> Iterable[Row]:
    if call.arguments is None:
        if call.status is not CallStatus.STREAMING:
            yield _heading("arguments (not valid JSON: never sent)", palette)
        yield from _text(marked(call.arguments_raw[: limit * ROW_CHARACTERS]), width, palette, limit)
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
        yield from _result(call.result, width, palette, limit, picture)
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
    text, complete = dump_start(value, max_chars=MAX_JSON_CHARACTERS)
    if complete:
        short = dump(value, indent=None)
        if cell_len(short) <= width - 2:
            return CodeRows(CodeBody("json", [short]), width, palette).rows()
    else:
        text += "\n… cut here"
    whole = json_escaped(text)
    lines = packed(whole.split("\n", 20 * limit)[: 20 * limit])[: limit + 1]
    lines = [line[: limit * ROW_CHARACTERS] for line in lines]
    return CodeRows(CodeBody("json", lines, whole=whole), width, palette).rows()


def packed(lines: Sequence[str]) -> list[str]:
    """Indented JSON with lists of short plain values on one line each: a row per number is no use to a reader."""
    found: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        end = at + 1
        if line.endswith("["):
            while end < len(lines) and _SHORT_VALUE.fullmatch(lines[end]):
                end += 1
        if at + 1 < end < len(lines) and lines[end].lstrip().startswith("]"):
            items = " ".join(item.strip() for item in lines[at + 1 : end])
            line = f"{line}{items}{lines[end].lstrip()}"
            end += 1
        else:
            end = at + 1
        found.append(line)
        at = end
    return found


def _result(result: JsonObject, width: int, palette: Palette, limit: int, picture: Drawer) -> Iterable[Row]:
    blocks: Sequence[object] = result["content"] if isinstance(result.get("content"), list) else ()
    structured = result.get("structuredContent")
    told = False
    for block in blocks:
        if not is_object(block):
            continue
        text = block.get("text")
        if block.get("type") == "text" and isinstance(text, str):
            value = _as_json(text)
            told = told or (structured is not None and value == structured)
            if value is not None:
                yield from _json(value, width, palette, limit)
            else:
                yield from _text(text, width, palette, limit)
        else:
            yield from wrap([(describe(block), palette.accent)], width)
            for line in picture(image_data(block), width) if image_data(block) else ():
                yield Row([(text, palette.text + style) for text, style in line])
            inner = block.get("resource")
            if is_object(inner) and isinstance(inner.get("text"), str):
                yield from _text(inner["text"], width, palette, limit)
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
            size = _size(content.get("data"))
            if size is None:
                return clean_line(f"{kind} {mime}, not readable".replace(" ,", ","))
            found = _picture(content.get("data")) if kind == "image" else None
            shape = f" {found.width}x{found.height}" if found is not None else ""
            return clean_line(f"{kind}{shape} {mime or 'of unknown format'}, {size_text(size)}")
        case "resource_link":
            return clean_line(f"resource {content.get('name', '')} {content.get('uri', '')}")
        case "resource":
            resource = as_object(content.get("resource"))
            size = _size(resource.get("blob"))
            bytes_text = f", {size_text(size)}" if size is not None else ""
            mime_type = f" ({resource['mimeType']})" if resource.get("mimeType") else ""
            return clean_line(f"resource {resource.get('uri', '')}{mime_type}{bytes_text}")
        case _:
            return clean_line(f"{kind} content")


def image_data(content: JsonObject) -> str:
    """The base64 of a block that is a picture, or ""."""
    inner = content.get("resource")
    data = inner.get("blob") if is_object(inner) else content.get("data")
    return data if isinstance(data, str) and _picture(data) is not None else ""


def _head(data: object) -> bytes | None:
    """Its first bytes: enough to tell what it is."""
    return media.decode_head(data, _HEAD_BYTES) if isinstance(data, str) else None


def _size(data: object) -> int | None:
    """About; None for what is no base64."""
    return media.decoded_size(data) if isinstance(data, str) and _head(data) is not None else None


def _picture(data: object) -> media.Picture | None:
    head = _head(data)
    return media.picture(head) if head is not None else None
