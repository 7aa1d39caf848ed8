from __future__ import annotations

from mcp_tui.core.names import closest, known_names_hint


def test_closest_ignores_case_and_small_mistakes() -> None:
    assert closest("Approvl", ["models", "approval", "theme"]) == "approval"
    assert closest("MODELS", ["models"]) == "models"


def test_nothing_near_gives_nothing() -> None:
    assert closest("xyz", ["models", "approval"]) is None
    assert closest("x", []) is None


def test_hint_suggests_or_lists() -> None:
    assert known_names_hint("gitub", ["github", "fs"], what="servers") == "did you mean github?"
    assert known_names_hint("q", ["github", "fs"], what="servers") == "servers: github, fs"
    assert known_names_hint("q", [f"server-{n}" for n in range(10)], what="servers", limit=2).endswith(
        "server-1 and 8 more"
    )
    assert known_names_hint("q", [], what="servers") == ""


def test_hint_is_clean() -> None:
    assert known_names_hint("q", ["a\x1b]0;x\x07b"], what="servers") == "servers: ab"
