"""Copying a server into the shape of another client."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from mcp_tui.config.clients.places import CLIENTS
from mcp_tui.config.clients.secrets import plain_secrets, withhold
from mcp_tui.config.clients.shapes import SHAPES, shaped
from mcp_tui.config.clients.translate import own_form, reading_form
from mcp_tui.core.types import JsonObject

STDIO: JsonObject = {"command": "npx", "args": ["-y", "pkg", "${HOME}/x"], "env": {"API_KEY": "${API_KEY}", "A": "1"}}
HTTP: JsonObject = {"url": "https://h/mcp", "headers": {"Authorization": "Bearer ${TOKEN}", "X-A": "1", "X-K": "${K}"}}
SSE: JsonObject = {"type": "sse", "url": "https://h/events"}
SECRETS = ["ghp_0123456789abcdefghijkl", "sk-abcdefghijklmnopqrst", "hunter2hunter2", "s3cr3tvalue"]
SECRET: dict[str, JsonObject] = {
    "gh": {"command": "npx", "args": ["--token", SECRETS[2], f"--api-key={SECRETS[3]}"], "env": {"GH": SECRETS[0]}},
    "api": {
        "url": f"https://h/mcp?api_key={SECRETS[3]}",
        "headers": {"Authorization": f"Bearer {SECRETS[1]}", "X-Api-Key": SECRETS[2]},
        "auth": {"client_id": "public", "client_secret": SECRETS[2]},
    },
}


def document(shape: str, servers: dict[str, JsonObject]) -> dict[str, Any]:
    text = shaped(shape, servers).text
    return tomllib.loads(text) if shape in ("codex", "mcp-tui") else json.loads(text)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("claude-code", {"mcpServers": {
            "a": {"type": "stdio", "command": "npx", "args": ["-y", "pkg", "${HOME}/x"],
                  "env": {"API_KEY": "${API_KEY}", "A": "1"}},
            "b": {"type": "http", **HTTP}, "c": SSE}}),
        ("cursor", {"mcpServers": {
            "a": {"command": "npx", "args": ["-y", "pkg", "${env:HOME}/x"],
                  "env": {"API_KEY": "${env:API_KEY}", "A": "1"}},
            "b": {"url": "https://h/mcp",
                  "headers": {"Authorization": "Bearer ${env:TOKEN}", "X-A": "1", "X-K": "${env:K}"}},
            "c": {"url": "https://h/events"}}}),
        ("vscode", {"servers": {
            "a": {"type": "stdio", "command": "npx", "args": ["-y", "pkg", "${env:HOME}/x"],
                  "env": {"API_KEY": "${env:API_KEY}", "A": "1"}},
            "b": {"type": "http", "url": "https://h/mcp",
                  "headers": {"Authorization": "Bearer ${env:TOKEN}", "X-A": "1", "X-K": "${env:K}"}},
            "c": SSE}}),
        ("codex", {"mcp_servers": {
            "a": {"command": "npx", "args": ["-y", "pkg", "${HOME}/x"], "env": {"A": "1"}, "env_vars": ["API_KEY"]},
            "b": {"url": "https://h/mcp", "bearer_token_env_var": "TOKEN", "http_headers": {"X-A": "1"},
                  "env_http_headers": {"X-K": "K"}}}}),
        ("windsurf", {"mcpServers": {
            "a": {"command": "npx", "args": ["-y", "pkg", "${env:HOME}/x"],
                  "env": {"API_KEY": "${env:API_KEY}", "A": "1"}},
            "b": {"serverUrl": "https://h/mcp",
                  "headers": {"Authorization": "Bearer ${env:TOKEN}", "X-A": "1", "X-K": "${env:K}"}},
            "c": {"serverUrl": "https://h/events"}}}),
        ("gemini", {"mcpServers": {"a": STDIO, "b": {"httpUrl": "https://h/mcp", "headers": HTTP["headers"]},
                                   "c": {"url": "https://h/events"}}}),
        ("cline", {"mcpServers": {"a": {"type": "stdio", **STDIO}, "b": {"type": "streamableHttp", **HTTP},
                                  "c": SSE}}),
        ("claude-desktop", {"mcpServers": {"a": STDIO}}),
        ("mcp-tui", {"servers": {"a": STDIO, "b": HTTP, "c": SSE}}),
    ],
)  # fmt: skip
def test_each_shape(shape: str, expected: dict[str, Any]) -> None:
    assert document(shape, {"a": STDIO, "b": HTTP, "c": SSE}) == expected


@pytest.mark.parametrize("client", sorted(set(CLIENTS) - {"claude-desktop"}))
def test_what_is_copied_to_a_client_and_read_back_says_the_same(client: str) -> None:
    stdio = {"command": "npx", "args": ["-y", "pkg"], "env": {"K": "${K}", "A": "1"}}
    for entry in (stdio, HTTP):
        written = document(client, {"s": entry})
        (section,) = written.values()
        back = own_form(reading_form(client, section["s"]))
        assert json.dumps(_plain(back)) == json.dumps(_plain(entry))


def _plain(entry: JsonObject) -> JsonObject:
    """One spelling of variables; what is forwarded by name is a reference too."""
    text = json.dumps(entry).replace("${env:", "${")
    plain: JsonObject = json.loads(text)
    for name in plain.pop("env_vars", []):
        plain["env"][name] = f"${{{name}}}"
    for table in ("env", "headers"):
        if table in plain:
            plain[table] = dict(sorted(plain[table].items()))
    return plain


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_no_secret_is_copied(shape: str) -> None:
    result = shaped(shape, SECRET)
    for secret in SECRETS:
        assert secret not in result.text + " ".join(result.notes)
    assert any("withheld" in note for note in result.notes)


def test_withheld_secrets_become_references_that_name_them() -> None:
    gh, api = (withhold(name, entry) for name, entry in SECRET.items())
    assert gh.entry == {
        "command": "npx", "args": ["--token", "${GH_TOKEN}", "--api-key=${GH_API_KEY}"], "env": {"GH": "${GH}"},
    }  # fmt: skip
    assert api.entry["headers"] == {"Authorization": "Bearer ${API_TOKEN}", "X-Api-Key": "${API_X_API_KEY}"}
    assert api.entry["url"] == "https://h/mcp?api_key=${API_SECRET}"
    assert api.entry["auth"] == {"client_id": "public", "client_secret": "${API_CLIENT_SECRET}"}
    assert gh.variables["GH"] == "env.GH"


def test_references_and_harmless_values_stay() -> None:
    entry: JsonObject = {
        "command": "npx",
        "args": ["--token=${TOKEN}", "--port", "80"],
        "env": {"API_KEY": "${API_KEY}", "LOG_LEVEL": "debug", "B": "Bearer ${env:TOKEN}"},
    }
    assert withhold("s", entry).entry == entry
    assert plain_secrets(entry) == ()


def test_two_secrets_never_share_a_variable() -> None:
    entry: JsonObject = {"command": "x", "args": [SECRETS[0], SECRETS[1]]}
    assert withhold("s", entry).entry["args"] == ["${S_SECRET}", "${S_SECRET_2}"]


def test_vscode_asks_for_withheld_secrets() -> None:
    written = document("vscode", {"gh": SECRET["gh"]})
    assert written["servers"]["gh"]["env"] == {"GH": "${input:gh}"}
    assert {"type": "promptString", "id": "gh", "description": "env.GH of gh", "password": True} in written["inputs"]


def test_what_is_said_of_a_withheld_secret_is_true_of_the_file() -> None:
    env: JsonObject = {"command": "npx", "args": ["--token", SECRETS[2]], "env": {"API_KEY": SECRETS[1]}}
    codex = shaped("codex", {"s": env})
    assert tomllib.loads(codex.text)["mcp_servers"]["s"]["env_vars"] == ["API_KEY"]
    assert any("`env.API_KEY` is withheld: set API_KEY" in note for note in codex.notes)
    assert any("`args.1` is withheld: write it in place of ${S_TOKEN}" in note for note in codex.notes)
    api: JsonObject = {"url": "https://h/mcp", "auth": {"client_id": "public", "client_secret": SECRETS[2]}}
    for shape in ("codex", "vscode", "cline", "windsurf"):  # none has a place for it
        lost = shaped(shape, {"api": api})
        assert "CLIENT_SECRET" not in lost.text.upper()
        assert [note for note in lost.notes if "withheld" in note] == []


def test_codex_takes_an_input_from_the_environment() -> None:
    entry: JsonObject = {"url": "https://h", "headers": {"Authorization": "Bearer ${input:my-key}", "X": "${input:x}"}}
    assert document("codex", {"s": entry})["mcp_servers"]["s"] == {
        "url": "https://h",
        "bearer_token_env_var": "MY_KEY",
        "env_http_headers": {"X": "X"},
    }


def test_what_a_client_cannot_express_is_said() -> None:
    entry: JsonObject = {
        "command": "x", "cwd": "/d", "disabled": True, "enabled_tools": ["a"], "args": ["${A:-b}"], "call_timeout_s": 5,
    }  # fmt: skip
    notes = " ".join(shaped("cursor", {"s": entry}).notes)
    for words in ("`cwd` has no place", "switched off here", "`enabled_tools` has no place", "default of A"):
        assert words in notes
    assert document("claude-code", {"s": entry})["mcpServers"]["s"]["timeout"] == 5000
    assert document("cline", {"s": entry})["mcpServers"]["s"]["disabled"] is True
    assert document("codex", {"s": entry})["mcp_servers"]["s"]["enabled"] is False
    remote = shaped("claude-desktop", {"s": HTTP})
    assert remote.written == []
    assert "stdio servers only" in remote.notes[0]
    assert "SSE" in shaped("codex", {"s": SSE}).notes[0]


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"command": 5, "args": "x", "env": [], "auth": 7},
        {"url": None, "headers": {"a": None}},
        {"url": "http://[bad", "type": 3, "env_vars": [1]},
        {"command": [], "args": [None, {"a": 1}], "call_timeout_s": "x"},
    ],
    ids=range(5),
)
def test_a_malformed_entry_is_shaped_or_left_out_but_never_a_fault(shape: str, entry: JsonObject) -> None:
    shaped(shape, {"s": own_form(reading_form("" if shape == "mcp-tui" else shape, entry))})
