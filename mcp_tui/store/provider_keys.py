"""Provider keys in the keyring. Which providers have one stands in a small file without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mcp_tui.config import paths
from mcp_tui.config.keyring import Backend, Keyring, system_keyring
from mcp_tui.config.state_file import StateFile, readable, text
from mcp_tui.core.errors import AppError, ErrorKind

SERVICE = "mcp-tui provider key"
UNLOCK_TIMEOUT_S = 60.0
"""A keyring may ask the person to unlock it; somebody has to be there when a key is stored."""
READ_TIMEOUT_S = 5.0
"""At the start nobody waits longer than that."""
_ANY = 0.01
"""Priority of a keyring: the person asked for it, so one that keeps plain text will do."""


def _decode(data: bytes, lost: list[str]) -> frozenset[str]:
    names = json.loads(data)
    if isinstance(names, dict | str):
        raise TypeError
    return frozenset(readable(names, text, lost))


class ProviderKeys:
    """Every method blocks: call it on a thread. AppError (auth) when the keyring refuses or does not answer."""

    def __init__(self, index: Path | None = None, *, keyring: Callable[[], Backend] | None = None) -> None:
        """index: which providers have a key. keyring: loads the backend; replaced by tests."""
        self._names = StateFile[frozenset[str]](
            index or paths.state_dir() / "provider-keys.json",
            frozenset(),
            _decode,
            lambda names: json.dumps(sorted(names)).encode(),
        )
        self._keyring = Keyring(
            SERVICE, "set the provider's key variable", keyring or partial(system_keyring, least=_ANY)
        )

    def names(self) -> tuple[str, ...]:
        """Providers with a stored key, sorted. Asks no keyring."""
        return tuple(sorted(self._names.read()))

    def load(self, *, timeout_s: float = READ_TIMEOUT_S) -> dict[str, str]:
        """Provider -> key, of every provider with one; {} at once when there is none."""
        names = self.names()
        found = self._keyring.get(*names, what="read the stored keys", timeout_s=timeout_s) if names else {}
        return {name: key.strip() for name, key in found.items() if key.strip()}

    def save(self, provider: str, key: str) -> None:
        """Replaces the provider's key."""
        key = key.strip()
        if not key or not key.isprintable() or any(character.isspace() for character in key):
            detail = "a key is one word without line breaks" if key else "nothing was given"
            raise AppError("Key not stored", detail, kind=ErrorKind.USAGE, code="bad_key")
        self._keyring.set(provider, key, what="store the key", timeout_s=UNLOCK_TIMEOUT_S)
        self._names.change(lambda names: names | {provider})

    def remove(self, provider: str) -> bool:
        """False when no key was stored."""
        if provider not in self.names():
            return False
        self._keyring.delete(provider, what="remove the key", timeout_s=UNLOCK_TIMEOUT_S)
        self._names.change(lambda names: names - {provider})
        return True
