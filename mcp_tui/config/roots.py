"""Folders that servers may know of: paths as people write them, file:// URIs as servers take them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from mcp_tui.config.entry_reader import EntryReader
from mcp_tui.config.expand import Scope


def read_roots(reader: EntryReader, scope: Scope) -> tuple[str, ...] | None:
    """`roots` of an entry; None when it has none. EntryError for what is neither a path nor a file:// address.

    Relative paths count from where the program was started, as everywhere in the configuration. Whether a folder
    exists is the server's business: it may run elsewhere.
    """
    given = reader.texts("roots")
    if given is None:
        return None
    return tuple(dict.fromkeys(_uri(reader, text, scope) for text in given))


def _uri(reader: EntryReader, text: str, scope: Scope) -> str:
    if scope.inert:
        return text
    if "://" in text:
        parts = urlsplit(text)
        if parts.scheme.lower() != "file" or not parts.path.startswith("/"):
            raise reader.fault("roots", f"`{text[:80]}` is neither a path nor a file:// address")
        return text
    if not text.strip() or "\0" in text:
        raise reader.fault("roots", "a root is empty, or no path")
    home = scope.lookup("userHome") or ""
    path = Path(f"{home}{text[1:]}") if text == "~" or text.startswith("~/") else Path(text)
    # Not resolved: the person named this folder, not the one a link leads to.
    return Path(os.path.normpath(scope.cwd / path)).as_uri()
