"""The messages of a call as text: whole while they are small, cut where they are not."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import pytest

from mcp_tui.sessions.wirelog.caused import Caused
from mcp_tui.sessions.wirelog.record import Whole, decode_whole
from mcp_tui.ui.wire import exchange_text
from mcp_tui.ui.wire.exchange_text import exchange_jsonl, exchange_rows
from tests.sessions.wirelog.records import call, line


def whole(text: bytes) -> Whole:
    found = decode_whole(text)
    assert found is not None
    return found


def test_a_request_over_http_names_its_address_and_an_answer_its_status() -> None:
    asked, answer = (whole(text) for text in call(1))
    asked.fields["http"] = {"verb": "POST", "url": "http://127.0.0.1/mcp\x1b[31m", "headers": {}}
    answer.fields["http"] = {"status": 503, "headers": {}}
    rows = exchange_rows(Caused((asked, answer)), UTC)
    assert [row.text for row in rows if row.text.startswith("HTTP")] == [
        "HTTP POST http://127.0.0.1/mcp�[31m",
        "HTTP 503",
    ]
    assert [row.kind for row in rows if row.text == "HTTP 503"] == ["error"]


def test_an_event_stands_among_the_messages() -> None:
    event = line(1, kind="event", direction="none", method="lost", id=None, name="exit code 3", failed=True)
    rows = exchange_rows(Caused((whole(call(0)[0]), whole(event))), UTC)
    assert any(row.text.startswith("· lost exit code 3  12:12:05.001") for row in rows)


@pytest.mark.parametrize("size", [1_000, 100_000_000])
def test_only_what_is_shown_of_a_large_message_is_laid_out(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_text, "MAX_SHOWN_CHARS", 300)
    taken = 0

    def endless(_message: str) -> Any:
        nonlocal taken
        for _ in range(size):
            taken += 1
            yield "x" * 50

    monkeypatch.setattr(exchange_text, "indented", endless)
    rows = exchange_rows(Caused((whole(call(0)[0]),)), UTC)
    assert "the rest is cut here" in rows[-1].text
    assert taken == 7


def test_left_out_messages_are_counted_where_they_are_missing() -> None:
    records = tuple(whole(line(number)) for number in range(4))
    rows = [row.text for row in exchange_rows(Caused(records, left_out=1_200), UTC)]
    at = rows.index("… 1,200 messages are left out here; the Wire screen has them")
    assert sum(text.startswith("→ ping") for text in rows[:at]) == 2


def test_saved_messages_are_what_was_on_the_wire() -> None:
    asked, answer = call(7, "grüße")
    lines = exchange_jsonl([whole(asked), whole(answer), whole(line(9))]).decode().splitlines()
    assert lines[0].startswith('{"jsonrpc": "2.0", "id": 7, "method": "tools/call"')
    assert len(lines) == 3
