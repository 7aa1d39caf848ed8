"""What the person last chose in the interface, kept between starts in the XDG state directory."""

from __future__ import annotations

import json
from pathlib import Path

from mcp_tui.config.state_file import StateFile, plain, readable_members
from mcp_tui.core.json_values import as_text


def _decode(data: bytes, lost: list[str]) -> dict[str, object]:
    return readable_members(json.loads(data), plain, lost)  # also what a newer program keeps


class Preferences:
    """Read once, when it is made. Several dashboards may set different ones."""

    def __init__(self, path: Path) -> None:
        self._file = StateFile[dict[str, object]](
            path, {}, _decode, lambda values: json.dumps(values, indent=1).encode()
        )
        self._values = self._file.read()

    def text(self, name: str) -> str:
        """ "" when it was never set or is no text."""
        return as_text(self._values.get(name))

    def set(self, name: str, value: str) -> None:
        """Blocks: written at once, readable by the person alone. AppError when the disk refuses."""
        self._values = {**self._values, name: value}
        self._file.change(lambda values: {**values, name: value})
