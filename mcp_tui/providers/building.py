"""A provider from its endpoint. Importing this module imports httpx and tenacity."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from mcp_tui.providers.anthropic_messages import VERSION, AnthropicMessages
from mcp_tui.providers.connection import Connection, Deadlines
from mcp_tui.providers.endpoint import KEYRING, Endpoint
from mcp_tui.providers.faults import Subject
from mcp_tui.providers.openai_chat import OpenAiChat
from mcp_tui.providers.retry import Retrier
from mcp_tui.providers.wire import WireFormatRules, WireProvider


def build(endpoint: Endpoint, *, retrier: Retrier | None = None, deadlines: Deadlines | None = None) -> WireProvider:
    """The formats' own key header, then the user's headers on top."""
    anthropic = endpoint.format == "anthropic-messages"
    headers: dict[str, str] = {}
    if anthropic:
        headers["anthropic-version"] = VERSION
    if endpoint.key:
        headers |= {"x-api-key": endpoint.key} if anthropic else {"authorization": f"Bearer {endpoint.key}"}
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
    rules: WireFormatRules = AnthropicMessages(subject) if anthropic else OpenAiChat(subject, endpoint.quirks)
    connection = Connection(endpoint.base_url, headers, subject, deadlines=deadlines)
    return WireProvider(endpoint.name, rules, connection, retrier=retrier)
