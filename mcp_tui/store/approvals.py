"""Tools that run without asking also after a restart: one small JSON file, readable by the person alone."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from mcp_tui.core.json_values import is_list, is_object

logger = logging.getLogger(__name__)


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


class KeptApprovals:
    """Read when first asked for. Two dashboards may share the file: each change is made to what stands in it now.

    A file that cannot be read counts as empty, so that every tool asks; the next `keep` replaces it.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self.path = path
        self._now = now
        self._known: dict[tuple[str, str], KeptApproval] | None = None

    def all(self) -> tuple[KeptApproval, ...]:
        return tuple(self._loaded().values())

    def knows(self, server: str, tool: str, digest: str, program: str) -> bool:
        known = self._loaded().get((server, tool))
        return known is not None and (known.digest, known.program) == (digest, program)

    def keep(self, server: str, tool: str, digest: str, program: str) -> None:
        """OSError when the disk refuses; it counts until then all the same."""
        approval = KeptApproval(server, tool, digest, program, self._now())
        self._known = self._read() | {(server, tool): approval}
        self._write()

    def forget(self, server: str, tool: str) -> bool:
        """False when it was not kept. OSError when the disk refuses."""
        self._known = self._read()
        if self._known.pop((server, tool), None) is None:
            return False
        self._write()
        return True

    def _loaded(self) -> dict[tuple[str, str], KeptApproval]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def _read(self) -> dict[tuple[str, str], KeptApproval]:
        try:
            loaded: object = json.loads(self.path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            logger.warning("%s: %s; every tool asks again", self.path, error)
            return {}
        entries: object = loaded.get("approvals") if is_object(loaded) else None
        if not is_list(entries):
            return {}
        kept = (_approval(entry) for entry in entries)
        return {(one.server, one.tool): one for one in kept if one is not None}

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".approvals-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump({"approvals": [asdict(one) for one in self._loaded().values()]}, file, indent=1)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _approval(entry: object) -> KeptApproval | None:
    """None for an entry somebody damaged: that tool asks again."""
    if not is_object(entry):
        return None
    names = ("server", "tool", "digest", "program")
    if not all(isinstance(entry.get(name), str) for name in names):
        return None
    since = entry.get("since")
    return KeptApproval(
        *(cast("str", entry[name]) for name in names),
        since=float(since) if isinstance(since, int | float) else 0.0,
    )
