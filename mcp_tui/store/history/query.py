"""What was typed into the search of runs, as a query of the full-text index.

Words match by their beginning and all must occur; `"two words"` stand together; `-word` excludes; `model:x`, `tool:x`,
`prompt:x` and `answer:x` look there alone; `is:error` and its like choose by state.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from mcp_tui.store.history.records import RunStatus

_PIECE = re.compile(r'(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))', re.IGNORECASE)
_FIELDS = {"prompt": "prompt", "answer": "answer", "tool": "tools", "model": "models"}
_STATES: dict[str, tuple[RunStatus, ...]] = {
    "running": (RunStatus.LIVE,),
    "stopped": (RunStatus.CANCELLED,),
    "failed": (RunStatus.ERROR, RunStatus.PARTLY),
    **{status.value: (status,) for status in RunStatus},
}
STATES = tuple(_STATES)

_CJK = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3038-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff\u0e00-\u0e7f"
)
"""Scripts written without blanks between words."""
_WITHIN_CJK = re.compile(f"(?<=[{_CJK}])(?=[{_CJK}])")
SEPARATOR = "\u200b"
"""Between the characters of such scripts: the index takes each for a word. Invisible, and removed when drawn."""


def indexable(text: str) -> str:
    """As it goes into the index, and as it is looked for there."""
    return _WITHIN_CJK.sub(SEPARATOR, text)


@dataclass(frozen=True, slots=True)
class RunQuery:
    match: str = ""
    """For MATCH; "" for every run."""
    without: str = ""
    """Runs that match this are left out. Apart, because the index cannot exclude from everything."""
    states: tuple[RunStatus, ...] = ()
    """Only these; empty: any."""
    nothing: bool = False
    """Nothing can match, such as `is:unheard-of`."""

    def __bool__(self) -> bool:
        return bool(self.match or self.without or self.states or self.nothing)

    @classmethod
    def parse(cls, text: str) -> RunQuery:
        """Never fails: what means nothing is looked for as text, what has no letters is left out."""
        wanted: list[str] = []
        unwanted: list[str] = []
        states: set[RunStatus] = set()
        nothing = False
        for minus, name, phrase, word in _PIECE.findall(text):
            name = name.lower()
            if name == "is" and not minus:
                states.update(_STATES.get((phrase or word).lower(), ()))
                nothing = nothing or (phrase or word).lower() not in _STATES
                continue
            field = _FIELDS.get(name, "")
            body = phrase or word
            if name and not field:
                body = f"{name}:{body}"
            term = _term(body, whole=bool(phrase), field=field)
            if term:
                (unwanted if minus else wanted).append(term)
        return cls(" AND ".join(wanted), " OR ".join(unwanted), tuple(sorted(states)), nothing)


def _term(text: str, *, whole: bool, field: str) -> str:
    """Quoted, so that nothing in it means anything to the index; "" when no letter or digit is in it."""
    if not any(unicodedata.category(character)[0] in "LN" for character in text):
        return ""
    quoted = '"{}"'.format(indexable(text).replace('"', '""').replace("\0", " "))
    if not whole:
        quoted += " *"
    return f"{field} : {quoted}" if field else quoted
