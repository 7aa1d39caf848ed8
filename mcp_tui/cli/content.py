"""Results as text for people, and their texts and bytes as files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_tui.cli.output import notice
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.figures import size_text
from mcp_tui.core.json_text import dump
from mcp_tui.core.json_values import as_list, as_object, is_object
from mcp_tui.core.text import clean, clean_line
from mcp_tui.core.types import JsonObject


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a result: what to show, and what to save (None: nothing of its own)."""

    shown: str
    data: bytes | None
    binary: bool = False


def content_parts(blocks: Sequence[Any]) -> list[Part]:
    """Parts of content blocks (tools/call, prompts/get), in order."""
    return [_block_part(block) for block in blocks if is_object(block)]


def resource_parts(result: JsonObject) -> list[Part]:
    """Parts of a resources/read result."""
    contents = as_list(result.get("contents"))
    return [_resource_part(item, alone=True) for item in contents if is_object(item)]


def tool_parts(result: JsonObject) -> list[Part]:
    """Parts of a tools/call result; structured content counts only where there is no other."""
    parts = content_parts(as_list(result.get("content")))
    structured = result.get("structuredContent")
    if not parts and structured is not None:
        text = dump(structured)
        parts.append(Part(text, text.encode()))
    return parts


def save(parts: Sequence[Part], output: str) -> None:
    """Write the binary parts, or the texts where there are none: one to FILE, more to FILE, FILE-2 ...

    AppError when there is nothing to write, or the system refuses.
    """
    from mcp_tui.config.save import write_atomically

    found = [part for part in parts if part.data is not None]
    data = [part.data for part in found if part.binary] or [part.data for part in found]
    if not data:
        raise AppError("Nothing to save", "the result holds no text or data", kind=ErrorKind.USAGE, code="empty")
    path = Path(output)
    for number, content in enumerate(data, 1):
        assert content is not None
        target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        write_atomically(target, content, private=False)
        notice(f"saved {target} ({size_text(len(content))})")


def _block_part(block: JsonObject) -> Part:
    match block.get("type"):
        case "text":
            text = str(block.get("text", ""))
            return Part(clean(text), text.encode("utf-8", "replace"))
        case "image" | "audio" as kind:
            return _binary(str(kind), block.get("mimeType"), block.get("data"))
        case "resource":
            return _resource_part(as_object(block.get("resource")), alone=False)
        case "resource_link":
            name = clean_line(str(block.get("title") or block.get("name") or "resource"))
            return Part(f"[link {name} <{clean_line(str(block.get('uri', '')))}>]", None)
        case _:
            return Part(dump(block), None)


def _resource_part(resource: JsonObject, *, alone: bool) -> Part:
    uri = clean_line(str(resource.get("uri", "")))
    if isinstance(text := resource.get("text"), str):
        return Part(clean(text) if alone else f"[resource {uri}]\n{clean(text)}", text.encode("utf-8", "replace"))
    return _binary(f"resource {uri}", resource.get("mimeType"), resource.get("blob"))


def _binary(what: str, mime_type: object, encoded: object) -> Part:
    kind = clean_line(str(mime_type)) if mime_type else "unknown type"
    try:
        data = base64.b64decode(str(encoded or ""), validate=True)
    except (binascii.Error, ValueError):
        return Part(f"[{what}: {kind}, not valid base64]", None)
    return Part(f"[{what}: {kind}, {size_text(len(data))}; --output FILE saves it]", data, binary=True)
