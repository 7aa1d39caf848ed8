"""A server's lists as frozen data: pages gathered, definitions hashed, changes named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from mcp_tui.core.figures import estimated_tokens
from mcp_tui.core.json_values import as_object, count, is_object
from mcp_tui.core.state import (
    Catalog,
    CatalogDiff,
    PromptArgument,
    PromptInfo,
    ResourceInfo,
    TemplateInfo,
    ToolHints,
    ToolInfo,
)
from mcp_tui.core.text import hidden_in
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.transport.exchange import Page

MAX_PAGES = 500
MAX_ENTRIES = 20_000
_MAX_WARNINGS = 50

_T = TypeVar("_T")


def _canonical(definition: JsonObject) -> str:
    return json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(definition: JsonObject) -> str:
    """sha256 hex of the definition, whatever the order of its keys."""
    return hashlib.sha256(_canonical(definition).encode("utf-8", "surrogatepass")).hexdigest()


def token_estimate(definition: JsonObject) -> int:
    """About what the tool costs in a request: name, description and input schema."""
    sent = {key: definition.get(key) for key in ("name", "description", "inputSchema")}
    return estimated_tokens(len(_canonical(sent)))


def _text(raw: JsonObject, *keys: str) -> str:
    for key in keys:
        value = raw.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def tool_info(server: str, raw: JsonObject) -> ToolInfo:
    notes = as_object(raw.get("annotations"))

    def hint(key: str) -> bool | None:
        value = notes.get(key)
        return value if isinstance(value, bool) else None

    output = raw.get("outputSchema")
    return ToolInfo(
        server=server,
        name=raw["name"],
        title=_text(raw, "title") or _text(notes, "title") or raw["name"],
        description=_text(raw, "description"),
        input_schema=as_object(raw.get("inputSchema")),
        output_schema=output if is_object(output) else None,
        hints=ToolHints(
            read_only=hint("readOnlyHint"),
            destructive=hint("destructiveHint"),
            idempotent=hint("idempotentHint"),
            open_world=hint("openWorldHint"),
        ),
        raw=raw,
        digest=digest(raw),
        token_estimate=token_estimate(raw),
        hidden=hidden_in(raw),
    )


def resource_info(server: str, raw: JsonObject) -> ResourceInfo:
    size = raw.get("size")
    return ResourceInfo(
        server=server,
        uri=raw["uri"],
        name=raw["name"],
        title=_text(raw, "title", "name"),
        description=_text(raw, "description"),
        mime_type=_text(raw, "mimeType") or None,
        size_bytes=count(size),
        raw=raw,
        hidden=hidden_in(raw),
    )


def template_info(server: str, raw: JsonObject) -> TemplateInfo:
    return TemplateInfo(
        server=server,
        uri_template=raw["uriTemplate"],
        name=raw["name"],
        title=_text(raw, "title", "name"),
        description=_text(raw, "description"),
        mime_type=_text(raw, "mimeType") or None,
        raw=raw,
        hidden=hidden_in(raw),
    )


def prompt_info(server: str, raw: JsonObject) -> PromptInfo:
    arguments: list[JsonObject] = raw.get("arguments") or []
    return PromptInfo(
        server=server,
        name=raw["name"],
        title=_text(raw, "title", "name"),
        description=_text(raw, "description"),
        arguments=tuple(
            PromptArgument(
                name=argument["name"],
                title=_text(argument, "title", "name"),
                description=_text(argument, "description"),
                required=argument.get("required") is True,
            )
            for argument in arguments
        ),
        raw=raw,
        hidden=hidden_in(raw),
    )


async def gather_pages(what: str, fetch: Callable[[str | None], Awaitable[Page]]) -> tuple[list[JsonObject], list[str]]:
    """All entries of one list, and what was wrong with it.

    Stops with a warning after `MAX_PAGES` pages, `MAX_ENTRIES` entries, or when a cursor comes back.
    """
    entries: list[JsonObject] = []
    warnings: list[str] = []
    seen: set[str] = set()
    cursor: str | None = None
    for number in range(1, MAX_PAGES + 1):
        page = await fetch(cursor)
        entries.extend(page.entries)
        warnings.extend(page.warnings)
        cursor = page.next_cursor  # the empty string is a cursor too
        if cursor is None:
            break
        if cursor in seen:
            warnings.append(f"The list of {what} was cut: the server gave the same cursor again on page {number}.")
            break
        if len(entries) >= MAX_ENTRIES:
            warnings.append(f"The list of {what} was cut after {len(entries):,} entries.")
            break
        seen.add(cursor)
    else:
        warnings.append(f"The list of {what} was cut after {MAX_PAGES:,} pages.")
    return entries[:MAX_ENTRIES], warnings


def unique(
    what: str, raws: Iterable[JsonObject], key: str, make: Callable[[JsonObject], _T], warnings: list[str]
) -> tuple[_T, ...]:
    """One item for each name, the first wins (pages can overlap)."""
    made: dict[str, _T] = {}
    for raw in raws:
        name: str = raw[key]
        if name in made:
            warnings.append(f"The {what} {quoted(name)} is listed twice; the second was left out.")
        else:
            made[name] = make(raw)
    return tuple(made.values())


def quoted(name: str) -> str:
    """A name in a sentence: quoted, escaped, at most 80 characters."""
    return json.dumps(name if len(name) <= 80 else f"{name[:79]}…", ensure_ascii=False)


def capped(warnings: Sequence[str]) -> tuple[str, ...]:
    if len(warnings) <= _MAX_WARNINGS:
        return tuple(warnings)
    rest = len(warnings) - _MAX_WARNINGS
    return (*warnings[:_MAX_WARNINGS], f"{rest:,} more warnings about this server's lists.")


def catalog_diff(old: Catalog, new: Catalog) -> CatalogDiff:
    """What changed between two catalogs; definitions count, order and warnings do not."""
    before, after = _fingerprints(old), _fingerprints(new)
    return CatalogDiff(
        added=tuple(item for item in after if item not in before),
        removed=tuple(item for item in before if item not in after),
        changed=tuple(item for item, mark in after.items() if item in before and before[item] != mark),
    )


def _fingerprints(catalog: Catalog) -> dict[str, str]:
    marks = {f"tool {tool.name}": tool.digest for tool in catalog.tools}
    marks |= {f"resource {item.uri}": _canonical(item.raw) for item in catalog.resources}
    marks |= {f"template {item.uri_template}": _canonical(item.raw) for item in catalog.templates}
    marks |= {f"prompt {item.name}": _canonical(item.raw) for item in catalog.prompts}
    return marks
