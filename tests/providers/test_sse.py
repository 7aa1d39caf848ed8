from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.providers import sse as sse_module
from mcp_tui.providers.sse import SseDecoder, SseEvent, SseOverflowError


def decode(stream: bytes, size: int = 0) -> list[SseEvent]:
    decoder = SseDecoder()
    step = size or max(len(stream), 1)
    events = [event for at in range(0, len(stream), step) for event in decoder.feed(stream[at : at + step])]
    return events + decoder.finish()


def data(stream: bytes) -> list[str]:
    return [event.data for event in decode(stream)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 7])
def test_line_ends_and_chunk_sizes_do_not_matter(end: bytes, size: int) -> None:
    text = 'event: a\ndata: {"x": "é😀"}\n\n: note\ndata: one\ndata: two\n\ndata:three\n\n'
    stream = text.encode().replace(b"\n", end)
    assert decode(stream, size) == [SseEvent("a", '{"x": "é😀"}'), SseEvent("", "one\ntwo"), SseEvent("", "three")]


def test_line_separators_inside_json_do_not_split_a_line() -> None:
    inside = '{"t": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"}'
    assert data(f"data: {inside}\n\n".encode()) == [inside]


def test_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert data(b"\xef\xbb\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n") == ["a", "\ufeffb"]


def test_only_one_space_after_the_colon_belongs_to_the_syntax() -> None:
    assert data(b"data:  two\n\ndata:none\n\ndata\n\n") == [" two", "none", ""]


def test_comments_and_unknown_fields_are_ignored() -> None:
    assert decode(b": keep-alive\n\nid: 7\nretry: 10\nwhat: ever\ndata: a\n\n") == [SseEvent("", "a")]


def test_event_name_does_not_leak_into_the_next_event() -> None:
    assert decode(b"event: error\n\ndata: a\n\n") == [SseEvent("", "a")]


def test_pending_event_is_dispatched_at_the_end() -> None:
    assert decode(b"data: whole line\n") == [SseEvent("", "whole line")]
    assert decode(b"data: cut li") == [SseEvent("", "cut li", complete=False)]


def test_invalid_utf8_is_replaced_not_fatal() -> None:
    assert data(b"data: a\xff\xfeb\n\n") == ["a\ufffd\ufffdb"]


@pytest.mark.parametrize("size", [1, 7])
def test_a_mebibyte_line_in_tiny_chunks_is_decoded(size: int) -> None:
    # Anything quadratic would not end within the patience of a test run.
    payload = b"x" * (1 << 20)
    (event,) = decode(b"data: " + payload + b"\n\n", size)
    assert len(event.data) == 1 << 20


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_module, "MAX_EVENT_BYTES", 100)
    decoder = SseDecoder()
    with pytest.raises(SseOverflowError):
        for _ in range(200):
            decoder.feed(b"x")


def test_an_endless_event_of_short_lines_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_module, "MAX_EVENT_BYTES", 100)
    decoder = SseDecoder()
    with pytest.raises(SseOverflowError):
        for _ in range(50):
            decoder.feed(b"data: x\n")


@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))), st.data())
def test_any_chunking_gives_the_same_events(lines: list[str], choose: st.DataObject) -> None:
    end = choose.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    stream = "".join(f"data: {line}{end}{end}" for line in lines).encode()
    decoder = SseDecoder()
    events: list[SseEvent] = []
    rest = stream
    while rest:
        size = choose.draw(st.integers(1, len(rest)))
        events += decoder.feed(rest[:size])
        rest = rest[size:]
    assert [event.data for event in events + decoder.finish()] == lines
