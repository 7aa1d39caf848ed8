"""Provider keys in the operating system's keyring (Secret Service, macOS Keychain, Windows Credential Locker).

Which providers have one stands in a small file without secrets, so that a person who never stored a key is never
asked to unlock a keyring. A key leaves this module only as a return value: it is in no text, log or error here.
"""

from __future__ import annotations

import importlib
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from mcp_tui.config import paths
from mcp_tui.config.save import locked, write_atomically
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import as_list

logger = logging.getLogger(__name__)

SERVICE = "mcp-tui provider key"
UNLOCK_TIMEOUT_S = 60.0
"""A keyring may ask the person to unlock it; somebody has to be there when a key is stored."""
READ_TIMEOUT_S = 5.0
"""At the start nobody waits longer than that."""

_Result = TypeVar("_Result")


class Keyring(Protocol):
    """What is used of the `keyring` package."""

    def get_password(self, service_name: str, username: str) -> str | None: ...

    def set_password(self, service_name: str, username: str, password: str) -> None: ...

    def delete_password(self, service_name: str, username: str) -> None: ...


class ProviderKeys:
    """Every method blocks: call it on a thread. AppError (auth) when the keyring refuses or does not answer."""

    def __init__(self, index: Path | None = None, *, keyring: Callable[[], Keyring] | None = None) -> None:
        """index: which providers have a key. keyring: loads the backend; replaced by tests."""
        self._index = index or paths.state_dir() / "provider-keys.json"
        self._keyring = keyring or _load_keyring

    def names(self) -> tuple[str, ...]:
        """Providers with a stored key, sorted. Asks no keyring."""
        try:
            stored: Any = json.loads(self._index.read_text("utf-8"))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read: %s", self._index, error)
            return ()
        items = as_list(stored)
        return tuple(sorted({item for item in items if isinstance(item, str)}))

    def load(self, *, timeout_s: float = READ_TIMEOUT_S) -> dict[str, str]:
        """Provider -> key, of every provider with one; {} at once when there is none."""
        names = self.names()
        if not names:
            return {}

        def read() -> dict[str, str]:
            keyring = self._keyring()
            found = ((name, keyring.get_password(SERVICE, name)) for name in names)
            return {name: key.strip() for name, key in found if key and key.strip()}

        return _asked(read, "read the stored keys", timeout_s)

    def save(self, provider: str, key: str) -> None:
        """Replaces the provider's key."""
        key = key.strip()
        if not key or not key.isprintable() or any(character.isspace() for character in key):
            detail = "a key is one word without line breaks" if key else "nothing was given"
            raise AppError("Key not stored", detail, kind=ErrorKind.USAGE, code="bad_key")
        _asked(lambda: self._keyring().set_password(SERVICE, provider, key), "store the key", UNLOCK_TIMEOUT_S)
        self._remember(lambda names: {*names, provider})

    def remove(self, provider: str) -> bool:
        """False when no key was stored."""
        if provider not in self.names():
            return False

        def delete() -> None:
            keyring = self._keyring()
            if keyring.get_password(SERVICE, provider) is not None:
                keyring.delete_password(SERVICE, provider)

        _asked(delete, "remove the key", UNLOCK_TIMEOUT_S)
        self._remember(lambda names: {*names} - {provider})
        return True

    def _remember(self, change: Callable[[Iterable[str]], set[str]]) -> None:
        with locked(self._index):
            names = sorted(change(self.names()))
            write_atomically(self._index, json.dumps(names).encode())


def _load_keyring() -> Keyring:
    try:
        module = importlib.import_module("keyring")
        fail = importlib.import_module("keyring.backends.fail")
    except ImportError as error:
        raise AppError(
            "No keyring",
            "the Python package keyring is not installed",
            "install it beside mcp-tui, or set the provider's key variable",
            kind=ErrorKind.AUTH,
            code="no_keyring",
        ) from error
    if isinstance(module.get_keyring(), fail.Keyring):
        raise AppError(
            "No keyring",
            "this system offers none that is running",
            'set the provider\'s key variable, or api_key = "${VARIABLE}" in the configuration',
            kind=ErrorKind.AUTH,
            code="no_keyring",
        )
    return cast("Keyring", module)


def _asked(question: Callable[[], _Result], what: str, timeout_s: float) -> _Result:
    """The answer. On a daemon thread: a keyring that hangs must not keep the program from ending."""
    answers: queue.SimpleQueue[tuple[_Result | None, BaseException | None]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put((question(), None))
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            answers.put((None, error))

    threading.Thread(target=ask, name="keyring", daemon=True).start()
    try:
        answer, error = answers.get(timeout=timeout_s)
    except queue.Empty:
        detail = f"it did not answer within {timeout_s:g} s"
        hint = "unlock the keyring, or set the provider's key variable"
        raise AppError(f"Keyring: cannot {what}", detail, hint, kind=ErrorKind.AUTH, code="keyring_timeout") from None
    if error is None:
        return cast("_Result", answer)
    if isinstance(error, AppError) or not isinstance(error, Exception):
        raise error
    # Only the kind of the error: its text is the backend's, and could repeat what it was given.
    detail = f"it answered {type(error).__name__}"
    hint = "unlock the keyring, or set the provider's key variable"
    raise AppError(f"Keyring: cannot {what}", detail, hint, kind=ErrorKind.AUTH, code="keyring") from None
