"""The SDK's flows, made to survive a restart, to stay with one authorization server, and to say what went wrong.

`_initialize`, `_select_authorization_server` and `_perform_authorization` are the SDK's own points of extension: its
client-credentials providers are made of them too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal

import httpx2
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import (
    ClientCredentialsOAuthProvider,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
)
from mcp.client.auth.utils import issuers_match, union_scopes
from mcp.shared.auth import (
    JWT_BEARER_GRANT_TYPE,
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from pydantic import AnyUrl, ValidationError

from mcp_tui import __version__
from mcp_tui.config.authorisation import AuthSettings
from mcp_tui.sessions.authorisation.errors import failed, host_of, unreachable
from mcp_tui.sessions.authorisation.keeper import Keeper, restored
from mcp_tui.sessions.authorisation.vault import off_loop

Transmit = Callable[[httpx2.Request], Awaitable[httpx2.Response]]
_TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
_ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class LastingFlow(OAuthClientProvider):
    """Restores everything a refresh needs, and never takes its secrets to another authorization server."""

    settings: AuthSettings
    keeper: Keeper
    fixed_client: OAuthClientInformationFull | None = None
    """The client as the entry names it; else it registers itself."""
    stepping_up = False
    """This round asks for more than was granted so far."""

    def adopt(self, settings: AuthSettings, keeper: Keeper) -> None:
        """The rest of the constructor: the SDK's classes all have one of another shape."""
        self.settings = settings
        self.keeper = keeper
        keeper.attach(self.context)

    async def restore(self) -> None:
        """AppError when the store cannot be read."""
        await self.keeper.load()
        await self._initialize()

    async def _initialize(self) -> None:
        await super()._initialize()
        if self.fixed_client is not None:
            self.context.client_info = self.fixed_client
        grant = self.keeper.grant
        self.context.token_expiry_time = grant.expires_at
        self.context.oauth_metadata = restored(OAuthMetadata, grant.server_metadata)
        self.context.protected_resource_metadata = restored(ProtectedResourceMetadata, grant.resource_metadata)
        led_there = self.context.protected_resource_metadata is not None
        self.context.auth_server_url = grant.issuer if grant.issuer and led_there else None

    def _select_authorization_server(self, advertised: list[str]) -> str:
        settings, known = self.settings, self.keeper.grant.issuer
        # Credentials of an entry belong to one authorization server: the configured one, else the first one met.
        wanted = settings.issuer or (known if settings.client_id or not settings.needs_person else "")
        chosen = next((url for url in advertised if issuers_match(url, wanted or known)), None)
        if chosen is None and wanted:
            raise self.wrong_issuer(advertised[0], wanted)
        chosen = chosen or advertised[0]
        if self.fixed_client is None and (registered := self.keeper.registration(chosen)) is not None:
            self.context.client_info = registered
        return chosen

    def wrong_issuer(self, found: str, wanted: str) -> Exception:
        hint = (
            "Correct `issuer` in the entry if that is right"
            if self.settings.issuer
            else "If that is right, sign out first, then sign in again"
        )
        detail = f"It names {host_of(found)} ({found[:200]}), but the client belongs to {wanted[:200]}"
        return failed("The server leads to another authorization server", detail, hint, code="wrong_issuer")

    def check_issuer(self) -> None:
        """Before anything is sent to an authorization server, or the person is sent there."""
        wanted, metadata = self.settings.issuer, self.context.oauth_metadata
        if wanted and (metadata is None or not issuers_match(str(metadata.issuer), wanted)):
            raise self.wrong_issuer(str(metadata.issuer) if metadata else self.context.server_url, wanted)
        methods = metadata.code_challenge_methods_supported if metadata is not None else None
        if self.settings.needs_person and methods is not None and "S256" not in methods:
            detail = f"{host_of(str(metadata.issuer) if metadata else '')} does not support PKCE with S256"
            raise failed("The authorization server is not safe to use", detail, code="no_pkce")

    async def _handle_refresh_response(self, response: httpx2.Response) -> bool:
        if response.status_code == 429 or response.status_code >= 500:
            where = host_of(str(response.request.url))
            raise unreachable("The access could not be renewed", f"{where} answered HTTP {response.status_code}")
        renewed = await super()._handle_refresh_response(response)
        if not renewed:
            await self.keeper.forget_tokens()
        return renewed

    async def _perform_authorization(self) -> httpx2.Request:
        metadata = self.context.client_metadata
        if self.settings.scope:
            asked = metadata.scope if self.stepping_up else None
            metadata.scope = union_scopes(self.settings.scope, asked)
        self.settle_client_authentication()
        return await super()._perform_authorization()

    def settle_client_authentication(self) -> None:
        """How a client registered beforehand shows its secret: as configured, else as the server can take it."""
        client, server = self.fixed_client, self.context.oauth_metadata
        if client is None or client.token_endpoint_auth_method is not None:
            return
        # RFC 8414: what is not said means client_secret_basic.
        supported = (server.token_endpoint_auth_methods_supported if server is not None else None) or []
        post = "client_secret_post" in supported and "client_secret_basic" not in supported
        method = ("client_secret_post" if post else "client_secret_basic") if client.client_secret else "none"
        self.context.client_info = client.model_copy(update={"token_endpoint_auth_method": method})


class BrowserFlow(LastingFlow):
    """A person signs in: authorization code with PKCE."""

    def __init__(
        self,
        url: str,
        settings: AuthSettings,
        keeper: Keeper,
        redirect: Callable[[str], Awaitable[None]],
        callback: Callable[[], Awaitable[AuthorizationCodeResult]],
    ) -> None:
        metadata = OAuthClientMetadata(
            client_name="mcp-tui",
            software_id="mcp-tui",
            software_version=__version__,
            redirect_uris=[AnyUrl("http://127.0.0.1/callback")],  # the port is known when a sign-in begins
        )
        super().__init__(url, metadata, keeper, redirect, callback, settings.client_metadata_url or None)
        self.adopt(settings, keeper)
        if settings.client_id:
            self.fixed_client = OAuthClientInformationFull(
                client_id=settings.client_id,
                client_secret=settings.client_secret or None,
                token_endpoint_auth_method=settings.client_auth,
                issuer=settings.issuer or None,
            )

    def preferred_port(self) -> int:
        """The port of the redirect URI we are registered with: some servers insist on it. 0 = any."""
        registered = self.context.client_info
        known = registered.redirect_uris if registered is not None and registered is not self.fixed_client else None
        return (known[0].port or 0) if known and known[0].scheme == "http" else 0

    async def answer_at(self, url: str) -> None:
        """The browser's answer will come to this address; a registration made for another one is of no use."""
        self.context.client_metadata.redirect_uris = [AnyUrl(url)]
        for issuer, item in self.keeper.grant.registrations.items():
            client = self.keeper.registration(issuer)
            portable = client is not None and client.client_id == self.context.client_metadata_url
            if client is not None and not portable and AnyUrl(url) not in (client.redirect_uris or [AnyUrl(url)]):
                await self.keeper.forget_registration(str(item.get("client_id")))
                if self.context.client_info is not self.fixed_client:
                    self.context.client_info = None


class SecretFlow(LastingFlow, ClientCredentialsOAuthProvider):
    def __init__(self, url: str, settings: AuthSettings, keeper: Keeper) -> None:
        method: Literal["client_secret_basic", "client_secret_post"] = (
            "client_secret_post" if settings.client_auth == "client_secret_post" else "client_secret_basic"
        )
        ClientCredentialsOAuthProvider.__init__(
            self,
            url,
            keeper,
            settings.client_id,
            settings.client_secret,
            method,
            settings.scope or None,
            settings.issuer or None,
        )
        self.adopt(settings, keeper)
        if settings.client_auth is None:
            self.fixed_client = OAuthClientInformationFull(
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                grant_types=["client_credentials"],
            )


class SigningFlow(LastingFlow, PrivateKeyJWTOAuthProvider):
    def __init__(self, url: str, settings: AuthSettings, keeper: Keeper) -> None:
        async def assertion(audience: str) -> str:
            key = settings.private_key_pem or await _secret_file("private_key_file", settings.private_key_file)
            signer = SignedJWTParameters(
                issuer=settings.client_id,
                subject=settings.client_id,
                signing_key=key,
                signing_algorithm=settings.signing_algorithm,
            ).create_assertion_provider()
            try:
                return await signer(audience)
            except (ValueError, TypeError, NotImplementedError) as error:
                # What the library says may quote the key.
                detail = f"It is no private key for {settings.signing_algorithm} in PEM form ({type(error).__name__})"
                raise failed("The private key cannot be used", detail, "Correct it in the entry") from None

        PrivateKeyJWTOAuthProvider.__init__(
            self, url, keeper, settings.client_id, assertion, settings.scope or None, settings.issuer or None
        )
        self.adopt(settings, keeper)


class AssertionFlow(LastingFlow):
    """A signed assertion is exchanged for a token (RFC 7523)."""

    def __init__(self, url: str, settings: AuthSettings, keeper: Keeper, transmit: Transmit) -> None:
        metadata = OAuthClientMetadata(
            redirect_uris=None, grant_types=[JWT_BEARER_GRANT_TYPE], scope=settings.scope or None
        )
        super().__init__(url, metadata, keeper)
        self.adopt(settings, keeper)
        self.transmit = transmit
        self.fixed_client = OAuthClientInformationFull(
            client_id=settings.client_id or "mcp-tui",
            client_secret=settings.client_secret or None,
            grant_types=[JWT_BEARER_GRANT_TYPE],
            token_endpoint_auth_method=settings.client_auth,
        )

    async def _assertion(self, issuer: str) -> str:
        settings = self.settings
        return settings.assertion or await _secret_file("assertion_file", settings.assertion_file)

    async def _perform_authorization(self) -> httpx2.Request:
        context = self.context
        if self.settings.scope:
            context.client_metadata.scope = self.settings.scope
        self.settle_client_authentication()
        if context.oauth_metadata is None:
            where = host_of(context.auth_server_url or context.server_url)
            raise failed("The authorization server cannot be used", f"{where} publishes no metadata")
        data = {
            "grant_type": JWT_BEARER_GRANT_TYPE,
            "assertion": await self._assertion(str(context.oauth_metadata.issuer)),
        }
        if self.settings.client_id:
            data["client_id"] = self.settings.client_id
        if context.should_include_resource_param(context.protocol_version):
            data["resource"] = context.get_resource_url()
        if context.client_metadata.scope:
            data["scope"] = context.client_metadata.scope
        data, headers = context.prepare_token_auth(data, dict(_FORM))
        return httpx2.Request("POST", str(context.oauth_metadata.token_endpoint), data=data, headers=headers)


class EnterpriseFlow(AssertionFlow):
    """The company's identity provider gives the assertion, for the person's identity token (RFC 8693)."""

    async def _assertion(self, issuer: str) -> str:
        settings = self.settings
        identity = settings.idp_id_token or await _secret_file("idp_id_token_file", settings.idp_id_token_file)
        data = {
            "grant_type": _TOKEN_EXCHANGE,
            "requested_token_type": _ID_JAG,
            "audience": issuer,
            "resource": self.context.get_resource_url(),
            "subject_token": identity,
            "subject_token_type": _ID_TOKEN,
            "client_id": settings.idp_client_id,
        }
        if settings.scope:
            data["scope"] = settings.scope
        where = host_of(settings.idp_token_endpoint)
        response = await self.transmit(
            httpx2.Request("POST", settings.idp_token_endpoint, data=data, headers=dict(_FORM))
        )
        if response.status_code != 200:
            detail = f"{where} answered HTTP {response.status_code}; the identity token may have expired"
            raise failed("The identity provider refused the exchange", detail, "Get a new identity token")
        try:
            return OAuthToken.model_validate({**response.json(), "token_type": "Bearer"}).access_token
        except (ValueError, TypeError, ValidationError):
            raise failed("The identity provider's answer cannot be used", f"{where} sent no token") from None


def new_flow(
    url: str,
    settings: AuthSettings,
    keeper: Keeper,
    *,
    redirect: Callable[[str], Awaitable[None]],
    callback: Callable[[], Awaitable[AuthorizationCodeResult]],
    transmit: Transmit,
) -> LastingFlow:
    match settings.grant:
        case "client_credentials" if settings.client_secret:
            return SecretFlow(url, settings, keeper)
        case "client_credentials":
            return SigningFlow(url, settings, keeper)
        case "enterprise":
            return EnterpriseFlow(url, settings, keeper, transmit)
        case "jwt_bearer":
            return AssertionFlow(url, settings, keeper, transmit)
        case "oauth" | "none":
            return BrowserFlow(url, settings, keeper, redirect, callback)


async def _secret_file(key: str, path: str) -> str:
    try:
        return (await off_loop(lambda: Path(path).expanduser().read_text("utf-8"))).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise failed("A secret of the entry cannot be read", f"`{key}` {path}: {reason}") from error
