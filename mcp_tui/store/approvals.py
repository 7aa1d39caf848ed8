"""Tools that run without asking also after a restart: one small JSON file, readable by the person alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from mcp_tui.config.state_file import StateFile, readable, text
from mcp_tui.core.json_values import amount


@dataclass(frozen=True, slots=True)
class KeptApproval:
    """ "always" for one definition of one tool of one program."""

    server: str
    tool: str
    digest: str
    """sha256 hex of the tool's definition."""
    program: str
    """sha256 hex of what the server's entry starts or connects to: another program under the same name is
    another matter."""
    since: float
    """Seconds since the epoch."""


_Kept: TypeAlias = dict[tuple[str, str], KeptApproval]
_LAST_SECOND = 1e11
"""Of the times that a calendar can show."""


class KeptApprovals:
    """Several dashboards share the file: what one of them says counts in the others after their next `refresh`.

    A file or an entry that cannot be read does not count, so that the tool asks.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._file = StateFile[_Kept](path, {}, _decode, _encode)
        self._known: _Kept | None = None

    def refresh(self) -> None:
        """Take over what stands in the file now. Blocks; cheap when nobody changed it."""
        self._known = self._file.read()

    def all(self) -> tuple[KeptApproval, ...]:
        """As of the last `refresh`; the first time the file is read."""
        return tuple(self._loaded().values())

    def knows(self, server: str, tool: str, digest: str, program: str) -> bool:
        known = self._loaded().get((server, tool))
        return known is not None and (known.digest, known.program) == (digest, program)

    def keep(self, server: str, tool: str, digest: str, program: str) -> None:
        """Blocks. AppError when the disk refuses: then it is not kept."""
        approval = KeptApproval(server, tool, digest, program, self._now())
        self._file.change(lambda kept: {**kept, (server, tool): approval})
        self.refresh()

    def forget(self, server: str, tool: str) -> bool:
        """False when it was not kept. Blocks. AppError when the disk refuses."""
        changed = self._file.change(lambda kept: {key: one for key, one in kept.items() if key != (server, tool)})
        self.refresh()
        return changed

    def _loaded(self) -> _Kept:
        if self._known is None:
            self.refresh()
        return self._known or {}


def _encode(kept: _Kept) -> bytes:
    # ASCII: names may hold lone surrogates.
    return json.dumps({"approvals": [asdict(one) for one in kept.values()]}, indent=1).encode("ascii")


def _decode(data: bytes, lost: list[str]) -> _Kept:
    return {(one.server, one.tool): one for one in readable(json.loads(data)["approvals"], _approval, lost)}


def _approval(entry: dict[str, Any]) -> KeptApproval:
    since = amount(entry.get("since")) or 0.0
    return KeptApproval(
        *(text(entry[name]) for name in ("server", "tool", "digest", "program")),
        since=since if since < _LAST_SECOND else 0.0,
    )
