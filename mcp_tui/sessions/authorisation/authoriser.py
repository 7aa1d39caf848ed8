"""The access tokens of one server: on every request, renewed in silence, and by a person's sign-in when allowed.

The SDK's own `httpx2.Auth` holds its lock while the request itself runs, so that one slow tool call would hold up
all others, and answers a refused token with the browser even where it could be refreshed. Here the SDK's flow is
driven step by step instead, beside the connection, and only while a token is being got.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
from mcp.client.auth import OAuthFlowError, OAuthRegistrationError, OAuthTokenError
from mcp.client.auth.utils import (
    extract_field_from_www_auth,
    extract_scope_from_www_auth,
    validate_authorization_response_iss,
)
from mcp.shared._request_clock import waiting_on_a_person
from mcp.shared.auth import AuthorizationCodeResult
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER

from mcp_tui.config.authorisation import AuthSettings
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.sessions.authorisation.browser import Browser
from mcp_tui.sessions.authorisation.callback import AuthorisationAnswer, Callback
from mcp_tui.sessions.authorisation.dpop import Proofs, unbound
from mcp_tui.sessions.authorisation.errors import failed, host_of, said
from mcp_tui.sessions.authorisation.flows import BrowserFlow, LastingFlow, new_flow
from mcp_tui.sessions.authorisation.keeper import Keeper
from mcp_tui.sessions.authorisation.oauth_http import (
    TRANSFER_HEADERS,
    AuthorisationWire,
    check_url,
    error_word,
    refused,
)
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.authorisation.vault import Vault, off_loop
from mcp_tui.sessions.fault import Fault, Remedy
from mcp_tui.sessions.tokens import AuthorisationError, Pausing, Send, Tokens

_EXPIRED = 1.0
"""An expiry long past; 0 would mean that it never expires."""
_REFUSAL_BYTES = 64 << 10
_ROUNDS = 4
"""Most times one request is sent: as it is, after a refresh, after a sign-in, after one that asks for more."""


class SignInHost(Protocol):
    """Who owns the server. All calls come on the event loop and return at once."""

    @property
    def may_ask(self) -> bool:
        """May a browser be opened now?"""
        ...

    def sign_in_opened(self, url: str) -> None: ...

    def browser_missing(self) -> None:
        """No browser could be started: the person has to open the URL."""
        ...

    def sign_in_over(self) -> None: ...

    def more_scope_wanted(self, scope: str) -> None: ...

    def warn(self, sentence: str) -> None: ...


class Authoriser(Tokens):
    """Lives as long as its server's supervisor, over all connections. Everything runs on one event loop."""

    def __init__(
        self, server: str, url: str, settings: AuthSettings, vault: Vault, policy: SignInPolicy, host: SignInHost
    ) -> None:
        _silence_sdk()
        self._server = server
        self._url = url
        self._settings = settings
        self._vault = vault
        self._policy = policy
        self._host = host
        self._lock = anyio.Lock()
        self._wire = AuthorisationWire(url)
        self._keeper = Keeper(vault, server, url, settings.fingerprint(), host.warn)
        self._flow = self._new_flow()
        self._fresh = False
        """The store was read for this connection."""
        self._challenges: set[str] = set()
        """Scopes that were asked for and granted; asking again would not help."""
        self._wanted: httpx2.Response | None = None
        """The refusal that the next sign-in answers, although the server can be used as it is."""
        self._proofs: Proofs | None = None
        """Of `dpop` entries only."""
        self._callback: Callback | None = None
        self._browser: Browser | None = None
        self._running = anyio.CancelScope()
        """Of the newest sign-in."""

    def __repr__(self) -> str:
        return f"Authoriser({self._server!r})"

    def _new_flow(self) -> LastingFlow:
        return new_flow(
            self._url,
            self._settings,
            self._keeper,
            redirect=self._to_browser,
            callback=self._from_browser,
            transmit=self._wire.send,
        )

    # ------------------------------------------------------------------ what others see and order

    @property
    def signed_in(self) -> bool:
        return self._flow.context.current_tokens is not None

    @property
    def refusal(self) -> ErrorInfo | None:
        if not self.signed_in:
            return None
        detail = f"{host_of(self._url)} answers HTTP 401 to the token its own authorization server gave"
        hint = f"Sign out (S, or `mcp-tui auth {self._server} --logout`) and in again; else its people have to help"
        return ErrorInfo("The server does not accept the sign-in", detail, hint, ErrorKind.AUTH, "token_refused")

    def connecting(self) -> None:
        self._fresh = False

    def want_sign_in(self) -> bool:
        if self._wanted is None and not self.signed_in:
            self._wanted = httpx2.Response(401, request=httpx2.Request("POST", self._url))
        return self._wanted is not None

    def cancel(self) -> None:
        self._running.cancel()

    def deliver(self, address: str) -> bool:
        if self._callback is None:
            return False
        self._callback.deliver(address)
        return True

    async def forget(self) -> None:
        async with self._lock:
            await off_loop(lambda: self._vault.delete(self._server, self._url))
            self._keeper = Keeper(self._vault, self._server, self._url, self._settings.fingerprint(), self._host.warn)
            self._flow = self._new_flow()
            self._proofs = None
            self._fresh = False
            self._wanted = None
            self._challenges.clear()

    # ------------------------------------------------------------------ one request

    async def send(self, request: httpx2.Request, send: Send, pausing: Pausing) -> httpx2.Response:
        """Send it with a token. AuthorisationError when one is needed and cannot be got.

        A refusal that a person could cure comes back as it is while nobody may be asked. `pausing` stops the clocks
        of whoever waits for the request while a person is busy.
        """
        await self._prepare(pausing)
        response: httpx2.Response | None = None
        for _ in range(_ROUNDS):
            used = self._put_token(request)
            response = await send(request)
            if self._proofs is not None and self._proofs.nonce_wanted(response):
                await response.aclose()
                self._put_token(request)
                response = await send(request)
            if not _asks_for_token(response) or request.method not in ("GET", "POST"):
                return response
            response = await _kept(response)
            try:
                if not await self._renew(used, response, pausing):
                    return response
            except AuthorisationError as error:
                error.refusal = response
                raise
        assert response is not None
        return response

    def _token(self) -> str | None:
        tokens = self._flow.context.current_tokens
        return tokens.access_token if tokens is not None and self._flow.context.is_token_valid() else None

    def _put_token(self, request: httpx2.Request) -> str | None:
        token = self._token()
        if token is None:
            if "Authorization" in request.headers:
                del request.headers["Authorization"]
        elif self._proofs is None:
            request.headers["Authorization"] = f"Bearer {token}"
        else:
            request.headers["Authorization"] = f"DPoP {token}"
            self._proofs.sign(request, token)
        return token

    async def _prepare(self, pausing: Pausing) -> None:
        context = self._flow.context
        stale = context.current_tokens is not None and not context.is_token_valid() and context.can_refresh_token()
        asked = self._wanted is not None and self._host.may_ask
        if self._fresh and not stale and not asked:
            return
        async with self._lock:
            if not self._fresh:
                await self._load()
            if self._wanted is not None and self._host.may_ask:
                refusal, self._wanted = self._wanted, None
                await self._run(refusal, pausing)
            elif not self._flow.context.is_token_valid() and self._flow.context.can_refresh_token():
                await self._refresh()

    async def _load(self) -> None:
        if not self.signed_in or not self._flow.context.is_token_valid():
            await self._restore()
        self._fresh = True

    async def _restore(self) -> None:
        try:
            await self._flow.restore()
        except AppError as error:
            raise AuthorisationError(Fault(error.info, Remedy.AUTH)) from error
        if self._settings.dpop:
            self._proofs = _proofs(self._keeper.grant.key_pem, self._proofs)
            self._keeper.key_pem = self._proofs.key_pem

    async def _renew(self, used: str | None, refusal: httpx2.Response, pausing: Pausing) -> bool:
        """True: there is another token than `used`, send again. False: the refusal stands."""
        async with self._lock:
            if self._token() not in (None, used):
                return True
            more = refusal.status_code == 403
            if not more and used is not None and self._flow.context.can_refresh_token():
                self._flow.context.token_expiry_time = _EXPIRED
                await self._refresh()
                if self._token() not in (None, used):
                    return True
            scope = extract_scope_from_www_auth(refusal) or "" if more else ""
            if more and scope in self._challenges:
                raise failed("The access that was granted is not enough", _scope_words(scope), code="scope_refused")
            if self._settings.needs_person and not self._host.may_ask:
                if more:
                    self._wanted = refusal
                    self._host.more_scope_wanted(scope)
                elif used is not None:
                    hint = f"Sign in again, or run `mcp-tui auth {self._server}`"
                    raise failed("The sign-in has ended", f"{host_of(self._url)} does not accept it any more", hint)
                return False
            await self._run(refusal, pausing)
            if more:
                self._challenges.add(scope)
            return self._token() is not None

    async def _refresh(self) -> None:
        """Another process may have done it: a refresh token often works only once."""
        before = self._flow.context.current_tokens
        await self._restore()
        context = self._flow.context
        found = context.current_tokens
        if before is not None and found is not None and found.access_token == before.access_token:
            context.token_expiry_time = _EXPIRED
        if not context.is_token_valid() and context.can_refresh_token():
            await self._drive(None)

    # ------------------------------------------------------------------ a whole flow

    async def _run(self, refusal: httpx2.Response, pausing: Pausing) -> None:
        self._flow.stepping_up = refusal.status_code == 403
        if not isinstance(self._flow, BrowserFlow):
            await self._drive(refusal)
            return
        browser = Browser()
        with pausing(), waiting_on_a_person():
            async with Callback(address=self._settings.redirect_uri, port=self._flow.preferred_port()) as callback:
                self._callback, self._browser = callback, browser
                try:
                    with anyio.CancelScope() as self._running:
                        await self._flow.answer_at(callback.url)
                        await self._drive(refusal)
                    if self._running.cancelled_caught:
                        raise failed("The sign-in was cancelled", "", "Sign in again when you want to")
                finally:
                    self._callback = self._browser = None
                    self._host.sign_in_over()
                    with anyio.CancelScope(shield=True):
                        await browser.close()

    async def _drive(self, refusal: httpx2.Response | None) -> None:
        """Run the SDK's flow for a request that was refused so, until it holds a token or fails.

        refusal None: only a refresh. AuthorisationError says what went wrong; the SDK's own texts quote states,
        codes and answers of the token endpoint, so none of them goes on.
        """
        self._wire.begin(refusal)
        request = httpx2.Request("POST", self._url)
        if refusal is not None and (version := refusal.request.headers.get(MCP_PROTOCOL_VERSION_HEADER)):
            request.headers[MCP_PROTOCOL_VERSION_HEADER] = version
        flow = self._flow.async_auth_flow(request)
        last: httpx2.Response | None = None
        try:
            outgoing = await anext(flow)
            while outgoing is not request or refusal is not None:
                if outgoing is request and refusal is not None:
                    answer, refusal = refusal, None
                else:
                    if outgoing.method == "POST":
                        self._check_discovery()
                    answer = last = await self._ask(outgoing)
                outgoing = await flow.asend(answer)
        except OAuthRegistrationError:
            raise _registration_failed(last) from None
        except OAuthTokenError:
            await self._forget_refused_client(last)
            raise _token_failed(last) from None
        except OAuthFlowError as error:
            raise self._flow_failed(error) from None
        finally:
            await flow.aclose()

    async def _ask(self, request: httpx2.Request) -> httpx2.Response:
        for_token = request.method == "POST" and request.headers.get("content-type", "").endswith("form-urlencoded")
        if self._proofs is None or not for_token:
            return await self._wire.send(request)
        self._proofs.sign(request)
        answer = await self._wire.send(request)
        if self._proofs.nonce_wanted(answer):
            self._proofs.sign(request)
            answer = await self._wire.send(request)
        return unbound(answer) if answer.is_success else answer

    def _check_discovery(self) -> None:
        """Before the first POST and before the browser: are these the endpoints somebody published?"""
        context = self._flow.context
        if context.protected_resource_metadata is None and self._wire.bad_resource:
            raise failed("The server's metadata cannot be used", self._wire.bad_resource, code="bad_metadata")
        if context.oauth_metadata is None:
            if self._wire.bad_server:
                detail = self._wire.bad_server
                raise failed("The authorization server's metadata cannot be used", detail, code="bad_metadata")
            if context.auth_server_url is not None:
                detail = f"{host_of(context.auth_server_url)} publishes no metadata"
                raise failed("The authorization server cannot be used", detail, code="no_metadata")
        self._flow.check_issuer()

    def _flow_failed(self, error: OAuthFlowError) -> AuthorisationError:
        text = str(error)
        if "issuer mismatch" in text or " iss " in text:
            detail = "The issuer it names is not the one it was asked as; it may be an attack on the sign-in"
            return failed("The authorization server is not the expected one", detail, code="wrong_issuer")
        if text.startswith("Protected resource metadata request failed"):
            return failed("The server's metadata cannot be read", said(text.rpartition(": ")[2]), code="no_metadata")
        if text.startswith("Protected resource"):
            detail = (
                f"Its metadata are about another address than {host_of(self._url)}; a token for it is not asked for"
            )
            return failed("The server claims to be another one", detail, code="resource_mismatch")
        if text.startswith("No authorization server metadata"):
            return failed("The authorization server cannot be used", "It publishes no metadata", code="no_metadata")
        return failed("The sign-in failed", "The answer does not follow the protocol")

    async def _forget_refused_client(self, answer: httpx2.Response | None) -> None:
        client = self._flow.context.client_info
        if (
            answer is not None
            and client is not None
            and error_word(answer)[0] in ("invalid_client", "unauthorized_client")
        ):
            await self._keeper.forget_registration(client.client_id)
            if self._flow.fixed_client is None:
                self._flow.context.client_info = None

    # ------------------------------------------------------------------ the person

    async def _to_browser(self, url: str) -> None:
        self._check_discovery()
        check_url(url, self._url, "sign-in page")
        callback, browser = self._callback, self._browser
        if callback is None or browser is None:
            raise failed("The sign-in failed", "Nothing waits for its answer")
        if callback.settled:  # cancelled meanwhile: no browser then
            await callback.answer(0)
        callback.expect(parse_qs(urlsplit(url).query).get("state", [""])[-1], self._check_iss)
        self._host.sign_in_opened(url)
        try:
            await browser.open(url)
        except OSError:
            self._no_browser(callback)

    def _check_iss(self, iss: str | None) -> None:
        try:
            validate_authorization_response_iss(iss, self._flow.context.oauth_metadata)
        except OAuthFlowError as error:
            raise self._flow_failed(error) from None

    def _no_browser(self, callback: Callback) -> None:
        self._host.browser_missing()
        if not self._policy.attended:
            hint = f"Run `mcp-tui auth {self._server}` in a terminal, or set BROWSER"
            callback.cancel(failed("No browser could be opened", "", hint, code="no_browser"))

    async def _from_browser(self) -> AuthorizationCodeResult:
        callback, browser = self._callback, self._browser
        assert callback is not None and browser is not None

        async def watch() -> None:
            if not await browser.opened():
                self._no_browser(callback)

        async def wait() -> AuthorisationAnswer | AuthorisationError:
            try:
                return await callback.answer(self._policy.timeout_s)
            except AuthorisationError as error:
                return error  # raised below: a task group would wrap it

        answer: AuthorisationAnswer | AuthorisationError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            answer = await wait()
            tasks.cancel_scope.cancel()
        assert answer is not None
        if isinstance(answer, AuthorisationError):
            raise answer
        self._host.sign_in_over()  # what is waited for from here on is the authorization server
        return AuthorizationCodeResult(code=answer.code, state=answer.state, iss=answer.iss)


def _asks_for_token(response: httpx2.Response) -> bool:
    if response.status_code == 403:
        return extract_field_from_www_auth(response, "error") == "insufficient_scope"
    return response.status_code == 401


async def _kept(response: httpx2.Response) -> httpx2.Response:
    """The refusal with the beginning of its body: it is looked at once more when the connection is long gone."""
    body = b""
    try:
        async for chunk in response.aiter_bytes():
            body += chunk[:_REFUSAL_BYTES]
            if len(body) >= _REFUSAL_BYTES:
                break
    finally:
        await response.aclose()
    headers = [item for item in response.headers.multi_items() if item[0].lower() not in TRANSFER_HEADERS]
    return httpx2.Response(response.status_code, headers=headers, content=body, request=response.request)


def _proofs(stored_pem: str, held: Proofs | None) -> Proofs:
    """The key that the stored tokens are bound to; else the one we have, else a new one."""
    if stored_pem and (held is None or held.key_pem != stored_pem):
        with suppress(ValueError):  # damaged: the next sign-in binds its tokens to a new key
            return Proofs(stored_pem)
    return held or Proofs()


def _scope_words(scope: str) -> str:
    return f"The server still asks for: {said(scope)}" if scope else "The server still asks for more"


def _registration_failed(answer: httpx2.Response | None) -> AuthorisationError:
    if answer is not None and not answer.is_success:
        found = refused(answer, "The registration of this program")
        if found.fault.remedy is Remedy.AUTH:
            hint = "Register a client there by hand and put its client_id into `auth` of the entry"
            return failed(found.info.title, found.info.detail, hint, code="registration_refused")
        return found
    detail = "The registration it answered cannot be used"
    return failed("The registration of this program failed", detail, code="registration_refused")


def _token_failed(answer: httpx2.Response | None) -> AuthorisationError:
    if answer is not None and not answer.is_success:
        return refused(answer, "The access token")
    return failed("The access token cannot be used", "The answer does not follow the protocol", code="bad_token")


class _NothingSecret(logging.Filter):
    """The SDK logs whole exceptions, and theirs quote states, codes and token answers. Ours say it without."""

    def filter(self, record: logging.LogRecord) -> bool:
        return False


_FILTER = _NothingSecret()


def _silence_sdk() -> None:
    for name in ("mcp.client.auth.oauth2", "mcp.client.auth.utils"):
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
