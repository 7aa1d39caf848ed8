"""Where tokens and client registrations are kept: the keyring of the operating system, else a file of mode 0600.

One small file per server stands in the data directory. With a keyring it only says that there is something to look
up there; so a server nobody ever signed in to never wakes the keyring, which may ask for a password.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from mcp_tui.config import paths
from mcp_tui.config.keyring import Backend, Keyring
from mcp_tui.config.state_file import StateFile
from mcp_tui.core import threads
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import as_text, is_object
from mcp_tui.core.types import JsonObject

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

SERVICE = "mcp-tui"
KEYRING_TIMEOUT_S = 30.0
"""A keyring may ask the person to unlock it."""
_STORE_TIMEOUT_S = 2 * KEYRING_TIMEOUT_S
"""A keyring that does not answer leaves it to the file."""
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


class Vault:
    """The grants of all servers. A server is its name and its URL: tokens never go to another place.

    The methods block on the disk and the keyring: see `off_loop`. Errors are AppError; a keyring that refuses to
    keep something, or does not answer, is no error: the file takes it.
    """

    def __init__(
        self, directory: Path, *, file_only: bool = False, keyring: Callable[[], Backend] | None = None
    ) -> None:
        self._directory = directory
        self._file_only = file_only
        self._keyring = Keyring(SERVICE, "set MCP_TUI_TOKEN_STORE=file and sign in again", keyring)

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
        user = self._user(server, url)
        try:
            found = self._keyring.get(user, what="read the tokens", timeout_s=KEYRING_TIMEOUT_S)
            value = _object(json.loads(found.get(user, "")))
        except AppError as error:
            if error.info.code != "no_keyring":
                raise
            return None
        except (ValueError, RecursionError):
            return None
        return Grant.from_json(value) if value is not None else None

    def write(self, server: str, url: str, grant: Grant) -> None:
        head: JsonObject = {"version": _VERSION, "server": server, "url": url}
        if not self._file_only and self._to_keyring(server, url, grant):
            head["kept_in"] = "keyring"
        else:
            head |= {"kept_in": "file", "grant": grant.to_json()}
        try:
            self._state(server, url).change(lambda _: head)
        except AppError as error:
            raise _refused(error.info.detail, error.info.hint) from error

    def delete(self, server: str, url: str) -> bool:
        """True when there was something."""
        head = self._head(server, url)
        if head is not None and head.get("kept_in") == "keyring":
            try:
                self._keyring.delete(self._user(server, url), what="remove the tokens", timeout_s=KEYRING_TIMEOUT_S)
            except AppError as error:
                if error.info.code != "no_keyring":
                    raise
        # Also what was set aside, or left by a process that was killed: it may hold tokens.
        for file in self._directory.glob(f"*{self.file(server, url).name}*"):
            file.unlink(missing_ok=True)
        return head is not None

    def _state(self, server: str, url: str) -> StateFile[JsonObject]:
        def decode(data: bytes, lost: list[str]) -> JsonObject:
            head = json.loads(data)
            if (head["server"], head["url"]) != (server, url):
                raise ValueError("another server's")
            return head

        path = self.file(server, url)
        return StateFile(path, {}, decode, lambda head: json.dumps(head).encode(), lock=self._directory)

    def _head(self, server: str, url: str) -> JsonObject | None:
        state = self._state(server, url)
        try:
            loaded = state.load()
        except OSError as error:
            raise _refused(f"{state.path}: {error.strerror or type(error).__name__}") from error
        if loaded.lost:
            _log.warning("%s is damaged; its server needs a new sign-in", state.path)
        return loaded.value or None

    def _user(self, server: str, url: str) -> str:
        return f"{server} {self.key(server, url)}"

    def _to_keyring(self, server: str, url: str, grant: Grant) -> bool:
        user, text = self._user(server, url), json.dumps(grant.to_json())
        try:
            self._keyring.set(user, text, what="keep the tokens", timeout_s=KEYRING_TIMEOUT_S)
        except AppError as error:
            if error.info.code != "no_keyring":
                _log.warning("%s; tokens go to a file", error.info.line())
            return False
        return True


def default_vault(environ: Mapping[str, str] = os.environ) -> Vault:
    file_only = environ.get("MCP_TUI_TOKEN_STORE", "").strip().lower() == "file"
    return Vault(paths.data_dir() / "tokens", file_only=file_only)


def _refused(detail: str, hint: str = "") -> AppError:
    return AppError("Tokens cannot be kept", detail, hint, kind=ErrorKind.USAGE, code="token_file")


async def off_loop(work: Callable[[], _T]) -> _T:
    """The result of work with the vault, or with another file. AppError when the disk does not answer."""
    return await threads.off_loop(work, _STORE_TIMEOUT_S)
