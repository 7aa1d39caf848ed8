from __future__ import annotations

import json
import logging
import stat
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from mcp_tui.core.errors import AppError
from mcp_tui.store.provider_keys import SERVICE, ProviderKeys

KEY = "sk-very-secret-1234567890"


class Ring:
    """A keyring in memory; `fault` is raised by every access."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.fault: Exception | None = None
        self.hold: threading.Event | None = None

    def _touch(self) -> None:
        self.asked += 1
        if self.hold is not None:
            self.hold.wait(30)
        if self.fault is not None:
            raise self.fault

    def get_password(self, service_name: str, username: str) -> str | None:
        self._touch()
        return self.entries.get((service_name, username))

    def set_password(self, service_name: str, username: str, password: str) -> None:
        self._touch()
        self.entries[(service_name, username)] = password

    def delete_password(self, service_name: str, username: str) -> None:
        self._touch()
        del self.entries[(service_name, username)]


@pytest.fixture
def ring() -> Ring:
    return Ring()


@pytest.fixture
def keys(ring: Ring, tmp_path: Path) -> ProviderKeys:
    return ProviderKeys(tmp_path / "state" / "keys.json", keyring=lambda: ring)


def test_a_key_is_stored_found_and_removed(keys: ProviderKeys, ring: Ring, tmp_path: Path) -> None:
    keys.save("openai", f" {KEY}\n")
    keys.save("groq", "gsk_other")
    assert ring.entries == {(SERVICE, "openai"): KEY, (SERVICE, "groq"): "gsk_other"}
    assert keys.names() == ("groq", "openai")
    assert keys.load() == {"openai": KEY, "groq": "gsk_other"}
    index = tmp_path / "state" / "keys.json"
    assert json.loads(index.read_text()) == ["groq", "openai"], "names only"
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    assert keys.remove("openai")
    assert not keys.remove("openai")
    assert keys.load() == {"groq": "gsk_other"}


def test_who_never_stored_a_key_is_never_asked_for_the_keyring(keys: ProviderKeys, ring: Ring) -> None:
    assert keys.load() == {}
    assert not keys.remove("openai")
    assert ring.asked == 0


def test_a_key_that_somebody_else_removed_is_just_not_there(keys: ProviderKeys, ring: Ring) -> None:
    keys.save("openai", KEY)
    ring.entries.clear()
    assert keys.load() == {}
    assert keys.remove("openai")
    assert keys.names() == ()


@pytest.mark.parametrize("bad", ["", "  \n", "two words", "line\nbreak", "esc\x1b[0m"])
def test_what_cannot_be_a_key_is_refused(keys: ProviderKeys, ring: Ring, bad: str) -> None:
    with pytest.raises(AppError) as caught:
        keys.save("openai", bad)
    assert caught.value.info.code == "bad_key"
    assert ring.asked == 0
    assert keys.names() == ()


def test_a_keyring_that_refuses_says_so_without_the_key(
    keys: ProviderKeys, ring: Ring, caplog: pytest.LogCaptureFixture
) -> None:
    ring.fault = RuntimeError(f"could not store {KEY}")
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AppError) as caught:
        keys.save("openai", KEY)
    assert "RuntimeError" in caught.value.info.detail
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert KEY not in caplog.text
    assert keys.names() == ()


def test_a_keyring_that_hangs_is_given_up(keys: ProviderKeys, ring: Ring) -> None:
    keys.save("openai", KEY)
    ring.hold = threading.Event()
    with pytest.raises(AppError) as caught:
        keys.load(timeout_s=0.05)
    ring.hold.set()
    assert caught.value.info.code == "keyring_timeout"


@pytest.mark.parametrize("content", ["{", '{"a": 1}', "[1, null]", "\udcff"])
def test_a_broken_index_counts_as_empty(tmp_path: Path, ring: Ring, content: str) -> None:
    index = tmp_path / "keys.json"
    index.write_bytes(content.encode("utf-8", "surrogateescape"))
    keys = ProviderKeys(index, keyring=lambda: ring)
    assert keys.names() == ()
    keys.save("openai", KEY)
    assert keys.names() == ("openai",)


def test_without_the_package_the_way_out_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(AppError) as caught:
        ProviderKeys(tmp_path / "k.json").save("openai", KEY)
    assert caught.value.info.code == "no_keyring"
    assert "variable" in caught.value.info.hint


def test_a_system_without_a_keyring_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail = ModuleType("keyring.backends.fail")
    backend = type("Keyring", (), {})
    vars(fail)["Keyring"] = backend
    package = ModuleType("keyring")
    vars(package)["get_keyring"] = backend
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.backends.fail", fail)
    with pytest.raises(AppError) as caught:
        ProviderKeys(tmp_path / "k.json").save("openai", KEY)
    assert caught.value.info.code == "no_keyring"
