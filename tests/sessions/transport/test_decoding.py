"""Large answers: read once, and what nobody looks at is not validated."""

from __future__ import annotations

import json
from typing import Any

import mcp.client.streamable_http
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCResponse, jsonrpc_message_adapter, methods
from pydantic import ValidationError

from mcp_tui.sessions import sdk
from mcp_tui.sessions.manager import SessionManager
from mcp_tui.sessions.transport.decoding import message_decoder
from mcp_tui.sessions.transport.pipe import parsed
from tests.sessions.conftest import http, stdio
from tests.sessions.http_peer import HttpPeer

ITEMS = [{"id": number, "tags": ["a", "b"]} for number in range(2_000)]


class NoJson:
    """The SDK's adapter, which may not be asked to read JSON."""

    validate_python = jsonrpc_message_adapter.validate_python

    def validate_json(self, data: object, **options: Any) -> JSONRPCMessage:
        raise AssertionError("pydantic reads the JSON once for every kind of message")


def test_json_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_tui.sessions.transport.decoding.jsonrpc_message_adapter", NoJson())
    (item,) = parsed(json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"items": ITEMS}}).encode())
    assert isinstance(item, SessionMessage)
    assert item.message == JSONRPCResponse(jsonrpc="2.0", id=1, result={"items": ITEMS})


def test_answers_over_http_are_read_once_too() -> None:
    module: Any = mcp.client.streamable_http
    assert sdk.Connection
    assert module.jsonrpc_message_adapter is message_decoder


def _read(decoder: Any, document: bytes) -> object:
    try:
        return decoder.validate_json(document, by_name=False)
    except ValidationError as error:
        return [(item["type"], item["loc"]) for item in error.errors(include_url=False)]


@pytest.mark.parametrize(
    "document",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"a":1,"a":2,"n":123456789012345678901234567890,"f":1.0,"z":-0.0}}',
        b'{"jsonrpc":"2.0","id":"1","result":{"text":"\\u00e9\xc3\xa9"}}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1.0,"message":"m"}}',
        b'{"jsonrpc":"2.0","method":"m","params":{"a":[null,true,1e400]}}',
        b'{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}',
        b'{"jsonrpc":"2.0","id":true,"result":{}}',
        b'{"jsonrpc":"2.0","id":1,"result":null}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\\ud800"}}',
        b'{"jsonrpc":"2.0","id":1,"result":{"a":"\xff"}}',
        b"Listening on port 3000",
        b"",
    ],
)
def test_it_reads_what_the_adapter_of_the_sdk_reads(document: bytes) -> None:
    assert repr(_read(message_decoder, document)) == repr(_read(jsonrpc_message_adapter, document))


def test_an_answer_that_is_only_too_deep_says_so() -> None:
    deep = b'{"jsonrpc":"2.0","id":7,"result":{"content":%s}}' % (b"[" * 250 + b"]" * 250)
    (item,) = parsed(deep)
    assert isinstance(item, SessionMessage)
    assert isinstance(item.message, JSONRPCError)
    assert (item.message.id, item.message.error.message) == (7, "The server's answer is nested too deeply to be read")


@pytest.mark.parametrize("over_http", [False, True])
async def test_the_bulk_of_a_result_is_not_validated_and_arrives_whole(
    over_http: bool, peer: HttpPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated: list[dict[str, Any]] = []
    real = methods.validate_server_result

    def validate(method: str, version: str, result: dict[str, Any]) -> object:
        if method == "tools/call":
            validated.append(result)
        return real(method, version, result)

    monkeypatch.setattr(methods, "validate_server_result", validate)
    async with SessionManager([http(peer.url) if over_http else stdio()]) as manager:
        result = await manager.call_tool("one", "structured", {"content": {"n": 1, "items": ITEMS}})
    assert result.raw["structuredContent"] == {"n": 1, "items": ITEMS}
    assert result.warnings == ()
    assert [light["structuredContent"] for light in validated] == [{}]


async def test_structured_content_of_the_wrong_kind_is_still_told() -> None:
    async with SessionManager([stdio()]) as manager:
        result = await manager.call_tool("one", "structured", {"content": [1, 2]})
    assert result.raw["structuredContent"] == [1, 2]
    assert any("does not follow the protocol" in warning for warning in result.warnings)
