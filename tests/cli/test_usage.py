"""usage, and what compare does with caches, limits, short names and fallbacks; models are a loopback server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config import paths
from mcp_tui.store.usage import totals
from tests.cli.conftest import Cli
from tests.cli.fake_provider import serving


@dataclass
class Models:
    """What the server was asked; the model's name says what happens."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    streaming: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def asked(self) -> list[str]:
        return [request["model"] for request in self.requests]


class _Handler(BaseHTTPRequestHandler):
    models: Models

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.models.requests.append(body)
        if body["model"] == "down":
            self._send(503, "application/json", [json.dumps({"error": {"message": "no", "type": "x"}})])
            return
        text = f"{body['model']} says {len(self.models.requests)}"
        pieces = [_chunk({"content": text})]
        if body["model"] == "slow":
            self._send(200, "text/event-stream", [_chunk({"content": "x" * 400})] * 4, hold=True)
            return
        pieces.append(_chunk({}, finish_reason="stop", usage={"prompt_tokens": 1000, "completion_tokens": 200}))
        self._send(200, "text/event-stream", [*pieces, "data: [DONE]\n\n"])

    def _send(self, status: int, kind: str, pieces: list[str], *, hold: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        self.send_header("x-should-retry", "false")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(piece.encode())
        self.wfile.flush()
        if hold:
            self.models.streaming.set()
            self.models.go_on.wait(60)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is the library's
        """Nothing: stderr is under test."""


def _chunk(delta: dict[str, Any], usage: dict[str, int] | None = None, finish_reason: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return f"data: {json.dumps({'choices': [choice], **({'usage': usage} if usage else {})})}\n\n"


CONFIG = """
[providers.lab]
format = "openai-chat"
base_url = "{url}"
api_key = "sk-lab-secret-123456"

[models]
good = "lab/good"

[sets]
duel = ["good", "lab/other?temperature=0.5"]

[prices."lab/*"]
input = 1000
output = 5000
"""


@pytest.fixture
def models() -> Iterator[Models]:
    models = Models()
    with serving(_Handler, models=models) as url:
        models.url = url
        paths.config_dir().mkdir(parents=True, exist_ok=True)
        paths.config_file().write_text(CONFIG.format(url=models.url), "utf-8")
        yield models
        models.go_on.set()


def compared(cli: Cli, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    result = cli("compare", "--no-tools", "Hi", *arguments, "--json")
    assert result.code == code, result.err
    return result.json["responses"]


def test_what_compare_used_is_added_up(cli: Cli, models: Models) -> None:
    compared(cli, "-m", "duel")
    compared(cli, "-m", "good")
    value = cli("usage", "--json").json
    assert [(row["provider"], row["model"], row["calls"]) for row in value["rows"]] == [
        ("lab", "good", 2), ("lab", "other", 1),
    ]  # fmt: skip
    good = value["rows"][0]
    assert (good["input_tokens"], good["output_tokens"], good["tokens_are_estimate"]) == (2000, 400, False)
    assert (good["cost_usd"], good["cost_is_estimate"], good["unpriced_calls"]) == (4.0, True, 0)
    assert value["total"]["calls"] == 3
    assert value["total"]["cost_usd"] == 6.0
    assert value["today"] == {"cost_usd": 6.0, "limit_usd": None}
    text = cli("usage", "--by", "provider").out
    assert "lab" in text
    assert "~$6.00" in text
    (day,) = cli("usage", "--by", "day", "--json").json["rows"]
    assert (day["day"], day["calls"]) == (date.today().isoformat(), 3)


def test_since_leaves_out_what_is_older(cli: Cli, models: Models) -> None:
    compared(cli, "-m", "good")
    tomorrow = (date.today() + timedelta(days=1)).isoformat()
    assert cli("usage", "--since", tomorrow, "--json").json["rows"] == []
    for since in ("today", "7d", date.today().isoformat()):
        assert len(cli("usage", "--since", since, "--json").json["rows"]) == 1, since
    result = cli("usage", "--since", "last week", "--json")
    assert result.code == 2
    assert "YYYY-MM-DD" in result.error["hint"]


def test_nothing_recorded_is_no_error_and_makes_no_file(cli: Cli) -> None:
    result = cli("usage")
    assert (result.code, result.out) == (0, "")
    assert "no model call is recorded" in result.err
    assert cli("usage", "--json").json["rows"] == []
    assert not paths.data_dir().exists()


def test_a_call_without_a_known_price_is_not_counted_as_free(cli: Cli, models: Models) -> None:
    paths.config_file().write_text(CONFIG.format(url=models.url).partition("[prices")[0], "utf-8")
    compared(cli, "-m", "good")
    assert cli("usage", "--json").json["rows"][0]["unpriced_calls"] == 1
    assert "unknown" in cli("usage").out


def test_the_cache_answers_the_same_request_and_is_off_unless_asked_for(cli: Cli, models: Models) -> None:
    compared(cli, "-m", "good")
    compared(cli, "-m", "good")
    assert len(models.requests) == 2
    (first,) = compared(cli, "-m", "good", "--cache")
    (again,) = compared(cli, "-m", "good", "--cache")
    assert len(models.requests) == 3
    assert again["text"] == first["text"] == "good says 3"
    assert (first["cached"], again["cached"], again["cost_usd"]) == (False, True, 0.0)
    assert "ok cached" in cli("compare", "--no-tools", "Hi", "-m", "good", "--cache").out
    (row,) = cli("usage", "--json").json["rows"]
    assert (row["calls"], row["cached_calls"], row["input_tokens"]) == (5, 2, 3000)
    compared(cli, "-m", "good?temperature=0.1", "--cache")
    compared(cli, "-m", "good", "--system", "else", "--cache")
    assert len(models.requests) == 5


def test_the_configuration_can_switch_the_cache_on_and_the_command_line_off(cli: Cli, models: Models) -> None:
    paths.config_file().write_text(CONFIG.format(url=models.url) + "[defaults]\ncache = true\n", "utf-8")
    compared(cli, "-m", "good")
    assert compared(cli, "-m", "good")[0]["cached"]
    assert not compared(cli, "-m", "good", "--no-cache")[0]["cached"]


def test_max_cost_stops_before_the_request(cli: Cli, models: Models) -> None:
    (response,) = compared(cli, "-m", "good", "--max-cost", "0.5", code=2)
    assert models.requests == []
    assert response["error"]["title"] == "Spend limit per run reached"
    assert "--max-cost" in response["error"]["hint"]
    (response,) = compared(cli, "-m", "good", "--max-cost", "6")
    assert response["status"] == "ok"
    # 5 dollars for 1,000 tokens of output, and a little for the prompt.
    most = models.requests[0].get("max_tokens") or models.requests[0]["max_completion_tokens"]
    assert 1000 < most < 1200


def test_the_limit_of_the_day_holds_over_processes(cli: Cli, spawned: Cli, models: Models) -> None:
    paths.config_file().write_text(CONFIG.format(url=models.url) + "[limits]\nusd_per_day = 5\n", "utf-8")
    assert spawned("compare", "--no-tools", "Hi", "-m", "good?max_tokens=300", "--json").code == 0
    assert spawned("compare", "--no-tools", "Hi", "-m", "good?max_tokens=300", "--json").code == 0
    result = spawned("compare", "--no-tools", "Hi", "-m", "good?max_tokens=300", "--json")
    assert result.code == 2
    assert result.json["responses"][0]["error"]["title"] == "Spend limit per day reached"
    assert len(models.requests) == 2
    assert "today: $4.00 of $5.00" in cli("usage").out


def test_a_fallback_answers_and_is_named(cli: Cli, models: Models) -> None:
    (response,) = compared(cli, "-m", "lab/down?seed=4 | good")
    assert models.asked == ["down", "good"]
    assert [request["seed"] for request in models.requests] == [4, 4]
    assert (response["status"], response["model"], response["text"]) == ("ok", "lab/down seed=4", "good says 2")
    assert response["fallback"] == "lab/good because lab is failing"
    for names in (("lab/down|good",), ("lab/down|good", "lab/other")):
        options = [word for name in names for word in ("-m", name)]
        shown = cli("compare", "--no-tools", "Hi", *options).out
        assert "» fallback: lab/good because lab is failing" in shown
        assert "ok fallback" in shown
    rows = {row["model"]: row for row in cli("usage", "--json").json["rows"]}
    assert (rows["down"]["calls"], rows["down"]["failed_calls"], rows["down"]["cost_usd"]) == (3, 3, 0)


def test_a_model_that_is_spelt_wrong_is_a_usage_error(cli: Cli, models: Models) -> None:
    result = cli("compare", "--no-tools", "Hi", "-m", "good?temprature=1", "--json")
    assert result.code == 2
    assert "did you mean temperature?" in result.error["hint"]
    assert models.requests == []


def test_a_killed_process_leaves_what_it_used_until_then(models: Models, tmp_path: Path) -> None:
    arguments = [sys.executable, "-m", "mcp_tui.cli.main", "compare", "--no-tools", "x" * 400, "-m", "lab/slow"]
    victim = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path)
    try:
        assert models.streaming.wait(60)
        path = paths.data_dir() / "usage.sqlite"
        pause, deadline = threading.Event(), 400
        # Nothing else tells when the process has read what came.
        while not any(total.output_tokens for total in totals(path, "model")) and deadline:
            pause.wait(0.05)
            deadline -= 1
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait(30)
    (total,) = totals(path, "model")
    assert (total.key, total.calls, total.tokens_are_estimate) == (("lab", "slow"), 1, True)
    assert (total.input_tokens, total.output_tokens) == (100, 400)
    assert total.cost_usd == 2.1


def test_neither_usage_nor_cache_holds_a_key_or_a_prompt(cli: Cli, models: Models) -> None:
    result = cli("compare", "--no-tools", "a private prompt", "-m", "good", "--cache", "--json")
    assert result.code == 0
    files = [paths.data_dir() / "usage.sqlite", paths.cache_dir() / "responses.sqlite"]
    for file in files:
        content = file.read_bytes()
        assert b"sk-lab" not in content
        assert b"private" not in content
        assert file.stat().st_mode & 0o777 == 0o600
    kept = {"usage.sqlite", "history.sqlite"}
    assert {file.name for file in paths.data_dir().iterdir()} <= kept, "nothing is left open"
    assert "sk-lab" not in result.out + result.err


def test_help_says_how_it_is_all_written(cli: Cli) -> None:
    text = cli("compare", "--help").out
    for word in ("?temperature=0.2&effort=high", "openai/gpt-5.5 | groq/", "--max-cost", "--cache", "[prices."):
        assert word in text
    text = cli("usage", "--help").out
    for word in ("--since", "--by", "usd_per_run", "usd_per_day", "[prices."):
        assert word in text
    assert "usage" in cli("--help").out
