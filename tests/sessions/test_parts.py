"""The pieces that need no server."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import jsonschema.validators
import pytest

from mcp_tui.core.bounded_schema import Work
from mcp_tui.core.state import Catalog, ToolInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.backoff import CRASH_LIMIT, FailureCount, backoff_s
from mcp_tui.sessions.calling import output_check
from mcp_tui.sessions.calling.output_check import MAX_KEPT, MAX_SCHEMA_BYTES, QUICK_BYTES, OutputCheck, OutputChecks
from mcp_tui.sessions.catalog import catalog_diff, digest, gather_pages, token_estimate, tool_info
from mcp_tui.sessions.size_estimate import estimated_size
from mcp_tui.sessions.transport.environment import child_environment
from mcp_tui.sessions.transport.exchange import Page
from mcp_tui.sessions.transport.http_client import retry_after_s
from mcp_tui.sessions.transport.stderr import MAX_LINE_CHARS, MAX_LINES, Notices, StderrTail
from tests.sessions.servers.peer import tool


def test_backoff_doubles_from_half_a_second_to_thirty_with_jitter() -> None:
    for attempt, low in enumerate([0.5, 1, 2, 4, 8, 16], 1):
        waits = [backoff_s(attempt) for _ in range(50)]
        assert all(low <= wait <= low + 0.5 for wait in waits)
        assert len(set(waits)) > 1
    assert backoff_s(7) == backoff_s(1000) == 30


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_five_crashes_within_a_minute_are_enough_and_slower_ones_are_not() -> None:
    clock = Clock()
    quick = FailureCount(clock)
    verdicts: list[bool] = []
    for _ in range(CRASH_LIMIT):
        clock.now += 14
        verdicts.append(quick.failed(lasted_s=1, crashed=True))
    assert verdicts == [False] * 4 + [True]
    slow = FailureCount(clock)
    for _ in range(20):
        clock.now += 16
        assert not slow.failed(lasted_s=1, crashed=True)
    assert not any(FailureCount(clock).failed(lasted_s=0, crashed=False) for _ in range(20))


def test_a_minute_of_stability_starts_the_count_anew() -> None:
    count = FailureCount(Clock())
    for _ in range(4):
        count.failed(lasted_s=0, crashed=True)
    assert (count.attempt, count.next_attempt(59), count.next_attempt(60)) == (4, 5, 1)
    assert not count.failed(lasted_s=60, crashed=True)
    assert count.attempt == 1


def test_a_child_gets_the_listed_variables_and_its_own_and_the_rest_is_named() -> None:
    ours = {
        "PATH": "/bin",
        "HTTPS_PROXY": "http://p",
        "AWS_SECRET": "s",
        "LANG": "() { :;}",
        "NODE_EXTRA_CA_CERTS": "c",
    }
    env, withheld = child_environment(ours, {"PATH": "/mine", "X": "1"})
    assert env == {"PATH": "/mine", "HTTPS_PROXY": "http://p", "NODE_EXTRA_CA_CERTS": "c", "X": "1"}
    assert withheld == ("AWS_SECRET", "LANG")
    assert child_environment(ours, {}, inherit=True) == (ours, ())


def test_a_stderr_tail_is_bounded_and_indifferent_to_how_it_was_cut() -> None:
    data = b"".join(b"line %d \xc3\xa9\r\n" % n for n in range(1000)) + b"y" * 10_000 + b"\nopen"
    whole, bytewise = StderrTail(), StderrTail()
    whole.feed(data)
    for start in range(0, len(data), 7):
        bytewise.feed(data[start : start + 7])
    assert whole.lines() == bytewise.lines()
    assert len(whole.lines()) == MAX_LINES
    assert whole.lines()[-1] == "open"
    assert whole.lines()[-2] == "y" * MAX_LINE_CHARS
    assert whole.lines()[-3] == "line 999 é"


def test_repeated_notices_are_counted() -> None:
    notices = Notices()
    for number in range(3000):
        notices.add("a" if number % 2 else f"b{number // 1000}")
    assert set(notices.sentences()) == {"a (1,500 times)", "b0 (500 times)", "b1 (500 times)", "b2 (500 times)"}


def test_a_size_is_estimated_without_walking_everything() -> None:
    assert 20 < estimated_size({"a": "b" * 10}, 1000) < 100
    assert estimated_size([[0] * 1000] * 4000, 1000) > 1000


def test_a_digest_ignores_the_order_of_keys_and_nothing_else() -> None:
    assert digest({"name": "a", "inputSchema": {"x": 1, "y": 2}}) == digest(
        {"inputSchema": {"y": 2, "x": 1}, "name": "a"}
    )
    assert digest({"a": 1}) != digest({"a": 1.0})
    assert len(digest({"a": "\ud800"})) == 64
    assert 5 <= token_estimate(tool("echo")) <= 40


def test_a_diff_names_what_came_went_and_changed() -> None:
    old = Catalog(tools=(tool_info("s", tool("a")), tool_info("s", tool("b")), tool_info("s", tool("c"))))
    new = Catalog(tools=(tool_info("s", tool("c")), tool_info("s", tool("b", title="B")), tool_info("s", tool("d"))))
    diff = catalog_diff(old, new)
    assert (diff.added, diff.removed, diff.changed) == (("tool d",), ("tool a",), ("tool b",))
    assert not catalog_diff(new, new)


async def test_an_empty_cursor_is_a_cursor_and_endless_new_cursors_end() -> None:
    asked: list[str | None] = []

    async def two(cursor: str | None) -> Page:
        asked.append(cursor)
        return Page(({"name": str(cursor)},), "" if cursor is None else None)

    entries, warnings = await gather_pages("tools", two)
    assert (len(entries), asked, warnings) == (2, [None, ""], [])

    async def endless(cursor: str | None) -> Page:
        return Page(tuple({"name": "x"} for _ in range(100)), f"{cursor}x")

    entries, warnings = await gather_pages("tools", endless)
    assert len(entries) == 20_000
    assert warnings == ["The list of tools was cut after 20,000 entries."]


@pytest.mark.parametrize(
    ("schema", "content", "said"),
    [
        ({"type": "object"}, {"a": 1}, ""),
        ({"type": "object"}, [], "is not of type 'object'"),
        ({"type": "array", "items": {"$ref": "https://example.com/x"}}, [1], "outside itself"),
        ({"type": "nonsense"}, {}, "is not valid"),
        ({"type": "string", "pattern": "(a+)+$"}, "a" * 60 + "b", ""),
        ({"patternProperties": {"(a+)+$": {}}, "additionalProperties": False}, {"a" * 60 + "b": 1}, ""),
    ],
)
def test_a_structured_result_is_checked_without_trusting_the_schema(schema: object, content: object, said: str) -> None:
    assert isinstance(schema, dict)
    warning = OutputCheck(schema).warning({"content": [], "structuredContent": content})  # pyright: ignore[reportUnknownArgumentType] - any JSON
    assert said in warning
    assert bool(said) == bool(warning)


def test_a_schema_that_refers_to_itself_without_end_is_given_up() -> None:
    bomb = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 10} for n in range(30)} | {"d30": {"type": "object"}}
    warning = OutputCheck({"$defs": bomb, "$ref": "#/$defs/d0"}).warning({"structuredContent": {}})
    assert "too complex" in warning


class CompiledSchemas:
    """Counts how often jsonschema makes a validator of a schema."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        extend: Any = jsonschema.validators.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  partly typed

        def counted(*arguments: Any, **named: Any) -> Any:
            self.count += 1
            return extend(*arguments, **named)

        monkeypatch.setattr(jsonschema.validators, "extend", counted)


async def test_an_output_schema_is_compiled_once_and_again_when_its_definition_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = CompiledSchemas(monkeypatch)
    checks = OutputChecks()
    first, second = (
        tool_info("s", tool("measure", outputSchema={"type": "object", "required": [name]})) for name in ("a", "b")
    )
    result: JsonObject = {"content": [], "structuredContent": {"a": 1}}
    assert [await checks.warning(first, result) for _ in range(3)] == ["", "", ""]
    assert compiled.count == 1
    assert "'b' is a required property" in await checks.warning(second, result)
    assert await checks.warning(first, result) == ""
    assert compiled.count == 2
    assert await checks.warning(tool_info("s", tool("plain")), result) == ""


async def test_what_takes_long_to_check_does_not_hold_up_the_event_loop() -> None:
    items = {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}}
    large = {"structuredContent": [{"n": number} for number in range(QUICK_BYTES)]}
    small = {"structuredContent": [{"n": "x"}]}
    check = OutputCheck(items)
    assert not check.quick(small), "it is not compiled yet"
    assert "is not of type 'integer'" in check.warning(small)
    assert check.quick(small)
    assert not check.quick(large)
    assert check.warning(large) == ""


async def test_checks_at_the_same_time_have_a_limit_each() -> None:
    checks = OutputChecks()
    info = tool_info("s", tool("t", outputSchema={"type": "array", "items": {"type": "integer"}}))
    result: JsonObject = {"structuredContent": list(range(15_000))}
    assert await asyncio.gather(*(checks.warning(info, result) for _ in range(8))) == [""] * 8


def test_a_schema_too_large_to_compile_is_said_so() -> None:
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(MAX_SCHEMA_BYTES // 10)}}
    assert "too large" in OutputCheck(schema).warning({"structuredContent": {}})


async def test_a_check_ends_at_its_deadline_and_with_the_one_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()
    warning = OutputCheck.warning

    def spied(self: OutputCheck, result: JsonObject, work: Work | None = None, *, small: bool = False) -> str:
        ended.clear()
        begun.set()
        try:
            return warning(self, result, work, small=small)
        finally:
            ended.set()

    monkeypatch.setattr(OutputCheck, "warning", spied)
    monkeypatch.setattr(output_check, "MAX_WORK", 10**15)
    bomb: JsonObject = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)} | {"d60": {}}
    info = tool_info("s", tool("t", outputSchema={"$defs": bomb, "$ref": "#/$defs/d0"}))
    checks = OutputChecks()
    result: JsonObject = {"structuredContent": list(range(QUICK_BYTES))}
    assert "too complex" in await checks.warning(info, result, deadline_s=0.1)
    assert ended.is_set()

    begun.clear()
    waiting = asyncio.create_task(checks.warning(info, result))
    assert await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(ended.wait, 30), "the thread goes on"


async def test_a_check_has_what_is_left_of_the_call_but_never_longer_than_its_own_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    async def warning(_self: OutputChecks, _tool: ToolInfo, _result: JsonObject, *, deadline_s: float) -> str:
        asked.append(deadline_s)
        return ""

    monkeypatch.setattr(OutputChecks, "warning", warning)
    info = tool_info("s", tool("t", outputSchema={}))
    for left_s in (0.0, 1.5, 600.0, None):
        check = OutputChecks().later(info, {}, left_s)
        assert check is not None
        await check()
    assert asked == [output_check.MIN_DEADLINE_S, 1.5, output_check.DEADLINE_S, output_check.DEADLINE_S]
    assert OutputChecks().later(tool_info("s", tool("plain")), {}, 1.0) is None


@pytest.mark.parametrize(
    "dialect", ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-04/schema#"]
)
def test_many_unique_items_are_no_trouble(dialect: str) -> None:
    check = OutputCheck({"$schema": dialect, "type": "array", "uniqueItems": True})
    items: list[object] = [{"n": n} for n in range(4_000)]
    assert check.warning({"structuredContent": items}) == ""
    assert "non-unique" in check.warning({"structuredContent": [1, {"a": 1}, {"a": 1.0}]})


def test_patterns_that_cannot_hurt_are_checked() -> None:
    check = OutputCheck(
        {
            "properties": {"slug": {"pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$"}},
            "patternProperties": {"^x-": {"type": "string"}},
        }
    )
    assert check.warning({"structuredContent": {"slug": "a-b-c", "x-a": "b"}}) == ""
    assert "slug: 'a--b' does not match" in check.warning({"structuredContent": {"slug": "a--b"}})
    assert "x-a: 1 is not of type 'string'" in check.warning({"structuredContent": {"x-a": 1}})


async def test_only_the_checks_that_were_used_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = CompiledSchemas(monkeypatch)
    checks = OutputChecks()
    tools = [tool_info("s", tool(f"t{n}", outputSchema={"type": "object"})) for n in range(MAX_KEPT + 1)]
    result: JsonObject = {"content": [], "structuredContent": {}}
    for info in (*tools[:-1], tools[0], tools[-1], tools[0]):
        await checks.warning(info, result)
    assert compiled.count == MAX_KEPT + 1
    await checks.warning(tools[1], result)
    assert compiled.count == MAX_KEPT + 2


def test_retry_after_is_read_in_both_forms() -> None:
    assert retry_after_s("7") == 7
    assert retry_after_s("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_s("soon") is None
    assert retry_after_s(None) is None
