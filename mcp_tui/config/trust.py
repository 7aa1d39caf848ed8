"""Which project files the person trusts: a file's content, not its name, so that a change asks again.

Stored in the state directory, readable by the person alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp_tui.config import mask, paths
from mcp_tui.config.entry_reader import usage
from mcp_tui.config.save import locked, write_atomically
from mcp_tui.config.schema import NEEDS_TRUST, ServerSpec
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject

_VERSION = 1
_NAMED = 12


@dataclass(frozen=True, slots=True)
class Trust:
    """What is trusted: resolved path -> sha256 hex of the content."""

    digests: dict[str, str] = field(default_factory=dict[str, str])
    problem: ErrorInfo | None = None
    """The store cannot be read: nothing is trusted."""

    def holds(self, path: Path, digest: str) -> bool:
        return bool(digest) and self.digests.get(_key(path)) == digest

    def changed(self, path: Path, digest: str) -> bool:
        """Trusted once, with another content."""
        return self.digests.get(_key(path), digest) != digest


def read_trust() -> Trust:
    file = paths.trust_file()
    try:
        value: Any = json.loads(file.read_text("utf-8"))
        files = value["files"]
        return Trust({path: files[path]["sha256"] for path in files})
    except FileNotFoundError:
        return Trust()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "remove it and trust the files again"
        detail = f"{paths.shown(file)} cannot be read ({type(error).__name__}): no project file is trusted"
        return Trust(problem=usage("Trust", detail, hint))


def set_trust(path: Path, digest: str | None) -> bool:
    """Trust the file with this content, or, for None, no longer. False when nothing changed.

    AppError when the disk refuses.
    """
    file = paths.trust_file()
    with locked(file):
        trust = read_trust()
        digests = dict(trust.digests)
        if digest is None:
            digests.pop(_key(path), None)
        else:
            digests[_key(path)] = digest
        if digests == trust.digests and trust.problem is None:
            return False
        entries: JsonObject = {name: {"sha256": known} for name, known in sorted(digests.items())}
        text = json.dumps({"version": _VERSION, "files": entries}, indent=2)
        write_atomically(file, text.encode() + b"\n")
        return True


def _key(path: Path) -> str:
    return os.path.realpath(path)


def needed(spec: ServerSpec, *, changed: bool) -> ErrorInfo:
    """Why a server of an untrusted file waits, and what would happen. `spec` is unexpanded."""
    what = would(spec)
    since = ", which changed since it was trusted," if changed else ""
    path = spec.origin.path
    file = paths.shown(path) if path is not None else "it"
    hint = f"`mcp-tui config trust {_quoted(path)}` trusts {file} as it is now"
    detail = f"{spec.origin.label}{since} {what}"
    return ErrorInfo(
        clean_line(f"Server {spec.name}"), clean_line(detail), clean_line(hint), ErrorKind.AUTH, NEEDS_TRUST
    )


def would(spec: ServerSpec) -> str:
    """What starting a server does, as one clause; secrets are masked.

    Its variables are named: one such as NODE_OPTIONS or LD_PRELOAD makes an innocent command run something else.
    """
    if spec.transport != "stdio":
        return f"would connect to {mask.target(spec) or 'nothing'}"
    where = f" in {spec.cwd}" if spec.cwd else ""
    names = sorted(spec.env)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    variables = f" with {', '.join(names[:_NAMED])}{more} set" if names else ""
    return f"would run `{mask.target(spec) or 'nothing'}`{where}{variables}"


def _quoted(path: Path | None) -> str:
    if path is None:
        return "FILE"
    shown = paths.shown(path)
    return f"'{path}'" if any(c.isspace() for c in shown) else shown
