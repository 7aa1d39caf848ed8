"""The loopback address of a sign-in: only the answer to this very sign-in counts."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlencode, urlsplit

import pytest

from mcp_tui.sessions.authorisation.browser import Browser
from mcp_tui.sessions.authorisation.callback import Callback
from mcp_tui.sessions.authorisation.errors import failed
from mcp_tui.sessions.authorisation.oauth_http import check_url
from mcp_tui.sessions.tokens import AuthorisationError


async def get(url: str, *, host: str | None = None, verb: str = "GET") -> str:
    """The answer as it comes, head and page."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    writer.write(f"{verb} {target} HTTP/1.1\r\nHost: {host or parts.netloc}\r\n\r\n".encode())
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer.decode()


def waiting(callback: Callback, state: str = "s1") -> None:
    callback.expect(state, lambda iss: None)


def answer(callback: Callback, **fields: str) -> str:
    return f"{callback.url}?{urlencode(fields)}"


async def test_the_answer_with_our_state_is_taken() -> None:
    async with Callback() as callback:
        waiting(callback)
        page = await get(answer(callback, code="c", state="s1", iss="i"))
        assert page.startswith("HTTP/1.1 200 ")
        assert "Content-Security-Policy: default-src 'none'" in page
        found = await callback.answer(20)
        assert (found.code, found.state, found.iss) == ("c", "s1", "i")
        assert "'c'" not in repr(found)
        assert (await get(answer(callback, code="d", state="s1"))).startswith("HTTP/1.1 409 ")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("code=c&state=other", "state"),
        ("code=c", "state"),
        ("code=c&state=", "state"),
        ("code=c&state=s1&state=s1", "bad_callback"),
        ("state=s1", "bad_callback"),
        ("error=access_denied&state=s1", "access_denied"),
        ("error=server_error&error_description=%1B%5D0%3Bx%07busy&state=s1", "authorization_refused"),
        ("code=c&state=%C3%A9", "state"),
    ],
)
async def test_any_other_answer_ends_the_sign_in(query: str, code: str) -> None:
    async with Callback() as callback:
        waiting(callback)
        page = await get(f"{callback.url}?{query}")
        assert page.startswith("HTTP/1.1 400 ")
        assert "\x1b" not in page
        with pytest.raises(AuthorisationError) as caught:
            await callback.answer(20)
        assert caught.value.info.code == code
        assert "s1" not in str(caught.value)


async def test_before_the_sign_in_began_nothing_is_taken() -> None:
    async with Callback() as callback:
        assert (await get(answer(callback, code="c", state=""))).startswith("HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("path", "host", "verb"),
    [
        ("/favicon.ico", None, "GET"),
        ("/callback", "evil.example", "GET"),
        ("/callback", None, "POST"),
    ],
)
async def test_what_is_not_meant_for_it_changes_nothing(path: str, host: str | None, verb: str) -> None:
    async with Callback() as callback:
        waiting(callback)
        base = callback.url.removesuffix("/callback")
        page = await get(f"{base}{path}?code=x&state=s1", host=host, verb=verb)
        assert page.startswith("HTTP/1.1 404 ")
        assert not callback.settled


@pytest.mark.parametrize("head", ["GET //[ HTTP/1.1\r\nHost: 127.0.0.1", "GET /callback?state=s1 HTTP/1.1\r\nHost: ["])
async def test_an_address_that_is_none_is_answered_and_changes_nothing(head: str) -> None:
    async with Callback() as callback:
        waiting(callback)
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(callback.url).port)
        writer.write(f"{head}\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        assert not callback.settled
        writer.close()


async def test_what_the_server_says_is_no_html() -> None:
    async with Callback() as callback:
        waiting(callback)
        page = await get(answer(callback, error="<b>x</b>", error_description="<script>", state="s1"))
        assert "<script>" not in page and "<b>" not in page


async def test_a_wrong_issuer_comes_before_every_word_of_the_answer() -> None:
    def check(iss: str | None) -> None:
        raise failed("The authorization server is not the expected one", "", code="wrong_issuer")

    async with Callback() as callback:
        callback.expect("s1", check)
        page = await get(answer(callback, error="access_denied", error_description="trust me", state="s1"))
        assert "trust me" not in page


async def test_it_listens_on_this_machine_only_and_on_a_port_of_its_own() -> None:
    async with Callback() as one, Callback() as two:
        assert one.url != two.url
        assert one.url.startswith("http://127.0.0.1:")


async def test_the_port_of_an_earlier_sign_in_is_taken_again_if_it_is_free() -> None:
    async with Callback() as callback:
        port = urlsplit(callback.url).port or 0
    async with Callback(port=port) as again:
        assert urlsplit(again.url).port == port
        async with Callback(port=port) as other:
            assert urlsplit(other.url).port != port


async def test_a_configured_address_is_used_as_it_is_or_not_at_all() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AuthorisationError) as caught:
            async with Callback(address=f"http://localhost:{port}/done"):
                pass
        assert caught.value.info.code == "callback_port"
    address = f"http://localhost:{port}/done"
    async with Callback(address=address) as callback:
        assert callback.url == address
        waiting(callback)
        found = await get(f"http://127.0.0.1:{port}/done?code=c&state=s1")
        assert found.startswith("HTTP/1.1 200 ")


async def test_after_it_was_left_nobody_listens() -> None:
    async with Callback() as callback:
        port = urlsplit(callback.url).port or 0
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_whoever_sends_half_a_request_holds_up_nothing() -> None:
    async with Callback() as callback:
        waiting(callback)
        parts = urlsplit(callback.url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(b"GET /callback?")
        await writer.drain()
        await get(answer(callback, code="c", state="s1"))
        assert (await callback.answer(20)).code == "c"
    writer.close()


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "http:///x", "data:text/html,x", "x"])
async def test_only_web_pages_are_opened(url: str) -> None:
    with pytest.raises(ValueError, match="only http"):
        await Browser().open(url)


@pytest.mark.parametrize(
    ("url", "server", "fine"),
    [
        ("https://as/x", "https://host/mcp", True),
        ("http://as/x", "https://host/mcp", False),
        ("http://127.0.0.1:1/x", "https://host/mcp", False),
        ("http://as/x", "http://host/mcp", True),
        ("javascript:alert(1)", "http://host/mcp", False),
        ("ftp://as/x", "http://host/mcp", False),
        ("https:///x", "https://host/mcp", False),
        ("http://a\0b/", "http://host/mcp", False),
    ],
)
def test_a_server_reached_by_https_leads_nowhere_without(url: str, server: str, fine: bool) -> None:
    if fine:
        check_url(url, server, "page")
        return
    with pytest.raises(AuthorisationError) as caught:
        check_url(url, server, "page")
    assert caught.value.info.code == "bad_metadata"
