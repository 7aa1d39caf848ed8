"""The tables of servers in files of other clients."""

from __future__ import annotations

from mcp_tui.config.clients.places import ClientFile
from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.files import read_document
from mcp_tui.config.merge import ServerTable
from mcp_tui.config.servers import looks_like_entry
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject


def read_table(file: ClientFile) -> ServerTable | None:
    """The servers of a file; None when it holds none. AppError (usage) when it cannot be read or parsed."""
    document = read_document(file.path)
    for keys in file.sections:
        found, value = _at(document, keys)
        if found:
            return ServerTable(document, keys, _entries(document, keys, value), file.client, file.scope)
    if file.path.name.endswith("mcp.json") and any(looks_like_entry(item) for item in document.value.values()):
        entries = {name: item for name, item in document.value.items() if not name.startswith("$")}
        return ServerTable(document, (), entries, file.client, file.scope)
    return None


def _at(document: Document, keys: KeyPath) -> tuple[bool, object]:
    value: object = document.value
    for key in keys:
        if not is_object(value) or key not in value:
            return False, None
        value = value[key]
    return True, value


def _entries(document: Document, keys: KeyPath, value: object) -> JsonObject:
    if value is None:
        return {}
    if not is_object(value):
        detail = f"`{keys[-1]}` must be a table of servers, at {document.where(keys)}"
        raise AppError("Configuration", detail, kind=ErrorKind.USAGE)
    return value
