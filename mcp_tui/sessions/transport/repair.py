"""One malformed entry must not cost the whole list.

The SDK validates a list page as one model: a single tool with a bad schema and the page is lost. Here each bad entry
is repaired (an optional field that is malformed is left out) or left out, with a sentence that says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import mcp_types as types
from mcp.shared.inbound import find_invalid_x_mcp_header
from mcp_types import methods
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ValidationError

from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.catalog import quoted
from mcp_tui.sessions.transport.exchange import Page


@dataclass(frozen=True, slots=True)
class ListShape:
    what: str
    key: str
    """Where the entries stand in the result."""
    name: str
    """What tells two entries apart."""
    required: frozenset[str]
    model: type[BaseModel]


LISTS: dict[str, ListShape] = {
    "tools/list": ListShape("tool", "tools", "name", frozenset({"name", "inputSchema"}), types.ListToolsResult),
    "resources/list": ListShape("resource", "resources", "uri", frozenset({"uri", "name"}), types.ListResourcesResult),
    "resources/templates/list": ListShape(
        "resource template",
        "resourceTemplates",
        "uriTemplate",
        frozenset({"uriTemplate", "name"}),
        types.ListResourceTemplatesResult,
    ),
    "prompts/list": ListShape("prompt", "prompts", "name", frozenset({"name"}), types.ListPromptsResult),
}

_Fault = tuple[tuple[str | int, ...], str]


def _faults(method: str, version: str, result: JsonObject) -> list[_Fault]:
    """Where and why the SDK would refuse this result; the checks are the ones its session makes."""
    try:
        with suppress(KeyError):  # not in this version's table: only the model below speaks
            methods.validate_server_result(method, version, result)
        LISTS[method].model.model_validate(result, by_name=False)
    except ValidationError as error:
        return [(tuple(item["loc"]), item["msg"]) for item in error.errors(include_url=False, include_input=False)]
    return []


def repaired_page(method: str, version: str, result: JsonObject) -> tuple[Page, JsonObject]:
    """The page for us (true wire entries) and the result for the SDK (which never fails on it)."""
    shape = LISTS[method]
    warnings: list[str] = []
    listed = result.get(shape.key)
    if not is_list(listed):
        warnings.append(f"The answer to {method} has no list of {shape.what}s.")
        listed = []
    entries: list[JsonObject] = []
    for number, entry in enumerate(listed, 1):
        if is_object(entry):
            entries.append(entry)
        else:
            warnings.append(f"{shape.what.capitalize()} number {number} was left out: it is no object.")
    result = {**result, shape.key: [_for_sdk(method, entry) for entry in entries]}

    faults = _faults(method, version, result)
    if faults:
        entries, result = _without_faults(shape, entries, result, faults, warnings)
        if _faults(method, version, result):
            entries, result = _one_by_one(method, version, entries, result, warnings)
    if method == "tools/list" and version in MODERN_PROTOCOL_VERSIONS:
        entries = _with_valid_headers(entries, warnings)
    cursor = result.get("nextCursor")
    return Page(tuple(entries), cursor if isinstance(cursor, str) else None, tuple(warnings)), result


def _for_sdk(method: str, entry: JsonObject) -> JsonObject:
    # Without an outputSchema the SDK validates no result, which would lose a result that does not match and run
    # the server's regular expressions on the event loop. `output_check` does it instead, as a warning.
    if method == "tools/list" and "outputSchema" in entry:
        return {key: value for key, value in entry.items() if key != "outputSchema"}
    return entry


def _label(shape: ListShape, entry: JsonObject) -> str:
    name = entry.get(shape.name)
    return f"The {shape.what} {quoted(name)}" if isinstance(name, str) else f"A {shape.what} without a name"


def _without_faults(
    shape: ListShape, entries: list[JsonObject], result: JsonObject, faults: Sequence[_Fault], warnings: list[str]
) -> tuple[list[JsonObject], JsonObject]:
    """Leave out malformed optional fields, entries with a malformed required one, and malformed page fields."""
    by_entry: defaultdict[int, dict[str, str]] = defaultdict(dict)
    page = dict(result)
    for place, reason in faults:
        if len(place) >= 3 and place[0] == shape.key and isinstance(place[1], int):
            field = str(place[2])
            where = ".".join(str(step) for step in place[2:6])
            by_entry[place[1]].setdefault(field, f"{where}: {reason}")
        elif place and place[0] != shape.key and page.pop(str(place[0]), None) is not None:
            warnings.append(f"The field {place[0]} of the list of {shape.what}s was ignored: {reason}.")
    kept: list[JsonObject] = []
    shown: list[JsonObject] = []
    for index, (entry, visible) in enumerate(zip(entries, page[shape.key], strict=True)):
        bad = by_entry.get(index)
        if bad is None:
            kept.append(entry)
            shown.append(visible)
        elif fatal := [reason for field, reason in bad.items() if field in shape.required]:
            warnings.append(f"{_label(shape, entry)} was left out: {fatal[0]}.")
        else:
            warnings.append(f"{_label(shape, entry)} was repaired, ignoring {', '.join(bad.values())}.")
            kept.append({key: value for key, value in entry.items() if key not in bad})
            shown.append({key: value for key, value in visible.items() if key not in bad})
    page[shape.key] = shown
    return kept, page


def _one_by_one(
    method: str, version: str, entries: list[JsonObject], result: JsonObject, warnings: list[str]
) -> tuple[list[JsonObject], JsonObject]:
    """Last resort: keep what is valid alone."""
    shape = LISTS[method]
    frame: JsonObject = {"nextCursor": result["nextCursor"]} if isinstance(result.get("nextCursor"), str) else {}
    if version in MODERN_PROTOCOL_VERSIONS:
        frame |= {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
    kept: list[JsonObject] = []
    shown: list[JsonObject] = []
    for entry, visible in zip(entries, result[shape.key], strict=True):
        if faults := _faults(method, version, {**frame, shape.key: [visible]}):
            warnings.append(f"{_label(shape, entry)} was left out: {faults[0][1]}.")
        else:
            kept.append(entry)
            shown.append(visible)
    return kept, {**frame, shape.key: shown}


def _with_valid_headers(entries: list[JsonObject], warnings: list[str]) -> list[JsonObject]:
    """2026-07-28: a client must leave out tools whose x-mcp-header annotations are invalid (the SDK does, silently)."""
    kept: list[JsonObject] = []
    for entry in entries:
        if reason := find_invalid_x_mcp_header(entry.get("inputSchema")):
            warnings.append(f"The tool {quoted(entry['name'])} was left out: invalid x-mcp-header ({reason}).")
        else:
            kept.append(entry)
    return kept
