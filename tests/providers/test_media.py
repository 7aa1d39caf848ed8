"""Images and files: in each format's own place, left out where they are not taken, and never in silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcp_tui.core.chat import (
    ChatRequest,
    Content,
    FileBlock,
    ImageBlock,
    Message,
    Noticed,
    StopReason,
    TextBlock,
    ToolCallBlock,
    ToolResultBlock,
)
from mcp_tui.providers.building import build
from mcp_tui.providers.media import described, kind_of, left_out
from mcp_tui.providers.quirks import MediaKind, Quirks
from mcp_tui.providers.registry import ProviderRegistry
from mcp_tui.providers.request_stream import WireProvider
from mcp_tui.providers.retry import Retrier
from tests.providers.asking import Answered, Naps, ask, chat, endpoint, gemini, messages, responses, user
from tests.providers.gemini_stream import chunk as part_chunk
from tests.providers.gemini_stream import stream, text
from tests.providers.loopback import Answer, Loopback, chunk, error, named, sse
from tests.providers.responses_stream import end, message

PNG = ImageBlock("image/png", "iVBORw0KGgo=")
PDF = FileBlock("application/pdf", "JVBERi0xLjc=", "report.pdf", 2)
WAV = FileBlock("audio/wav", "UklGRg==", "memo.wav")
DOCX = FileBlock("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "UEsDBA==", "plan.docx")
MP4 = FileBlock("video/mp4", "AAAA", "clip.mp4")
ZIP = FileBlock("application/zip", "UEsDBA==", "all.zip")

CHAT_OK = Answer([sse(chunk({"content": "ok"}, "stop"))])
START = {"type": "message_start", "message": {"id": "m"}}
STOP = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
OK: dict[str, Answer] = {
    "chat": CHAT_OK,
    "messages": Answer([named(START, STOP, {"type": "message_stop"})]),
    "responses": Answer([named(*message(0, "ok"), end())]),
    "gemini": Answer([stream(part_chunk(text("ok"), finish="STOP"))]),
}
ASK: dict[str, Callable[[str], WireProvider]] = {
    "chat": chat, "messages": messages, "responses": responses, "gemini": gemini,
}  # fmt: skip


def prompt(*blocks: Content) -> ChatRequest:
    return ChatRequest("m-1", (Message("user", blocks),))


def returned(*content: Content, model: str = "m-1") -> ChatRequest:
    """A conversation in which the tool `look` returned this."""
    call = ToolCallBlock("c1", "look", {}, "{}")
    result = ToolResultBlock("c1", "look", content, False)
    return ChatRequest(model, (user("See"), Message("assistant", (call,)), Message("user", (result,))))


async def sent(server: Loopback, wire: str, request: ChatRequest) -> tuple[Any, list[str]]:
    """The body the server saw, and what the person was told."""
    server.script(OK[wire])
    got = await ask(ASK[wire](server.origin), request)
    assert got.finished.error is None
    return server.requests[-1].json, notes(got)


def notes(got: Answered) -> list[str]:
    return [event.text for event in got.events if isinstance(event, Noticed)]


PROMPTS: dict[str, tuple[str, FileBlock, Callable[[Any], Any], Any]] = {
    "chat pdf": (
        "chat",
        PDF,
        lambda body: body["messages"][0]["content"][1],
        {"type": "file", "file": {"filename": "report.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjc="}},
    ),
    "chat audio": (
        "chat",
        WAV,
        lambda body: body["messages"][0]["content"][1],
        {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
    ),
    "responses pdf": (
        "responses",
        PDF,
        lambda body: body["input"][0]["content"][1],
        {"type": "input_file", "filename": "report.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjc="},
    ),
    "responses document": (
        "responses",
        DOCX,
        lambda body: body["input"][0]["content"][1],
        {"type": "input_file", "filename": "plan.docx", "file_data": f"data:{DOCX.mime_type};base64,UEsDBA=="},
    ),
    "messages pdf": (
        "messages",
        PDF,
        lambda body: body["messages"][0]["content"][1],
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjc="},
            "title": "report.pdf",
        },
    ),
    "gemini pdf": (
        "gemini",
        PDF,
        lambda body: body["contents"][0]["parts"][1],
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0xLjc="}},
    ),
    "gemini audio": (
        "gemini",
        WAV,
        lambda body: body["contents"][0]["parts"][1],
        {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
    ),
    "gemini video": (
        "gemini",
        MP4,
        lambda body: body["contents"][0]["parts"][1],
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
    ),
}


@pytest.mark.parametrize(("wire", "file", "find", "part"), PROMPTS.values(), ids=PROMPTS)
async def test_files_stand_in_the_prompt_as_the_format_wants_them(
    server: Loopback, wire: str, file: FileBlock, find: Callable[[Any], Any], part: Any
) -> None:
    body, told = await sent(server, wire, prompt(TextBlock("Read"), file))
    assert find(body) == part
    assert told == []


async def test_files_of_results_stand_in_them_or_follow_them(server: Loopback) -> None:
    request = returned(TextBlock("Here"), PDF, PNG)
    body, _ = await sent(server, "messages", request)
    (result,) = body["messages"][2]["content"]
    assert [part["type"] for part in result["content"]] == ["text", "document", "image"]
    body, _ = await sent(server, "responses", request)
    assert [part["type"] for part in body["input"][2]["output"]] == ["input_text", "input_file", "input_image"]
    body, _ = await sent(server, "chat", request)
    tool, following = body["messages"][2:]
    assert tool["content"] == "Here\n(1 image and 1 file: see the next message)"
    assert [part["type"] for part in following["content"]] == ["text", "file", "image_url"]


@pytest.mark.parametrize("model", ["gemini-3.1-pro", "gemini-2.5-flash"])
async def test_gemini_3_takes_files_inside_results_but_no_recordings(server: Loopback, model: str) -> None:
    body, _ = await sent(server, "gemini", returned(PDF, WAV, model=model))
    response, *following = body["contents"][2]["parts"]
    inside = [part["inlineData"]["mimeType"] for part in response["functionResponse"].get("parts", [])]
    after = [part["inlineData"]["mimeType"] for part in following if "inlineData" in part]
    new = model.startswith("gemini-3")
    assert (inside, after) == ((["application/pdf"], ["audio/wav"]) if new else ([], ["application/pdf", "audio/wav"]))
    below = response["functionResponse"]["response"]["output"]
    assert below == f"({'1 file' if new else '2 files'} below)"


NOT_TAKEN = [("chat", DOCX), ("chat", MP4), ("messages", DOCX), ("messages", WAV), ("responses", WAV), ("gemini", DOCX)]


@pytest.mark.parametrize(("wire", "file"), [*NOT_TAKEN, *((wire, ZIP) for wire in OK)])
async def test_what_a_format_has_no_place_for_is_named_to_the_model_and_the_person(
    server: Loopback, wire: str, file: FileBlock
) -> None:
    body, told = await sent(server, wire, prompt(TextBlock("Read"), file))
    assert left_out(file) in str(body)
    assert file.data_b64 not in str(body)
    assert told == [f"{described(file)} was left out: acme/m-1 does not take it"]


@pytest.mark.parametrize("name", ["groq", "ollama", "deepseek", "mistral"])
async def test_vendors_without_files_get_none(server: Loopback, name: str) -> None:
    spoken = ProviderRegistry((), {})._endpoints[name]  # pyright: ignore[reportPrivateUsage]  the vendor's dialect
    provider = build(endpoint(server.origin, name=name, quirks=spoken.quirks))
    server.script(CHAT_OK)
    got = await ask(provider, prompt(TextBlock("Read"), PDF, PNG))
    content = server.requests[0].json["messages"][0]["content"]
    assert [part["type"] for part in content] == ["text", "text", "image_url"]
    assert notes(got) == [f"report.pdf (application/pdf) was left out: {name}/m-1 does not take it"]


def refusing(message: str, status: int = 400) -> Answer:
    return error(status, {"error": {"message": message, "type": "invalid_request_error"}})


REFUSALS: dict[str, tuple[Answer, Content, str]] = {
    "openai": (refusing("Invalid content type. image_url is only supported by certain models."), PNG, "images"),
    "deepseek": (
        refusing("Failed to deserialize: messages[0]: unknown variant `image_url`, expected `text`", 422),
        PNG, "images",
    ),
    "llama.cpp": (
        refusing("image input is not supported - hint: you may need to provide the mmproj", 500), PNG, "images",
    ),
    "openrouter": (refusing("No endpoints found that support image input", 404), PNG, "images"),
    "ollama": (refusing("this model does not support image input (ref: b8bd630e)"), PNG, "images"),
    "doubao": (refusing("Model do not support image input. Request id: 02"), PNG, "images"),
    "vllm": (refusing("Unknown part type: file"), PDF, "PDF files"),
    "llama.cpp part": (refusing("unsupported content[].type"), PDF, "PDF files"),
    "groq": (refusing("'messages.0' : one of: 'messages.0.content' must be a string"), PNG, "images"),
    "audio": (refusing("This model does not support audio input."), WAV, "recordings"),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "block", "words"), REFUSALS.values(), ids=REFUSALS)
async def test_a_model_that_cannot_read_it_is_asked_without_it_and_remembered(
    server: Loopback, answer: Answer, block: ImageBlock | FileBlock, words: str
) -> None:
    server.script(answer, CHAT_OK, CHAT_OK, CHAT_OK)
    provider = chat(server.origin)
    got = await ask(provider, prompt(TextBlock("Read"), block))
    assert got.text == "ok"
    assert [failed.error.title for failed in got.failures] == [f"Retrying without {words}"]
    assert got.failures[0].error.code == "parameter_refused"
    assert block.data_b64 in str(server.requests[0].json)
    assert block.data_b64 not in str(server.requests[1].json)
    assert left_out(block) in str(server.requests[1].json)
    assert notes(got) == [f"{described(block)} was left out: acme/m-1 does not take it"]
    await ask(provider, prompt(TextBlock("Again"), block))
    assert block.data_b64 not in str(server.requests[2].json)
    await ask(provider, ChatRequest("m-2", (Message("user", (block,)),)))
    assert block.data_b64 in str(server.requests[3].json)


ABOUT_THIS_ONE = [
    "Could not process image",
    "image exceeds 5 MB maximum: 6291456 bytes > 5242880 bytes",
    "The PDF specified is password protected and is not supported.",
    "messages: text content blocks must be non-empty",
]


@pytest.mark.parametrize("message", ABOUT_THIS_ONE)
async def test_what_is_wrong_with_one_image_is_an_error(server: Loopback, message: str) -> None:
    server.script(refusing(message))
    got = await ask(chat(server.origin), prompt(TextBlock("Read"), PNG, PDF))
    assert got.finished.stop is StopReason.ERROR
    assert got.finished.error is not None and message in got.finished.error.detail
    assert len(server.requests) == 1


async def test_only_what_was_sent_can_be_refused(server: Loopback) -> None:
    server.script(refusing("this model does not support image input"))
    got = await ask(chat(server.origin), prompt(TextBlock("Draw an image")))
    assert got.finished.stop is StopReason.ERROR
    assert len(server.requests) == 1


async def test_images_in_results_are_left_out_by_the_same_rules(server: Loopback) -> None:
    images: frozenset[MediaKind] = frozenset()
    provider = build(endpoint(server.origin, quirks=Quirks(media=images)), retrier=Retrier(sleep=Naps()))
    server.script(CHAT_OK)
    got = await ask(provider, returned(TextBlock("Here"), PNG))
    assert server.requests[0].json["messages"][2]["content"] == f"Here\n{left_out(PNG)}"
    assert notes(got) == ["an image (image/png) was left out: acme/m-1 does not take it"]


def test_types_are_known_by_all_their_names() -> None:
    assert kind_of("image/jpg") == "image"
    assert kind_of("Audio/X-WAV; rate=8000") == "audio"
    assert kind_of("application/x-pdf") == "pdf"
    assert kind_of("image/svg+xml") is None
    assert kind_of("") is None


def test_the_size_of_a_file_is_that_of_its_bytes() -> None:
    assert [FileBlock("a/b", data, "").size_bytes for data in ("", "QQ==", "QUI=", "QUJD", "QUJDRA==")] == [
        0,
        1,
        2,
        3,
        4,
    ]
