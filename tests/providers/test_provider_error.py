"""Every vendor's way of saying no, as the text a person reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.core.errors import ErrorKind
from mcp_tui.providers.provider_error import MAX_DETAIL, ErrorBody, Subject, error_body, error_info
from tests.providers.asking import ask, chat
from tests.providers.loopback import Answer, Loopback, error

SUBJECT = Subject("acme", key_hint="check ACME_API_KEY", secrets=("s3cr3t-key",))

CASES: list[tuple[str, int, object, ErrorKind, str, str]] = [
    ("OpenAI key", 401, {"error": {"message": "Incorrect API key", "code": "invalid_api_key"}},
     ErrorKind.AUTH, "http_401", "Incorrect API key"),
    ("OpenAI model", 404, {"error": {"message": "The model `gpt-9` does not exist", "code": "model_not_found"}},
     ErrorKind.USAGE, "model_not_found", "gpt-9"),
    ("OpenAI context", 400, {"error": {"message": "too long", "code": "context_length_exceeded"}},
     ErrorKind.PROVIDER, "context_overflow", "too long"),
    ("OpenAI quota", 429, {"error": {"message": "You exceeded", "type": "insufficient_quota"}},
     ErrorKind.PROVIDER, "insufficient_quota", "You exceeded"),
    ("OpenAI rate", 429, {"error": {"message": "Rate limit", "code": "rate_limit_exceeded"}},
     ErrorKind.PROVIDER, "http_429", "Rate limit"),
    ("Anthropic key", 401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}},
     ErrorKind.AUTH, "http_401", "invalid x-api-key"),
    ("Anthropic model", 404, {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-9"}},
     ErrorKind.USAGE, "model_not_found", "claude-9"),
    ("Anthropic context", 400,
     {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"}},
     ErrorKind.PROVIDER, "context_overflow", "9 tokens"),
    ("Anthropic credit", 400,
     {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low"}},
     ErrorKind.PROVIDER, "insufficient_quota", "credit balance"),
    ("Anthropic overload", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}},
     ErrorKind.PROVIDER, "http_529", "Overloaded"),
    ("Gemini key", 400,
     [{"error": {"code": 400, "message": "API key not valid. Please pass one.", "status": "INVALID_ARGUMENT"}}],
     ErrorKind.AUTH, "http_400", "API key not valid"),
    ("Mistral key", 401, {"detail": "Invalid API Key"}, ErrorKind.AUTH, "http_401", "Invalid API Key"),
    ("Mistral fields", 422, {"detail": [{"loc": ["body", "x"], "msg": "Field required"}, "odd"]},
     ErrorKind.PROVIDER, "http_422", "body.x: Field required; odd"),
    ("Mistral nested", 422, {"object": "error", "message": {"detail": [{"loc": ["body"], "msg": "bad"}]}},
     ErrorKind.PROVIDER, "http_422", "body: bad"),
    ("xAI", 400, {"code": "invalid-argument", "error": "Bad things"}, ErrorKind.PROVIDER, "http_400", "Bad things"),
    ("Ollama model", 404, {"error": {"message": 'model "x" not found, try pulling it first', "type": "api_error"}},
     ErrorKind.USAGE, "model_not_found", "try pulling"),
    ("Ollama context", 400, {"error": {"message": "prompt too long; exceeded max context length by 5 tokens"}},
     ErrorKind.PROVIDER, "context_overflow", "5 tokens"),
    ("llama.cpp context", 400,
     {"error": {"code": 400, "message": "the request exceeds", "type": "exceed_context_size_error", "n_ctx": 1}},
     ErrorKind.PROVIDER, "context_overflow", "the request exceeds"),
    ("OpenRouter upstream", 429,
     {"error": {"code": 429, "message": "Provider returned error", "metadata": {"raw": "busy model"}}},
     ErrorKind.PROVIDER, "http_429", "busy model"),
    ("xAI context", 400, {"code": "invalid-argument", "error": "This model's maximum prompt length is 9 but ..."},
     ErrorKind.PROVIDER, "context_overflow", "prompt length is 9"),
    ("Together context", 422, {"error": {"message": "`inputs` tokens + `max_new_tokens` must be <= 8193."}},
     ErrorKind.PROVIDER, "context_overflow", "8193"),
    ("xAI key", 400, {"code": "invalid-argument", "error": "Incorrect API key provided: xa***ef."},
     ErrorKind.AUTH, "http_400", "Incorrect API key"),
    ("DeepSeek model", 400, {"error": {"message": "Model Not Exist", "type": "invalid_request_error"}},
     ErrorKind.USAGE, "model_not_found", "Model Not Exist"),
    ("Together model", 404, {"error": {"message": "Unable to access model x.", "code": "model_not_available"}},
     ErrorKind.USAGE, "model_not_found", "Unable to access"),
    ("OpenAI filter", 400, {"error": {"message": "Invalid prompt: your prompt was flagged", "code": "invalid_prompt"}},
     ErrorKind.PROVIDER, "content_filter", "was flagged"),
    ("DeepSeek filter", 400, {"error": {"message": "Content Exists Risk"}},
     ErrorKind.PROVIDER, "content_filter", "Risk"),
    ("OpenRouter filter", 403, {"error": {"code": 403, "message": "requires moderation and your input was flagged"}},
     ErrorKind.PROVIDER, "content_filter", "moderation"),
    ("xAI credit", 403, {"code": "no permission", "error": "Your newly created team doesn't have any credits yet."},
     ErrorKind.PROVIDER, "insufficient_quota", "any credits"),
    ("vLLM", 500, {"object": "error", "message": "EngineCore died", "type": "E", "code": 500},
     ErrorKind.PROVIDER, "http_500", "EngineCore died"),
    ("Azure deployment", 404,
     {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
     ErrorKind.USAGE, "model_not_found", "does not exist"),
    ("Azure filter", 400,
     {"error": {"code": "content_filter", "message": "The response was filtered", "param": "prompt", "status": 400}},
     ErrorKind.PROVIDER, "content_filter", "filtered"),
    ("llama.cpp image", 500, {"error": {"code": 500, "message": "image input is not supported - hint: ..."}},
     ErrorKind.PROVIDER, "http_500", "image input"),
    ("forbidden", 403, {"error": {"message": "Country not supported"}}, ErrorKind.AUTH, "http_403", "Country"),
    ("too large", 413, {"type": "error", "error": {"type": "request_too_large", "message": "big"}},
     ErrorKind.PROVIDER, "http_413", "big"),
    ("wrong path", 404, {"error": {"message": "Not Found"}}, ErrorKind.PROVIDER, "http_404", "Not Found"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code", "words"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_http_errors_say_what_is_wrong(
    server: Loopback, status: int, body: object, kind: ErrorKind, code: str, words: str
) -> None:
    server.script(*[error(status, body) for _ in range(4)])
    info = (await ask(chat(server.origin))).finished.error
    assert info is not None
    assert (info.kind, info.code) == (kind, code)
    assert words in info.detail
    assert "acme" in info.title
    assert info.hint, "what the person can do"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"nonsense <b>", b'{"error": null}', b"\xff\xfe", b"[" * 90_000]
)
async def test_errors_without_a_usable_body_still_say_the_status(server: Loopback, body: bytes) -> None:
    server.script(Answer([body], 418, "application/json"))
    info = (await ask(chat(server.origin))).finished.error
    assert info is not None
    assert info.code == "http_418"
    assert info.detail


async def test_an_error_page_is_not_quoted(server: Loopback) -> None:
    server.script(*[Answer([b"<html><script>x</script></html>"], 502, "text/html") for _ in range(4)])
    info = (await ask(chat(server.origin))).finished.error
    assert info is not None
    assert info.detail == "HTTP status 502"


LEAKS = (
    "s3cr3t-key", "sk-proj-Ab12Cd34Ef56", "sk-ant-api03-xyz123456", "gsk_abcdef123456", "AIzaSyA1234567890abc",
    "Bearer abcdef123",
)  # fmt: skip


@pytest.mark.parametrize("leak", LEAKS)
def test_keys_in_messages_are_masked(leak: str) -> None:
    info = error_info(SUBJECT, ErrorBody(f"bad key {leak} given"), status=401)
    assert leak not in info.line()
    assert "***" in info.detail
    assert "s3cr3t-key" not in repr(SUBJECT)


def test_long_messages_are_cut_and_put_on_one_line() -> None:
    info = error_info(SUBJECT, ErrorBody("a\n\tb " * 1000), status=400)
    assert len(info.detail) == MAX_DETAIL
    assert "\n" not in info.detail


def test_ordinary_chunks_hold_no_error() -> None:
    assert error_body({"choices": [], "error": None, "message": "x"}) is None
    assert error_body({"type": "message_start", "message": {"content": []}, "content": 1}) is None
    assert error_body("text") is None


WORDS = ("error", "message", "type", "code", "detail", "object", "param", "details", "metadata", "msg", "loc")
BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(WORDS), inner),
)


@given(BODIES)
def test_any_json_body_becomes_an_error_text(body: object) -> None:
    found = error_body(json.loads(json.dumps(body)))
    if found is not None:
        assert error_info(SUBJECT, found, status=400).line()
