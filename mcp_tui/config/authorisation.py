"""`auth` of a server entry: how to get an access token, as typed settings.

`type` is one of
- `oauth` (also when absent): a person signs in with a browser. Optional: client_id and client_secret of a client
  registered beforehand, client_metadata_url (the client's own metadata document), scope, issuer, redirect_uri.
- `client_credentials`: no person. client_id with client_secret, or with a private key (private_key_pem or
  private_key_file, signing_algorithm).
- `enterprise`: the company's identity provider vouches. client_id, client_secret, idp_client_id, idp_token_endpoint
  and the person's identity token (idp_id_token or idp_id_token_file).
- `jwt_bearer`: a workload's signed token is exchanged. client_id and assertion or assertion_file.
- `none`: never sign in, use no stored token.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal, get_args
from urllib.parse import urlsplit

from mcp_tui.core.json_values import is_list
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.types import JsonObject

Grant = Literal["oauth", "client_credentials", "enterprise", "jwt_bearer", "none"]
ClientAuth = Literal["none", "client_secret_basic", "client_secret_post"]
_GRANTS: dict[str, Grant] = {name: name for name in get_args(Grant)}
_CLIENT_AUTHS: dict[str, ClientAuth] = {name: name for name in get_args(ClientAuth)}
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_SPELLINGS = {"CLIENT_ID": "client_id", "CLIENT_SECRET": "client_secret", "clientId": "client_id",
              "clientSecret": "client_secret", "scopes": "scope"}  # fmt: skip


class AuthEntryError(ValueError):
    """What is wrong with an `auth` table: `key` is the part that is wrong. Never holds a value that may be secret."""

    def __init__(self, key: str, detail: str, hint: str = "") -> None:
        super().__init__(detail)
        self.key = key
        self.detail = detail
        self.hint = hint


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """Empty texts mean: not given. Fields that are secret are left out of the repr."""

    grant: Grant = "oauth"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    client_auth: ClientAuth | None = None
    """`token_endpoint_auth_method`; None = what the authorization server supports."""
    client_metadata_url: str = ""
    scope: str = ""
    issuer: str = ""
    redirect_uri: str = ""
    private_key_pem: str = field(default="", repr=False)
    private_key_file: str = ""
    signing_algorithm: str = "ES256"
    assertion: str = field(default="", repr=False)
    assertion_file: str = ""
    idp_client_id: str = ""
    idp_issuer: str = ""
    idp_token_endpoint: str = ""
    idp_id_token: str = field(default="", repr=False)
    idp_id_token_file: str = ""
    dpop: bool = False
    """Bind tokens to a key of ours (RFC 9449), so that a stolen one is worth nothing."""

    @property
    def needs_person(self) -> bool:
        return self.grant == "oauth"

    def fingerprint(self) -> str:
        """Of what a token was granted for: tokens of another client or grant are not used. Holds no secret."""
        parts = [self.grant, self.client_id, self.client_metadata_url, self.issuer, self.dpop]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def auth_settings(value: JsonObject | None) -> AuthSettings:
    """AuthEntryError names the key that is wrong. Keys that mean nothing are left alone: other clients have theirs."""
    if value is None:
        return AuthSettings()
    table = {_SPELLINGS.get(name, name): item for name, item in value.items() if item is not None}
    given = _text(table, "type") or "oauth"
    grant = _GRANTS.get(given)
    if grant is None:
        hint = known_names_hint(given, _GRANTS, what="types")
        raise AuthEntryError("type", f"the authorisation type `{given}` is not known", hint)
    settings = AuthSettings(
        grant=grant,
        client_id=_text(table, "client_id"),
        client_secret=_text(table, "client_secret"),
        client_auth=_client_auth(table),
        client_metadata_url=_text(table, "client_metadata_url"),
        scope=_scope(table),
        issuer=_text(table, "issuer"),
        redirect_uri=_text(table, "redirect_uri"),
        private_key_pem=_text(table, "private_key_pem"),
        private_key_file=_text(table, "private_key_file"),
        signing_algorithm=_text(table, "signing_algorithm") or "ES256",
        assertion=_text(table, "assertion"),
        assertion_file=_text(table, "assertion_file"),
        idp_client_id=_text(table, "idp_client_id"),
        idp_issuer=_text(table, "idp_issuer"),
        idp_token_endpoint=_text(table, "idp_token_endpoint"),
        idp_id_token=_text(table, "idp_id_token"),
        idp_id_token_file=_text(table, "idp_id_token_file"),
        dpop=_flag(table, "dpop"),
    )
    _check(settings)
    return settings


def _check(settings: AuthSettings) -> None:
    for key in ("issuer", "idp_token_endpoint", "idp_issuer"):
        if (url := getattr(settings, key)) and not _is_web_url(url):
            raise AuthEntryError(key, f"`{key}` must be an http:// or https:// URL")
    document = settings.client_metadata_url
    if document and (urlsplit(document).scheme != "https" or urlsplit(document).path in ("", "/")):
        raise AuthEntryError("client_metadata_url", "`client_metadata_url` must be an https:// URL with a path")
    if settings.redirect_uri and not _is_loopback_url(settings.redirect_uri):
        detail = "`redirect_uri` must be an http:// URL of this machine with a port"
        raise AuthEntryError("redirect_uri", detail, "for example http://127.0.0.1:3118/callback")
    match settings.grant:
        case "oauth":
            if settings.client_secret and not settings.client_id:
                raise AuthEntryError("client_secret", "`client_secret` needs a `client_id`")
        case "client_credentials":
            _require(settings, "client_id")
            _require(settings, "client_secret", "private_key_pem", "private_key_file")
        case "enterprise":
            _require(settings, "client_id")
            _require(settings, "client_secret")
            _require(settings, "idp_client_id")
            _require(settings, "idp_token_endpoint")
            _require(settings, "idp_id_token", "idp_id_token_file")
        case "jwt_bearer":
            _require(settings, "assertion", "assertion_file")
        case "none":
            pass


def _require(settings: AuthSettings, *keys: str) -> None:
    if not any(getattr(settings, key) for key in keys):
        names = " or ".join(f"`{key}`" for key in keys)
        raise AuthEntryError("type", f"authorisation of type `{settings.grant}` needs {names}")


def _text(table: JsonObject, key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise AuthEntryError(key, f"`{key}` must be a text")
    return value.strip()


def _flag(table: JsonObject, key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise AuthEntryError(key, f"`{key}` must be true or false")
    return value


def _scope(table: JsonObject) -> str:
    """A text with spaces, or a list of texts."""
    value = table.get("scope", "")
    if is_list(value) and all(isinstance(item, str) for item in value):
        return " ".join(value)
    return _text(table, "scope")


def _client_auth(table: JsonObject) -> ClientAuth | None:
    given = _text(table, "token_endpoint_auth_method")
    if given in ("", "private_key_jwt"):
        return None
    method = _CLIENT_AUTHS.get(given)
    if method is None:
        hint = known_names_hint(given, _CLIENT_AUTHS, what="methods")
        raise AuthEntryError("token_endpoint_auth_method", f"the method `{given}` is not known", hint)
    return method


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _is_loopback_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and bool(parts.port)
    except ValueError:
        return False
