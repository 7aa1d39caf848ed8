"""Where tokens and client registrations are kept: the keyring of the operating system, else a file of mode 0600.

One small file per server stands in the data directory. With a keyring it only says that there is something to look
up there; so a server nobody ever signed in to never wakes the keyring, which may ask for a password.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import as_text, is_object
from mcp_tui.core.types import JsonObject

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SERVICE = "mcp-tui"
KEYRING_TIMEOUT_S = 30.0
"""A keyring may ask the person to unlock it."""
_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class Grant:
    """What is remembered of one server. JSON objects have the keys of the protocol. All of it is secret."""

    fingerprint: str = ""
    """Of the `auth` settings it was granted for."""
    issuer: str = ""
    """The authorization server the tokens came from."""
    tokens: JsonObject | None = None
    expires_at: float | None = None
    """Unix time; None = the server did not say."""
    server_metadata: JsonObject | None = None
    resource_metadata: JsonObject | None = None
    registrations: Mapping[str, JsonObject] = field(default_factory=dict[str, JsonObject])
    """issuer -> the client as it is registered there."""
    key_pem: str = ""
    """The private key that the tokens are bound to, when they are."""

    def __repr__(self) -> str:
        return f"Grant(issuer={self.issuer!r}, signed_in={self.tokens is not None})"

    def to_json(self) -> JsonObject:
        return {
            "fingerprint": self.fingerprint,
            "issuer": self.issuer,
            "tokens": self.tokens,
            "expires_at": self.expires_at,
            "server_metadata": self.server_metadata,
            "resource_metadata": self.resource_metadata,
            "registrations": dict(self.registrations),
            "key_pem": self.key_pem,
        }

    @classmethod
    def from_json(cls, value: JsonObject) -> Grant:
        """Parts of another shape than expected are left out: then the person signs in again."""
        expires_at = value.get("expires_at")
        registrations = _object(value.get("registrations")) or {}
        return cls(
            fingerprint=as_text(value.get("fingerprint")),
            issuer=as_text(value.get("issuer")),
            tokens=_object(value.get("tokens")),
            expires_at=float(expires_at) if isinstance(expires_at, int | float) else None,
            server_metadata=_object(value.get("server_metadata")),
            resource_metadata=_object(value.get("resource_metadata")),
            registrations={issuer: found for issuer, item in registrations.items() if (found := _object(item))},
            key_pem=as_text(value.get("key_pem")),
        )

    def without_tokens(self) -> Grant:
        return replace(self, tokens=None, expires_at=None)


def _object(value: object) -> JsonObject | None:
    return value if is_object(value) else None


class Keyring(Protocol):
    """The part of a `keyring` backend that is used."""

    def get_password(self, service: str, username: str) -> str | None: ...

    def set_password(self, service: str, username: str, password: str) -> None: ...

    def delete_password(self, service: str, username: str) -> None: ...


class Vault:
    """The grants of all servers. A server is its name and its URL: tokens never go to another place.

    The methods block on the disk and the keyring: see `off_loop`. Errors are AppError; a keyring that refuses to
    keep something is no error, the file takes it.
    """

    def __init__(
        self, directory: Path, *, file_only: bool, keyring: Callable[[], Keyring | None] | None = None
    ) -> None:
        self._directory = directory
        self._file_only = file_only
        self._find_keyring = keyring or system_keyring

    @staticmethod
    def key(server: str, url: str) -> str:
        return hashlib.sha256(f"{server}\n{url}".encode()).hexdigest()[:24]

    def file(self, server: str, url: str) -> Path:
        return self._directory / f"{self.key(server, url)}.json"

    def read(self, server: str, url: str) -> Grant | None:
        head = self._head(server, url)
        if head is None:
            return None
        if head.get("kept_in") != "keyring":
            return Grant.from_json(_object(head.get("grant")) or {})
        ring = self._find_keyring()
        text = self._asked(lambda: ring.get_password(SERVICE, self._user(server, url))) if ring is not None else None
        try:
            value = _object(json.loads(text)) if text else None
        except ValueError:
            value = None
        return Grant.from_json(value) if value is not None else None

    def write(self, server: str, url: str, grant: Grant) -> None:
        head: JsonObject = {"version": _VERSION, "server": server, "url": url}
        if not self._file_only and self._to_keyring(server, url, grant):
            head["kept_in"] = "keyring"
        else:
            head |= {"kept_in": "file", "grant": grant.to_json()}
        _write_private(self.file(server, url), json.dumps(head).encode())

    def delete(self, server: str, url: str) -> bool:
        """True when there was something."""
        head = self._head(server, url)
        if head is None:
            return False
        if head.get("kept_in") == "keyring" and (ring := self._find_keyring()) is not None:
            self._asked(lambda: _forget(ring, self._user(server, url)))
        with suppress(FileNotFoundError):
            self.file(server, url).unlink()
        return True

    def _head(self, server: str, url: str) -> JsonObject | None:
        path = self.file(server, url)
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                path.chmod(0o600)
            head = _object(json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except ValueError:
            _log.warning("%s is damaged; its server needs a new sign-in", path)
            return None
        except OSError as error:
            raise _refused(path, error) from error
        return head if head is not None and (head.get("server"), head.get("url")) == (server, url) else None

    def _user(self, server: str, url: str) -> str:
        return f"{server} {self.key(server, url)}"

    def _to_keyring(self, server: str, url: str, grant: Grant) -> bool:
        ring = self._find_keyring()
        if ring is None:
            return False
        user, text = self._user(server, url), json.dumps(grant.to_json())
        try:
            ring.set_password(SERVICE, user, text)
            return ring.get_password(SERVICE, user) == text
        except Exception as error:  # noqa: BLE001 - backends raise what they like; the file is the way out
            _log.warning("the keyring refused (%s); tokens go to a file", type(error).__name__)
            return False

    @staticmethod
    def _asked(ask: Callable[[], _T]) -> _T:
        try:
            return ask()
        except Exception as error:
            raise AppError(
                "The keyring cannot be read",
                type(error).__name__,
                "Unlock it, or set MCP_TUI_TOKEN_STORE=file and sign in again",
                kind=ErrorKind.AUTH,
                code="keyring",
            ) from error


def default_vault(environ: Mapping[str, str] = os.environ) -> Vault:
    from mcp_tui.config import paths

    file_only = environ.get("MCP_TUI_TOKEN_STORE", "").strip().lower() == "file"
    return Vault(paths.data_dir() / "tokens", file_only=file_only, keyring=system_keyring)


def system_keyring() -> Keyring | None:
    """The backend of this machine; None when there is none that keeps a secret."""
    try:
        import keyring  # takes a tenth of a second, and only after a sign-in
    except ImportError:
        return None
    backend: Any = keyring.get_keyring()
    try:
        # The null and fail backends and plain-text files have a priority below 1.
        usable = backend.priority >= 1
    except RuntimeError:  # a backend says so when it cannot work here
        return None
    return cast("Keyring", backend) if usable else None


def _forget(ring: Keyring, user: str) -> None:
    if ring.get_password(SERVICE, user) is not None:
        ring.delete_password(SERVICE, user)


def _write_private(path: Path, data: bytes) -> None:
    """Whoever reads meanwhile sees the old or the new file, and nobody else sees any."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")  # mkstemp: mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> AppError:
    detail = f"{path}: {error.strerror or type(error).__name__}"
    return AppError("Tokens cannot be kept", detail, kind=ErrorKind.USAGE, code="token_file")


async def off_loop(work: Callable[[], _T], timeout_s: float = KEYRING_TIMEOUT_S) -> _T:
    """The result of blocking work. AppError when it takes longer: then its thread is left behind.

    A daemon thread, because a keyring that waits for a person must not keep the process from ending.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[_T] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not done.done():
            result()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - raised again by the task that waits
            outcome = lambda error=error: done.set_exception(error)  # noqa: E731
        else:
            outcome = lambda: done.set_result(value)  # noqa: E731
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="token store", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            return await done
    except TimeoutError as error:
        raise AppError(
            "The keyring does not answer",
            f"Nothing within {timeout_s:g} s",
            "Unlock it, or set MCP_TUI_TOKEN_STORE=file",
            kind=ErrorKind.AUTH,
            code="keyring",
        ) from error
