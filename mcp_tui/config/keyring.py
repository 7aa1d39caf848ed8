"""Secrets in the keyring of the operating system (Secret Service, macOS Keychain, Windows Credential Locker).

What stands there is remembered by whoever stored it, in a small file without secrets: a person who never stored
anything is never asked to unlock a keyring. A secret leaves this module only as a return value: it is in no text,
log or error here.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.threads import on_daemon

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SAFE = 1.0
"""The null and fail backends and plain-text files have a priority below it."""


class Backend(Protocol):
    """The part of a `keyring` backend that is used."""

    def get_password(self, service: str, username: str, /) -> str | None: ...

    def set_password(self, service: str, username: str, password: str, /) -> None: ...

    def delete_password(self, service: str, username: str, /) -> None: ...


class Keyring:
    """The secrets of one service, by user name. Every method blocks, up to its deadline, in which a keyring may ask
    the person to unlock it. AppError (auth): `no_keyring`, `keyring_timeout`, or `keyring` when it refuses.
    """

    def __init__(self, service: str, way_out: str, backend: Callable[[], Backend] | None = None) -> None:
        """way_out: what else the person can do. backend: finds it, at each use; AppError `no_keyring`."""
        self._service = service
        self._way_out = way_out
        self._backend = backend or system_keyring

    def get(self, *users: str, what: str, timeout_s: float) -> dict[str, str]:
        """User -> secret, of those that have one. what: is done, for the error."""

        def read(backend: Backend) -> dict[str, str]:
            found = ((user, backend.get_password(self._service, user)) for user in users)
            return {user: secret for user, secret in found if secret}

        return self._asked(read, what, timeout_s)

    def set(self, user: str, secret: str, *, what: str, timeout_s: float) -> None:
        """Kept means that it can be read again."""

        def write(backend: Backend) -> None:
            backend.set_password(self._service, user, secret)
            if backend.get_password(self._service, user) != secret:
                raise KeyringForgetsError

        self._asked(write, what, timeout_s)

    def delete(self, user: str, *, what: str, timeout_s: float) -> None:
        def forget(backend: Backend) -> None:
            if backend.get_password(self._service, user) is not None:
                backend.delete_password(self._service, user)

        self._asked(forget, what, timeout_s)

    def _asked(self, question: Callable[[Backend], _T], what: str, timeout_s: float) -> _T:
        answer = on_daemon(lambda: question(self._backend()), "keyring")
        try:
            return answer.result(timeout_s)
        except AppError:
            raise
        except Exception as error:  # noqa: BLE001 - backends raise what they like
            # Only the kind of the error: its text is the backend's, and could repeat what it was given.
            detail, code = f"it answered {type(error).__name__}", "keyring"
            if not answer.done():
                detail, code = f"it did not answer within {timeout_s:g} s", "keyring_timeout"
        hint = f"unlock the keyring, or {self._way_out}"
        raise AppError(f"Keyring: cannot {what}", detail, hint, kind=ErrorKind.AUTH, code=code) from None


class KeyringForgetsError(Exception):
    """A secret that was stored is not there."""


def system_keyring(*, least: float = SAFE) -> Backend:
    """The backend of this machine. AppError when there is none of at least this priority."""
    try:
        keyring = importlib.import_module("keyring")  # takes a tenth of a second
    except ImportError as error:
        raise _none(
            "the Python package keyring is not installed",
            "install it beside mcp-tui, or set the provider's key variable",
        ) from error
    backend: Any = keyring.get_keyring()
    try:
        usable = getattr(backend, "priority", 0) >= least
    except RuntimeError:  # a backend says so when it cannot work here
        usable = False
    if not usable:
        hint = 'set the provider\'s key variable, or api_key = "${VARIABLE}" in the configuration'
        raise _none("this system offers none that is running", hint)
    return cast("Backend", backend)


def _none(detail: str, hint: str) -> AppError:
    return AppError("No keyring", detail, hint, kind=ErrorKind.AUTH, code="no_keyring")
