"""Tokens bound to a key of ours (RFC 9449): each request proves that we hold it, so a stolen token is worth nothing."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64encode

import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm
from mcp.client.auth.utils import extract_field_from_www_auth

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.authorisation.errors import failed, host_of

_HEADER = "DPoP"
_NONCE_HEADER = "DPoP-Nonce"
_NONCE_WANTED = "use_dpop_nonce"


class Proofs:
    """The key of one server's tokens, and the nonces that servers want to see in the proofs."""

    def __init__(self, key_pem: str = "") -> None:
        key = load_pem_private_key(key_pem.encode(), None) if key_pem else generate_private_key(SECP256R1())
        if not isinstance(key, EllipticCurvePrivateKey):
            raise ValueError("not an elliptic curve key")
        self._key = key
        self._jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._nonces: dict[str, str] = {}
        """Origin -> the newest nonce it gave."""

    @property
    def key_pem(self) -> str:
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def sign(self, request: httpx2.Request, token: str | None = None) -> None:
        """A fresh proof for this very request; `token` when it carries one."""
        claims: JsonObject = {
            "jti": secrets.token_urlsafe(16),
            "htm": request.method,
            "htu": str(request.url.copy_with(query=None, fragment=None)),
            "iat": int(time.time()),
        }
        if token is not None:
            digest = hashlib.sha256(token.encode("ascii")).digest()
            claims["ath"] = urlsafe_b64encode(digest).decode().rstrip("=")
        if nonce := self._nonces.get(_origin(request)):
            claims["nonce"] = nonce
        headers = {"typ": "dpop+jwt", "jwk": self._jwk}
        request.headers[_HEADER] = jwt.encode(claims, self._key, algorithm="ES256", headers=headers)

    def nonce_wanted(self, response: httpx2.Response) -> bool:
        """Notes the nonce of an answer. True: it was refused only for lack of it, so the same request may go again."""
        nonce = response.headers.get(_NONCE_HEADER)
        if not nonce:
            return False
        self._nonces[_origin(response.request)] = nonce
        if response.status_code == 401 and extract_field_from_www_auth(response, "error") == _NONCE_WANTED:
            return True
        return response.status_code == 400 and _error_of(response) == _NONCE_WANTED


def unbound(response: httpx2.Response) -> httpx2.Response:
    """A token answer as the SDK takes it: it knows bearer tokens only. AuthorisationError for a token that is one."""
    try:
        answer: object = json.loads(response.content)
    except ValueError:
        return response
    if not is_object(answer) or "access_token" not in answer:
        return response
    if str(answer.get("token_type", "")).lower() != "dpop":
        detail = f"{host_of(str(response.request.url))} gave a token that anybody can use, and the entry says `dpop`"
        raise failed("The access token is not bound to this program", detail, code="unbound_token")
    return httpx2.Response(response.status_code, json={**answer, "token_type": "Bearer"}, request=response.request)


def _origin(request: httpx2.Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc.decode()}"


def _error_of(response: httpx2.Response) -> str:
    try:
        answer: object = json.loads(response.content)
    except ValueError:
        return ""
    return str(answer.get("error", "")) if is_object(answer) else ""
