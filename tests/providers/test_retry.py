"""What is tried again, after how long, and what is changed for the next try."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.core.chat import AttemptFailed, AttemptStarted, ChatRequest, ModelParams, StopReason, ToolSpec
from mcp_tui.core.errors import ErrorKind
from mcp_tui.providers.provider_error import ErrorBody
from mcp_tui.providers.retry import is_retryable, retry_after_s
from tests.providers.asking import Naps, ask, chat, messages, user
from tests.providers.loopback import Answer, Loopback, chunk, error, named, sse

OK = Answer([sse(chunk({"content": "ok"}, "stop"))])
LIMIT = {"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}}


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_passing_faults_are_tried_again(server: Loopback, status: int) -> None:
    server.script(error(status, LIMIT), OK)
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert (got.text, got.finished.attempts, len(server.requests)) == ("ok", 2, 2)
    (failed,) = got.failures
    assert failed == AttemptFailed(1, naps.taken_s[0], failed.error)
    assert failed.error.code == f"http_{status}"
    kinds = [type(event) for event in got.events[:3]]
    assert kinds == [AttemptStarted, AttemptFailed, AttemptStarted]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_lasting_faults_are_not(server: Loopback, status: int) -> None:
    server.script(error(status, LIMIT), OK)
    got = await ask(chat(server.origin))
    assert (got.finished.stop, got.finished.attempts, got.failures) == (StopReason.ERROR, 1, [])


async def test_four_attempts_with_growing_waits_then_the_last_error(server: Loopback) -> None:
    server.script(*[error(503, {"error": {"message": f"down {n}"}}) for n in range(1, 6)])
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert got.finished.attempts == len(server.requests) == 4
    assert got.finished.error is not None
    assert "down 4" in got.finished.error.detail
    first, second, third = naps.taken_s
    assert 0.5 <= first <= 1.0 <= second <= 1.5 < 2.0 <= third <= 2.5


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": "-3"}, 0.0),
        ({"date": "Sat, 21 Nov 2026 10:00:00 GMT", "retry_after": "Sat, 21 Nov 2026 10:00:12 GMT"}, 12.0),
    ],
)
async def test_the_wait_the_server_asks_for_is_kept(server: Loopback, headers: dict[str, str], waited: float) -> None:
    server.script(error(429, LIMIT, **headers), OK)
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert (got.text, naps.taken_s) == ("ok", [waited])


async def test_gemini_says_the_wait_in_its_body(server: Loopback) -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}]
    body = [{"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED", "details": details}}]
    server.script(error(429, body), OK)
    naps = Naps()
    await ask(chat(server.origin, naps=naps))
    assert naps.taken_s == [17.0]


async def test_a_long_wait_is_left_to_the_person(server: Loopback) -> None:
    server.script(error(429, LIMIT, retry_after="3600"), OK)
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert (naps.taken_s, got.finished.attempts) == ([], 1)
    assert got.finished.error is not None
    assert "1h 00m" in got.finished.error.hint


async def test_the_servers_wish_wins_over_the_status(server: Loopback) -> None:
    server.script(error(500, LIMIT, x_should_retry="false"), error(400, LIMIT, x_should_retry="true"), OK)
    assert (await ask(chat(server.origin))).finished.attempts == 1
    assert (await ask(chat(server.origin))).text == "ok"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (429, {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}),
        (429, {"type": "error", "error": {"type": "billing_error", "message": "pay"}}),
        (402, {"error": {"message": "Insufficient Balance"}}),
        (402, {"error": {"message": "Top up first"}}),
    ],
)
async def test_an_empty_purse_is_not_tried_again(server: Loopback, status: int, body: object) -> None:
    server.script(error(status, body, x_should_retry="true"), OK)
    got = await ask(chat(server.origin))
    assert got.finished.attempts == 1
    assert got.finished.error is not None
    assert got.finished.error.code == "insufficient_quota"


async def test_retry_after_on_a_good_answer_means_nothing(server: Loopback) -> None:
    # Anthropic sends it with status 200 too.
    server.script(Answer(OK.pieces, headers={"retry-after": "59"}))
    naps = Naps()
    got = await ask(chat(server.origin, naps=naps))
    assert (got.text, naps.taken_s) == ("ok", [])


async def test_an_error_as_the_first_event_is_not_tried_again(server: Loopback) -> None:
    server.script(Answer([named({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})]))
    got = await ask(messages(server.origin))
    assert (got.finished.stop, len(server.requests)) == (StopReason.ERROR, 1)


def test_a_date_is_compared_with_our_clock_when_the_server_shows_none() -> None:
    headers = {"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}
    assert retry_after_s(headers, ErrorBody(""), now_s=90.0) == 10.0
    assert retry_after_s(headers, ErrorBody(""), now_s=500.0) == 0.0


@pytest.mark.parametrize("value", ["soon", "", "2026", "Thu, 99 Foo 1970"])
def test_nonsense_waits_do_not_crash(value: str) -> None:
    waited = retry_after_s({"retry-after": value, "date": "never"}, ErrorBody(""), now_s=0.0)
    assert waited is None or waited >= 0


async def test_what_a_server_cannot_do_at_all_is_not_tried_again(server: Loopback) -> None:
    server.script(error(500, {"error": {"message": "image input is not supported"}}), error(501, {}))
    for _ in range(2):
        got = await ask(chat(server.origin))
        assert got.finished.attempts == 1
        assert got.finished.error is not None
        assert "refused the request" in got.finished.error.title


def test_quota_words_inside_a_rate_limit_do_not_make_it_final() -> None:
    body = ErrorBody("Rate limit reached for requests per day", "requests", "rate_limit_exceeded")
    assert is_retryable(429, {}, body)


PARAMS = ModelParams(max_tokens=9, temperature=0.3, effort="high", seed=3, stop=("x",))
ASKED = ChatRequest("m-1", (user("Hi"),), tools=(ToolSpec("t", "", {"type": "object"}),), params=PARAMS)


def refusal(message: str, param: str | None = None, code: str = "unsupported_parameter") -> Answer:
    return error(400, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


REFUSALS: dict[str, tuple[Answer, dict[str, Any], set[str]]] = {
    "by param": (
        refusal("Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value "
                "is supported.", "temperature", "unsupported_value"),
        {}, {"temperature"},
    ),
    "by name in the text": (refusal("`temperature` is deprecated for this model."), {}, {"temperature"}),
    "max_tokens renamed": (
        refusal("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
                "instead.", "max_tokens"),
        {"max_completion_tokens": 9}, {"max_tokens"},
    ),
    "validation list": (
        error(422, {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
        {}, {"stream_options"},
    ),
    "seed": (refusal("property 'seed' is unsupported, did you mean 'user'?"), {}, {"seed"}),
    "effort with tools": (
        refusal("Function tools with reasoning_effort are not supported for m in /v1/chat/completions. To use "
                "function tools, use /v1/responses or set reasoning_effort to 'none'.", "reasoning_effort"),
        {"reasoning_effort": "none"}, set(),
    ),
    "output limit": (
        refusal("max_tokens: 9 > 4, which is the maximum allowed number of output tokens"), {"max_tokens": 4}, set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "changed", "gone"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_parameter_is_left_out_and_remembered(
    server: Loopback, answer: Answer, changed: dict[str, Any], gone: set[str]
) -> None:
    provider = chat(server.origin)
    server.script(answer, OK, OK)
    got = await ask(provider, ASKED)
    assert got.text == "ok"
    (failed,) = got.failures
    assert (failed.wait_s, failed.error.code) == (0.0, "parameter_refused")
    first, second = (request.json for request in server.requests)
    expected = {key: value for key, value in first.items() if key not in gone} | changed
    assert second == expected
    await ask(provider, ASKED)
    assert server.requests[2].json == expected


async def test_what_one_model_refuses_another_still_gets(server: Loopback) -> None:
    provider = chat(server.origin)
    server.script(refusal("`temperature` is deprecated for this model."), OK, OK)
    await ask(provider, ASKED)
    await ask(provider, ChatRequest("m-2", (user("Hi"),), params=PARAMS))
    assert "temperature" in server.requests[2].json


async def test_several_refusals_one_after_another(server: Loopback) -> None:
    server.script(refusal("`temperature` is deprecated"), refusal("Unknown parameter: 'seed'"), OK)
    got = await ask(chat(server.origin), ASKED)
    assert got.text == "ok"
    assert not {"temperature", "seed"} & server.requests[2].json.keys()


@pytest.mark.parametrize("message", ["`temperature` is deprecated", "max_tokens: 9 > 4, which is the maximum"])
async def test_a_server_that_refuses_the_same_thing_for_ever_gets_no_loop(server: Loopback, message: str) -> None:
    server.script(*[refusal(message) for _ in range(20)])
    got = await ask(chat(server.origin), ASKED)
    assert got.finished.stop is StopReason.ERROR
    assert len(server.requests) == 2


async def test_what_the_answer_depends_on_is_never_dropped(server: Loopback) -> None:
    server.script(refusal("Unsupported parameter: 'tools'", "tools"), OK)
    got = await ask(chat(server.origin), ASKED)
    assert got.finished.error is not None
    assert got.finished.error.kind is ErrorKind.PROVIDER
    assert len(server.requests) == 1


async def test_ids_are_shortened_when_a_server_asks_for_it(server: Loopback) -> None:
    from mcp_tui.core.chat import Message, TextBlock, ToolCallBlock, ToolResultBlock

    history = (
        user("Look"),
        Message("assistant", (ToolCallBlock("call_0123456789", "look", {}, "{}"),)),
        Message("user", (ToolResultBlock("call_0123456789", "look", (TextBlock("r"),), False),)),
    )
    message = "Tool call id was call_0123456789 but must be a-z, A-Z, 0-9, with a length of 9."
    server.script(refusal(message), OK)
    assert (await ask(chat(server.origin), ChatRequest("m", history))).text == "ok"
    assistant, tool = server.requests[1].json["messages"][1:]
    assert assistant["tool_calls"][0]["id"] == tool["tool_call_id"]
    assert len(tool["tool_call_id"]) == 9


async def test_earlier_reasoning_is_dropped_where_it_is_refused(server: Loopback) -> None:
    server.script(Answer([sse(chunk({"reasoning_content": "hm"}), chunk({"content": "a"}, "stop"))]))
    provider = chat(server.origin)
    first = await ask(provider, ChatRequest("m", (user("Hi"),)))
    server.script(refusal("messages.1: property 'reasoning_content' is unsupported"), OK)
    got = await ask(provider, ChatRequest("m", (user("Hi"), first.finished.message, user("And?"))))
    assert got.text == "ok"
    assert server.requests[1].json["messages"][1]["reasoning_content"] == "hm"
    assert "reasoning_content" not in server.requests[2].json["messages"][1]


async def test_a_refusal_then_an_overload_are_both_survived(server: Loopback) -> None:
    server.script(refusal("`temperature` is deprecated"), error(529, {}), OK)
    got = await ask(chat(server.origin), ASKED)
    assert (got.text, got.finished.attempts) == ("ok", 3)
    assert [event.attempt for event in got.events if isinstance(event, AttemptStarted)] == [1, 2, 3]
