"""When a browser may be opened for a server, and what is known about a sign-in under way. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qs, urlsplit

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.text import clean_line, marked_name
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.tokens import Tokens

if TYPE_CHECKING:
    from mcp_tui.sessions.sdk import Sdk


class Owner(Protocol):
    """The supervisor."""

    def waits_for_person(self, reason: ErrorInfo) -> None: ...

    def person_done(self) -> None: ...

    def changed(self) -> None: ...


def signs_in(spec: ServerSpec) -> bool:
    """Whether tokens are ours to get: an HTTP server whose entry brings no Authorization header."""
    given = any(name.lower() == "authorization" for name in spec.headers)
    return spec.transport != "stdio" and not given


def brings_answer(address: str) -> bool:
    """Whether it can be where a browser ended: what is pasted by mistake must not end the sign-in."""
    try:
        return "state" in parse_qs(urlsplit(address).query)
    except ValueError:
        return False


class SignIn:
    """The sign-in side of one server; what the authoriser tells goes through here to the supervisor."""

    def __init__(self, spec: ServerSpec, policy: SignInPolicy, owner: Owner, warn: Callable[[str], None]) -> None:
        self.url = ""
        """The authorization URL while the browser is waited for."""
        self._spec = spec
        self._policy = policy
        self._owner = owner
        self._warn = warn
        self._ordered = False
        self._tokens: Tokens | None = None

    @property
    def signed_in(self) -> bool:
        return self._tokens is not None and self._tokens.signed_in

    # ------------------------------------------------------------------ for the supervisor

    def connecting(self, sdk: type[Sdk]) -> Tokens | None:
        """Those of the next connection; None where it needs none."""
        tokens = self._made(sdk)
        if tokens is not None:
            tokens.connecting()
        return tokens

    def _made(self, sdk: type[Sdk]) -> Tokens | None:
        if self._tokens is None and signs_in(self._spec):
            self._tokens = sdk.new_authoriser(self._spec, self._policy, self)
        return self._tokens

    def reconfigured(self, spec: ServerSpec) -> None:
        """The entry changed: another URL, client or header has other tokens."""
        self.cancel()
        self._spec = spec
        self._tokens = None

    def order(self, *, usable: bool) -> None:
        """A person wants to sign in. AppError when that makes no sense; the connection is to be made anew then."""
        name = self._spec.name
        if not signs_in(self._spec):
            what = "a local process" if self._spec.transport == "stdio" else "used with the header of its entry"
            raise AppError("Nothing to sign in to", f"{name} is {what}", kind=ErrorKind.USAGE, code="no_sign_in")
        if usable and self._tokens is not None and not self._tokens.want_sign_in():
            hint = "Sign out first to use another account"
            raise AppError("Already signed in", f"{name} can be used", hint, kind=ErrorKind.USAGE, code="signed_in")
        self._ordered = True

    def cancel(self) -> None:
        self._ordered = False
        if self._tokens is not None:
            self._tokens.cancel()

    def deliver(self, address: str) -> bool:
        return self._tokens is not None and self._tokens.deliver(address)

    async def forget(self, sdk: type[Sdk]) -> None:
        self.cancel()
        tokens = self._made(sdk)
        if tokens is not None:
            await tokens.forget()

    def ended(self) -> None:
        """The connection is made or has failed: the order is carried out."""
        self._ordered = False

    # ------------------------------------------------------------------ for the authoriser

    @property
    def may_ask(self) -> bool:
        automatic = self._policy.automatic
        return self._ordered or automatic == "all" or (automatic == "entries" and self._spec.auth is not None)

    def sign_in_opened(self, url: str) -> None:
        self.url = url
        self._owner.waits_for_person(self._reason(url, "Open the URL yourself if no browser comes up"))

    def browser_missing(self) -> None:
        if self.url:
            self._owner.waits_for_person(
                self._reason(self.url, "No browser could be started here: open the URL yourself")
            )

    def sign_in_over(self) -> None:
        self.url = ""
        self._owner.person_done()

    def more_scope_wanted(self, scope: str) -> None:
        words = f" ({clean_line(scope)[:200]})" if scope else ""
        self._warn(f"A call needs more access than was granted{words}: sign in again to grant it.")

    def warn(self, sentence: str) -> None:
        self._warn(sentence)

    @staticmethod
    def _reason(url: str, hint: str) -> ErrorInfo:
        host = marked_name(urlsplit(url).netloc.rpartition("@")[2])
        return ErrorInfo("Sign in with your browser", f"Waiting for {host}", hint, ErrorKind.AUTH, "signing_in")
