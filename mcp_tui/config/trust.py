"""Which project files the person trusts: a file's content, not its name, so that a change asks again.

Stored in the state directory, readable by the person alone.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from mcp_tui.config import mask, paths
from mcp_tui.config.entry_reader import usage
from mcp_tui.config.schema import NEEDS_TRUST, ServerSpec
from mcp_tui.config.state_file import StateFile, readable_members, text
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject

_VERSION = 1
_NAMED = 12


@dataclass(frozen=True, slots=True)
class Trust:
    """What is trusted: resolved path -> sha256 hex of the content."""

    digests: dict[str, str] = field(default_factory=dict[str, str])
    problem: ErrorInfo | None = None
    """The store, or a part of it, cannot be read: what stood there is not trusted."""

    def holds(self, path: Path, digest: str) -> bool:
        return bool(digest) and self.digests.get(_key(path)) == digest

    def changed(self, path: Path, digest: str) -> bool:
        """Trusted once, with another content."""
        return self.digests.get(_key(path), digest) != digest


def read_trust() -> Trust:
    file = _file()
    try:
        loaded = file.load()
    except OSError as error:
        return Trust(problem=_unreadable(file.path, type(error).__name__))
    if not loaded.lost:
        return Trust(loaded.value)
    if not loaded.value:
        return Trust(problem=_unreadable(file.path, loaded.lost[0]))
    detail = f"{len(loaded.lost)} of {paths.shown(file.path)} cannot be read: those project files are not trusted"
    return Trust(loaded.value, usage("Trust", detail, "trust them again"))


def _unreadable(file: Path, reason: str) -> ErrorInfo:
    hint = "remove it and trust the files again"
    return usage("Trust", f"{paths.shown(file)} cannot be read ({reason}): no project file is trusted", hint)


def set_trust(path: Path, digest: str | None) -> bool:
    """Trust the file with this content, or, for None, no longer. False when nothing changed.

    AppError when the disk refuses.
    """
    key = _key(path)

    def changed(digests: dict[str, str]) -> dict[str, str]:
        others = {known: value for known, value in digests.items() if known != key}
        return others if digest is None else {**others, key: digest}

    return _file().change(changed)


def _file() -> StateFile[dict[str, str]]:
    return StateFile(paths.trust_file(), {}, _decode, _encode)


def _decode(data: bytes, lost: list[str]) -> dict[str, str]:
    return readable_members(json.loads(data)["files"], lambda entry: text(entry["sha256"]), lost)


def _encode(digests: dict[str, str]) -> bytes:
    entries: JsonObject = {name: {"sha256": known} for name, known in sorted(digests.items())}
    return json.dumps({"version": _VERSION, "files": entries}, indent=2).encode() + b"\n"


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
        marked_line(f"Server {spec.name}"), marked_line(detail), marked_line(hint), ErrorKind.AUTH, NEEDS_TRUST
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
