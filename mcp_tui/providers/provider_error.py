"""What goes wrong between us and a provider, as one exception with the text to show.

Each vendor has its own shape of error body; all of them end as an `ErrorInfo` here. Keys and header values never
get into it, also when the provider repeats them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.json_values import as_list, as_object, as_text, is_list, is_object
from mcp_tui.core.state import RateLimits
from mcp_tui.core.types import JsonObject
from mcp_tui.providers.surrogates import encodable

MAX_DETAIL = 600

_KEY_SHAPES = re.compile(
    r"\b(?:sk|gsk|xai|pk|rk|csk|tgp)[-_][A-Za-z0-9*._-]{6,}"
    r"|\bAIza[A-Za-z0-9*_-]{10,}"
    r"|(?i:\bbearer\s+)[A-Za-z0-9*._~+/=-]{6,}"
)
_OVERFLOW = re.compile(
    r"context[_ ](?:length|window|size)|prompt is too long|prompt too long|maximum context|exceed_context_size"
    r"|maximum prompt length|input is too long|too many input tokens|input token count|inputs. tokens \+",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"insufficient[_ ](?:quota|balance|funds|credits)|doesn't have any credits|billing_error|billing_hard_limit"
    r"|credit balance is too low"
    r"|exceeded your current quota, please check your plan",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    r"API_KEY_INVALID|API key not valid|incorrect API key|invalid_api_key|invalid x-api-key", re.IGNORECASE
)
_NO_MODEL = re.compile(
    r"model_not_(?:found|available)|DeploymentNotFound|model not exist|\bmodels/\S+ is not (?:found|supported)"
    r"|\bmodel\b.{0,80}\b(?:does not exist|not found|not supported|is not available|not a valid)"
    r"|unknown model|invalid model|no such model|not a valid model",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = re.compile(
    r"content_filter|content management policy|ResponsibleAIPolicyViolation|content exists risk"
    r"|(?:prompt|input) was flagged",
    re.IGNORECASE,
)
_NO_MODEL_404 = re.compile(r"^model: \S+$")
"""All that Anthropic says about an unknown model."""


class ProviderError(Exception):
    """A request that failed, or a stream that broke. Raised inside providers/ only."""

    def __init__(
        self,
        info: ErrorInfo,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        status: int | None = None,
        reason: ErrorBody | None = None,
        rate_limits: RateLimits | None = None,
    ) -> None:
        super().__init__(info.line())
        self.info = info
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status
        self.reason = reason
        self.rate_limits = rate_limits


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What a provider said about an error, whatever the shape of its body."""

    message: str
    type: str = ""
    code: str = ""
    param: str = ""
    retry_delay_s: float | None = None
    """Gemini's RetryInfo: it sends no retry-after header."""
    reason: str = ""
    """Gemini's own words in `details`: API_KEY_INVALID, and the quotas that were reached."""

    @property
    def words(self) -> str:
        return f"{self.message} {self.type} {self.code} {self.reason}"


@dataclass(frozen=True, slots=True)
class Subject:
    """Who the errors are about, and what must not show in them."""

    provider: str
    key_hint: str = ""
    """What to do about a refused key, e.g. "check OPENAI_API_KEY"."""
    unreachable_hint: str = ""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def masked(self, text: str) -> str:
        """The text on one line, at most `MAX_DETAIL` characters, without keys."""
        for secret in self.secrets:
            if len(secret) >= 4:
                text = text.replace(secret, "***")
        text = _KEY_SHAPES.sub("***", encodable(" ".join(text.split())))
        return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def error_body(value: object) -> ErrorBody | None:
    """The error in a decoded body or event; None when there is none.

    Shapes: `{"error": {...}}` (OpenAI, Anthropic, Groq ...), the same in a list (Gemini's compatible endpoint),
    `{"error": "text"}` (xAI, Ollama), `{"object": "error", "message"}` (vLLM), `{"detail": "text" | [...]}` and
    `{"message"}` (Mistral, FastAPI).
    """
    if is_list(value):
        return error_body(value[0]) if value else None
    if not is_object(value):
        return None
    error: Any = value.get("error")
    if is_object(error):
        return _error_object(error)
    if isinstance(error, str) and error:
        return ErrorBody(error, code=_word(value.get("code")))
    if value.get("object") == "error" or value.get("type") == "error":
        return _error_object(value)
    if "choices" in value or "content" in value:
        return None
    detail: Any = value.get("detail")
    if isinstance(detail, str) and detail:
        return ErrorBody(detail)
    if is_list(detail):
        lines = [_validation_line(entry) for entry in detail]
        return ErrorBody("; ".join(line for line in lines if line))
    if isinstance(value.get("message"), str | dict | list):
        return _error_object(value)
    return None


def _error_object(error: JsonObject) -> ErrorBody:
    message = error.get("message")
    if is_object(message):  # Mistral: {"message": {"detail": [...]}}
        inner = error_body(message)
        message = inner.message if inner else str(message)
    metadata: Any = error.get("metadata")
    if is_object(metadata):  # OpenRouter keeps the upstream's own words here
        raw = metadata.get("raw")
        if isinstance(raw, str) and raw and raw not in str(message):
            message = f"{message}: {raw}"
    kind = error.get("type") or error.get("status")
    return ErrorBody(
        message=as_text(message),
        type=_word(kind),
        code=_word(error.get("code")),
        param=_word(error.get("param")),
        retry_delay_s=_retry_delay_s(error.get("details")),
        reason=_reason(error.get("details")),
    )


def _validation_line(entry: object) -> str:
    if not is_object(entry):
        return str(entry)
    place = entry.get("loc")
    where = ".".join(str(step) for step in place) if is_list(place) else ""
    return f"{where}: {entry.get('msg', '')}" if where else str(entry.get("msg", ""))


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _retry_delay_s(details: object) -> float | None:
    for entry in as_list(details):
        if is_object(entry):
            delay = entry.get("retryDelay")
            if isinstance(delay, str) and (match := re.fullmatch(r"(\d+(?:\.\d+)?)s", delay)):
                return float(match[1])
    return None


def _reason(details: object) -> str:
    """The `reason` of Gemini's ErrorInfo and the `quotaId`s of its QuotaFailure."""
    words: list[str] = []
    for entry in as_list(details):
        fields = as_object(entry)
        words.append(_word(fields.get("reason")))
        for violation in as_list(fields.get("violations")):
            if is_object(violation):
                words.append(_word(violation.get("quotaId")))
    return " ".join(word for word in words if word)


def is_out_of_money(status: int | None, body: ErrorBody) -> bool:
    """Quota or credit is used up: waiting a moment does not help."""
    if "PerDay" in body.reason:
        return True
    if body.retry_delay_s is not None:
        return False  # Gemini speaks of billing also when only the minute's requests are used up
    return status == 402 or _NO_MONEY.search(body.words) is not None


def is_beyond_it(status: int, body: ErrorBody) -> bool:
    """A server error that says the server cannot do this at all; llama.cpp says so about images."""
    return status == 501 or (status == 500 and "not supported" in body.message)


def error_info(subject: Subject, body: ErrorBody, *, status: int | None) -> ErrorInfo:
    """The text for an error a provider reported, over HTTP or (status None) inside a stream."""
    name = subject.provider
    detail = subject.masked(body.message or body.type or body.code)
    if not detail:
        detail = f"HTTP status {status}" if status else "the provider gave no reason"
    code = f"http_{status}" if status else body.code or body.type or "provider_error"
    if is_out_of_money(status, body):
        return ErrorInfo(
            f"{name}: quota or credit used up", detail, "check the plan and billing of this account",
            ErrorKind.PROVIDER, "insufficient_quota",
        )  # fmt: skip
    if _FILTERED.search(body.words):
        return ErrorInfo(
            f"{name}: blocked by the content filter", detail, "rephrase the prompt, or ask another model",
            ErrorKind.PROVIDER, "content_filter",
        )  # fmt: skip
    if status in (401, 403) or _BAD_KEY.search(body.words):
        title = f"{name} refused the key" if status != 403 else f"{name} does not allow this"
        return ErrorInfo(title, detail, subject.key_hint, ErrorKind.AUTH, code)
    if _OVERFLOW.search(body.words):
        return ErrorInfo(
            f"{name}: too long for this model", detail,
            "shorten the conversation, switch tools off, or take a model with a larger context",
            ErrorKind.PROVIDER, "context_overflow",
        )  # fmt: skip
    no_model = _NO_MODEL.search(body.words) or (status == 404 and _NO_MODEL_404.match(body.message))
    if status in (400, 404, 422) and no_model:
        return ErrorInfo(
            f"{name} does not know the model", detail, "`mcp-tui models` lists what it offers",
            ErrorKind.USAGE, "model_not_found",
        )  # fmt: skip
    if status == 404:
        return ErrorInfo(f"{name}: not found", detail, "check its base_url", ErrorKind.PROVIDER, code)
    if status == 429:
        return ErrorInfo(
            f"{name}: rate limit reached", detail, "wait a moment, then retry the column", ErrorKind.PROVIDER, code
        )
    if status == 413:
        return ErrorInfo(f"{name}: request too large", detail, "shorten the conversation", ErrorKind.PROVIDER, code)
    if status is not None and status >= 500 and not is_beyond_it(status, body):
        return ErrorInfo(f"{name} is failing", detail, "try again later", ErrorKind.PROVIDER, code)
    if status is None:
        return ErrorInfo(f"{name} reported an error", detail, "retry the column", ErrorKind.PROVIDER, code)
    cause = f"`{subject.masked(body.param)}`" if body.param else "its parameters, tools or attachments"
    return ErrorInfo(f"{name} refused the request", detail, f"change {cause}", ErrorKind.PROVIDER, code)
