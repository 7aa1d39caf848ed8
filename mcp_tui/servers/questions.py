"""Asking the client something in the middle of a request, in both protocol eras.

Clients of the handshake era get a request of their own and answer it while the tool waits. From 2026-07-28 on the
request ends with what is asked, and is made again with the answers: the tool runs from its start each time.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageResult,
    CreateMessageResultWithTools,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestURLParams,
    ElicitResult,
    FormElicitationCapability,
    InputRequest,
    InputRequiredResult,
    InputResponse,
    ListRootsRequest,
    ListRootsResult,
    MissingRequiredClientCapabilityErrorData,
    RootsCapability,
    SamplingCapability,
    SamplingToolsCapability,
    UrlElicitationCapability,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 600.0
"""How long a person has in the handshake era; later ones hold no request open."""
_Answer = TypeVar("_Answer")
_RESPONSE: TypeAdapter[InputResponse] = TypeAdapter(InputResponse)
Answers = dict[str, InputResponse]


async def ask(
    context: Context[Any, Any], requests: Mapping[str, InputRequest], *, after: Answers | None = None
) -> Answers | InputRequiredResult:
    """The answers to all of them, by the same names; or what the tool must return at once, so that they are asked.

    after: answers that an earlier `ask` of the same call returned; they are among those returned now.

    MCPError (missing client capability) for what the client did not say it can answer; nothing is asked then.
    """
    for request in requests.values():
        require(context, request)
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        answers = dict(after or {})
        for name, request in requests.items():
            answers[name] = await send(context.session, context.request_id, request)
        return answers
    known = _earlier(context.request_state) | (after or {})
    for name, request in requests.items():
        answer = (context.input_responses or {}).get(name)
        if isinstance(answer, result_type(request)):
            known[name] = answer
    open_ = {name: request for name, request in requests.items() if name not in known}
    if not open_:
        return {name: known[name] for name in (*(after or {}), *requests)}
    # The SDK seals the state: a client that changes it is refused.
    state = {name: answer.model_dump(by_alias=True, mode="json", exclude_none=True) for name, answer in known.items()}
    return InputRequiredResult(input_requests=open_, request_state=json.dumps(state) if state else None)


def of(answers: Answers, name: str, kind: type[_Answer]) -> _Answer:
    """The answer as what it is known to be."""
    answer = answers[name]
    assert isinstance(answer, kind)
    return answer


async def send(session: Any, request_id: str, request: InputRequest) -> InputResponse:
    """One request of the handshake era, on the stream of the client's own request. MCPError when it is refused."""
    return await session.send_request(
        request,
        result_type(request),
        request_read_timeout_seconds=ANSWER_TIMEOUT_S,
        metadata=ServerMessageMetadata(related_request_id=request_id),
    )


def result_type(request: InputRequest) -> type[InputResponse]:
    if isinstance(request, ElicitRequest):
        return ElicitResult
    if isinstance(request, ListRootsRequest):
        return ListRootsResult
    return CreateMessageResultWithTools if request.params.tools else CreateMessageResult


def answerable(capabilities: ClientCapabilities | None, request: InputRequest) -> bool:
    """Whether the client said that it can answer this."""
    if capabilities is None:
        return False
    if isinstance(request, ListRootsRequest):
        return capabilities.roots is not None
    if isinstance(request, CreateMessageRequest):
        sampling = capabilities.sampling
        return sampling is not None and (not request.params.tools or sampling.tools is not None)
    elicitation = capabilities.elicitation
    if elicitation is None:
        return False
    if isinstance(request.params, ElicitRequestURLParams):
        return elicitation.url is not None
    # Before there were modes an empty object meant forms.
    return elicitation.form is not None or elicitation.url is None


def require(context: Context[Any, Any], request: InputRequest) -> None:
    if not answerable(context.client_capabilities, request):
        raise missing(needed(request))


def needed(request: InputRequest) -> ClientCapabilities:
    if isinstance(request, ListRootsRequest):
        return ClientCapabilities(roots=RootsCapability())
    if isinstance(request, CreateMessageRequest):
        tools = SamplingToolsCapability() if request.params.tools else None
        return ClientCapabilities(sampling=SamplingCapability(tools=tools))
    if isinstance(request.params, ElicitRequestURLParams):
        return ClientCapabilities(elicitation=ElicitationCapability(url=UrlElicitationCapability()))
    return ClientCapabilities(elicitation=ElicitationCapability(form=FormElicitationCapability()))


def missing(capabilities: ClientCapabilities) -> MCPError:
    data = MissingRequiredClientCapabilityErrorData(required_capabilities=capabilities)
    wire = data.model_dump(by_alias=True, mode="json", exclude_none=True)
    named = ", ".join(wire["requiredCapabilities"])
    return MCPError(
        code=MISSING_REQUIRED_CLIENT_CAPABILITY,
        message=f"the client did not say that it can answer this (capability {named})",
        data=wire,
    )


def _earlier(state: str | None) -> Answers:
    """What was answered in earlier rounds."""
    if state is None:
        return {}
    try:
        return {name: _RESPONSE.validate_python(answer, by_name=False) for name, answer in json.loads(state).items()}
    except (ValueError, ValidationError, AttributeError) as error:
        # Sealed by this very server, so it was made by an earlier version of it.
        logger.warning("request state is not understood, everything is asked again: %s", error)
        return {}
