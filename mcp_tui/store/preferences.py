"""What the person last chose in the interface, kept between starts in the XDG state directory."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from mcp_tui.core.json_values import as_text


class Preferences:
    """A small JSON object on disk. An unreadable file counts as empty and is replaced by the next `set`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        try:
            loaded: Any = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return
        if isinstance(loaded, dict):
            self._values = loaded

    def text(self, name: str) -> str:
        """ "" when it was never set or is no text."""
        return as_text(self._values.get(name))

    def set(self, name: str, value: str) -> None:
        """Written at once and atomically, readable by the person alone. OSError when the disk refuses."""
        self._values[name] = value
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".preferences-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(self._values, file, indent=1)
        Path(temporary).replace(self._path)
