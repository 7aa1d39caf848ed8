"""The demo server for the official conformance suite: the showcase, and what the suite calls by name.

    python -m tests.servers.conformance_server --http 127.0.0.1:8765
    npx @modelcontextprotocol/conformance@0.2.0-alpha.12 server --url http://127.0.0.1:8765/mcp \\
        --requirements 2026-07-28        (or 2025-11-25; needs node 22)

Nothing here knows the suite's checks: each entry does what its name says, with the same means as the showcase.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, cast

import anyio
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import Prompt, UserMessage
from mcp.server.mcpserver.utilities.types import Image
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    AudioContent,
    CallToolResult,
    CompletionContext,
    CreateMessageResult,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    TextResourceContents,
)
from pydantic import Field

from mcp_tui.core.types import JsonObject
from mcp_tui.servers import hosting
from mcp_tui.servers.demo import build_server
from mcp_tui.servers.log_messages import log
from mcp_tui.servers.questions import answerable, ask, of
from mcp_tui.servers.showcase.asking import form, sample
from mcp_tui.servers.showcase.content import picture
from mcp_tui.servers.showcase.offer import TASKS, Showcase
from mcp_tui.servers.sound import tone
from mcp_tui.servers.task_calls import Support, TaskCalls

_TASKS: dict[str, Support] = {
    "slow_compute": "optional",
    "failing_job": "required",
    "protocol_error_job": "optional",
    "confirm_delete": "optional",
    "multi_input": "optional",
    "test_tool_with_task": "required",
}
_STEP_S = 0.05
_NAME: JsonObject = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
_SURE: JsonObject = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
_COLOUR: JsonObject = {"type": "object", "properties": {"color": {"type": "string"}}, "required": ["color"]}
_DEFAULTS: JsonObject = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "User name", "default": "John Doe"},
        "age": {"type": "integer", "description": "User age", "default": 30},
        "score": {"type": "number", "description": "User score", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "description": "Verification status", "default": True},
    },
    "required": [],
}
_ENUMS: JsonObject = {
    "type": "object",
    "properties": {
        "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
        "titledSingle": {
            "type": "string",
            "oneOf": [
                {"const": "value1", "title": "First Option"},
                {"const": "value2", "title": "Second Option"},
                {"const": "value3", "title": "Third Option"},
            ],
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
        "titledMulti": {
            "type": "array",
            "items": {
                "anyOf": [
                    {"const": "value1", "title": "First Choice"},
                    {"const": "value2", "title": "Second Choice"},
                    {"const": "value3", "title": "Third Choice"},
                ]
            },
        },
    },
    "required": [],
}
SCHEMA_2020_12: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
Asked = str | InputRequiredResult


# --- content


async def test_simple_text() -> str:
    """Answer with text."""
    return "This is a simple text response for testing."


async def test_image_content() -> CallToolResult:
    """Answer with an image."""
    return CallToolResult(content=[ImageContent(type="image", data=picture(), mime_type="image/png")])


async def test_audio_content() -> CallToolResult:
    """Answer with a sound."""
    data = base64.b64encode(tone(440, 0.1)).decode()
    return CallToolResult(content=[AudioContent(type="audio", data=data, mime_type="audio/wav")])


def _embedded(uri: str, mime_type: str, text: str) -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def test_embedded_resource() -> CallToolResult:
    """Answer with an embedded resource."""
    text = "This is an embedded resource content."
    return CallToolResult(content=[_embedded("test://embedded-resource", "text/plain", text)])


async def test_multiple_content_types() -> CallToolResult:
    """Answer with text, an image and an embedded resource."""
    return CallToolResult(
        content=[
            TextContent(type="text", text="Multiple content types test:"),
            ImageContent(type="image", data=picture(), mime_type="image/png"),
            _embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
        ]
    )


async def test_error_handling() -> str:
    """Fail."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_custom_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    priority: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Priority"})] = 0,
) -> str:
    """Take arguments that are sent as headers too."""
    return f"region {region}, priority {priority}"


async def json_schema_2020_12_tool(name: str = "") -> str:
    """Offer an input schema with many keywords of JSON Schema 2020-12."""
    return f"name {name}"


# --- while a call runs


async def test_tool_with_logging(ctx: Context[Any, Any]) -> str:
    """Send three log messages."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await log(ctx, "info", text, logger="conformance")
        await anyio.sleep(_STEP_S)
    return "Tool with logging executed successfully"


async def test_tool_with_progress(ctx: Context[Any, Any]) -> str:
    """Report progress three times."""
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"Completed step {done} of 100")
        await anyio.sleep(_STEP_S)
    return "Tool with progress executed successfully"


async def test_reconnection(ctx: Context[Any, Any]) -> str:
    """Close the stream in the middle of the call, where the transport can resume it."""
    await ctx.close_sse_stream()
    await anyio.sleep(2 * _STEP_S)
    return "Reconnection test completed successfully"


# --- questions to the client


async def test_sampling(ctx: Context[Any, Any], prompt: str) -> Asked:
    """Have the client's model answer."""
    answers = await ask(ctx, {"answer": sample(prompt, max_tokens=100)})
    return answers if isinstance(answers, InputRequiredResult) else f"LLM response: {_said(answers, 'answer')}"


async def test_elicitation(ctx: Context[Any, Any], message: str) -> Asked:
    """Ask for a user name and an e-mail address."""
    schema: JsonObject = {
        "type": "object",
        "properties": {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        },
        "required": ["username", "email"],
    }
    answers = await ask(ctx, {"user": form(message, schema)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "user", ElicitResult)
    return f"User response: action: {answer.action}, content: {json.dumps(answer.content or {})}"


async def test_elicitation_sep1034_defaults(ctx: Context[Any, Any]) -> Asked:
    """Ask with a default for every type of field."""
    return await _completed(ctx, "Please review and update the form fields with defaults", _DEFAULTS)


async def test_elicitation_sep1330_enums(ctx: Context[Any, Any]) -> Asked:
    """Ask with every form of enumeration."""
    return await _completed(ctx, "Please select options from the enum fields", _ENUMS)


async def _completed(ctx: Context[Any, Any], message: str, schema: JsonObject) -> Asked:
    answers = await ask(ctx, {"form": form(message, schema)})
    if isinstance(answers, InputRequiredResult):
        return answers
    answer = of(answers, "form", ElicitResult)
    return f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content or {})}"


async def test_missing_capability(ctx: Context[Any, Any]) -> Asked:
    """Need sampling."""
    return await test_sampling(ctx, "Say hello.")


async def test_streaming_elicitation(ctx: Context[Any, Any]) -> Asked:
    """Report progress, then ask."""
    await ctx.report_progress(1, 2)
    return await _greeting(ctx)


async def _greeting(ctx: Context[Any, Any]) -> Asked:
    answers = await ask(ctx, {"user_name": form("What is your name?", _NAME)})
    return answers if isinstance(answers, InputRequiredResult) else f"Hello, {_field(answers, 'user_name', 'name')}!"


async def test_input_required_result_elicitation(ctx: Context[Any, Any]) -> Asked:
    """Ask for a name."""
    return await _greeting(ctx)


async def test_input_required_result_sampling(ctx: Context[Any, Any]) -> Asked:
    """Have the client's model name a capital."""
    answers = await ask(ctx, {"capital_question": sample("What is the capital of France?", max_tokens=100)})
    return answers if isinstance(answers, InputRequiredResult) else _said(answers, "capital_question")


async def test_input_required_result_list_roots(ctx: Context[Any, Any]) -> Asked:
    """Ask for the roots."""
    answers = await ask(ctx, {"client_roots": ListRootsRequest()})
    if isinstance(answers, InputRequiredResult):
        return answers
    return ", ".join(str(root.uri) for root in of(answers, "client_roots", ListRootsResult).roots)


async def test_input_required_result_request_state(ctx: Context[Any, Any]) -> Asked:
    """Ask once, with a state that must come back."""
    answers = await ask(ctx, {"confirm": form("Please confirm", _SURE)})
    if isinstance(answers, InputRequiredResult):
        return answers.model_copy(update={"request_state": "{}"})
    if ctx.request_state != "{}":
        raise ToolError("the request state did not come back")
    return "state-ok"


async def test_input_required_result_tampered_state(ctx: Context[Any, Any]) -> Asked:
    """Ask once, with a state that must not be changed."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: Context[Any, Any]) -> Asked:
    """Ask for a name, a greeting and the roots at once."""
    asked: dict[str, InputRequest] = {
        "user_name": form("What is your name?", _NAME),
        "greeting": sample("Generate a greeting", max_tokens=50),
        "client_roots": ListRootsRequest(),
    }
    answers = await ask(ctx, asked)
    if isinstance(answers, InputRequiredResult):
        return answers.model_copy(update={"request_state": answers.request_state or "{}"})
    roots = of(answers, "client_roots", ListRootsResult).roots
    return f"{_said(answers, 'greeting')} {_field(answers, 'user_name', 'name')}, {len(roots)} roots"


async def test_input_required_result_multi_round(ctx: Context[Any, Any]) -> Asked:
    """Ask twice, one after the other."""
    answers = await ask(ctx, {"step1": form("Step 1: What is your name?", _NAME)})
    if isinstance(answers, InputRequiredResult):
        return answers.model_copy(update={"request_state": "{}"})
    answers = await ask(ctx, {"step2": form("Step 2: What is your favorite color?", _COLOUR)}, after=answers)
    if isinstance(answers, InputRequiredResult):
        return answers
    return f"{_field(answers, 'step1', 'name')} likes {_field(answers, 'step2', 'color')}"


async def test_input_required_result_capabilities(ctx: Context[Any, Any]) -> Asked:
    """Ask only what the client said it can answer."""
    wanted: dict[str, InputRequest] = {
        "user_name": form("What is your name?", _NAME),
        "greeting": sample("Generate a greeting", max_tokens=50),
        "client_roots": ListRootsRequest(),
    }
    known = {name: request for name, request in wanted.items() if answerable(ctx.client_capabilities, request)}
    if not known:
        return "the client can answer nothing"
    answers = await ask(ctx, known)
    return answers if isinstance(answers, InputRequiredResult) else f"answered: {', '.join(answers)}"


# --- tasks


async def greet(name: str = "World") -> str:
    """Greet, at once."""
    return f"Hello, {name}!"


async def slow_compute(seconds: Annotated[float, Field(ge=0, le=600)] = 1, label: str = "") -> str:
    """Work for some seconds."""
    await anyio.sleep(seconds)
    return f"computed {label} in {seconds:g} seconds"


async def failing_job() -> str:
    """Work, then fail as a tool does."""
    await anyio.sleep(1)
    raise ToolError("the job failed")


async def protocol_error_job() -> str:
    """Fail as a request does."""
    raise MCPError(code=INTERNAL_ERROR, message="the job could not be run")


async def confirm_delete(ctx: Context[Any, Any], filename: str = "file.txt") -> Asked:
    """Ask before a pretended deletion."""
    answers = await ask(ctx, {"confirm": form(f"Delete {filename}?", _SURE)})
    if isinstance(answers, InputRequiredResult):
        return answers
    agreed = of(answers, "confirm", ElicitResult).action == "accept"
    return f"{filename}: {'deleted (not really)' if agreed else 'kept'}"


async def multi_input(ctx: Context[Any, Any]) -> Asked:
    """Ask two things at once."""
    answers = await ask(ctx, {"name": form("Your name?", _NAME), "color": form("Your color?", _COLOUR)})
    if isinstance(answers, InputRequiredResult):
        return answers
    return f"{_field(answers, 'name', 'name')} likes {_field(answers, 'color', 'color')}"


async def test_tool_with_task(ctx: Context[Any, Any]) -> Asked:
    """Ask for a name, then work as a task."""
    answer = await _greeting(ctx)
    if not isinstance(answer, InputRequiredResult):
        await anyio.sleep(_STEP_S)
    return answer


# --- all of it


class _Changes:
    """Lists that change when the suite says so."""

    def __init__(self, server: MCPServer[Any]) -> None:
        self._server = server
        self._count = 0

    async def test_trigger_tool_change(self, ctx: Context[Any, Any]) -> str:
        """Replace a tool by another."""
        before, self._count = self._count, self._count + 1
        if before:
            self._server.remove_tool(f"changing_{before}")
        self._server.add_tool(greet, name=f"changing_{self._count}", description="Comes and goes.")
        await ctx.notify_tools_changed()
        return "the list of tools changed"

    async def test_trigger_prompt_change(self, ctx: Context[Any, Any]) -> str:
        """Replace a prompt by another."""
        before, self._count = self._count, self._count + 1
        if before and self._server._prompt_manager.get_prompt(f"changing_{before}"):  # pyright: ignore[reportPrivateUsage]
            self._server.remove_prompt(f"changing_{before}")
        name = f"changing_{self._count}"
        self._server.add_prompt(Prompt.from_function(test_simple_prompt, name=name, description="Comes and goes."))
        await ctx.notify_prompts_changed()
        return "the list of prompts changed"


async def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


async def test_prompt_with_arguments(
    arg1: Annotated[str, Field(description="First test argument")],
    arg2: Annotated[str, Field(description="Second test argument")],
) -> str:
    """A prompt with arguments."""
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


async def test_prompt_with_embedded_resource(
    resourceUri: Annotated[str, Field(description="URI of the resource to embed")],  # noqa: N803  the suite's name
) -> list[UserMessage]:
    """A prompt with a resource."""
    return [
        UserMessage(_embedded(resourceUri, "text/plain", "Embedded resource content for testing.")),
        UserMessage("Please process the embedded resource above."),
    ]


async def test_prompt_with_image() -> list[UserMessage]:
    """A prompt with an image."""
    image = Image(data=base64.b64decode(picture()), format="png").to_image_content()
    return [UserMessage(image), UserMessage("Please analyze the image above.")]


async def test_input_required_result_prompt(ctx: Context[Any, Any]) -> list[UserMessage] | InputRequiredResult:
    """A prompt that asks first."""
    schema: JsonObject = {"type": "object", "properties": {"context": {"type": "string"}}, "required": ["context"]}
    answers = await ask(ctx, {"user_context": form("What context should the prompt use?", schema)})
    if isinstance(answers, InputRequiredResult):
        return answers
    return [UserMessage(f"Use this context: {_field(answers, 'user_context', 'context')}")]


_TOOLS: tuple[Callable[..., Any], ...] = (
    test_simple_text, test_image_content, test_audio_content, test_embedded_resource, test_multiple_content_types,
    test_error_handling, test_custom_header, test_tool_with_logging, test_tool_with_progress, test_reconnection,
    test_sampling, test_elicitation, test_elicitation_sep1034_defaults, test_elicitation_sep1330_enums,
    test_missing_capability, test_streaming_elicitation, test_input_required_result_elicitation,
    test_input_required_result_sampling, test_input_required_result_list_roots,
    test_input_required_result_request_state, test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs, test_input_required_result_multi_round,
    test_input_required_result_capabilities, greet, slow_compute, failing_job, protocol_error_job, confirm_delete,
    multi_input, test_tool_with_task,
)  # fmt: skip
_PROMPTS: tuple[Callable[..., Any], ...] = (
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
    test_input_required_result_prompt,
)


def add_fixtures(server: MCPServer[Any]) -> None:
    changes = _Changes(server)
    for tool in (*_TOOLS, changes.test_trigger_tool_change, changes.test_trigger_prompt_change):
        server.add_tool(tool, structured_output=False)
    server.add_tool(json_schema_2020_12_tool, structured_output=False)
    offered = server._tool_manager.get_tool("json_schema_2020_12_tool")  # pyright: ignore[reportPrivateUsage]
    assert offered is not None
    # The SDK derives schemas from signatures, which cannot say all of this.
    offered.parameters = SCHEMA_2020_12
    for prompt in _PROMPTS:
        server.prompt()(prompt)
    _add_resources(server)


def _add_resources(server: MCPServer[Any]) -> None:
    @server.resource("test://static-text", mime_type="text/plain", description="A text.")
    def static_text() -> str:
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png", description="An image.")
    def static_binary() -> bytes:
        return base64.b64decode(picture())

    @server.resource("test://watched-resource", mime_type="text/plain", description="To subscribe to.")
    def watched() -> str:
        return "Watched resource content"

    @server.resource("test://template/{id}/data", mime_type="application/json", description="A template.")
    def template(id: str) -> str:  # noqa: A002  the suite's name
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def _said(answers: dict[str, Any], name: str) -> str:
    content = of(answers, name, CreateMessageResult).content
    return content.text if isinstance(content, TextContent) else f"[{content.type}]"


def _field(answers: dict[str, Any], name: str, field: str) -> str:
    answer = of(answers, name, ElicitResult)
    return str(cast("JsonObject", answer.content or {}).get(field, f"({answer.action})"))


class _Tasks(TaskCalls):
    async def _intercept_modern(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext, support: Support | None
    ) -> HandlerResult:
        """One tool becomes a task only when what it asks first was answered."""
        params = ctx.params or {}
        first = params.get("name") == "test_tool_with_task" and not params.get("inputResponses")
        return await super()._intercept_modern(ctx, call_next, None if first else support)


class ConformanceShowcase(Showcase):
    """Lists come whole, since the suite reads one page."""

    def attend(self, server: MCPServer[Any]) -> None:
        self.offer(server)
        add_fixtures(server)
        _Tasks(self.background, {**TASKS, **_TASKS}).attach(server)

    def choices(
        self,
        reference: PromptReference | ResourceTemplateReference,
        argument: str,
        context: CompletionContext | None,
    ) -> Sequence[str] | None:
        if isinstance(reference, PromptReference) and reference.name == "test_prompt_with_arguments":
            return ("paris", "park", "party") if argument == "arg1" else ("london", "lisbon")
        return super().choices(reference, argument, context)


if __name__ == "__main__":
    parser = hosting.new_parser("demo", "The demo server for the official conformance suite.")
    parser.prog, parser.epilog = "python -m tests.servers.conformance_server", None
    options = hosting.parse(parser)
    sys.exit(hosting.run(build_server(ConformanceShowcase()), options, changing=("tools", "resources", "prompts")))
