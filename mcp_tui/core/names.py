"""Suggestions for names that were misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from mcp_tui.core.text import clean_line


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `word` regardless of case, or None when none is near."""
    by_folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = get_close_matches(word.casefold()[:200], by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None


def known_names_hint(word: str, candidates: Iterable[str], *, what: str, limit: int = 8) -> str:
    """`did you mean NAME?`, else `WHAT: A, B, C`, else ""; clean, for the hint of an error."""
    names = list(candidates)
    near = closest(word, names)
    if near is not None:
        return f"did you mean {clean_line(near)}?"
    if not names:
        return ""
    shown = ", ".join(clean_line(name) for name in names[:limit])
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"{what}: {shown}{more}"
