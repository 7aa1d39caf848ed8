from __future__ import annotations

import pytest

from mcp_tui.config import mask
from mcp_tui.config.schema import Origin, ProviderSpec, ServerSpec

_ORIGIN = Origin("command line")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/mcp", "https://host/mcp"),
        ("https://user:pw@host:8443/mcp", "https://***@host:8443/mcp"),
        ("https://host/mcp?token=abc&page=2", "https://host/mcp?token=***&page=2"),
        ("https://host/mcp?api_key=abc#x", "https://host/mcp?api_key=***#x"),
        ("https://host/s/a1b2c3d4e5f6a1b2c3d4e5f6/mcp", "https://host/s/***/mcp"),
        ("https://host/mcp?v=sk-abcdefghijklmnop", "https://host/mcp?v=***"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert mask.url(url) == expected


def test_arguments() -> None:
    given = ["-y", "pkg", "--api-key=SECRET", "--token", "SECRET", "--port", "80", "API_KEY=SECRET",
             "sk-ant-SECRETSECRET", "--header", "Authorization: Bearer SECRET",
             "https://u:SECRET@host/x", "--verbose"]  # fmt: skip
    shown = mask.arguments(given)
    assert "SECRET" not in " ".join(shown)
    assert shown[0:2] == ("-y", "pkg")
    assert shown[5:7] == ("--port", "80")
    assert shown[-1] == "--verbose"


@pytest.mark.parametrize(
    ("argv", "shown"),
    [
        (("npx", "-y", "server", "--api-key", "abc"), ("npx", "-y", "server", "--api-key", "***")),
        (("s", "--token=abc", "API_KEY=abc"), ("s", "--token=***", "API_KEY=***")),
        (("s", "sk-abcdefghijkl"), ("s", "***")),
        (("s", "--header", "Authorization: Bearer abc"), ("s", "--header", "Authorization:***")),
        (("s", "postgres://u:p@h/db"), ("s", "postgres://***@h/db")),
        (("s", "--dir", "/tmp/a b", "-v"), ("s", "--dir", "/tmp/a b", "-v")),
        (("s", "--auth", "--verbose"), ("s", "--auth", "--verbose")),
        (("sh", "-c", "exec env MY_API_KEY=abc s --port=1"), ("sh", "-c", "exec env MY_API_KEY=*** s --port=1")),
        (("sh", "-c", "cd x && s --token 'a b' -v"), ("sh", "-c", "cd x && s --token *** -v")),
        (("sh", "-c", 's --token "$TOKEN" KEY=${KEY}'), ("sh", "-c", 's --token "$TOKEN" KEY=${KEY}')),
        (("sh", "-c", "s --token --verbose; key = 5"), ("sh", "-c", "s --token --verbose; key = 5")),
    ],
)
def test_secrets_on_a_command_line_are_masked(argv: tuple[str, ...], shown: tuple[str, ...]) -> None:
    assert mask.argv(argv[0], argv[1:]) == shown


def test_a_server_shows_no_secret() -> None:
    stdio = ServerSpec("a", _ORIGIN, command="npx", args=("--token=SECRET",), env={"KEY": "SECRET"}, trusted=True)
    http = ServerSpec("b", _ORIGIN, "http", url="https://h/?key=SECRET", headers={"X": "SECRET"},
                      auth={"type": "oauth", "client_id": "id", "client_secret": "SECRET"})  # fmt: skip
    shown = [mask.server(stdio), mask.server(http)]
    assert "SECRET" not in str(shown)
    assert shown[0] == {"transport": "stdio", "command": "npx", "args": ["--token=***"], "env": {"KEY": "***"},
                        "trusted": True}  # fmt: skip
    assert shown[1]["auth"]["type"] == "oauth"
    assert mask.target(stdio) == "npx '--token=***'"
    assert mask.target(http) == "https://h/?key=***"


def test_a_provider_shows_no_secret() -> None:
    spec = ProviderSpec("p", _ORIGIN, "openai-chat", "https://h/v1", "SECRET", ("m",), {"X": "SECRET"})
    assert mask.provider(spec) == {
        "format": "openai-chat", "base_url": "https://h/v1", "api_key": "***", "models": ["m"], "headers": {"X": "***"},
    }  # fmt: skip
