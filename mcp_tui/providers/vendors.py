"""Named providers as data: to add one that speaks a known format, add one entry."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from mcp_tui.config.schema import WireFormat
from mcp_tui.providers.azure import is_azure
from mcp_tui.providers.quirks import Quirks


@dataclass(frozen=True, slots=True)
class Vendor:
    name: str
    base_url: str
    """Without the part that the format adds (`/chat/completions`, `/v1/messages`)."""
    key_variables: tuple[str, ...] = ()
    """The first that is set counts."""
    url_variables: tuple[str, ...] = ()
    format: WireFormat = "openai-chat"
    models: tuple[str, ...] = ()
    """Suggestions, the one to take by default first."""
    model_prefixes: tuple[str, ...] = ()
    """A bare model name that begins so belongs to this provider."""
    local: bool = False
    """A server on the person's own machine: needs no key, and is only offered where it was found or configured."""
    start_hint: str = ""
    url_suffix: str = "/v1"
    """Added to a base URL from outside where the vendor's own SDK would add it; see `base_url`."""
    sdk_adds_suffix: bool = False
    elsewhere: WireFormat | None = None
    """The format of a server at another address, where this name is used for any compatible one."""
    key_header: str = ""
    """Carries the bare key, where it is not the format's usual header."""
    version_variables: tuple[str, ...] = ()
    """Azure's api-version."""
    model_variables: tuple[str, ...] = ()
    """Name a model to suggest first."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    quirks: Quirks = field(default_factory=Quirks)
    price_id: str = ""
    """The provider's id in the price table, where it differs from the name."""

    def url(self, given: str) -> str:
        """The base URL from what a person or a variable gave, with or without the suffix.

        The vendors' SDKs disagree: OpenAI's wants `/v1` in it, Anthropic's, Groq's and Google's add theirs. Both
        are taken, and a full endpoint URL too.
        """
        text = given.strip().rstrip("/")
        if "://" not in text:
            text = f"http://{text}"
        for ending in ("/chat/completions", "/messages", "/responses"):
            text = text.removesuffix(ending).rstrip("/")
        if self.format == "anthropic-messages":
            return text.removesuffix("/v1")
        if self.format == "gemini":
            # Also the whole URL of a model, and of the compatible endpoint.
            text = re.sub(r"(?:/openai|/models(?:/[^/]+)?)$", "", text)
            versioned = re.search(r"/v1(?:(?:alpha|beta)\d*)?(?:/(?:projects|publishers)/.*)?$", urlsplit(text).path)
            return text if versioned else text + "/v1beta"
        path = urlsplit(text).path
        if path in ("", "/") or (self.sdk_adds_suffix and not path.endswith(self.url_suffix)):
            text += self.url_suffix
        return text

    def is_own(self, url: str) -> bool:
        """Whether this is the vendor's own host, or a regional one of theirs."""
        own, host = urlsplit(self.base_url).hostname, urlsplit(url).hostname or ""
        return own is not None and (host == own or host.endswith(f".{own}"))


_OPENAI = Quirks(
    max_tokens_field="max_completion_tokens", strict_false=True, max_tools=128, max_call_id=40,
    reasoning_summaries=True, sampling_in_responses=False,
)  # fmt: skip
_THINKS_ALOUD = Quirks(think_tags=True, media=frozenset({"image", "audio"}))
"""Servers of open models; none of them reads files."""
_ONLY_IMAGES = Quirks(think_tags=True, media=frozenset({"image"}))

VENDORS: tuple[Vendor, ...] = (
    Vendor(
        "openai", "https://api.openai.com/v1", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        # Its new models refuse tools on chat/completions.
        format="openai-responses", elsewhere="openai-chat", quirks=_OPENAI,
        models=("gpt-5.5", "gpt-5.4-mini"), model_prefixes=("gpt-", "o1", "o3", "o4", "chatgpt-"),
    ),
    Vendor(
        "azure", "", ("AZURE_OPENAI_API_KEY",), ("AZURE_OPENAI_ENDPOINT",), format="openai-responses",
        key_header="api-key", version_variables=("AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"), quirks=_OPENAI,
        model_variables=("AZURE_OPENAI_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT_NAME"),
    ),
    Vendor(
        "anthropic", "https://api.anthropic.com", ("ANTHROPIC_API_KEY",), ("ANTHROPIC_BASE_URL",),
        format="anthropic-messages", models=("claude-sonnet-5", "claude-haiku-4-5", "claude-opus-5"),
        model_prefixes=("claude-",),
    ),
    Vendor(
        "gemini", "https://generativelanguage.googleapis.com/v1beta", ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        ("GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"), format="gemini",
        models=("gemini-3.5-flash", "gemini-3.1-pro-preview"), model_prefixes=("gemini-",), price_id="google",
        # The first and the last are for the compatible endpoint.
        quirks=Quirks(
            unsigned_calls="skip_thought_signature_validator", max_tools=512, model_prefix="models/"
        ),
    ),
    Vendor(
        "groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), ("GROQ_BASE_URL",),
        models=("openai/gpt-oss-120b", "llama-3.3-70b-versatile"), url_suffix="/openai/v1", sdk_adds_suffix=True,
        quirks=_ONLY_IMAGES,
    ),
    Vendor(
        "openrouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",), ("OPENROUTER_BASE_URL",),
        models=("anthropic/claude-sonnet-5", "openai/gpt-5.5", "deepseek/deepseek-v4-flash"),
        url_suffix="/api/v1", headers={"X-Title": "mcp-tui"},
    ),
    Vendor(
        "mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), ("MISTRAL_BASE_URL",),
        models=("mistral-medium-latest", "mistral-small-latest"),
        model_prefixes=("mistral-", "magistral-", "ministral-", "codestral-", "devstral-", "pixtral-"),
        quirks=Quirks(
            stream_usage=False, seed_field="random_seed", short_call_ids=True, media=frozenset({"image", "audio"})
        ),
    ),
    Vendor(
        "deepseek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",), ("DEEPSEEK_BASE_URL",),
        models=("deepseek-v4-flash", "deepseek-v4-pro"), model_prefixes=("deepseek-",),
        quirks=Quirks(reasoning_required=True, media=frozenset({"image"})),
    ),
    Vendor(
        "xai", "https://api.x.ai/v1", ("XAI_API_KEY",), ("XAI_BASE_URL",),
        # Here it tells its reasoning, and takes it back encrypted.
        format="openai-responses",
        models=("grok-4.3", "grok-4-1-fast-non-reasoning"), model_prefixes=("grok-",), price_id="x-ai",
    ),
    Vendor(
        "together", "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), ("TOGETHER_BASE_URL",),
        models=("openai/gpt-oss-120b",), quirks=_ONLY_IMAGES,
    ),
    Vendor(
        "cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",), ("CEREBRAS_BASE_URL",),
        models=("gpt-oss-120b",),
        quirks=Quirks(max_tokens_field="max_completion_tokens", think_tags=True, media=frozenset({"image"})),
    ),
    Vendor(
        "ollama", "http://127.0.0.1:11434/v1", ("OLLAMA_API_KEY",), ("OLLAMA_HOST",), local=True,
        quirks=_THINKS_ALOUD, start_hint="is Ollama running? `ollama serve` starts it",
    ),
    Vendor(
        "lmstudio", "http://127.0.0.1:1234/v1", ("LMSTUDIO_API_KEY",), ("LMSTUDIO_BASE_URL",), local=True,
        quirks=_THINKS_ALOUD, start_hint="is LM Studio's server running? `lms server start` starts it",
    ),
    Vendor(
        "llamacpp", "http://127.0.0.1:8080/v1", ("LLAMACPP_API_KEY",), ("LLAMACPP_BASE_URL",), local=True,
        quirks=_THINKS_ALOUD, start_hint="is llama-server running?",
    ),
    Vendor(
        "vllm", "http://127.0.0.1:8000/v1", ("VLLM_API_KEY",), ("VLLM_BASE_URL",), local=True,
        quirks=_THINKS_ALOUD, start_hint="is `vllm serve` running?",
    ),
)  # fmt: skip

BY_NAME: Mapping[str, Vendor] = {vendor.name: vendor for vendor in VENDORS}

GENERIC = Quirks(think_tags=True)
"""For servers we know nothing about."""


def vendor_at(base_url: str) -> Vendor | None:
    """Whose own host this is."""
    if is_azure(base_url):
        return BY_NAME["azure"]
    return next((vendor for vendor in VENDORS if not vendor.local and vendor.is_own(base_url)), None)


def quirks_at(base_url: str, otherwise: Quirks) -> Quirks:
    """The dialect spoken at this address: a vendor's own host counts more than the name it goes by."""
    vendor = vendor_at(base_url)
    return vendor.quirks if vendor is not None else otherwise


@dataclass(frozen=True, slots=True)
class DemoModel:
    name: str
    format: WireFormat
    path: str
    """Below the origin of the demo server: the base URL of its format."""


DEMO_MODELS: tuple[DemoModel, ...] = (
    DemoModel("swift", "openai-chat", "/v1"),
    DemoModel("scholar", "anthropic-messages", "/anthropic"),
    DemoModel("builder", "openai-chat", "/v1"),
)
