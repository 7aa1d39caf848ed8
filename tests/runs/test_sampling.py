"""Sampling requests of servers: what a model is asked, what goes back, what it costs."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from mcp_tui.config.schema import Limits
from mcp_tui.core.chat import (
    AttemptStarted,
    ChatEvent,
    ChatRequest,
    FileBlock,
    Finished,
    ImageBlock,
    Message,
    Noticed,
    Opaque,
    StopReason,
    TextBlock,
    TextDelta,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.server_requests import RequestKind, ServerRequest
from mcp_tui.core.state import Usage
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.registry import ModelRef
from mcp_tui.runs.sampling import Sampler, run_of
from mcp_tui.runs.sampling_messages import chat_request, preferred
from mcp_tui.runs.spending import Spending

REF = ModelRef("lab", "big-1")
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(24)).decode()
TOOL: JsonObject = {"name": "look.up", "description": "Looks", "inputSchema": {"properties": {"id": {}}}}


def text(words: str, role: str = "user") -> JsonObject:
    return {"role": role, "content": {"type": "text", "text": words}}


def asked(*messages: JsonObject, **more: Any) -> JsonObject:
    return {"messages": list(messages) or [text("Hello")], "maxTokens": 100, **more}


def request(params: JsonObject, origin: str = "") -> ServerRequest:
    return ServerRequest("q1", "shop", RequestKind.SAMPLING, params, origin=origin)


class Model:
    """Answers with these messages, one after the other."""

    name = "lab"

    def __init__(self, *finished: Finished) -> None:
        self.finished = list(finished)
        self.requests: list[ChatRequest] = []

    def provider(self, name: str) -> Model:
        return self

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.requests.append(request)
        yield AttemptStarted(1)
        yield Noticed("temperature was not sent")
        finished = self.finished.pop(0)
        for piece in finished.message.text.split(" "):
            if piece:
                yield TextDelta(f"{piece} ")
        yield finished

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        return ()


def finished(
    words: str = "Two lamps.",
    *calls: ToolCallBlock,
    stop: StopReason = StopReason.STOP,
    stop_raw: str | None = None,
    error: ErrorInfo | None = None,
) -> Finished:
    blocks = (TextBlock(words), *calls) if words else calls
    return Finished(Message("assistant", blocks), stop, stop_raw, Usage(20, 5), error, model="big-1-2026")


def sampler(model: Model, *, limits: Limits | None = None) -> Sampler:
    spending = Spending(None, limits or Limits(), lambda ref, usage: 0.5, clock=lambda: 0.0)
    return Sampler(lambda: model, lambda origin: spending.run("s1"), lambda ref, usage: 0.5, clock=lambda: 0.0)


# ---------------------------------------------------------------------- what the model is asked


def test_everything_that_a_model_can_be_told_is() -> None:
    params = asked(
        text("Hi"),
        text("Hello", "assistant"),
        systemPrompt="Be brief.",
        temperature=0.2,
        stopSequences=["END", "", 5],
    )
    chat = chat_request(params, REF).chat
    assert (chat.model, chat.system) == ("big-1", "Be brief.")
    assert [(message.role, message.text) for message in chat.messages] == [("user", "Hi"), ("assistant", "Hello")]
    assert (chat.params.max_tokens, chat.params.temperature, chat.params.stop) == (100, 0.2, ("END",))


def test_images_and_recordings_go_as_what_they_are() -> None:
    wav = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + bytes(20)).decode()
    content = [
        {"type": "image", "data": PNG, "mimeType": "image/png"},
        {"type": "audio", "data": wav, "mimeType": "audio/wav"},
        {"type": "image", "data": "!", "mimeType": "image/png"},
    ]
    (message,) = chat_request(asked({"role": "user", "content": content}), REF).chat.messages
    assert isinstance(message.blocks[0], ImageBlock)
    assert isinstance(message.blocks[1], FileBlock)
    assert isinstance(message.blocks[2], TextBlock), "what is no data is described"


@pytest.mark.parametrize("broken", [{}, {"messages": 5}, {"messages": [5, {"role": 5, "content": None}], "tools": "x"}])
def test_params_of_any_shape_are_survived(broken: JsonObject) -> None:
    assert chat_request(broken, REF).chat.model == "big-1"


def test_tools_and_their_results_are_passed_on_under_legal_names() -> None:
    use = {"type": "tool_use", "id": "c1", "name": "look.up", "input": {"id": 1}}
    result = {"type": "tool_result", "toolUseId": "c1", "content": [{"type": "text", "text": "a lamp"}]}
    params = asked(
        text("What is it?"),
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": result},
        tools=[TOOL],
    )
    sampling = chat_request(params, REF)
    (spec,) = sampling.chat.tools
    assert sampling.names == {spec.name: "look.up"}
    assert spec.input_schema["type"] == "object"
    called, answered = sampling.chat.messages[1].blocks[0], sampling.chat.messages[2].blocks[0]
    assert isinstance(called, ToolCallBlock)
    assert isinstance(answered, ToolResultBlock)
    assert called.name == answered.name == spec.name
    assert answered.content == (TextBlock("a lamp"),)


def test_a_choice_of_tools_is_kept() -> None:
    demanded = chat_request(asked(tools=[TOOL], toolChoice={"mode": "required"}), REF)
    assert "Answer by calling" in demanded.chat.system
    assert demanded.notes, "what the model is told besides is said"
    assert chat_request(asked(tools=[TOOL], toolChoice={"mode": "none"}), REF).chat.tools == ()


@pytest.mark.parametrize(
    ("hints", "found"),
    [
        (["sonnet"], "b/claude-sonnet-5"),
        (["unknown", "GPT"], "a/gpt-mini"),
        (["claude"], "b/claude-opus-5"),
        (["", "nothing"], None),
        ([], None),
    ],
)
def test_the_first_hint_that_names_a_model_preselects_it(hints: list[str], found: str | None) -> None:
    known = [ModelRef("a", "gpt-mini"), ModelRef("b", "claude-opus-5"), ModelRef("b", "claude-sonnet-5")]
    params = {"modelPreferences": {"hints": [{"name": hint} for hint in hints]}}
    ref = preferred(params, known)
    assert (str(ref) if ref is not None else None) == found


# ---------------------------------------------------------------------- what goes back


async def test_an_answer_in_words() -> None:
    heard: list[str] = []
    answer = await sampler(Model(finished())).generate(request(asked()), REF, on_text=heard.append)
    assert answer.result == {
        "role": "assistant",
        "content": {"type": "text", "text": "Two lamps."},
        "model": "big-1-2026",
        "stopReason": "endTurn",
    }
    assert "".join(heard).strip() == "Two lamps."
    assert (answer.figures.cost_usd, answer.notes) == (0.5, ("temperature was not sent",))
    assert answer.incomplete is None


@pytest.mark.parametrize(
    ("stop", "raw", "said"),
    [
        (StopReason.STOP, "end_turn", "endTurn"),
        (StopReason.STOP, "stop_sequence", "stopSequence"),
        (StopReason.LENGTH, "length", "maxTokens"),
    ],
)
async def test_why_the_model_stopped_is_told(stop: StopReason, raw: str, said: str) -> None:
    answer = await sampler(Model(finished(stop=stop, stop_raw=raw))).generate(request(asked()), REF)
    assert (answer.result["stopReason"], answer.incomplete) == (said, None)


async def test_calls_of_tools_go_back_under_the_servers_own_names() -> None:
    call = ToolCallBlock("c9", "", {"id": 3}, '{"id": 3}')
    params = asked(tools=[TOOL])
    (name,) = chat_request(params, REF).names
    call = ToolCallBlock(call.id, name, call.arguments, call.arguments_raw)
    model = Model(finished("", call, stop=StopReason.TOOL_CALLS))
    answer = await sampler(model).generate(request(params), REF)
    assert answer.result["content"] == [{"type": "tool_use", "id": "c9", "name": "look.up", "input": {"id": 3}}]
    assert answer.result["stopReason"] == "toolUse"


async def test_what_a_model_said_with_its_calls_goes_back_to_it_unchanged() -> None:
    params = asked(tools=[{**TOOL, "name": "look"}])
    signed = ToolCallBlock("c1", "look", {"id": 1}, '{"id":1}', Opaque("gemini", {"signature": "s"}))
    model = Model(finished("I look.", signed, stop=StopReason.TOOL_CALLS), finished())
    desk = sampler(model)
    first = await desk.generate(request(params), REF)
    given_back: JsonObject = {"role": "assistant", "content": first.result["content"]}
    result: JsonObject = {"role": "user", "content": {"type": "tool_result", "toolUseId": "c1", "content": []}}
    follow_up = asked(text("Hello"), given_back, result, tools=params["tools"])
    await desk.generate(request(follow_up), REF)
    assert model.requests[1].messages[1].tool_calls == (signed,)
    given_back["content"][1] = {**given_back["content"][1], "input": {"id": 2}}
    model.finished.append(finished())
    await desk.generate(request(follow_up), REF)
    assert model.requests[2].messages[1].tool_calls[0].opaque is None, "another call than the model made"


@pytest.mark.parametrize(
    ("mode", "calls", "why"),
    [
        ("required", (), "demands the use of a tool"),
        ("none", (ToolCallBlock("c1", "look", {}, "{}"),), "forbids the use of tools"),
        ("auto", (ToolCallBlock("c1", "look", None, '{"id":'),), "no complete JSON"),
    ],
)
async def test_an_answer_that_breaks_the_rules_is_not_sent_unseen(
    mode: str, calls: tuple[ToolCallBlock, ...], why: str
) -> None:
    params = asked(tools=[{**TOOL, "name": "look"}], toolChoice={"mode": mode})
    answer = await sampler(Model(finished("Hm.", *calls))).generate(request(params), REF)
    assert answer.incomplete is not None
    assert why in answer.incomplete.detail
    with pytest.raises(AppError, match=why):
        await sampler(Model(finished("Hm.", *calls))).reply(request(params), REF)


async def test_a_cut_stream_is_not_sent_unseen_and_a_failed_call_is_an_error() -> None:
    cut = finished(stop=StopReason.INCOMPLETE)
    answer = await sampler(Model(cut)).generate(request(asked()), REF)
    assert answer.incomplete is not None
    error = ErrorInfo("No key", kind=ErrorKind.PROVIDER)
    with pytest.raises(AppError, match="No key"):
        await sampler(Model(finished("", stop=StopReason.ERROR, error=error))).generate(request(asked()), REF)


async def test_a_spend_limit_holds_for_sampling_too() -> None:
    model = Model(finished())
    with pytest.raises(AppError, match="Spend limit per run"):
        await sampler(model, limits=Limits(usd_per_run=0.1)).generate(request(asked()), REF)
    assert model.requests == []


def test_the_run_a_request_comes_from() -> None:
    assert run_of("run r7 column c1 call t1s1c1") == "r7"
    assert run_of("workbench") == run_of("") == ""
