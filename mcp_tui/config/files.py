"""Reads one configuration file, whoever wrote it: bounded, never blocking on a pipe, every fault with its place."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from mcp_tui.config import jsonc, paths, toml
from mcp_tui.config.document import Document, DocumentSyntaxError
from mcp_tui.config.save import open_regular
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import is_object

MAX_FILE_BYTES = 8 * 1024 * 1024
_LINES_UP_TO = 512 * 1024
"""Other clients keep their history beside their servers; finding the lines of so much text takes too long."""


def read_document(path: Path) -> Document:
    """One file, as TOML or JSONC by its name, else by its first character. AppError (usage) with
    `FILE:LINE:COLUMN` when that fails."""
    shown = paths.shown(path)
    data = read_bytes(path)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        detail = f"{shown}:{line}: is no UTF-8 text"
        raise AppError("Configuration", detail, "save it as UTF-8", kind=ErrorKind.USAGE) from error
    try:
        document = _parse(text, path)
    except DocumentSyntaxError as fault:
        place = "".join(f":{number}" for number in (fault.line, fault.column) if number)
        raise AppError(
            "Configuration", f"{shown}{place}: {fault.reason}", "nothing was read from it", kind=ErrorKind.USAGE,
            code="config_syntax",
        ) from fault  # fmt: skip
    return replace(document, digest=hashlib.sha256(data).hexdigest())


def read_bytes(path: Path) -> bytes:
    """A regular file of at most MAX_FILE_BYTES. AppError (usage) otherwise."""
    shown = paths.shown(path)
    try:
        file = open_regular(path)
        if file is None:
            raise AppError("Configuration", f"{shown} is no regular file", kind=ErrorKind.USAGE)
        with file:
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        hint = "`mcp-tui config path` lists the files that are read"
        raise AppError("Configuration", f"{shown} does not exist", hint, kind=ErrorKind.USAGE) from error
    except OSError as error:
        raise AppError("Configuration", f"cannot read {shown}: {error.strerror}", kind=ErrorKind.USAGE) from error
    if len(data) > MAX_FILE_BYTES:
        raise AppError("Configuration", f"{shown} is larger than {MAX_FILE_BYTES >> 20} MiB", kind=ErrorKind.USAGE)
    return data


def _parse(text: str, path: Path) -> Document:
    if _is_toml(path, text):
        return toml.parse(text, path)
    if len(text) > _LINES_UP_TO:
        try:
            value: object = json.loads(text)
        except (ValueError, RecursionError):
            return jsonc.parse(text, path)  # comments, or a fault worth its place
        if is_object(value):
            return Document(path, value)
    return jsonc.parse(text, path)


def _is_toml(path: Path, text: str) -> bool:
    if path.suffix.lower() == ".toml":
        return True
    if path.suffix.lower() in (".json", ".jsonc", ".json5"):
        return False
    return not text.lstrip().startswith(("{", "//", "/*"))
