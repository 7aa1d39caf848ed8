from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.cli.elicit import defaults, responder
from mcp_tui.core.errors import AppError


def _ask(given: str | None, properties: dict[str, Any] | None = None, **params: Any) -> tuple[Any, list[str]]:
    notices: list[str] = []
    schema = {"type": "object", "properties": properties or {}}
    answer = responder(given, notices.append)("srv", {"message": "Sure?", "requestedSchema": schema, **params})
    return answer, notices


def test_declined_and_said_so_by_default() -> None:
    answer, notices = _ask(None)
    assert answer == {"action": "decline"}
    assert "srv asks: Sure?" in notices[0]
    assert "--elicit" in notices[0]


def test_given_json_is_the_content() -> None:
    assert _ask('{"confirmed": true}')[0] == {"action": "accept", "content": {"confirmed": True}}


def test_given_json_may_be_the_whole_answer() -> None:
    assert _ask('{"action": "cancel"}')[0] == {"action": "cancel"}
    asked = {"action": {"type": "string"}}
    assert _ask('{"action": "cancel"}', asked)[0] == {"action": "accept", "content": {"action": "cancel"}}


def test_a_question_for_a_browser_is_declined_with_its_address() -> None:
    answer, notices = _ask("defaults", mode="url", url="https://evil.example/\x1b[2J")
    assert answer == {"action": "decline"}
    assert "https://evil.example/" in notices[0]
    assert "\x1b" not in notices[0]


@pytest.mark.parametrize("given", ["{", "[1]", "default"])
def test_a_bad_answer_is_refused_before_anything_starts(given: str) -> None:
    with pytest.raises(AppError):
        responder(given, print)


def test_defaults_fill_what_is_required() -> None:
    schema = {
        "properties": {
            "given": {"type": "string", "default": "x"},
            "optional": {"type": "string"},
            "text": {"type": "string"},
            "long": {"type": "string", "minLength": 6},
            "short": {"type": "string", "maxLength": 2},
            "mail": {"type": "string", "format": "email"},
            "age": {"type": "integer", "minimum": 18},
            "debt": {"type": "number", "maximum": -1},
            "agree": {"type": "boolean"},
            "colour": {"type": "string", "enum": ["red", "blue"]},
            "titled": {"type": "string", "oneOf": [{"const": "a", "title": "A"}]},
            "many": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": ["p", "q"]}},
            "some": {"type": "array", "items": {"anyOf": [{"const": "r"}]}},
        },
        "required": [
            *("text", "long", "short", "mail", "age", "debt", "agree", "colour", "titled", "many", "some", "given")
        ],
    }
    assert defaults(schema) == {
        "given": "x", "text": "text", "long": "textxx", "short": "te", "mail": "user@example.com", "age": 18,
        "debt": -1, "agree": False, "colour": "red", "titled": "a", "many": ["p"], "some": [],
    }  # fmt: skip


@pytest.mark.parametrize("schema", [{}, {"properties": []}, {"properties": {"a": 5}, "required": "a"}])
def test_a_malformed_schema_gives_no_content(schema: dict[str, Any]) -> None:
    assert defaults(schema) == {}
