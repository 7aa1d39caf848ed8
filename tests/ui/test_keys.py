from __future__ import annotations

import pytest

from mcp_tui.ui.keys import KEYS, SCOPES, bindings, keymap, shown


def test_every_key_belongs_to_a_known_scope_and_ids_are_unique() -> None:
    assert {key.scope for key in KEYS} == set(SCOPES)
    assert len({key.id for key in KEYS}) == len(KEYS)


def test_defaults_have_no_clash() -> None:
    assert keymap({}) == ({}, ())


def test_no_chord_that_terminals_swallow() -> None:
    swallowed = {"ctrl+m", "ctrl+i", "ctrl+h", "ctrl+s", "ctrl+z", "ctrl+c"}
    for key in KEYS:
        keys = [part.strip() for part in key.keys.split(",")]
        assert not swallowed & set(keys), key.id
        assert keys != ["ctrl+enter"], key.id


def test_letters_never_act_while_typing() -> None:
    for key in KEYS:
        if any(len(part.strip()) == 1 for part in key.keys.split(",")):
            assert not key.priority, key.id
            assert key.scope not in ("app", "prompt", "form"), key.id


def test_remapping_by_id() -> None:
    usable, problems = keymap({"prompt.send": " f4 , ctrl+g"})
    assert usable == {"prompt.send": "f4,ctrl+g"}
    assert problems == ()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"prompt.sned": "f4"}, "prompt.sned"),
        ({"prompt.send": ""}, "prompt.send"),
        ({"column.retry": "x"}, "column.retry"),
    ],
)
def test_unknown_empty_and_clashing_are_reported_and_left_out(overrides: dict[str, str], said: str) -> None:
    usable, problems = keymap(overrides)
    assert usable == {}
    assert said in problems[0].line()


def test_scope_bindings_carry_ids() -> None:
    assert {binding.id for binding in bindings("approval")} >= {"approval.once", "approval.deny"}


@pytest.mark.parametrize(
    ("keys", "text"), [("ctrl+p", "^p"), ("f1", "F1"), ("alt+1", "alt+1"), ("slash", "/"), ("escape,q", "esc")]
)
def test_keys_are_written_as_people_write_them(keys: str, text: str) -> None:
    assert shown(keys) == text
