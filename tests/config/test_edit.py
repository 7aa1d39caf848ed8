from __future__ import annotations

import stat
import threading
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mcp_tui.config import paths, save
from mcp_tui.config.edit import add_servers, checked, entry_of, own_servers, remove_server
from mcp_tui.config.expand import Scope
from mcp_tui.core.errors import AppError
from tests.config.conftest import Machine


def written() -> dict[str, Any]:
    return tomllib.loads(paths.servers_file().read_text("utf-8"))


def test_added_entries_keep_variables_and_are_private(machine: Machine) -> None:
    entry = {"command": "npx", "env": {"K": "${TOKEN}"}}
    assert add_servers({"a b": entry}).names == ("a b",)
    assert written() == {"servers": {"a b": entry}}
    assert stat.S_IMODE(paths.servers_file().stat().st_mode) == 0o600
    assert machine.load().servers[0].env == {"K": "tok-very-secret"}
    assert "tok-very-secret" not in paths.servers_file().read_text("utf-8")


def test_an_entry_is_replaced_only_when_told(machine: Machine) -> None:
    add_servers({"a": {"command": "one"}, "b": {"command": "two"}})
    outcome = add_servers({"a": {"command": "new"}, "c": {"command": "three"}})
    assert (outcome.names, outcome.refused) == (("c",), ("a",))
    assert own_servers()["a"] == {"command": "one"}
    add_servers({"a": {"command": "new"}}, replace=True)
    assert list(own_servers()) == ["a", "b", "c"]
    assert own_servers()["a"] == {"command": "new"}


def test_other_sections_and_links_stay(machine: Machine) -> None:
    target = machine.write("dotfiles/servers.toml", '[defaults]\ntheme = "paper"\n[servers.a]\ncommand = "x"\n')
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    paths.servers_file().symlink_to(target)
    add_servers({"b": {"command": "y"}}, inputs=[{"id": "k"}])
    add_servers({"c": {"command": "z"}}, inputs=[{"id": "k", "description": "other"}])
    assert paths.servers_file().is_symlink()
    assert written()["defaults"] == {"theme": "paper"}
    assert written()["inputs"] == [{"id": "k"}]
    assert list(own_servers()) == ["a", "b", "c"]


def test_removing(machine: Machine) -> None:
    add_servers({"one": {"command": "x"}, "two": {"command": "y"}})
    remove_server("one")
    assert list(own_servers()) == ["two"]
    with pytest.raises(AppError, match="did you mean two"):
        remove_server("tow")


def test_a_broken_file_is_never_replaced(machine: Machine) -> None:
    file = machine.own("[servers.a\n", "servers.toml")
    with pytest.raises(AppError, match=r"servers\.toml:1"):
        add_servers({"b": {"command": "x"}})
    assert file.read_text() == "[servers.a\n"


def test_writers_at_the_same_time_lose_nothing(machine: Machine) -> None:
    def write(number: int) -> None:
        for index in range(5):
            add_servers({f"s{number}-{index}": {"command": "x"}})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(own_servers()) == 20


def test_a_lock_that_is_held_is_an_error_in_the_end(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save, "LOCK_S", 0.05)
    with save.locked(paths.servers_file()), pytest.raises(AppError, match="is in use"):
        add_servers({"a": {"command": "x"}})
    assert add_servers({"a": {"command": "x"}}).names == ("a",)


@pytest.mark.parametrize(
    ("words", "entry"),
    [
        (["uvx", "mcp-server-time", "--tz", "UTC"], {"command": "uvx", "args": ["mcp-server-time", "--tz", "UTC"]}),
        (["npx -y 'a b'"], {"command": "npx", "args": ["-y", "a b"]}),
        (["x"], {"command": "x"}),
        (["https://h/mcp"], {"url": "https://h/mcp"}),
    ],
)
def test_a_command_or_a_url_becomes_an_entry(words: list[str], entry: dict[str, Any]) -> None:
    assert entry_of(words) == entry


@pytest.mark.parametrize(
    ("words", "message"),
    [([], "no command"), ([""], "no command"), (["'x"], "split into words"), (["https://h", "--x"], "no arguments")],
)
def test_nothing_usable_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(AppError, match=message):
        entry_of(words)


def test_a_new_entry_is_checked_before_it_is_written() -> None:
    scope = Scope({}, Path("/"))
    spec, missing = checked("a", {"command": "${NOT_SET}"}, scope)
    assert (spec.name, missing is not None and missing.code) == ("a", "unresolved_variable")
    bad: list[dict[str, Any]] = [{"command": "x", "url": "https://h"}, {"comand": "x"}, {"url": "ftp://h"}]
    for entry in (*bad, {"command": "x", "arg": 1}):
        with pytest.raises(AppError):
            checked("a", entry, scope)
