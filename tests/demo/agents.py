"""Small clients of the demo models: they replay the conversation as each format demands, with real tools."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from mcp import Client
from mcp_types import CallToolResult, TextContent

from mcp_tui.core.types import JsonObject
from mcp_tui.servers.demo import build_server

ANTHROPIC_HEADERS = {"anthropic-version": "2023-06-01", "x-api-key": "any"}


@dataclass
class ToolAnswer:
    text: str
    is_error: bool = False


CallTool = Callable[[str, JsonObject], Awaitable[ToolAnswer]]


@dataclass
class Transcript:
    """What one run of an agent did. `steps`: (name, arguments) of each model step."""

    text: str = ""
    reasoning: str = ""
    steps: list[list[tuple[str, JsonObject]]] = field(default_factory=list[list[tuple[str, JsonObject]]])

    @property
    def calls(self) -> list[tuple[str, JsonObject]]:
        return [call for step in self.steps for call in step]

    @property
    def called(self) -> list[str]:
        return [name for name, _ in self.calls]


@asynccontextmanager
async def lighthouse(deny: tuple[str, ...] = (), prefix: str = "") -> AsyncGenerator[tuple[list[JsonObject], CallTool]]:
    """The demo server's tools as {name, description, schema}, and how to call them. `deny`: refused by the person."""
    async with Client(build_server()) as client:
        listed = (await client.list_tools()).tools
        tools: list[JsonObject] = [
            {"name": prefix + tool.name, "description": tool.description or "", "schema": tool.input_schema}
            for tool in listed
        ]

        async def call(name: str, arguments: JsonObject) -> ToolAnswer:
            own = name.removeprefix(prefix)
            if own in deny:
                return ToolAnswer("The person declined this call; it was not run.", True)
            result = await client.call_tool(own, arguments)
            return ToolAnswer(text_of(result), bool(result.is_error))

        yield tools, call


def text_of(result: CallToolResult) -> str:
    return "\n".join(item.text for item in result.content if isinstance(item, TextContent))


def events_of(body: str) -> list[JsonObject]:
    """Data of server-sent events, without `[DONE]`."""
    lines = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def openai_agent(
    http: httpx.AsyncClient, model: str, prompt: str, tools: list[JsonObject], call: CallTool, *, max_steps: int = 8
) -> Transcript:
    transcript = Transcript()
    messages: list[JsonObject] = [{"role": "user", "content": prompt}]
    offered = [
        {
            "type": "function",
            "function": {"name": t["name"], "description": t["description"], "parameters": t["schema"]},
        }
        for t in tools
    ]
    for _ in range(max_steps):
        body = {"model": model, "messages": messages, "tools": offered, "stream": True}
        response = await http.post("/v1/chat/completions", json=body)
        assert response.status_code == 200, response.text
        message = join_openai(events_of(response.text))
        messages.append(message)
        transcript.text = message["content"] or ""
        calls: list[JsonObject] = message.get("tool_calls", [])
        if not calls:
            return transcript
        transcript.steps.append([])
        for item in calls:
            name, arguments = item["function"]["name"], json.loads(item["function"]["arguments"])
            transcript.steps[-1].append((name, arguments))
            answer = await call(name, arguments)
            text = f"Error: {answer.text}" if answer.is_error else answer.text
            messages.append({"role": "tool", "tool_call_id": item["id"], "content": text})
    raise AssertionError(f"{model} still calls tools after {max_steps} steps: {transcript.called}")


def openai_tool(tool: JsonObject) -> JsonObject:
    function = {"name": tool["name"], "description": tool["description"], "parameters": tool["schema"]}
    return {"type": "function", "function": function}


def anthropic_tool(tool: JsonObject) -> JsonObject:
    return {"name": tool["name"], "description": tool["description"], "input_schema": tool["schema"]}


def join_openai(events: Sequence[JsonObject]) -> JsonObject:
    """The assistant message a stream adds up to."""
    content = ""
    calls: dict[int, JsonObject] = {}
    for choice in [choice for event in events for choice in event["choices"]]:
        delta: JsonObject = choice["delta"]
        content += delta.get("content") or ""
        fragments: list[JsonObject] = delta.get("tool_calls") or []
        for fragment in fragments:
            number: int = fragment["index"]
            if "id" in fragment:
                assert number not in calls, "a call is opened once"
                calls[number] = {
                    "id": fragment["id"],
                    "type": fragment["type"],
                    "function": {"name": fragment["function"]["name"], "arguments": ""},
                }
            calls[number]["function"]["arguments"] += fragment["function"]["arguments"]
    message: JsonObject = {"role": "assistant", "content": content or None}
    return message | ({"tool_calls": [calls[index] for index in sorted(calls)]} if calls else {})


async def anthropic_agent(
    http: httpx.AsyncClient, model: str, prompt: str, tools: list[JsonObject], call: CallTool, *, max_steps: int = 8
) -> Transcript:
    transcript = Transcript()
    messages: list[JsonObject] = [{"role": "user", "content": prompt}]
    offered = [anthropic_tool(tool) for tool in tools]
    for _ in range(max_steps):
        body = {"model": model, "max_tokens": 4096, "messages": messages, "tools": offered, "stream": True}
        response = await http.post("/anthropic/v1/messages", json=body, headers=ANTHROPIC_HEADERS)
        assert response.status_code == 200, response.text
        blocks = join_anthropic(events_of(response.text))
        messages.append({"role": "assistant", "content": blocks})
        transcript.reasoning += "".join(block["thinking"] for block in blocks if block["type"] == "thinking")
        transcript.text = "".join(block["text"] for block in blocks if block["type"] == "text")
        calls = [block for block in blocks if block["type"] == "tool_use"]
        if not calls:
            return transcript
        transcript.steps.append([(block["name"], block["input"]) for block in calls])
        results: list[JsonObject] = []
        for block in calls:
            answer = await call(block["name"], block["input"])
            content = [{"type": "text", "text": answer.text}]
            results.append(
                {"type": "tool_result", "tool_use_id": block["id"], "content": content, "is_error": answer.is_error}
            )
        messages.append({"role": "user", "content": results})
    raise AssertionError(f"{model} still calls tools after {max_steps} steps: {transcript.called}")


def join_anthropic(events: Sequence[JsonObject]) -> list[JsonObject]:
    """The content blocks a stream adds up to."""
    blocks: list[JsonObject] = []
    arguments: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            assert event["index"] == len(blocks)
            opened: JsonObject = event["content_block"]
            blocks.append(opened.copy())
        elif event["type"] == "content_block_delta":
            delta: JsonObject = event["delta"]
            number: int = event["index"]
            match delta["type"]:
                case "text_delta":
                    blocks[number]["text"] += delta["text"]
                case "thinking_delta":
                    blocks[number]["thinking"] += delta["thinking"]
                case "signature_delta":
                    blocks[number]["signature"] = delta["signature"]
                case "input_json_delta":
                    arguments[number] = arguments.get(number, "") + delta["partial_json"]
                case _:
                    raise AssertionError(delta)
    for index, text in arguments.items():
        blocks[index]["input"] = json.loads(text)
    return blocks


async def run_agent(
    http: httpx.AsyncClient, model: str, prompt: str, tools: list[JsonObject], call: CallTool
) -> Transcript:
    agent = anthropic_agent if model == "scholar" else openai_agent
    return await agent(http, model, prompt, tools, call)
