"""A provider from its endpoint. Importing this module imports httpx and tenacity."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from mcp_tui.config.schema import WireFormat
from mcp_tui.providers.anthropic_messages import VERSION, AnthropicMessages
from mcp_tui.providers.connection import Deadlines, ProviderConnection
from mcp_tui.providers.endpoint import KEYRING, Endpoint
from mcp_tui.providers.gemini import Gemini
from mcp_tui.providers.openai_chat import OpenAiChat
from mcp_tui.providers.openai_responses import OpenAiResponses
from mcp_tui.providers.provider_error import Subject
from mcp_tui.providers.request_stream import WireFormatRules, WireProvider
from mcp_tui.providers.retry import Retrier

_KEY_HEADERS: Mapping[WireFormat, str] = {"anthropic-messages": "x-api-key", "gemini": "x-goog-api-key"}
"""Elsewhere the key is a bearer token."""


def build(endpoint: Endpoint, *, retrier: Retrier | None = None, deadlines: Deadlines | None = None) -> WireProvider:
    """The format's own key header, then the user's headers on top."""
    headers: dict[str, str] = {}
    if endpoint.format == "anthropic-messages":
        headers["anthropic-version"] = VERSION
    if endpoint.key:
        name = endpoint.key_header or _KEY_HEADERS.get(endpoint.format, "")
        headers |= {name: endpoint.key} if name else {"authorization": f"Bearer {endpoint.key}"}
    headers |= {name.lower(): value for name, value in endpoint.headers.items()}
    where = {"config": f"api_key in [providers.{endpoint.name}]", "none needed": "",
             KEYRING: f"the stored key (`mcp-tui auth {endpoint.name}` replaces it)"}  # fmt: skip
    source = where.get(endpoint.key_source, endpoint.key_source)
    password = unquote(urlsplit(endpoint.base_url).password or "")
    subject = Subject(
        provider=endpoint.name,
        key_hint=f"check {source}" if source else f"set api_key in [providers.{endpoint.name}]",
        unreachable_hint=endpoint.start_hint,
        secrets=tuple(s for s in (endpoint.key, password, *endpoint.headers.values()) if s),
    )
    connection = ProviderConnection(endpoint.base_url, headers, subject, deadlines=deadlines, query=endpoint.query)
    return WireProvider(endpoint.name, _rules(endpoint, subject), connection, retrier=retrier)


def _rules(endpoint: Endpoint, subject: Subject) -> WireFormatRules:
    match endpoint.format:
        case "anthropic-messages":
            return AnthropicMessages(subject)
        case "gemini":
            return Gemini(subject, endpoint.quirks)
        case "openai-responses":
            return OpenAiResponses(subject, endpoint.quirks)
        case "openai-chat":
            return OpenAiChat(subject, endpoint.quirks, deployments=endpoint.deployments)
