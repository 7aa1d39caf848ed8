"""What we send to Gemini."""

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
from mcp_tui.core.errors import ErrorKind
from tests.providers.asking import KEY, Answered, Naps, ask, gemini, user
from tests.providers.gemini_stream import called, chunk, piece, stream, text
from tests.providers.loopback import Answer, Loopback, error

OK = Answer([stream(chunk(text("ok"), finish="STOP"))])
PNG = ImageBlock("image/PNG", "iVBORw0KGgo=")
INLINE = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
UNSIGNED = "skip_thought_signature_validator"


async def sent(server: Loopback, request: ChatRequest, *, name: str = "acme") -> Any:
    server.script(OK)
    got = await ask(gemini(server.origin, name=name), request)
    assert got.finished.error is None
    return server.requests[-1].json


def assistant(*blocks: Block) -> Message:
    return Message("assistant", blocks)


def foreign(call_id: str, arguments: dict[str, Any] | None = None) -> ToolCallBlock:
    return ToolCallBlock(call_id, "look", arguments or {}, json.dumps(arguments or {}))


def result(call_id: str, *content: TextBlock | ImageBlock, is_error: bool = False) -> ToolResultBlock:
    return ToolResultBlock(call_id, "look", content, is_error)


async def test_the_smallest_request(server: Loopback) -> None:
    body = await sent(server, ChatRequest("gemma-3-27b-it", (user("Hi"),), system=" "))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
    request = server.requests[-1]
    assert (request.method, request.path) == ("POST", "/v1beta/models/gemma-3-27b-it:streamGenerateContent?alt=sse")
    assert request.headers["x-goog-api-key"] == KEY
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("models/gemini-x", "/v1beta/models/gemini-x"),
        ("tunedModels/mine", "/v1beta/tunedModels/mine"),
        ("a?b#c d", "/v1beta/models/a%3Fb%23c%20d"),
    ],
)
async def test_the_model_stands_in_the_path(server: Loopback, model: str, path: str) -> None:
    await sent(server, ChatRequest(model, (user("Hi"),)))
    assert server.requests[-1].path == f"{path}:streamGenerateContent?alt=sse"


async def test_parameters_are_sent_only_when_set(server: Loopback) -> None:
    params = ModelParams(max_tokens=50, temperature=0.0, seed=0, stop=("END",))
    body = await sent(server, ChatRequest("m", (user("Hi"),), system="Be kind", params=params))
    assert body["systemInstruction"] == {"parts": [{"text": "Be kind"}]}
    assert body["generationConfig"] == {"maxOutputTokens": 50, "temperature": 0.0, "seed": 0, "stopSequences": ["END"]}


THOUGHTS = {"includeThoughts": True}


@pytest.mark.parametrize(
    ("model", "effort", "expected"),
    [
        ("gemini-3.5-flash", None, THOUGHTS),
        ("gemini-3.5-flash", "minimal", {**THOUGHTS, "thinkingLevel": "minimal"}),
        ("gemini-3.5-flash", "none", {**THOUGHTS, "thinkingLevel": "minimal"}),
        ("gemini-3.1-pro-preview", "none", {**THOUGHTS, "thinkingLevel": "low"}),
        ("gemini-3-pro", "xhigh", {**THOUGHTS, "thinkingLevel": "high"}),
        ("gemini-flash-latest", "low", {**THOUGHTS, "thinkingLevel": "low"}),
        ("gemini-2.5-flash", "low", {**THOUGHTS, "thinkingBudget": 1_024}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("models/gemini-2.5-pro", "none", {**THOUGHTS, "thinkingBudget": 128}),
        ("gemini-2.0-flash", "high", None),
        ("gemma-3-27b-it", "high", None),
        ("gemini-2.5-flash-image", None, None),
    ],
)
async def test_thinking_is_asked_for_as_the_model_takes_it(
    server: Loopback, model: str, effort: str | None, expected: dict[str, Any] | None
) -> None:
    body = await sent(server, ChatRequest(model, (user("Hi"),), params=ModelParams(effort=effort)))
    assert body.get("generationConfig", {}).get("thinkingConfig") == expected


async def test_tools_go_with_their_json_schema(server: Loopback) -> None:
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"const": 1}},
              "additionalProperties": False}  # fmt: skip
    tools = (ToolSpec("plain", "Does it", schema), ToolSpec("odd", "", {"anyOf": [{"properties": {"b": {}}}]}))
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=tools))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {"name": "plain", "description": "Does it", "parametersJsonSchema": schema},
                {
                    "name": "odd",
                    "description": "",
                    "parametersJsonSchema": {"type": "object", "properties": {"b": {}}},
                },
            ]
        }
    ]


async def test_item_limits_go_when_they_add_up_to_a_refusal(server: Loopback) -> None:
    def schema(limit: int) -> dict[str, Any]:
        lists: dict[str, Any] = {"type": "array", "items": {"type": "array", "items": {}, "maxItems": limit}}
        return {"type": "object", "properties": {"maxItems": {"type": "string"}, "list": lists}}

    small = tuple(ToolSpec(f"t{n}", "", schema(100)) for n in range(9))
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=small))
    assert json.dumps(body).count('"maxItems": 100') == 9
    body = await sent(server, ChatRequest("m", (user("Hi"),), tools=(*small, ToolSpec("t9", "", schema(1)))))
    assert '"maxItems": 1' not in json.dumps(body)
    declared = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert declared["properties"]["maxItems"] == {"type": "string"}  # a property may be called so


async def test_too_many_tools_are_an_error_before_sending(server: Loopback) -> None:
    tools = tuple(ToolSpec(f"t{n}", "", {"type": "object"}) for n in range(513))
    got = await ask(gemini(server.origin), ChatRequest("m", (user("Hi"),), tools=tools))
    assert (server.requests, got.finished.stop) == ([], StopReason.ERROR)
    assert got.finished.error is not None
    assert (got.finished.error.kind, got.finished.error.code) == (ErrorKind.USAGE, "too_many_tools")


async def test_calls_and_results_of_others_in_the_history(server: Loopback) -> None:
    history = (
        user("Look"),
        assistant(ReasoningBlock("secret"), TextBlock("Looking."), foreign("c1", {"q": "ä"}), foreign("c2")),
        Message("user", (result("c2", TextBlock("gone"), is_error=True), result("c1", TextBlock("one")))),
        assistant(TextBlock("Done.")),
        Message("user", (TextBlock("Thanks"), TextBlock(""))),
    )
    body = await sent(server, ChatRequest("gemini-2.5-flash", history))
    assert body["contents"] == [
        {"role": "user", "parts": [{"text": "Look"}]},
        {
            "role": "model",
            "parts": [
                {"text": "Looking."},
                {"functionCall": {"name": "look", "args": {"q": "ä"}}},
                {"functionCall": {"name": "look", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "look", "response": {"output": "one"}}},
                {"functionResponse": {"name": "look", "response": {"error": "gone"}}},
            ],
        },
        {"role": "model", "parts": [{"text": "Done."}]},
        {"role": "user", "parts": [{"text": "Thanks"}]},
    ]


@pytest.mark.parametrize(("model", "signed"), [("gemini-3.5-flash", True), ("gemini-2.5-pro", False), ("m", False)])
async def test_gemini_3_gets_a_signature_for_calls_of_others(server: Loopback, model: str, signed: bool) -> None:
    history = (user("Look"), assistant(foreign("c1"), foreign("c2")), Message("user", (result("c1"), result("c2"))))
    body = await sent(server, ChatRequest(model, history))
    first, second = body["contents"][1]["parts"]
    assert first.get("thoughtSignature") == (UNSIGNED if signed else None)
    assert "thoughtSignature" not in second


@pytest.mark.parametrize("inside", [True, False])
async def test_images_stand_where_the_model_takes_them(server: Loopback, inside: bool) -> None:
    history = (
        Message("user", (TextBlock("See"), PNG, ImageBlock("image/gif", "R0lG"))),
        assistant(foreign("c1"), foreign("c2")),
        Message("user", (result("c1", TextBlock("a chart"), PNG), result("c2", TextBlock("two")))),
    )
    body = await sent(server, ChatRequest("gemini-3.5-flash" if inside else "gemini-2.5-flash", history))
    prompt, _, results = (content["parts"] for content in body["contents"])
    assert prompt[1] == INLINE
    assert "image/gif was left out" in prompt[2]["text"]
    one, two, *following = results
    if inside:
        assert one["functionResponse"]["parts"] == [INLINE]
        assert one["functionResponse"]["response"] == {"output": "a chart"}
        assert following == []
    else:
        assert one["functionResponse"]["response"] == {"output": "a chart\n(1 image below)"}
        assert following == [{"text": "Returned by look:"}, INLINE]
    assert two["functionResponse"]["response"] == {"output": "two"}


async def test_roles_alternate_and_nothing_is_empty(server: Loopback) -> None:
    history = (
        user("One"),
        assistant(),
        assistant(TextBlock("")),
        user("Two"),
        assistant(TextBlock("A")),
        assistant(TextBlock("B")),
        user("Three"),
    )
    body = await sent(server, ChatRequest("m", history))
    shape = [(content["role"], [part["text"] for part in content["parts"]]) for content in body["contents"]]
    assert shape == [("user", ["One", "Two"]), ("model", ["A", "B"]), ("user", ["Three"])]


async def test_unanswered_calls_get_a_result_and_broken_arguments_are_an_object(server: Loopback) -> None:
    broken = ToolCallBlock("c1", "look", None, '{"q": "x')
    body = await sent(server, ChatRequest("m", (user("Look"), assistant(broken), user("Never mind"))))
    _, called_, answered = (content["parts"] for content in body["contents"])
    assert called_[0]["functionCall"]["args"] == {"INVALID_JSON": '{"q": "x'}
    assert "did not finish" in answered[0]["functionResponse"]["response"]["error"]
    assert answered[1] == {"text": "Never mind"}


# --- what goes back unchanged

MODEL = "gemini-3.5-flash"


async def replayed(server: Loopback, got: Answered, *, model: str = MODEL, name: str = "acme") -> tuple[Any, Any]:
    """(the model's parts, the parts with the results) that we send back."""
    results = tuple(
        ToolResultBlock(c.id, c.name, (TextBlock("r"),), False) for c in got.finished.message.tool_calls
    )  # fmt: skip
    history = (user("Look"), got.finished.message, Message("user", (*results, TextBlock("go on"))))
    contents = (await sent(server, ChatRequest(model, history), name=name))["contents"]
    return contents[1]["parts"], contents[2]["parts"]


async def first_turn(server: Loopback, *events: dict[str, Any]) -> Answered:
    server.script(Answer([stream(*events, chunk(finish="STOP"))]))
    return await ask(gemini(server.origin), ChatRequest(MODEL, (user("Look"),)))


SIGNED = [
    text("Hm.", thought=True),
    text("Look ", thoughtSignature="S1"),
    text("here."),
    called("look", {"q": 1}, call_id="id-1", thoughtSignature="S2"),
    called("look", {}),
    text("", thoughtSignature="S3"),
    {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "S4"},
]


async def test_signed_parts_go_back_exactly_and_in_order(server: Loopback) -> None:
    got = await first_turn(server, *(chunk(part) for part in SIGNED))
    parts, results = await replayed(server, got)
    assert json.dumps(parts) == json.dumps(SIGNED)  # keys and their order too
    assert results[:2] == [
        {"functionResponse": {"name": "look", "id": "id-1", "response": {"output": "r"}}},
        {"functionResponse": {"name": "look", "response": {"output": "r"}}},  # it gave no id
    ]


async def test_unsigned_neighbours_go_back_as_one(server: Loopback) -> None:
    parts = [text("One "), text("two "), text("three", thoughtSignature="S"), text(" four"), text(" five")]
    got = await first_turn(server, *(chunk(part) for part in parts))
    assert (await replayed(server, got))[0] == [text("One two "), parts[2], text(" four five")]


async def test_a_call_in_pieces_goes_back_whole_with_its_signature(server: Loopback) -> None:
    begun = {"functionCall": {"name": "look", "id": "i", "willContinue": True}, "thoughtSignature": "S"}
    got = await first_turn(server, chunk(begun), chunk(piece("$.q", stringValue="x")), chunk(piece(more=False)))
    parts, results = await replayed(server, got)
    assert parts == [
        {"functionCall": {"name": "look", "args": {"q": "x"}, "id": "i"}, "thoughtSignature": "S"},
    ]
    assert results[0]["functionResponse"]["id"] == "i"


async def test_another_model_or_provider_gets_no_signatures(server: Loopback) -> None:
    got = await first_turn(server, *(chunk(part) for part in SIGNED))
    neutral = [text("Look "), text("here."), called("look", {"q": 1}), called("look", {})]
    assert (await replayed(server, got, model="gemini-2.5-flash"))[0] == neutral
    neutral[2]["thoughtSignature"] = UNSIGNED
    assert (await replayed(server, got, name="rival"))[0] == neutral


async def test_thoughts_alone_are_not_sent_back(server: Loopback) -> None:
    got = await first_turn(server, chunk(text("Hm.", thought=True)))
    body = await sent(server, ChatRequest(MODEL, (user("Look"), got.finished.message, user("And?"))))
    assert [content["role"] for content in body["contents"]] == ["user"]


# --- refusals and errors


def refusal(message: str, *details: dict[str, Any], status: int = 400, word: str = "INVALID_ARGUMENT") -> Answer:
    return error(status, {"error": {"code": status, "message": message, "status": word, "details": list(details)}})


PARAMS = ModelParams(max_tokens=9, temperature=0.3, effort="high", seed=3, stop=("x",))
CONFIG: dict[str, Any] = {
    "maxOutputTokens": 9,
    "temperature": 0.3,
    "seed": 3,
    "stopSequences": ["x"],
    "thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"},
}
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "unknown name": (
        "Invalid JSON payload received. Unknown name \"seed\" at 'generation_config': Cannot find field.",
        {"seed": None},
    ),
    "level": ("Thinking level is not supported for this model.", {"thinkingConfig": {"includeThoughts": True}}),
    "snake case": ("stop_sequences is not supported by this model", {"stopSequences": None}),
    "thinking": ("Thinking is not enabled for models/gemini-3.5-flash", {"thinkingConfig": None}),
}


@pytest.mark.parametrize(("message", "changes"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refused_parameter_is_left_out_and_remembered(
    server: Loopback, message: str, changes: dict[str, Any]
) -> None:
    provider = gemini(server.origin)
    request = ChatRequest(MODEL, (user("Hi"),), params=PARAMS)
    server.script(refusal(message), OK, OK)
    got = await ask(provider, request)
    assert got.text == "ok"
    assert [failed.error.code for failed in got.failures] == ["parameter_refused"]
    assert server.requests[0].json["generationConfig"] == CONFIG
    expected = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    assert server.requests[1].json["generationConfig"] == expected
    await ask(provider, request)
    assert server.requests[2].json == server.requests[1].json


async def test_a_budget_out_of_range_is_left_to_the_model(server: Loopback) -> None:
    server.script(refusal("Budget 0 is invalid. This model only works in thinking mode."), OK)
    request = ChatRequest("gemini-2.5-flash", (user("Hi"),), params=ModelParams(effort="none"))
    assert (await ask(gemini(server.origin), request)).text == "ok"
    assert "generationConfig" not in server.requests[1].json


async def test_a_bad_key_comes_as_400(server: Loopback) -> None:
    reason = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    server.script(refusal("API key expired. Please renew the API key.", reason))
    info = (await ask(gemini(server.origin))).finished.error
    assert info is not None
    assert (info.kind, info.code) == (ErrorKind.AUTH, "http_400")
    assert "ACME_API_KEY" in info.hint


QUOTA = "You exceeded your current quota, please check your plan and billing details."


def quota(name: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": name}]}


async def test_retry_info_in_the_body_is_obeyed(server: Loopback) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}
    minute = quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier")
    server.script(refusal(QUOTA, minute, delay, status=429, word="RESOURCE_EXHAUSTED"), OK)
    naps = Naps()
    got = await ask(gemini(server.origin, naps=naps))
    assert (got.text, naps.taken_s) == ("ok", [7.5])


async def test_a_used_up_day_is_not_waited_for(server: Loopback) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "2s"}
    day = quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier")
    server.script(refusal(QUOTA, day, delay, status=429, word="RESOURCE_EXHAUSTED"))
    got = await ask(gemini(server.origin))
    assert got.finished.attempts == 1
    assert got.finished.error is not None
    assert got.finished.error.code == "insufficient_quota"


async def test_an_unknown_model_is_a_usage_error(server: Loopback) -> None:
    message = "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent."
    server.script(refusal(message, status=404, word="NOT_FOUND"))
    info = (await ask(gemini(server.origin))).finished.error
    assert info is not None
    assert (info.kind, info.code) == (ErrorKind.USAGE, "model_not_found")


async def test_models_that_can_chat_are_listed_page_by_page(server: Loopback) -> None:
    pages: list[dict[str, Any]] = [
        {
            "models": [
                {"name": "models/a", "supportedGenerationMethods": ["generateContent"]},
                {"name": "models/embed", "supportedGenerationMethods": ["embedContent"]},
            ],
            "nextPageToken": "p/2",
        },
        {"models": [{"name": "tunedModels/b"}, {}]},
    ]
    server.script(*[Answer([json.dumps(page).encode()], content_type="application/json") for page in pages])
    assert await gemini(server.origin).list_models() == ("a", "tunedModels/b")
    assert [request.path for request in server.requests] == [
        "/v1beta/models?pageSize=1000",
        "/v1beta/models?pageSize=1000&pageToken=p%2F2",
    ]
    assert server.requests[0].headers["x-goog-api-key"] == KEY
