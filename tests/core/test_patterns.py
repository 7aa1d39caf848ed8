"""The judge of patterns against the matcher: what it lets through is quick, what can only be slow is not run."""

from __future__ import annotations

import pytest

from mcp_tui.core import patterns
from mcp_tui.core.patterns import judged, pattern_fault

LONG = 30_000


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z0-9]+(?:-[a-z0-9]+)*$",
        r"^\w+(?:\.\w+)*$",
        "^[a-z]+$",
        "^https?://",
        r"^\d{4}-\d{2}-\d{2}$",
        r"\d{4}-\d{2}",
        "^(?:red|green|blue)(?:,(?:red|green|blue))*$",
        "^[^#]*#?$",
        "",
    ],
)
def test_one_pass_over_a_text_is_cheap_however_long_it_is(pattern: str) -> None:
    assert pattern_fault(pattern, LONG) == ""
    compiled = judged(pattern).compiled
    assert compiled is not None
    compiled.search("a" * LONG)


@pytest.mark.parametrize(
    ("pattern", "length"),
    [
        ("[a-z]+0", 5_000),
        ("a*b", 5_000),
        ("a{60000}", 5_000),
        ("(?:a?){20}a{20}", 30),
        ("(?:a|a){0,20}b", 30),
        ("(?:a{0,20}){0,20}b", 30),
        ("^(?:[a-z]+-?)+$", 40),
        ("^(?:a*)*$", 40),
        ("(?i)^[a-z]+(?:K+[a-z]+)*$", 40),
        (r"(a+)\1*b", 2_000),
        ("(?!.*x.*y)", 2_000),
        ("(?m)^a*a*$", 2_000),
        ("^(?:abb|a[a-c]b)+$", 120),
    ],
)
def test_what_goes_back_and_forth_is_not_run_on_a_long_text(pattern: str, length: int) -> None:
    assert pattern_fault(pattern, length)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "(?:" * 2_000,
        "(" * 600 + ")" * 600,
        "".join(f"[{chr(start)}-\uffff]" for start in (0, 1, 2, 3, 4)),
        "a" * (patterns.MAX_PATTERN_CHARS + 1),
    ],
    ids=["an open group", "many open groups", "deep groups", "wide sets", "a long pattern"],
)
def test_what_cannot_be_judged_is_not_run(pattern: str) -> None:
    assert pattern_fault(pattern, 1) == "it is no pattern that can be run here"
    assert judged("(").wrong
    assert not judged("a" * 5_000).wrong


def test_steps_grow_with_the_text_and_never_beyond_the_limit() -> None:
    pattern = judged("[a-z]+0")
    steps = [pattern.steps(length) for length in range(pattern.longest + 1)]
    assert steps == sorted(steps)
    assert 0 < steps[-1] <= patterns.MAX_PATTERN_WORK
    assert pattern.fault(pattern.longest) == ""
    assert pattern.fault(pattern.longest + 1) == "it is too costly for a text of this length"
