"""The filter of the Wire screen and of `mcp-tui wire`: words that must all match.

error               what failed: JSON-RPC and tool errors, HTTP errors, garbage, lost connections
echo                in the server, method, name, cause, id or kind, or anywhere in the message
"two words"         the same, with blanks
server:fs           also method: name: tool: id: kind: cause: text: (text: the message only)
sent received       the direction
-word               not this
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal

from mcp_tui.sessions.wirelog.record import Head

Field = Literal["any", "error", "server", "method", "name", "id", "kind", "cause", "direction", "text"]

_FIELDS: dict[str, Field] = {
    "server": "server",
    "method": "method",
    "name": "name",
    "tool": "name",
    "id": "id",
    "kind": "kind",
    "cause": "cause",
    "text": "text",
}
_WORD = re.compile(r'(?P<not>-)?(?:(?P<field>[a-z]+):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')


@dataclass(frozen=True, slots=True)
class Term:
    field: Field
    needle: str
    """Lower case."""
    negated: bool = False
    forms: tuple[bytes, ...] = ()
    """How the needle may stand in a message, ASCII in lower case."""

    @property
    def searches_messages(self) -> bool:
        return self.field in ("any", "text")

    def in_head(self, head: Head) -> bool:
        if self.field == "error":
            return head.failed
        if self.field == "any":
            texts = (head.server, head.method, head.name, head.cause, head.kind)
            return any(self.needle in text.lower() for text in texts) or self.needle == str(head.id).lower()
        if self.field == "id":
            return head.id is not None and self.needle == str(head.id).lower()
        if self.field == "direction":
            return head.direction == self.needle
        if self.field == "text":
            return False
        text: str = getattr(head, self.field)
        return self.needle in text.lower()

    def in_body(self, lowered: bytes, start: int, end: int) -> bool:
        """`lowered`: bytes in lower case, the message between `start` and `end`."""
        return any(lowered.find(form, start, end) >= 0 for form in self.forms)


@dataclass(frozen=True, slots=True)
class Query:
    terms: tuple[Term, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms)

    @classmethod
    def parse(cls, text: str) -> Query:
        """Any text is a query; words that end in the middle (an open quote) count as far as they go."""
        terms: list[Term] = []
        for found in _WORD.finditer(text):
            field, quoted = found["field"], found["quoted"]
            word = quoted if quoted is not None else found["plain"]
            negated = found["not"] is not None
            if field is not None and field not in _FIELDS:
                word, field = f"{field}:{word}", None
            if field is None and quoted is None and word in ("error", "errors"):
                terms.append(Term("error", "", negated))
            elif field is None and quoted is None and word in ("sent", "received"):
                terms.append(Term("direction", word, negated))
            elif word:
                terms.append(term(_FIELDS[field] if field is not None else "any", word, negated=negated))
        return cls(tuple(terms))

    def matches(self, head: Head, raw: bytes, body_at: int) -> bool:
        """`raw`: the record's line, its message from `body_at` on."""
        lowered: bytes | None = None
        for each in self.terms:
            hit = each.in_head(head)
            if not hit and each.searches_messages:
                if lowered is None:
                    lowered = raw.lower()
                hit = each.in_body(lowered, body_at, len(raw))
            if hit is each.negated:
                return False
        return True


def term(field: Field, word: str, *, negated: bool = False) -> Term:
    spellings = (word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1])
    forms = dict.fromkeys(spelling.encode("utf-8", "replace").lower() for spelling in spellings)
    return Term(field, word.lower(), negated, tuple(forms))
