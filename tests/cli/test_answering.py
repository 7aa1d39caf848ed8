"""What servers ask of a command: a scripted server, and a provider that is a loopback HTTP server."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.cli.conftest import Cli
from tests.cli.fake_provider import serving

SERVER = Path(__file__).parent.parent / "sessions" / "servers" / "asking_server.py"
SAMPLE = {"messages": [{"role": "user", "content": {"type": "text", "text": "Say hello"}}], "maxTokens": 2000}
FORM = {
    "mode": "form",
    "message": "Sure?",
    "requestedSchema": {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]},
}
URL = {"mode": "url", "message": "Visit", "url": "https://pay.example/x", "elicitationId": "e1"}


def arguments(*requests: tuple[str, dict[str, Any]]) -> str:
    return json.dumps({"requests": [{"method": method, "params": params} for method, params in requests]})


ASK_MODEL = arguments(("sampling/createMessage", SAMPLE))
ASK_FORM = arguments(("elicitation/create", FORM))


class _Model(BaseHTTPRequestHandler):
    """Calls the tool `request` when it is offered and has no result yet; else it answers in words."""

    seen: ClassVar[list[Any]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.seen.append(body)
        last = body["messages"][-1]
        if body.get("tools") and last["role"] != "tool":
            call = {"index": 0, "id": "c1", "function": {"name": "request", "arguments": ASK_MODEL}}
            self.stream({"tool_calls": [call]}, "tool_calls")
        elif last["role"] == "tool":
            self.stream({"content": f"told {json.dumps(last['content'])}"}, "stop")
        else:
            self.stream({"content": "hello from a model"}, "stop")

    def stream(self, delta: dict[str, Any], reason: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        chunks: list[Any] = [
            {"choices": [{"index": 0, "delta": delta}]},
            {
                "choices": [{"index": 0, "delta": {}, "finish_reason": reason}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 3},
            },
        ]
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
        """Nothing: stderr is under test."""


class Setup:
    def __init__(self, file: Path, log: Path, seen: list[Any]) -> None:
        self.options = ("--config", str(file))
        self._log = log
        self.seen = seen

    def capabilities(self) -> dict[str, Any]:
        """What the server was told of requests it may make."""
        first = json.loads(self._log.read_text().splitlines()[0])
        told = first["params"]["capabilities"]
        return {name: told[name] for name in ("elicitation", "sampling", "roots") if name in told}


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Setup]:
    seen: list[Any] = []
    with serving(_Model, seen=seen) as url:
        log, file = tmp_path / "log", tmp_path / "setup.toml"
        file.write_text(
            f'[providers.lab]\nformat = "openai-chat"\nbase_url = "{url}"\n'
            'api_key = "k"\nmodels = ["m"]\n[prices."lab/m"]\ninput = 100\noutput = 100\n'
            f"[servers.ask]\ncommand = {json.dumps(sys.executable)}\nprotocol = 'legacy'\n"
            f"args = {json.dumps([str(SERVER), json.dumps({'log': str(log)})])}\nroots = ['/srv/shop']\n",
            "utf-8",
        )
        yield Setup(file, log, seen)


def test_without_options_nothing_is_offered_and_everything_is_declined_and_said(cli: Cli, setup: Setup) -> None:
    asked = arguments(("sampling/createMessage", SAMPLE), ("elicitation/create", FORM), ("elicitation/create", URL))
    result = cli("call", "ask", "request", "--args", asked, *setup.options)
    sampled, form, page = json.loads(result.out)
    assert (sampled["code"], form, page) == (-1, {"action": "decline"}, {"action": "decline"})
    for part in (
        "ask asks a model: declined (--sampling",
        "ask asks: Sure?: declined (--elicit",
        "https://pay.example/x",
    ):
        assert part in result.err
    assert setup.capabilities() == {"roots": {"listChanged": True}}


def test_a_model_answers_for_a_call(cli: Cli, setup: Setup) -> None:
    result = cli("call", "ask", "request", "--args", ASK_MODEL, "--sampling", "lab/m", *setup.options)
    assert result.code == 0
    (answer,) = json.loads(result.out)
    assert answer["content"] == {"type": "text", "text": "hello from a model"}
    assert answer["model"] == "m"
    assert "ask asks lab/m: answered, ~$0.0010" in result.err
    assert setup.capabilities()["sampling"] == {"tools": {}}
    assert "elicitation" not in setup.capabilities()
    (request,) = setup.seen
    assert request["messages"][-1]["content"] == "Say hello"
    usage = cli("usage", "--json")
    assert "lab" in usage.out


def test_a_demo_model_answers_without_a_key(cli: Cli, setup: Setup) -> None:
    result = cli("call", "ask", "request", "--args", ASK_MODEL, "--sampling", "demo/swift", *setup.options)
    assert result.code == 0, result.err
    assert json.loads(result.out)[0]["model"] == "swift"
    assert not setup.seen


def test_a_form_is_answered_and_a_page_never_offered(cli: Cli, setup: Setup) -> None:
    result = cli("call", "ask", "request", "--args", ASK_FORM, "--elicit", "defaults", *setup.options)
    assert json.loads(result.out) == [{"action": "accept", "content": {"ok": False}}]
    assert setup.capabilities()["elicitation"] == {"form": {}}


def test_an_unknown_model_is_refused_before_anything_is_called(cli: Cli, setup: Setup) -> None:
    result = cli("call", "ask", "request", "--args", ASK_MODEL, "--sampling", "nobody/x", *setup.options)
    assert result.code == 2
    assert "nobody/x" in result.err
    assert not setup.seen


@pytest.mark.parametrize(("limit", "calls"), [(10.0, 3), (0.1, 2)])
def test_a_model_answers_within_a_comparison_and_under_its_limit(
    cli: Cli, setup: Setup, limit: float, calls: int
) -> None:
    options = ("--approve", "auto", "--sampling", "lab/m", "--max-cost", str(limit), "--json", *setup.options)
    result = cli("compare", "Go", "-m", "lab/m?max_tokens=100", *options)
    (response,) = result.json["responses"]
    if calls == 3:
        assert "hello from a model" in response["text"]
        assert "ask asks lab/m: answered" in result.err
    else:
        assert "Spend limit per run reached" in result.err
    assert len(setup.seen) == calls


def test_help_says_what_happens_without(cli: Cli) -> None:
    for command in ("call", "compare"):
        text = " ".join(cli(command, "--help").out.split())
        assert "--sampling MODEL" in text
        assert "Without it servers are not offered it" in text
