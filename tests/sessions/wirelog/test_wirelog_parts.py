"""What a message is from its bytes, events out of a stream, and what counts as a secret."""

from __future__ import annotations

import json

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.sessions.wirelog.envelope import MAX_PARSED_BYTES, Envelope, edges, read
from mcp_tui.sessions.wirelog.events import EventSplitter
from mcp_tui.sessions.wirelog.record import decode, decode_whole, encode
from mcp_tui.sessions.wirelog.scribe import Bytes, Orders, Scribe
from mcp_tui.sessions.wirelog.secrets import Secrets
from tests.sessions.conftest import ORIGIN


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', Envelope("request", "ping", 1)),
        (b'{"id":"a","method":"tools/call","params":{"name":"x"}}', Envelope("request", "tools/call", "a", "x")),
        (
            b'{"id":1,"method":"resources/read","params":{"uri":"f:/x"}}',
            Envelope("request", "resources/read", 1, "f:/x"),
        ),
        (b'{"method":"notifications/x"}', Envelope("notification", "notifications/x")),
        (b'{"id":1,"result":{}}', Envelope("response", "", 1)),
        (b'{"id":1,"result":{"isError":true}}', Envelope("response", "", 1, failed=True)),
        (b'{"id":null,"error":{"code":1,"message":""}}', Envelope("response", failed=True)),
        (b'{"id":1,"result":null}', Envelope("garbage", "", 1, failed=True)),
        (b"[]", Envelope("garbage", failed=True)),
        (b"7", Envelope("garbage", failed=True)),
        (b"no", Envelope("garbage", failed=True)),
        (b"[" * 100_000, Envelope("garbage", failed=True)),
        (b"", Envelope("garbage", failed=True)),
    ],
)
def test_envelopes(raw: bytes, expected: Envelope) -> None:
    assert [part.envelope for part in read(raw)] == [expected]


def test_a_batch_gives_its_messages() -> None:
    parts = read(b'[{"id":1,"result":{}},{"method":"n"}]')
    assert [part.envelope.kind for part in parts] == ["response", "notification"]
    assert [json.loads(part.json or b"") for part in parts] == [{"id": 1, "result": {}}, {"method": "n"}]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{"a":[%s]}}', Envelope("response", "", 7)),
        (b'{"result":{"a":[%s]},"jsonrpc":"2.0","id":7}', Envelope("response", "", 7)),
        (b'{"result":{"isError":true,"a":[%s]} , "id" : "x"}', Envelope("response", "", "x", failed=True)),
        (b'{"error":{"data":[%s]},"id":3}', Envelope("response", "", 3, failed=True)),
        (b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"a":[%s]}}', Envelope("request", "tools/call", 7)),
        (b'{"method":"n","params":{"id":9,"a":[%s]}}', Envelope("notification", "n")),
        (b'{"result":{"a":[%s],"id":7}}', Envelope("garbage")),
        (b"<html>%s</html>", Envelope("garbage", failed=True)),
    ],
)
def test_large_messages_are_told_by_their_edges(raw: bytes, expected: Envelope) -> None:
    assert edges(raw % b",".join([b'"id\\":1}"'] * 2000)) == expected


def test_a_message_too_large_is_cut_and_says_so() -> None:
    scribe = Scribe("fs", 1, Secrets(["hidden-secret"]), {}, Orders())
    raw = b'{"jsonrpc":"2.0","id":1,"result":{"t":"hidden-secret%s"}}' % (b"x" * MAX_PARSED_BYTES)
    (line,) = scribe.lines(1, 0.0, Bytes("received", raw))
    whole = decode_whole(line)
    assert whole is not None
    assert whole.head.kind == "response"
    assert whole.head.size_bytes == len(raw)
    assert whole.text is not None
    assert whole.text.startswith('{"jsonrpc":"2.0","id":1,"result":{"t":"***xxx')
    assert "too large" in whole.fields["note"]
    assert len(line) < 100_000


def test_a_redaction_that_breaks_the_json_is_kept_as_text() -> None:
    scribe = Scribe("fs", 1, Secrets(["12345678"]), {}, Orders())
    (line,) = scribe.lines(1, 0.0, Bytes("sent", b'{"id":1,"method":"ping","params":{"n":12345678}}'))
    json.loads(line)
    whole = decode_whole(line)
    assert whole is not None
    assert whole.text == '{"id":1,"method":"ping","params":{"n":***}}'
    assert whole.head.kind == "request"


def test_pretty_printed_json_becomes_one_line_and_stays_the_same() -> None:
    scribe = Scribe("fs", 1, Secrets(), {}, Orders())
    raw = json.dumps({"id": 1, "result": {"text": "a\nb\r\nc"}}, indent=2).replace("\n", "\r\n").encode()
    (line,) = scribe.lines(1, 0.0, Bytes("received", raw))
    assert line.count(b"\n") == 1
    assert json.loads(line)["message"] == json.loads(raw)


def test_heads_are_read_without_their_bodies() -> None:
    tricky = b'{"x":",\\"message\\":1","message":{"text":2}}'
    line = encode({"order": 5, "server": 'a","message":b', "kind": "request", "direction": "sent"}, tricky)
    found = decode(line)
    assert found is not None
    assert found.head.server == 'a","message":b'
    assert line[found.body_at : found.length - 2] == tricky
    assert decode(b"not a record\n") is None
    assert decode(b"[1]\n") is None
    event = decode(encode({"order": 5, "server": "a"}))
    assert event is not None
    assert event.body_at == event.length


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_in_any_chunking(size: int, end: str) -> None:
    text = "\ufeff: hello\n\ndata: {}\n\nevent: endpoint\ndata:/a\ndata: b\n\nid: 5\n\ndata: ü\u2028x\n\nretry: 1\n"
    data = text.replace("\n", end).encode()
    splitter = EventSplitter()
    found = [event for at in range(0, len(data), size) for event in splitter.feed(data[at : at + size])]
    if end == "\r" and found[-1][1] != "ü\u2028x".encode():
        pytest.fail(str(found))
    assert found == [("message", b"{}"), ("endpoint", b"/a\nb"), ("message", "ü\u2028x".encode())]


def spec(**fields: object) -> ServerSpec:
    return ServerSpec("one", ORIGIN, **fields)  # pyright: ignore[reportArgumentType]  fields of the entry


@pytest.mark.parametrize(
    ("entry", "hidden", "kept"),
    [
        ({"headers": {"Authorization": "Bearer abcdefgh"}}, ["abcdefgh", "Bearer abcdefgh"], []),
        ({"headers": {"Cookie": "sid=cookie-value; a=b"}}, ["cookie-value"], []),
        ({"headers": {"X-Team": "platform-team"}}, [], ["platform-team"]),
        ({"env": {"DB_PASSWORD": "hunter22", "MODE": "production"}}, ["hunter22"], ["production"]),
        ({"env": {"TOKEN": "abc"}}, [], ["abc"]),
        ({"env": {"SOME": "ghp_abcdefghijklmnopqrstuvwxyz"}}, ["ghp_abcdefghijklmnopqrstuvwxyz"], ["SOME"]),
        ({"env": {"URL": "postgres://me:p4ssw0rd@host/db"}}, ["p4ssw0rd"], ["host/db"]),
        ({"args": ("--api-key", "argument-secret", "--name", "plain-name")}, ["argument-secret"], ["plain-name"]),
        ({"args": ("--token=assigned-secret",)}, ["assigned-secret"], []),
        ({"url": "https://h/p?key=query-value&q=plain-query"}, ["query-value"], ["plain-query"]),
        ({"url": "HTTPS://host.example/path"}, [], ["HTTPS://host.example/path", "//host.example/path"]),
        (
            {"auth": {"type": "client_credentials", "client_secret": "auth-secret"}},
            ["auth-secret"],
            ["client_credentials"],
        ),
    ],
)
def test_what_of_an_entry_is_secret(entry: dict[str, object], hidden: list[str], kept: list[str]) -> None:
    secrets = Secrets.of(spec(**entry))
    for text in hidden:
        assert text not in secrets.clean_text(f"<{text}>")
    for text in kept:
        assert secrets.clean_text(f"<{text}>") == f"<{text}>"


@pytest.mark.parametrize("written", [r"a+b\/c&d<e", r"a+b/c\u0026d\u003ce", "a%2Bb%2Fc%26d%3Ce", "a+b/c&d<e"])
def test_a_secret_is_found_however_the_other_side_escapes_it(written: str) -> None:
    assert Secrets(["a+b/c&d<e"]).clean_text(f"<{written}>") == "<***>"


def test_headers_that_authorise_are_hidden_and_sessions_told_apart() -> None:
    secrets = Secrets.of(spec(headers={"X-Private-Key": "zzzzzzzz"}))
    shown = secrets.headers(
        [
            (b"Authorization", b"Bearer x"),
            (b"Set-Cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"X-Private-Key", b"other"),
            (b"Mcp-Session-Id", b"one"),
            (b"Accept", b"*/*"),
        ]
    )
    assert shown["authorization"] == "***"
    assert shown["set-cookie"] == "***, ***"
    assert shown["x-private-key"] == "***"
    assert shown["accept"] == "*/*"
    assert shown["mcp-session-id"] != secrets.headers([(b"mcp-session-id", b"two")])["mcp-session-id"]
    assert "one" not in shown["mcp-session-id"]


def test_a_token_that_appears_later_is_hidden_from_then_on() -> None:
    secrets = Secrets()
    assert secrets.clean(b"late-token-1") == b"late-token-1"
    secrets.hide("late-token-1")
    assert secrets.clean(b'"late-token-1"') == b'"***"'
