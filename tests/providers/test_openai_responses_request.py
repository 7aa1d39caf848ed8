"""What we send to Responses servers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_tui.core.chat import (
    Block,
    ChatRequest,
    ImageBlock,
    Message,
    ModelParams,
    ReasoningBlock,
    StopReason,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
    ToolSpec,
)
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.vendors import BY_NAME
from tests.providers.asking import KEY, Answered, ask, responses, user
from tests.providers.loopback import Answer, Loopback, error, named
from tests.providers.responses_stream import PACKED, call, end, message, thought

OK = Answer([named(*message(0, "ok"), end())])
PNG = ImageBlock("image/PNG", "iVBORw0KGgo=")
IMAGE = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
OPENAI = BY_NAME["openai"].quirks


async def sent(server: Loopback, request: ChatRequest, *, quirks: Quirks | None = None, name: str = "acme") -> Any:
    server.script(OK)
    got = await ask(responses(server.origin, quirks=quirks, name=name), request)
    assert got.finished.error is None
    return server.requests[-1].json


def assistant(*blocks: Block) -> Message:
    return Message("assistant", blocks)


def called(call_id: str, arguments: dict[str, Any] | None = None) -> ToolCallBlock:
    return ToolCallBlock(call_id, "look", arguments or {}, json.dumps(arguments or {}))


def result(call_id: str, *content: TextBlock | ImageBlock, is_error: bool = False) -> ToolResultBlock:
    return ToolResultBlock(call_id, "look", content, is_error)


async def test_the_smallest_request_stores_nothing(server: Loopback) -> None:
    body = await sent(server, ChatRequest("m-1", (user("Hi"),)))
    assert body == {
        "model": "m-1",
        "input": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    request = server.requests[-1]
    assert (request.method, request.path) == ("POST", "/v1/responses")
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_parameters_are_sent_only_when_set(server: Loopback) -> None:
    params = ModelParams(max_tokens=50, temperature=0.0, effort="low", seed=0, stop=("END",))
    request = ChatRequest("gpt-5.5", (user("Hi"),), system="Be kind", params=params)
    body = await sent(server, request)
    assert (body["instructions"], body["max_output_tokens"], body["temperature"]) == ("Be kind", 50, 0.0)
    assert (body["reasoning"], body["seed"], body["stop"]) == ({"effort": "low"}, 0, ["END"])
    openai = await sent(server, request, quirks=OPENAI)
    assert openai["reasoning"] == {"effort": "low", "summary": "auto"}
    assert not {"seed", "stop"} & openai.keys()


@pytest.mark.parametrize(
    ("model", "effort", "reasoning", "included"),
    [
        ("gpt-5.5", None, {"summary": "auto"}, True),
        ("o4-mini", "high", {"effort": "high", "summary": "auto"}, True),
        ("gpt-5.5", "none", {"effort": "none"}, True),
        ("gpt-4.1-mini", "high", None, False),
        ("gpt-5-chat-latest", None, None, False),
        ("my-deployment", None, None, True),
        ("my-deployment", "low", {"effort": "low", "summary": "auto"}, True),
    ],
)
async def test_reasoning_is_asked_for_as_the_model_takes_it(
    server: Loopback, model: str, effort: str | None, reasoning: dict[str, str] | None, included: bool
) -> None:
    body = await sent(server, ChatRequest(model, (user("Hi"),), params=ModelParams(effort=effort)), quirks=OPENAI)
    assert body.get("reasoning") == reasoning
    assert ("include" in body) is included


async def test_tools_are_flat_objects_and_never_strict(server: Loopback) -> None:
    tools = (
        ToolSpec("plain", "Does it", {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}),
        ToolSpec("odd", "", {"anyOf": [{"properties": {"b": {}}}, {"properties": {"c": {}}}]}),
    )
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=tools))
    assert body["tools"] == [
        {
            "type": "function", "name": "plain", "description": "Does it",
            "parameters": tools[0].input_schema, "strict": False,
        },
        {
            "type": "function", "name": "odd", "description": "",
            "parameters": {"type": "object", "properties": {"b": {}, "c": {}}}, "strict": False,
        },
    ]  # fmt: skip


async def test_too_many_tools_are_an_error_before_sending(server: Loopback) -> None:
    tools = tuple(ToolSpec(f"t{n}", "", {"type": "object"}) for n in range(129))
    got = await ask(responses(server.origin, quirks=OPENAI), ChatRequest("m", (user("Hi"),), tools=tools))
    assert (server.requests, got.finished.stop) == ([], StopReason.ERROR)
    assert got.finished.error is not None
    assert got.finished.error.code == "too_many_tools"


async def test_calls_and_results_of_others_in_the_history(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(ReasoningBlock("secret"), TextBlock("Looking."), called("c1", {"q": "ä"}), called("c/2" * 30)),
        Message(
            "user",
            (result("c1", TextBlock("one"), TextBlock("two")), result("c/2" * 30, TextBlock("gone"), is_error=True)),
        ),
        assistant(TextBlock("Done.")),
        user("Thanks"),
    )
    body = await sent(server, ChatRequest("m", history))
    first, text, one, two, out_one, out_two, done, last = body["input"]
    assert first == {"role": "user", "content": "Look"}
    assert text == {
        "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}],
    }  # fmt: skip
    assert json.loads(one.pop("arguments")) == {"q": "ä"}
    assert one == {"type": "function_call", "call_id": "c1", "name": "look"}
    assert two["call_id"] == out_two["call_id"]
    assert len(two["call_id"]) <= 64
    assert out_one == {"type": "function_call_output", "call_id": "c1", "output": "one\ntwo"}
    assert out_two["output"] == "Error: gone"
    assert done["content"][0]["text"] == "Done."
    assert last == {"role": "user", "content": "Thanks"}


async def test_images_stand_in_prompts_and_inside_tool_outputs(server: Loopback) -> None:
    history = (
        Message("user", (TextBlock("See"), PNG, ImageBlock("image/svg+xml", "PHN2Zz4="))),
        assistant(called("c1"), called("c2")),
        Message("user", (result("c1", TextBlock("a chart"), PNG), result("c2", PNG, is_error=True))),
    )
    body = await sent(server, ChatRequest("m", history))
    prompt, _, _, one, two = body["input"]
    assert [part["type"] for part in prompt["content"]] == ["input_text", "input_image", "input_text"]
    assert prompt["content"][1] == IMAGE
    assert "image/svg+xml was left out" in prompt["content"][2]["text"]
    assert one["output"] == [{"type": "input_text", "text": "a chart"}, IMAGE]
    assert two["output"] == [{"type": "input_text", "text": "Error:"}, IMAGE]


async def test_images_follow_where_outputs_take_text_only(server: Loopback) -> None:
    history = (user("Look"), assistant(called("c1"), called("c2")), Message("user", (result("c1", PNG), result("c2"))))
    body = await sent(server, ChatRequest("m", history), quirks=Quirks(images_in_outputs=False))
    *_, one, two, after = body["input"]
    assert one["output"] == "(1 image: see the next message)"
    assert two["output"] == "(empty result)"
    assert after["content"][1] == IMAGE


async def test_broken_arguments_are_sent_back_as_valid_json(server: Loopback) -> None:
    events = [*call(0, "c1", "look", '{"q": "x'), end()]
    server.script(Answer([named(*events)]))
    got = await ask(responses(server.origin), ChatRequest("m", (user("Look"),)))
    body = await sent(server, ChatRequest("m", (user("Look"), got.finished.message, user("And?"))))
    _, item, output, _ = body["input"]
    assert json.loads(item["arguments"]) == {"INVALID_JSON": '{"q": "x'}
    assert (item["call_id"], output["call_id"]) == ("c1", "c1")


# --- what goes back unchanged


async def replayed(server: Loopback, got: Answered, *, model: str = "m-1", name: str = "acme") -> list[Any]:
    """The items we send back between the first prompt and the results."""
    calls = got.finished.message.tool_calls
    results = tuple(ToolResultBlock(c.id, c.name, (TextBlock("r"),), False) for c in calls)
    history = (user("Look"), got.finished.message, Message("user", (*results, TextBlock("go on"))))
    body = await sent(server, ChatRequest(model, history), name=name)
    items: list[Any] = body["input"][1 : -1 - len(calls)]
    assert [item["call_id"] for item in body["input"][-1 - len(calls) : -1]] == [
        item["call_id"] for item in items if item["type"] == "function_call"
    ]
    return items


async def first_turn(server: Loopback, *events: dict[str, Any], last: dict[str, Any] | None = None) -> Answered:
    server.script(Answer([named(*events, last or end())]))
    return await ask(responses(server.origin), ChatRequest("m-1", (user("Look"),)))


def done_items(events: list[dict[str, Any]]) -> list[Any]:
    return [step["item"] for step in events if step["type"] == "response.output_item.done"]


STEPS = [
    *thought(0, "Hm.", encrypted="ENC-0"),
    *message(1, "Looking.", phase="commentary"),
    *thought(2, encrypted="ENC-2"),
    *call(3, "c1", "look", '{"q" :', " 1}"),
    *call(4, "c2", "look", "{}"),
]


async def test_items_go_back_exactly_and_in_order(server: Loopback) -> None:
    got = await first_turn(server, *STEPS)
    items = await replayed(server, got)
    assert json.dumps(items) == json.dumps(done_items(STEPS))  # keys and their order too


async def test_a_second_round_replays_both(server: Loopback) -> None:
    one = await first_turn(server, *STEPS)
    more = [*thought(0, encrypted="ENC-9"), *call(1, "c9", "look", "{}")]
    two = await first_turn(server, *more)
    history: list[Message] = [user("Look")]
    for got in (one, two):
        calls = got.finished.message.tool_calls
        history += [got.finished.message, Message("user", tuple(result(c.id, TextBlock("r")) for c in calls))]
    body = await sent(server, ChatRequest("m-1", tuple(history)))
    items = [item for item in body["input"] if item.get("type") not in (None, "function_call_output")]
    assert items == done_items(STEPS) + done_items(more)


async def test_another_model_or_provider_gets_no_reasoning_and_no_ids(server: Loopback) -> None:
    got = await first_turn(server, *STEPS)
    for items in (await replayed(server, got, model="m-2"), await replayed(server, got, name="rival")):
        assert [item["type"] for item in items] == ["message", "function_call", "function_call"]
        assert not any("id" in item or "encrypted_content" in item or "phase" in item for item in items)


async def test_reasoning_without_its_follower_is_not_sent(server: Loopback) -> None:
    got = await first_turn(server, *thought(0), *message(1, "A"), *thought(2), last=end("incomplete"))
    assert [item["type"] for item in await replayed(server, got)] == ["reasoning", "message"]


async def test_items_that_lost_their_reasoning_go_without_their_ids(server: Loopback) -> None:
    got = await first_turn(server, *thought(0, "Hm.", encrypted=""), *call(1, "c1", "look", "{}"))
    (item,) = await replayed(server, got)
    assert "id" not in item
    assert item["call_id"] == "c1"


async def test_unpacked_parallel_calls_go_back_one_by_one(server: Loopback) -> None:
    got = await first_turn(server, *thought(0), *call(1, "c1", "parallel", PACKED))
    reasoning, one, two = await replayed(server, got)
    assert reasoning["encrypted_content"] == "ENC"
    assert [(item["call_id"], item["name"]) for item in (one, two)] == [("c1_0", "add"), ("c1_1", "now")]


def refusal(message: str, param: str | None = None, code: str = "unsupported_parameter") -> Answer:
    return error(400, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


PARAMS = ModelParams(max_tokens=9, temperature=0.3, effort="high", seed=3)
ASKED = ChatRequest("gpt-5.5", (user("Hi"),), tools=(ToolSpec("t", "", {"type": "object"}),), params=PARAMS)
REFUSALS: dict[str, tuple[Answer, dict[str, Any]]] = {
    "temperature": (
        refusal("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
        {"temperature": None},
    ),
    "effort": (
        refusal("Unsupported value: 'high' is not supported with this model.", "reasoning.effort", "unsupported_value"),
        {"reasoning": {"summary": "auto"}},
    ),
    "summary": (
        refusal("Your organization must be verified to generate reasoning summaries. This is not supported.",
                "reasoning.summary", "unsupported_value"),
        {"reasoning": {"effort": "high"}},
    ),
    "encrypted reasoning": (refusal("Encrypted content is not supported with this model.", None), {"include": None}),
    "seed": (refusal("Unknown parameter: 'seed'.", "seed", "unknown_parameter"), {"seed": None}),
    "limit": (refusal("Unsupported parameter: max_output_tokens"), {"max_output_tokens": None}),
    "strict": (
        refusal("tools.0.strict: Extra inputs are not permitted"),
        {"tools": [{"type": "function", "name": "t", "description": "",
                    "parameters": {"type": "object", "properties": {}}}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "changes"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_parameter_is_left_out_and_remembered(
    server: Loopback, answer: Answer, changes: dict[str, Any]
) -> None:
    provider = responses(server.origin, quirks=Quirks(reasoning_summaries=True))
    server.script(answer, OK, OK)
    got = await ask(provider, ASKED)
    assert got.text == "ok"
    assert [failed.error.code for failed in got.failures] == ["parameter_refused"]
    first, second = (request.json for request in server.requests)
    expected = {key: value for key, value in {**first, **changes}.items() if value is not None}
    assert second == expected != first
    await ask(provider, ASKED)
    assert server.requests[2].json == expected


async def test_reasoning_nobody_can_decrypt_any_more_is_dropped(server: Loopback) -> None:
    got = await first_turn(server, *STEPS)
    calls = tuple(result(c.id, TextBlock("r")) for c in got.finished.message.tool_calls)
    history = (user("Look"), got.finished.message, Message("user", calls))
    message = "The encrypted content gAAA could not be verified."
    server.script(refusal(message, None, "invalid_encrypted_content"), OK)
    assert (await ask(responses(server.origin), ChatRequest("m-1", history))).text == "ok"
    items = server.requests[-1].json["input"]
    assert not any(item.get("type") == "reasoning" or "id" in item for item in items)
    assert len(items) == 1 + 3 + 2


async def test_models_are_listed(server: Loopback) -> None:
    server.script(Answer([b'{"data": [{"id": "b"}, {"id": "a"}]}'], content_type="application/json"))
    assert await responses(server.origin).list_models() == ("b", "a")
    assert server.requests[0].path == "/v1/models"
