"""compare --attach and --limits, models with sizes and prices, and the response cache; models are a loopback server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config import paths
from tests.cli.conftest import Cli
from tests.cli.fake_provider import serving

PDF = b"%PDF-1.7\n1 0 obj<</Type /Page>>\n%%EOF"
LIMITS = {"x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59"}
LISTING = {"data": [{"id": "big", "context_length": 131072}, {"id": "small"}]}


@dataclass
class Models:
    """What the server was asked. Model `blind` reads no files, `bare` says nothing about limits."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    listed: int = 0


class _Handler(BaseHTTPRequestHandler):
    models: Models

    def do_GET(self) -> None:
        self.models.listed += 1
        self._send(200, "application/json", json.dumps(LISTING))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.models.requests.append(body)
        if body["model"] == "blind" and '"file"' in json.dumps(body):
            self._send(400, "application/json", json.dumps({"error": {"message": "Unknown part type: file"}}))
            return
        chunk = {"choices": [{"index": 0, "delta": {"content": "fine"}, "finish_reason": "stop"}]}
        headers = {} if body["model"] == "bare" else LIMITS
        self._send(200, "text/event-stream", f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n", headers)

    def _send(self, status: int, kind: str, text: str, headers: dict[str, str] | None = None) -> None:
        data = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base's name
        """Nothing on stderr."""


CONFIG = """
[providers.lab]
format = "openai-chat"
base_url = "{url}"
api_key = "k-lab"
models = ["own"]

[prices."lab/small"]
input = 0.5
output = 2
"""


@pytest.fixture
def models() -> Iterator[Models]:
    models = Models()
    with serving(_Handler, models=models) as url:
        models.url = url
        paths.config_dir().mkdir(parents=True, exist_ok=True)
        paths.config_file().write_text(CONFIG.format(url=models.url), "utf-8")
        yield models


def test_files_are_put_into_the_prompt(cli: Cli, models: Models, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(PDF)
    (tmp_path / "notes.md").write_text("# Notes", "utf-8")
    attached = ["--attach", str(tmp_path / "report.pdf"), "--attach", str(tmp_path / "notes.md")]
    result = cli("compare", "--no-tools", "Read", "-m", "lab/any", *attached, "--json")
    assert (result.code, result.err) == (0, "")
    content = models.requests[0]["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "file", "text", "text"]
    assert content[1]["file"]["filename"] == "report.pdf"
    assert "# Notes" in content[2]["text"]
    assert content[3]["text"] == "Read"


def test_a_model_that_reads_no_files_answers_and_that_is_said(cli: Cli, models: Models, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(PDF)
    arguments = ["compare", "--no-tools", "Read", "-m", "lab/blind", "--attach", str(tmp_path / "report.pdf")]
    response = cli(*arguments, "--json").json["responses"][0]
    said = "report.pdf (application/pdf) was left out: lab/blind does not take it"
    assert (response["status"], response["notes"], response["attempts"]) == ("ok", [said], 2)
    shown = cli(*arguments)
    assert said in shown.out + shown.err


@pytest.mark.parametrize(("name", "why"), [("gone.pdf", "no such file"), ("all.zip", "nothing a model reads")])
def test_what_cannot_be_attached_sends_nothing(cli: Cli, models: Models, tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK\x03\x04\x00")
    result = cli("compare", "--no-tools", "Read", "-m", "lab/any", "--attach", str(tmp_path / name), "--json")
    assert result.code == 2
    assert result.error["title"] == f"{name} cannot be attached"
    assert why in result.error["detail"]
    assert models.requests == []


def test_rate_limits_are_in_the_json_and_on_request_on_stderr(cli: Cli, models: Models) -> None:
    arguments = ["compare", "--no-tools", "Hi", "-m", "lab/any", "-m", "lab/bare"]
    known, unknown = cli(*arguments, "--json").json["responses"]
    (limit,) = known["rate_limits"]["limits"]
    assert limit == {"what": "requests", "limit": 60, "remaining": 59, "resets_at": None}
    assert unknown["rate_limits"] is None
    result = cli(*arguments, "--limits")
    assert "lab/any: requests: 59 of 60 left" in result.err
    assert "lab/bare: the provider said nothing about rate limits" in result.err
    assert "59 of 60" not in cli(*arguments).err


def test_models_are_listed_with_size_and_price_and_kept(cli: Cli, models: Models) -> None:
    found = cli("models", "lab", "--json").json["providers"][0]
    assert (found["models"], found["models_from"]) == (["big", "small"], "provider")
    assert found["model_info"] == [
        {"model": "big", "context_tokens": 131072, "input_usd_per_mtok": None, "output_usd_per_mtok": None},
        {"model": "small", "context_tokens": None, "input_usd_per_mtok": 0.5, "output_usd_per_mtok": 2.0},
    ]
    lines = [line.split() for line in cli("models", "lab").out.splitlines()]
    assert ["lab/big", "131k"] in lines
    assert ["lab/small", "$0.50", "$2.00"] in lines
    asked = models.listed
    offline = cli("models", "lab", "--offline", "--json").json["providers"][0]
    assert offline["models"] == ["own", "big", "small"]
    assert offline["models_from"].startswith("listed ")
    assert models.listed == asked


def test_models_are_found_by_words_of_their_name(cli: Cli, models: Models) -> None:
    assert cli("models", "lab", "--find", "LAB big", "--json").json["providers"][0]["models"] == ["big"]
    result = cli("models", "lab", "--find", "nothing")
    assert result.code == 0
    assert "no model has 'nothing' in its name" in result.err


def test_the_response_cache_is_looked_at_and_emptied(cli: Cli, models: Models) -> None:
    assert "no answer is kept" in cli("cache").err
    assert not (paths.cache_dir() / "responses.sqlite").exists()  # looking makes no file
    assert "nothing to forget" in cli("cache", "--clear").out
    for prompt in ("one", "two", "one"):
        assert cli("compare", "--no-tools", prompt, "-m", "lab/any", "--cache", "--json").code == 0
    assert len(models.requests) == 2
    found = cli("cache", "--json").json
    assert (found["entries"], found["cleared"], found["on_by_default"]) == (2, False, False)
    assert found["size_bytes"] > 0
    assert found["limits"] == {"cache_days": 30, "cache_mb": 200}
    shown = cli("cache").out
    assert "2 answers, " in shown and "(today)" in shown and "kept 30 days" in shown
    assert cli("cache", "--clear").out.strip() == "2 answers forgotten"
    assert cli("cache", "--json").json["entries"] == 0
    cli("compare", "--no-tools", "one", "-m", "lab/any", "--cache", "--json")
    assert len(models.requests) == 3
