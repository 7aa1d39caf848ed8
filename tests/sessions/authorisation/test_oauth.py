"""Signing in, staying signed in, and what a person sees when it does not work. Real loopback servers and browsers."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mcp_tui.config.schema import ServerSpec
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.sessions.authorisation.authoriser import Authoriser
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import http, until, until_status, until_true
from tests.sessions.oauth_peer import OAuthPeer

BROWSER = f"{sys.executable} {Path(__file__).parents[1] / 'fake_browser.py'} %s"
pytestmark = pytest.mark.filterwarnings("ignore:Omitting `issuer`")  # the SDK's advice to programmers
AUTOMATIC = SignInPolicy("all", timeout_s=30)


@pytest.fixture
def oauth(monkeypatch: pytest.MonkeyPatch) -> Generator[OAuthPeer]:
    monkeypatch.setenv("MCP_TUI_TOKEN_STORE", "file")
    monkeypatch.setenv("BROWSER", BROWSER)
    with OAuthPeer().up() as peer:
        yield peer


def guarded(peer: OAuthPeer, **spec: Any) -> ServerSpec:
    return http(peer.url, **{"protocol": "2026-07-28", **spec})


def token_files(home: Path) -> list[Path]:
    return sorted((home / ".local/share/mcp-tui/tokens").glob("*"))


async def signed_in(manager: SessionManager) -> ServerSnapshot:
    return await until(manager, lambda server: server.status is ServerStatus.READY and server.signed_in)


async def refused(manager: SessionManager) -> ServerSnapshot:
    """The sign-in has come to its end, without success."""

    def over(server: ServerSnapshot) -> bool:
        waiting = server.reason is None or server.reason.code in ("signing_in", "needs_auth")
        return server.status is ServerStatus.NEEDS_AUTH and not server.sign_in_url and not waiting

    return await until(manager, over)


async def test_a_server_that_wants_a_sign_in_says_so_and_opens_nothing_by_itself(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)]) as manager:
        server = await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert server.reason is not None
        assert (server.reason.title, server.reason.kind) == ("Authorisation needed", ErrorKind.AUTH)
        assert "mcp-tui auth one" in server.reason.hint
        assert oauth.asked == []
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {})
        assert caught.value.info.kind is ErrorKind.AUTH


async def test_signing_in_opens_the_browser_and_connects(oauth: OAuthPeer, private_environment: Path) -> None:
    urls: set[str] = set()
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.subscribe(lambda: urls.add(manager.server("one").sign_in_url))
        manager.sign_in("one")
        server = await signed_in(manager)
        assert server.sign_in_url == ""
        result = await manager.call_tool("one", "echo", {"text": "hi"})
        assert result.content[0]["text"] == "hi"
    assert any(url.startswith(f"{oauth.issuer}/authorize?") for url in urls)
    registered = oauth.last("/as/register")
    assert (registered["client_name"], registered["application_type"]) == ("mcp-tui", "native")
    assert registered["redirect_uris"][0].startswith("http://127.0.0.1:")
    assert oauth.last("/as/authorize")["scope"] == "basic"
    assert oauth.grants() == ["authorization_code"]
    (file,) = token_files(private_environment)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_after_a_restart_nobody_is_asked_again(oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    monkeypatch.setenv("BROWSER", "false %s")
    asked = len(oauth.asked)
    async with SessionManager([guarded(oauth)]) as manager:
        await signed_in(manager)
    assert len(oauth.asked) == asked, "the stored token was good"


async def test_after_a_restart_an_expired_token_is_renewed_in_silence(
    oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    oauth.does.expires_in_s = -10
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        # The token is never good, so this connection cannot be made.
        await until(manager, lambda server: server.status.settled and oauth.grants() != [])
    monkeypatch.setenv("BROWSER", "false %s")
    oauth.does.expires_in_s = 3600
    before = (oauth.count("/as/authorize"), oauth.count("/as/register"))
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    assert oauth.grants()[-1] == "refresh_token"
    assert (oauth.count("/as/authorize"), oauth.count("/as/register")) == before
    assert oauth.count("/token") == 0, "it went to the server it came from"


async def test_a_token_that_is_refused_is_renewed_before_anybody_is_asked(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        oauth.revoke_access()
        results = await asyncio.gather(*(manager.call_tool("one", "echo", {"text": str(n)}) for n in range(5)))
        assert [result.content[0]["text"] for result in results] == ["0", "1", "2", "3", "4"]
        assert manager.server("one").reconnects == 0
    assert oauth.grants() == ["authorization_code", "refresh_token"]


async def test_a_renewal_that_is_refused_asks_for_a_new_sign_in_once(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.sign_in("one")
        await signed_in(manager)
        oauth.does.refresh_status = 400
        oauth.revoke_access()
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "echo", {})
        assert caught.value.info.kind is ErrorKind.AUTH
        server = await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert server.reason is not None
        assert server.reason.title == "The sign-in has ended"
        manager.retry("one")
        await until(manager, lambda server: server.reason is not None and server.reason.code == "needs_auth")
        assert oauth.grants().count("refresh_token") == 1
        manager.sign_in("one")
        await signed_in(manager)
    assert oauth.count("/as/register") == 1, "the registration is still good"


async def test_an_authorization_server_that_is_down_is_waited_for(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        oauth.does.refresh_status = 503
        oauth.revoke_access()
        call = asyncio.create_task(manager.call_tool("one", "echo", {"text": "hi"}))
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None
        assert server.reason.title == "The access could not be renewed"
        oauth.does.refresh_status = 200
        manager.retry("one")
        assert (await call).content[0]["text"] == "hi"
    assert oauth.count("/as/authorize") == 1


Change = Callable[[OAuthPeer], None]


def change(**values: Any) -> Change:
    def apply(peer: OAuthPeer) -> None:
        for name, value in values.items():
            setattr(peer.does, name, value)

    return apply


def foreign_issuer(peer: OAuthPeer) -> None:
    peer.does.iss = "https://evil.example"
    peer.does.deny = True


@pytest.mark.parametrize(
    ("misbehave", "title", "code", "opened"),
    [
        pytest.param(change(deny=True), "The sign-in was denied", "access_denied", True, id="deny"),
        pytest.param(change(wrong_state=True), "The answer does not belong", "state", True, id="state"),
        pytest.param(
            change(iss="https://evil.example"), "The authorization server is not", "wrong_issuer", True, id="iss"
        ),
        pytest.param(change(announce_iss=True), "The authorization server is not", "wrong_issuer", True, id="no iss"),
        pytest.param(foreign_issuer, "The authorization server is not", "wrong_issuer", True, id="error of another"),
        pytest.param(
            change(endpoint_scheme="javascript:"), "The authorization server's metadata", "bad_metadata", False, id="js"
        ),
        pytest.param(
            change(resource_metadata_scheme="javascript:"), "The server's metadata", "bad_metadata", False, id="js PRM"
        ),
        pytest.param(
            change(issuer="https://evil.example"), "The authorization server is not", "wrong_issuer", False, id="issuer"
        ),
        pytest.param(
            change(resource="https://evil.example/mcp"), "The server claims", "resource_mismatch", False, id="resource"
        ),
        pytest.param(change(no_metadata=True), "The authorization server cannot", "no_metadata", False, id="none"),
        pytest.param(
            change(refuse_registration=True), "The registration", "registration_refused", False, id="registration"
        ),
        pytest.param(
            change(code_challenge_methods=["plain"]), "The authorization server is", "no_pkce", False, id="pkce"
        ),
    ],
)
async def test_what_goes_wrong_is_said_and_no_token_is_asked_for(
    oauth: OAuthPeer, misbehave: Change, title: str, code: str, opened: bool
) -> None:
    misbehave(oauth)
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title.startswith(title)
        assert (server.reason.code, server.reason.kind) == (code, ErrorKind.AUTH)
        assert "\x1b" not in server.reason.line()
        assert not server.signed_in
    assert oauth.count("/as/token") == 0
    assert (oauth.count("/as/authorize") > 0) is opened
    assert oauth.count("/authorize") == oauth.count("/token") == 0, "made-up endpoints were used"


@pytest.mark.parametrize("odd", ["\r\nX-Other: 1", "\u00e9", " "], ids=["line", "letter", "blank"])
async def test_a_token_no_header_can_carry_is_neither_kept_nor_shown(
    oauth: OAuthPeer, private_environment: Path, odd: str
) -> None:
    oauth.does.odd_access = odd
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert (server.reason.title, server.reason.code) == ("The access token cannot be used", "bad_token")
        assert not server.signed_in
        (token,) = oauth.tokens
        assert token not in repr(server)
    (file,) = token_files(private_environment)
    assert not any(kept in file.read_text() for kept in oauth.tokens)
    assert oauth.authorised == []


async def test_an_error_of_a_foreign_issuer_is_not_even_shown(oauth: OAuthPeer) -> None:
    foreign_issuer(oauth)
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert "You said" not in server.reason.line() and "denied" not in server.reason.line()


async def test_a_good_issuer_in_the_answer_is_accepted(oauth: OAuthPeer) -> None:
    oauth.does.iss, oauth.does.announce_iss = oauth.issuer, True
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)


async def test_a_server_that_refuses_its_own_tokens_is_not_asked_for_ever(oauth: OAuthPeer) -> None:
    oauth.does.accept_nothing = True
    oauth.does.refresh_tokens = False
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert oauth.grants() == ["authorization_code"] * len(oauth.grants())
        assert 0 < oauth.count("/as/authorize") <= 4
        assert server.reason is not None
        assert server.reason.code == "token_refused", "to sign in once more is no help"


async def test_a_sign_in_can_be_cancelled_while_the_browser_is_open(oauth: OAuthPeer) -> None:
    oauth.does.hang_authorize = True
    async with SessionManager([guarded(oauth, connect_timeout_s=5)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.sign_in("one")
        waiting = await until(manager, lambda server: bool(server.sign_in_url))
        assert waiting.status is ServerStatus.NEEDS_AUTH
        assert waiting.reason is not None
        assert waiting.reason.title == "Sign in with your browser"
        port = int(oauth.last("/as/register")["redirect_uris"][0].rpartition(":")[2].partition("/")[0])
        manager.cancel_sign_in("one")
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title == "The sign-in was cancelled"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        oauth.does.hang_authorize = False
        manager.sign_in("one")
        await signed_in(manager)


METADATA, TOKEN = "/.well-known/oauth-authorization-server/as", "/as/token"


@pytest.mark.parametrize("path", [METADATA, TOKEN])
async def test_a_sign_in_can_be_cancelled_while_the_authorization_server_answers_in_drops(
    oauth: OAuthPeer, path: str
) -> None:
    oauth.does.dripping = frozenset({path})
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.sign_in("one")
        await until_true(lambda: oauth.count(path) > 0)
        await until(manager, lambda server: not server.sign_in_url)  # the browser has answered, if it was asked
        manager.cancel_sign_in("one")
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title == "The sign-in was cancelled"
        oauth.does.dripping = frozenset()
        manager.sign_in("one")
        await signed_in(manager)


@pytest.mark.parametrize("path", [METADATA, TOKEN])
async def test_an_answer_in_drops_is_given_up(oauth: OAuthPeer, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.sessions.authorisation.oauth_http.WHOLE_ANSWER_S", 1.0)
    oauth.does.dripping = frozenset({path})
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await until_status(manager, ServerStatus.BACKOFF)
        assert server.reason is not None
        assert server.reason.title == "The authorization server cannot be reached"
        assert "no whole answer" in server.reason.detail


async def test_leaving_while_the_browser_is_open_leaves_nothing_behind(oauth: OAuthPeer) -> None:
    oauth.does.hang_authorize = True
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await until(manager, lambda server: bool(server.sign_in_url))
    names = {task.get_name() for task in asyncio.all_tasks()} - {asyncio.current_task().get_name()}  # pyright: ignore[reportOptionalMemberAccess]  inside a task
    assert names == set()


async def test_a_sign_in_nobody_finishes_ends_at_its_deadline(oauth: OAuthPeer) -> None:
    oauth.does.hang_authorize = True
    rules = SignInPolicy("all", timeout_s=0.3)
    async with SessionManager([guarded(oauth)], sign_in=rules) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert (server.reason.code, server.reason.detail) == (
            "sign_in_timeout",
            "No answer from the browser within 0.3 s",
        )


async def test_the_address_of_a_browser_elsewhere_can_be_brought_here(
    oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "true %s")
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        server = await until(manager, lambda server: bool(server.sign_in_url))

        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any, **options: Any) -> None:
                return None

        def where_it_ends() -> str:
            try:
                urllib.request.build_opener(Stay).open(server.sign_in_url, timeout=10)
            except urllib.error.HTTPError as answer:
                return answer.headers["location"]
            pytest.fail("no redirect")

        assert manager.finish_sign_in("one", await asyncio.to_thread(where_it_ends))
        await signed_in(manager)
        assert not manager.finish_sign_in("one", "http://127.0.0.1/callback?code=x")


async def test_without_anybody_watching_a_browser_that_does_not_start_is_the_end(
    oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "false %s")
    rules = SignInPolicy("all", attended=False, timeout_s=30)
    async with SessionManager([guarded(oauth)], sign_in=rules) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title == "No browser could be opened"


async def test_signing_out_forgets_everything_here_and_on_disk(oauth: OAuthPeer, private_environment: Path) -> None:
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.sign_in("one")
        await signed_in(manager)
        with pytest.raises(AppError) as caught:
            manager.sign_in("one")
        assert caught.value.info.title == "Already signed in"
        await manager.sign_out("one")
        server = await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert not server.signed_in
        assert token_files(private_environment) == []
        manager.sign_in("one")
        await signed_in(manager)
    assert oauth.count("/as/register") == 2


async def test_tokens_of_one_address_are_never_sent_to_another(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    with OAuthPeer().up() as other:
        async with SessionManager([guarded(other)]) as manager:
            await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert other.asked == []


async def test_a_call_that_needs_more_access_gets_it_and_is_sent_again(oauth: OAuthPeer) -> None:
    oauth.does.extra_scopes = {"write": "files:write"}
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        result = await manager.call_tool("one", "write", {})
        assert result.content[0]["text"] == "written"
        assert manager.server("one").reconnects == 0
    assert sorted(oauth.last("/as/authorize")["scope"].split()) == ["basic", "files:write"]
    assert oauth.count("/as/authorize") == 2


async def test_more_access_waits_for_the_person_where_no_browser_may_open(oauth: OAuthPeer) -> None:
    oauth.does.extra_scopes = {"write": "files:write"}
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        manager.sign_in("one")
        await signed_in(manager)
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        info = caught.value.info
        assert (info.kind, info.code) == (ErrorKind.AUTH, "insufficient_scope")
        assert "files:write" in info.detail
        server = manager.server("one")
        assert server.status is ServerStatus.READY
        assert any("files:write" in warning for warning in server.warnings)
        manager.sign_in("one")
        await until(manager, lambda server: server.reconnects == 1 and server.status is ServerStatus.READY)
        assert (await manager.call_tool("one", "write", {})).content[0]["text"] == "written"
    assert oauth.count("/as/authorize") == 2


async def test_a_denied_step_up_fails_the_call_and_not_the_connection(oauth: OAuthPeer) -> None:
    oauth.does.extra_scopes = {"write": "files:write"}
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        oauth.does.deny = True
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        assert "The sign-in was denied" in caught.value.info.detail
        assert (await manager.call_tool("one", "echo", {"text": "hi"})).content[0]["text"] == "hi"
        assert manager.server("one").reconnects == 0


async def test_a_slow_call_holds_up_no_other(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        slow = asyncio.create_task(manager.call_tool("one", "sleep", {"seconds": 60}))
        await until(manager, lambda server: server.calls_in_flight == 1)
        results = [await manager.call_tool("one", "echo", {"text": "quick"}, timeout_s=20) for _ in range(3)]
        assert [result.content[0]["text"] for result in results] == ["quick"] * 3
        assert not slow.done()
        slow.cancel()
        await asyncio.wait({slow})
        for event in oauth.mcp.cancelled.values():
            event.set()


async def test_a_client_registered_beforehand_shows_its_secret_as_the_server_takes_it(oauth: OAuthPeer) -> None:
    oauth.register("mine", client_secret="hush hush/+")
    oauth.does.token_auth_methods = ["client_secret_post"]
    entry = {"type": "oauth", "client_id": "mine", "client_secret": "hush hush/+", "scope": "basic more"}
    async with SessionManager([guarded(oauth, auth=entry)], sign_in=SignInPolicy("entries")) as manager:
        await signed_in(manager)
    assert oauth.count("/as/register") == 0
    assert (oauth.last("/as/token")["client"], oauth.last("/as/token")["how"]) == ("mine", "client_secret_post")
    assert oauth.last("/as/authorize")["scope"] == "basic more"


async def test_a_client_of_one_authorization_server_is_never_taken_to_another(oauth: OAuthPeer) -> None:
    oauth.register("mine", client_secret="hush")
    entry = {"client_id": "mine", "client_secret": "hush"}
    async with SessionManager([guarded(oauth, auth=entry)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    oauth.does.other_server = "http://127.0.0.1:9/evil"
    oauth.does.refresh_status = 400
    oauth.revoke_access()
    asked = len(oauth.asked)
    async with SessionManager([guarded(oauth, auth=entry)], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.code == "wrong_issuer"
        assert "127.0.0.1:9" in server.reason.detail
    later = [asked.path for asked in oauth.asked[asked:]]
    assert later == ["/as/token", "/.well-known/oauth-protected-resource/mcp"]


async def test_client_credentials_with_a_secret_need_no_person(
    oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSER", "false %s")
    oauth.register("robot", client_secret="r2d2")
    entry = {"type": "client_credentials", "client_id": "robot", "client_secret": "r2d2"}
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        await signed_in(manager)
        oauth.revoke_access()
        await manager.call_tool("one", "echo", {})
    assert oauth.grants() == ["client_credentials", "client_credentials"]
    assert oauth.last("/as/token")["how"] == "client_secret_basic"


def new_key() -> tuple[str, str]:
    """(private, public) in PEM form."""
    key = ec.generate_private_key(ec.SECP256R1())
    pkcs8 = serialization.PrivateFormat.PKCS8
    private = key.private_bytes(serialization.Encoding.PEM, pkcs8, serialization.NoEncryption())
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.decode(), key.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


@pytest.mark.parametrize("in_file", [False, True])
async def test_client_credentials_with_a_key_need_no_person(oauth: OAuthPeer, tmp_path: Path, in_file: bool) -> None:
    private, oauth.public_key = new_key()
    entry = {"type": "client_credentials", "client_id": "robot", "signing_algorithm": "ES256", "issuer": oauth.issuer}
    if in_file:
        (tmp_path / "key.pem").write_text(private)
        entry["private_key_file"] = str(tmp_path / "key.pem")
    else:
        entry["private_key_pem"] = private
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        await signed_in(manager)
    assert oauth.last("/as/token")["how"] == "private_key_jwt"


async def test_a_key_that_is_none_is_said_without_showing_it(oauth: OAuthPeer) -> None:
    entry = {"type": "client_credentials", "client_id": "robot", "private_key_pem": "-----BEGIN hunter2"}
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title == "The private key cannot be used"
        assert "hunter2" not in repr(server)
    assert oauth.count("/as/token") == 0


async def test_credentials_are_not_shown_to_another_issuer_than_the_entry_names(oauth: OAuthPeer) -> None:
    oauth.register("robot", client_secret="r2d2")
    entry = {
        "type": "client_credentials",
        "client_id": "robot",
        "client_secret": "r2d2",
        "issuer": "https://login.example",
    }
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert (server.reason.code, server.reason.hint) == (
            "wrong_issuer",
            "Correct `issuer` in the entry if that is right",
        )
    assert oauth.count("/as/token") == 0


async def test_refused_credentials_are_said_once(oauth: OAuthPeer) -> None:
    entry = {"type": "client_credentials", "client_id": "robot", "client_secret": "wrong-secret"}
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert (server.reason.title, server.reason.code) == ("The access token was refused", "invalid_client")
        assert "HTTP 401: invalid_client" in server.reason.detail
    assert oauth.count("/as/token") == 1


async def test_the_company_s_identity_provider_vouches(oauth: OAuthPeer) -> None:
    oauth.assertion = jwt.encode({"sub": "me"}, "k" * 32)
    oauth.register("mine", client_secret="hush")
    entry = {
        "type": "enterprise",
        "client_id": "mine",
        "client_secret": "hush",
        "idp_client_id": "at-idp",
        "idp_token_endpoint": f"{oauth.origin}/idp/token",
        "idp_id_token": "the-identity",
    }
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        await signed_in(manager)
    exchange = oauth.last("/idp/token")
    assert (exchange["audience"], exchange["resource"], exchange["client_id"]) == (oauth.issuer, oauth.url, "at-idp")
    assert oauth.grants() == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


async def test_an_identity_that_is_refused_stops_before_the_authorization_server(oauth: OAuthPeer) -> None:
    entry = {
        "type": "enterprise",
        "client_id": "mine",
        "client_secret": "hush",
        "idp_client_id": "at-idp",
        "idp_token_endpoint": f"{oauth.origin}/idp/token",
        "idp_id_token": "expired-identity",
    }
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.title == "The identity provider refused the exchange"
        assert "expired-identity" not in repr(server)
    assert oauth.count("/as/token") == 0


async def test_a_workload_exchanges_its_own_token(oauth: OAuthPeer, tmp_path: Path) -> None:
    oauth.assertion = jwt.encode({"sub": "workload"}, "k" * 32)
    oauth.register("workload")
    (tmp_path / "token").write_text(f"{oauth.assertion}\n")
    entry = {"type": "jwt_bearer", "client_id": "workload", "assertion_file": str(tmp_path / "token")}
    async with SessionManager([guarded(oauth, auth=entry)]) as manager:
        await signed_in(manager)
        assert manager.server("one").signed_in


async def test_an_authorization_header_of_the_entry_is_left_alone(oauth: OAuthPeer) -> None:
    spec = guarded(oauth, headers={"authorization": "Bearer mine"})
    async with SessionManager([spec], sign_in=AUTOMATIC) as manager:
        server = await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert server.reason is not None
        assert "Authorization header of this entry was refused" in server.reason.hint
        with pytest.raises(AppError) as caught:
            manager.sign_in("one")
        assert caught.value.info.code == "no_sign_in"
    assert oauth.asked == []


async def test_the_older_protocol_signs_in_once(oauth: OAuthPeer) -> None:
    oauth.mcp.modern = False
    async with SessionManager([guarded(oauth, protocol="auto")], sign_in=AUTOMATIC) as manager:
        server = await signed_in(manager)
        assert server.facts is not None
        assert server.facts.era == "legacy"
    assert oauth.count("/as/authorize") == 1


async def test_nothing_secret_is_shown_logged_or_written_elsewhere(
    oauth: OAuthPeer, private_environment: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    oauth.does.extra_scopes = {"write": "files:write"}
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        manager.subscribe(lambda: shown.append(repr(_without_url(manager))))
        await signed_in(manager)
        oauth.revoke_access()
        await manager.call_tool("one", "echo", {})
        oauth.does.wrong_state = True
        with pytest.raises(AppError) as caught:
            await manager.call_tool("one", "write", {})
        shown += [str(caught.value), repr(manager._supervisors)]  # pyright: ignore[reportPrivateUsage]  every repr counts
        authoriser = manager._supervisors["one"].sign_in._tokens  # pyright: ignore[reportPrivateUsage]  ditto
        assert isinstance(authoriser, Authoriser)
        shown += [repr(authoriser), repr(authoriser._keeper), repr(authoriser._keeper.grant)]  # pyright: ignore[reportPrivateUsage]  ditto
    tokens = private_environment / ".local/share/mcp-tui/tokens"
    for file in private_environment.rglob("*"):
        if file.is_file() and tokens not in file.parents:
            shown.append(file.read_text("utf-8", "replace"))
    ours = [caplog.handler.format(record) for record in caplog.records if not record.name.startswith("uvicorn")]
    everything = "\n".join([*shown, *ours])
    assert len(oauth.secrets) > 5
    assert [secret for secret in oauth.secrets if secret in everything] == []


def _without_url(manager: SessionManager) -> object:
    """The authorization URL is there to be seen; its state is worth nothing without this program."""
    from dataclasses import replace

    return [replace(server, sign_in_url="") for server in manager.snapshot()]


async def test_a_stored_registration_is_used_again_with_the_same_address(oauth: OAuthPeer) -> None:
    oauth.does.refresh_tokens = False
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    first = oauth.last("/as/authorize")["redirect_uri"]
    oauth.revoke_access()
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    assert oauth.count("/as/register") == 1
    assert oauth.last("/as/authorize")["redirect_uri"] == first


async def test_when_the_registered_port_is_taken_it_registers_anew(oauth: OAuthPeer) -> None:
    oauth.does.refresh_tokens = False
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    port = int(oauth.last("/as/authorize")["redirect_uri"].rpartition(":")[2].partition("/")[0])
    oauth.revoke_access()
    with socket.create_server(("127.0.0.1", port)):
        async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
            await signed_in(manager)
    assert oauth.count("/as/register") == 2


async def test_tokens_of_another_client_of_the_same_server_are_not_used(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    async with SessionManager([guarded(oauth, auth={"client_id": "another"})]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)
        assert not manager.server("one").signed_in


async def test_a_damaged_token_file_means_a_new_sign_in(oauth: OAuthPeer, private_environment: Path) -> None:
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    (file,) = token_files(private_environment)
    value = json.loads(file.read_text())
    value["grant"] |= {"tokens": ["?"], "expires_at": "soon", "registrations": 3, "server_metadata": {"x": 1}}
    file.write_text(json.dumps(value))
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
    file.write_text("{")
    async with SessionManager([guarded(oauth)]) as manager:
        await until_status(manager, ServerStatus.NEEDS_AUTH)


async def test_the_page_in_the_browser_says_how_it_went(oauth: OAuthPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "true %s")
    async with SessionManager([guarded(oauth)], sign_in=AUTOMATIC) as manager:
        await until(manager, lambda server: bool(server.sign_in_url))
        address = oauth.last("/as/register")["redirect_uris"][0]

        def get(query: dict[str, str]) -> tuple[int, str]:
            try:
                with urllib.request.urlopen(f"{address}?{urlencode(query)}", timeout=10) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()

        status, page = await asyncio.to_thread(get, {"error": "access_denied", "state": "<script>"})
        assert status == 400
        assert "The answer does not belong to this sign-in" in page
        assert "<script>" not in page
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.code == "state"


@pytest.mark.parametrize("nonce", ["", "fresh-nonce"])
async def test_a_token_bound_to_our_key_outlives_a_restart(
    oauth: OAuthPeer, nonce: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    oauth.does.dpop, oauth.does.dpop_nonce = True, nonce
    spec = guarded(oauth, auth={"dpop": True})
    async with SessionManager([spec], sign_in=AUTOMATIC) as manager:
        await signed_in(manager)
        await manager.call_tool("one", "echo", {})
    monkeypatch.setenv("BROWSER", "false %s")
    async with SessionManager([spec]) as manager:
        await signed_in(manager)
        oauth.revoke_access()
        oauth.does.dpop_nonce = "another-nonce"
        await manager.call_tool("one", "echo", {})
    assert oauth.count("/as/authorize") == 1
    assert oauth.grants()[-1] == "refresh_token"


async def test_a_token_that_is_not_bound_is_not_taken_where_the_entry_wants_it(oauth: OAuthPeer) -> None:
    async with SessionManager([guarded(oauth, auth={"dpop": True})], sign_in=AUTOMATIC) as manager:
        server = await refused(manager)
        assert server.reason is not None
        assert server.reason.code == "unbound_token"
    assert oauth.authorised == []
