"""What the SDK's flows store, on its way into the vault: tokens together with all that a later refresh needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mcp.client.auth.oauth2 import OAuthContext
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import BaseModel, ValidationError

from mcp_tui.core.errors import AppError
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.authorisation.errors import failed
from mcp_tui.sessions.authorisation.vault import Grant, Vault, off_loop

_Model = TypeVar("_Model", bound=BaseModel)


def restored(model: type[_Model], value: JsonObject | None) -> _Model | None:
    """None when nothing usable was stored: then it is asked for again."""
    if value is None:
        return None
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def stored(model: BaseModel | None) -> JsonObject | None:
    return model.model_dump(mode="json", exclude_none=True) if model is not None else None


class Keeper:
    """The SDK's `TokenStorage` of one server.

    The SDK restores neither the expiry nor the metadata of the authorization server, so that after a restart an
    expired token would lead to the browser although a refresh token is there; both are kept beside the tokens.
    """

    def __init__(self, vault: Vault, server: str, url: str, fingerprint: str, warn: Callable[[str], None]) -> None:
        self.grant = Grant(fingerprint)
        self._vault = vault
        self._server = server
        self._url = url
        self._fingerprint = fingerprint
        self._warn = warn
        self.key_pem = ""
        """The key that new tokens are bound to; empty = none."""
        self._context: OAuthContext | None = None
        self._unsaved = False
        """The store refused the newest grant: what is on disk is older than what is here."""

    def __repr__(self) -> str:
        return f"Keeper({self._server!r})"

    def attach(self, context: OAuthContext) -> None:
        """The flow whose metadata is stored with the tokens."""
        self._context = context

    async def load(self) -> None:
        """AppError when the keyring or the file cannot be read."""
        if self._unsaved:
            return
        found = await off_loop(lambda: self._vault.read(self._server, self._url))
        usable = found is not None and found.fingerprint == self._fingerprint
        self.grant = found if found is not None and usable else Grant(self._fingerprint)

    async def get_tokens(self) -> OAuthToken | None:
        return restored(OAuthToken, self.grant.tokens)

    async def set_tokens(self, tokens: OAuthToken) -> None:
        """AuthorisationError for a token that no header can carry; what was stored before stays."""
        context = self._context
        token = tokens.access_token
        if not token.strip() or token != token.strip() or any(not " " <= c <= "~" for c in token):
            if context is not None:
                context.clear_tokens()
            raise failed("The access token cannot be used", "It holds what HTTP cannot carry", code="bad_token")
        issuer = self.grant.issuer
        if context is not None:
            # Without resource metadata the server itself is taken for the authorization server.
            named = str(context.oauth_metadata.issuer) if context.oauth_metadata is not None else self._url
            issuer = context.auth_server_url or named
        await self.save(
            replace(
                self.grant,
                tokens=stored(tokens),
                issuer=issuer,
                key_pem=self.key_pem,
                expires_at=context.token_expiry_time if context is not None else None,
                server_metadata=stored(context.oauth_metadata) if context is not None else None,
                resource_metadata=stored(context.protected_resource_metadata) if context is not None else None,
            )
        )

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.registration(self.grant.issuer)

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        known = {**self.grant.registrations, client_info.issuer or "": stored(client_info) or {}}
        await self.save(replace(self.grant, registrations=known))

    def registration(self, issuer: str) -> OAuthClientInformationFull | None:
        """How we are registered there; one without a recorded issuer may be used anywhere, as the SDK does."""
        known = self.grant.registrations
        return restored(OAuthClientInformationFull, known.get(issuer) or known.get(""))

    async def forget_tokens(self) -> None:
        if self.grant.tokens is not None:
            await self.save(self.grant.without_tokens())

    async def forget_registration(self, client_id: str) -> None:
        left = {issuer: item for issuer, item in self.grant.registrations.items() if item.get("client_id") != client_id}
        if len(left) != len(self.grant.registrations):
            await self.save(replace(self.grant, registrations=left))

    async def save(self, grant: Grant) -> None:
        """Keep it. When the disk refuses, it lasts as long as this process, and a warning says so."""
        self.grant = grant
        try:
            await off_loop(lambda: self._vault.write(self._server, self._url, grant))
            self._unsaved = False
        except AppError as error:
            self._unsaved = True
            self._warn(f"The sign-in lasts only until the end of this program: {error.info.line()}")
