"""What the GitHub server makes of an API that fails, and that its token stays its own."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import anyio
import httpx
import pytest
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters, stdio_client

from mcp_tui.core.types import JsonObject
from mcp_tui.servers.github import api, faults
from mcp_tui.servers.github.api import GitHub
from mcp_tui.servers.github.faults import GitHubError
from mcp_tui.servers.github.server import build
from mcp_tui.servers.github.settings import Settings, SettingsError
from tests.servers.clients import DEADLINE_S, Ended, call, command_line, data, entry, fault
from tests.servers.github_double import TOKEN, Fault, GitHubDouble


@pytest.fixture
def github() -> Generator[GitHubDouble]:
    with GitHubDouble() as double:
        yield double


@asynccontextmanager
async def connected(github: GitHubDouble, *, token: str = TOKEN) -> AsyncGenerator[Client]:
    async with Client(build(Settings.of(github.environment(token=token)))) as client:
        yield client


async def test_used_up_limit_names_the_time_it_resets(github: GitHubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    now = int(time.time())
    monkeypatch.setattr(faults, "time", SimpleNamespace(time=lambda: now))
    reset = now + 1800
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset), "x-ratelimit-limit": "5000"}
    github.faults = [Fault(403, {"message": "API rate limit exceeded"}, headers)]
    async with connected(github) as client:
        told = await fault(client, "get_issue", number=3)
    at = time.strftime("%Y-%m-%d %H:%M", time.gmtime(reset))
    assert "rate limit of 5000 requests is used up" in told and f"resets at {at}" in told and "(in 30m 00s)" in told
    assert len(github.requests) == 1


async def test_used_up_limit_without_a_token_says_that_one_helps(github: GitHubDouble) -> None:
    github.faults = [Fault(429, {}, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}) for _ in range(3)]
    async with connected(github, token="") as client:
        assert "with GITHUB_TOKEN set the limit is much higher" in await fault(client, "get_issue", number=3)


@pytest.mark.parametrize(
    ("headers", "body", "span"),
    [
        ({"retry-after": "90"}, {"message": "slow"}, "1m 30s"),
        ({}, {"message": "You have exceeded a secondary rate limit"}, "1m 00s"),
        ({"retry-after": "9" * 30}, {}, "24h 00m"),
        ({"retry-after": "soon"}, {"message": "abuse detection"}, "1m 00s"),
    ],
)
async def test_secondary_limit_says_how_long(
    github: GitHubDouble, headers: dict[str, str], body: dict[str, str], span: str
) -> None:
    github.faults = [Fault(403, body, headers)]
    async with connected(github) as client:
        told = await fault(client, "get_issue", number=3)
    assert "secondary rate limit" in told and f"(in {span})" in told
    assert len(github.requests) == 1


async def test_short_wait_is_waited_for(github: GitHubDouble) -> None:
    github.faults = [Fault(429, {}, {"retry-after": "0"})]
    async with connected(github) as client:
        assert data(await call(client, "get_issue", number=1))["number"] == 1
    assert len(github.requests) == 2


@pytest.mark.parametrize("broken", [Fault(502, b"<html>"), Fault(0), Fault(500, {"message": "oops"})])
async def test_reading_is_tried_again(github: GitHubDouble, broken: Fault) -> None:
    github.faults = [broken, broken]
    async with connected(github) as client:
        assert data(await call(client, "get_issue", number=1))["number"] == 1
    assert len(github.requests) == 3


async def test_reading_gives_up_with_the_reason(github: GitHubDouble) -> None:
    github.faults = [Fault(503, b"")] * 5
    async with connected(github) as client:
        assert "GitHub failed with 503; try again later" in await fault(client, "get_issue", number=1)
    assert len(github.requests) == api.MAX_ATTEMPTS


@pytest.mark.parametrize("broken", [Fault(502, b""), Fault(0), Fault(201, b"<html>")])
async def test_creating_is_never_repeated_and_its_outcome_is_called_unknown(
    github: GitHubDouble, broken: Fault
) -> None:
    github.faults = [broken]
    async with connected(github) as client:
        told = await fault(client, "create_issue", title="x")
    assert "the outcome of creating an issue in acme/shop is unknown, it may have been done" in told
    assert len(github.paths("POST")) == 1


async def test_creating_that_surely_did_nothing_says_so(github: GitHubDouble) -> None:
    errors = [{"resource": "Issue", "field": "labels", "code": "invalid"}, "and more"]
    github.faults = [
        Fault(422, {"message": "Validation Failed", "errors": errors}),
        Fault(410, {"message": "Issues are disabled for this repo"}),
        Fault(403, {"message": "Resource not accessible"}, {"x-accepted-github-permissions": "issues=write"}),
        Fault(307, {}, {"location": "https://elsewhere.example/"}),
        Fault(404, {"message": "Not Found"}),
    ]
    async with connected(github) as client:
        told = [await fault(client, "create_issue", title="x") for _ in range(5)]
    assert "(422): Validation Failed; labels invalid; and more" in told[0]
    assert "Issues are disabled" in told[1]
    assert "does not let this token" in told[2] and "it needs issues=write" in told[2]
    assert "has moved (307)" in told[3]
    assert "or the token may not see it" in told[4]
    assert not any("unknown" in text for text in told)


async def test_refused_token_is_told_from_a_missing_one(github: GitHubDouble) -> None:
    github.faults = [
        Fault(401, {"message": "Bad credentials"}),
        Fault(403, {}, {"x-github-sso": "required; url=https://g/sso"}),
    ]
    async with connected(github) as client:
        assert "refused the token in GITHUB_TOKEN (401)" in await fault(client, "get_issue", number=1)
        assert "single sign-on of this organisation: https://g/sso" in await fault(client, "get_issue", number=1)


@pytest.mark.parametrize("body", [b"<html>captive portal</html>", b"[" * 100_000, b"3", b'"x"', b"\xff\xfe"])
async def test_answers_that_are_no_github_are_an_error_not_a_crash(github: GitHubDouble, body: bytes) -> None:
    github.faults = [Fault(200, body, {"Content-Type": "text/html"})] * 2
    async with connected(github) as client:
        assert "is GITHUB_API_URL right?" in await fault(client, "list_issues")
        assert "is GITHUB_API_URL right?" in await fault(client, "get_issue", number=1)


async def test_fields_of_wrong_types_are_left_empty(github: GitHubDouble) -> None:
    odd: JsonObject = {
        "number": "3",
        "title": None,
        "labels": [7, {"name": 8}, "x"],
        "user": [],
        "comments": True,
        "body": {},
    }
    github.faults = [Fault(200, [odd, 4, None]), Fault(200, odd)]
    async with connected(github) as client:
        (listed,) = data(await call(client, "list_issues"))["issues"]
        single = data(await call(client, "get_issue", number=3))
    assert listed["number"] == 0 and listed["title"] == "" and listed["labels"] == ["x", ""]
    assert single["author"] == "ghost" and single["comments"] == []


async def test_too_large_an_answer_is_not_read(github: GitHubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_ANSWER_BYTES", 2**20)
    github.faults = [Fault(200, b" " * (2 * 2**20))]
    async with connected(github) as client:
        assert "larger than 1 MiB" in await fault(client, "list_issues")


async def test_api_that_is_down_is_named_and_back_again_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings.of({"GITHUB_API_URL": f"http://127.0.0.1:{port}", "GITHUB_TOKEN": TOKEN})
    async with GitHub(settings) as github:
        with pytest.raises(GitHubError, match=f"http://127.0.0.1:{port} cannot be reached") as raised:
            await github.page("/user", what="x")
        assert raised.value.kind == "unreachable"
        with pytest.raises(GitHubError, match="cannot be reached") as raised:
            await github.post("/repos/a/b/issues", {}, what="x")
        assert raised.value.kind == "unreachable"


async def test_slow_api_ends_with_the_deadline(github: GitHubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "DEADLINE_S", 0.3)
    github.hold.clear()
    async with connected(github) as client:
        assert "did not answer within" in await fault(client, "list_issues")
        assert "outcome of creating an issue in acme/shop is unknown" in await fault(client, "create_issue", title="x")


async def test_cancelled_call_leaves_the_connection_usable(github: GitHubDouble) -> None:
    async with connected(github) as client, asyncio.timeout(DEADLINE_S):
        github.hold.clear()
        asking = asyncio.create_task(client.call_tool("get_issue", {"number": 1}))
        await anyio.to_thread.run_sync(github.waiting.wait, DEADLINE_S)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        github.hold.set()
        assert data(await call(client, "get_issue", number=1))["number"] == 1


async def test_connections_are_pooled(github: GitHubDouble) -> None:
    async with connected(github) as client:
        for _ in range(3):
            await call(client, "get_issue", number=1)
    assert len(github.requests) == 3
    assert len({request.port for request in github.requests}) == 1


async def test_token_leaves_with_no_redirect(github: GitHubDouble) -> None:
    with GitHubDouble() as elsewhere:
        github.faults = [Fault(301, {}, {"Location": f"{elsewhere.url}/repos/acme/shop"})]
        async with connected(github) as client:
            (found,) = (await client.read_resource("github://repos/acme/shop")).contents
        assert found.uri == "github://repos/acme/shop"
        (followed,) = elsewhere.requests
        assert "authorization" not in followed.headers
    # Within the API the token goes along: repositories that were renamed are found.
    github.faults = [Fault(301, {}, {"Location": f"{github.url}/repos/acme/shop"})]
    async with connected(github) as client:
        await client.read_resource("github://repos/acme/shop")
    assert github.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"


async def test_token_stands_in_no_output(github: GitHubDouble, tmp_path: Path) -> None:
    """With faults of every kind, and what the process writes to stderr."""
    seen: list[str] = []
    github.faults = [
        Fault(401, {"message": "Bad credentials"}),
        Fault(403, {"message": "no"}),
        *[Fault(0)] * 3,
        Fault(200, b"nonsense"),
        *[Fault(500, b"")] * 3,
    ]
    errors = (tmp_path / "stderr").open("w+")

    parameters = StdioServerParameters(
        command=sys.executable, args=["-m", "mcp_tui.cli.main", "serve", "github"], env=github.environment()
    )
    with errors:
        async with Client(stdio_client(parameters, errlog=errors), read_timeout_seconds=DEADLINE_S) as client:
            seen.append(client.instructions or "")
            seen += [str(await call(client, "get_issue", number=3)) for _ in range(5)]
            seen.append(str(await call(client, "create_issue", title="x")))
            with pytest.raises(MCPError) as raised:
                await client.read_resource("github://repos/acme/none")
            seen.append(str(raised.value))
        errors.seek(0)
        seen.append(errors.read())
    assert any(f"Bearer {TOKEN}" in request.headers["authorization"] for request in github.requests)
    assert not [text for text in seen if TOKEN in text]
    assert TOKEN not in repr(Settings.of(github.environment()))


async def test_error_of_the_network_cannot_carry_the_token() -> None:
    def broken(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(f"proxy says: {request.headers['authorization']}")

    settings = Settings.of({"GITHUB_TOKEN": TOKEN})
    async with GitHub(settings, transport=httpx.MockTransport(broken)) as github:
        with pytest.raises(GitHubError, match=r"Bearer \*\*\*"):
            await github.post("/x", {}, what="it")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"GITHUB_API_URL": "api.github.com"}, "must look like"),
        ({"GITHUB_API_URL": "ftp://x"}, "must look like"),
        ({"GITHUB_API_URL": "https://me:hunter2@ghe.example"}, "user name or password"),
        ({"GITHUB_API_URL": "http://ghe.example/api/v3", "GITHUB_TOKEN": "t"}, "unencrypted"),
        ({"GITHUB_API_URL": "http://[::1"}, "no URL"),
        ({"GITHUB_TOKEN": "one two"}, "no token has"),
        ({"GITHUB_TOKEN": "schlüssel"}, "no token has"),
        ({"GITHUB_REPOSITORY": "cpython"}, "OWNER/NAME"),
        ({"GITHUB_REPOSITORY": "a/b/c"}, "OWNER/NAME"),
    ],
)
def test_wrong_settings_are_told_before_the_server_starts(variables: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)) as raised:
        Settings.of(variables)
    assert "hunter2" not in str(raised.value)


def test_process_with_wrong_settings_ends_with_a_message(tmp_path: Path) -> None:
    ended = command_line("serve", "github", cwd=tmp_path, env={"GITHUB_API_URL": "nonsense"})
    assert ended.code == 2
    assert ended.err.startswith("error: GITHUB_API_URL must look like")


def test_help_shows_what_to_paste_into_other_clients(tmp_path: Path) -> None:
    ended = command_line("serve", "github", "--help", cwd=tmp_path, env={"GITHUB_TOKEN": TOKEN})
    assert ended.code == 0
    assert '"args": ["serve", "github"]' in ended.out and "GITHUB_TOKEN" in ended.out and "[servers.github" in ended.out
    assert TOKEN not in ended.out


def test_command_line_calls_it(github: GitHubDouble, tmp_path: Path) -> None:
    environment = github.environment()
    (tmp_path / "c.toml").write_text(entry("gh", "github", list(environment)))

    def run(*arguments: str) -> Ended:
        return command_line(*arguments, "--json", "--config", "c.toml", cwd=tmp_path, env=environment)

    called = run("call", "gh", "get_issue", "number:=3")
    assert called.code == 0
    assert called.json["structuredContent"]["comments_total"] == 2
    failed = run("call", "gh", "get_issue", "number:=77")
    assert failed.code == 5
    assert "issue 77 of acme/shop was not found" in failed.out
    prompt = run("prompt", "gh", "debug_issue", "issue_number=3")
    assert prompt.code == 0 and "BEGIN ISSUE" in prompt.out
    for ended in (called, failed, prompt):
        assert TOKEN not in ended.out + ended.err
