from __future__ import annotations

from pathlib import Path

import pytest

from mcp_tui.config.expand import Scope, UnresolvedError, expand

_SCOPE = Scope({"A": "one", "EMPTY": "", "TRICK": "${A}", "HOME": "/home/me"}, Path("/srv/project"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain $A", "plain $A"),
        ("${A}", "one"),
        ("x${A}y${env:A}z", "xoneyonez"),
        ("${B:-two}", "two"),
        ("${A:-two}", "one"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY}", ""),
        ("${B:-}", ""),
        ("${env:B:-two}", "two"),
        ("${B:-${C:-${A}}}!", "one!"),
        ("${B:-http://x:1/y}", "http://x:1/y"),
        ("${TRICK}", "${A}"),
        ("$${A} ${A}", "${A} one"),
        ("${userHome}/x", "/home/me/x"),
        ("${workspaceFolder} ${workspaceFolderBasename}${/}", "/srv/project project/"),
    ],
)
def test_expansion(text: str, expected: str) -> None:
    assert expand(text, _SCOPE) == expected


@pytest.mark.parametrize(
    ("text", "reference", "reason"),
    [
        ("a ${B} c", "B", "is not set"),
        ("${env:B}", "B", "is not set"),
        ("${B:-${C}}", "C", "is not set"),
        ("${A", "A", "has no closing brace"),
        ("${input:key}", "input:key", "is not answered"),
        ("${1 + 1}", "1 + 1", "is no variable this program knows"),
    ],
)
def test_what_cannot_be_resolved_is_named(text: str, reference: str, reason: str) -> None:
    with pytest.raises(UnresolvedError) as caught:
        expand(text, _SCOPE)
    assert (caught.value.reference, caught.value.reason) == (reference, reason)


def test_an_unused_default_may_be_unresolvable() -> None:
    assert expand("${A:-${B}}", _SCOPE) == "one"
