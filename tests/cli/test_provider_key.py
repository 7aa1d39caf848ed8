from __future__ import annotations

import io
import sys

import pytest

from mcp_tui.cli.options import Settings
from mcp_tui.cli.provider_key import is_provider, provider_key
from mcp_tui.config import paths
from mcp_tui.core.errors import AppError
from mcp_tui.store import keys as keys_module
from mcp_tui.store.keys import SERVICE, ProviderKeys
from tests.store.test_keys import Ring

KEY = "sk-very-secret-1234567890"


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    ring = Ring()
    monkeypatch.setattr(keys_module, "_load_keyring", lambda: ring)
    return ring


def given(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_key_from_stdin_is_stored_and_never_printed(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, KEY + "\n")
    assert provider_key(Settings(), "openai", logout=False) == 0
    assert ring.entries == {(SERVICE, "openai"): KEY}
    assert ProviderKeys().load() == {"openai": KEY}
    assert provider_key(Settings(json=True), "openai", logout=True) == 0
    assert ring.entries == {}
    told = capsys.readouterr()
    assert KEY not in told.out + told.err
    assert "openai is in the keyring" in told.err
    assert '"changed": true' in told.out


@pytest.mark.parametrize("text", ["", "\n", "a\nb\n", "x" * 5000])
def test_what_is_no_key_is_refused(ring: Ring, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    given(monkeypatch, text)
    with pytest.raises(AppError) as caught:
        provider_key(Settings(), "openai", logout=False)
    assert caught.value.info.code == "bad_key"
    assert ring.entries == {}


def test_removing_what_is_not_there_is_no_error(ring: Ring, capsys: pytest.CaptureFixture[str]) -> None:
    assert provider_key(Settings(), "openai", logout=True) == 0
    assert "no key for openai was stored" in capsys.readouterr().err


def test_which_names_are_providers() -> None:
    paths.config_dir().mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text('[providers.lab]\nbase_url = "http://127.0.0.1:1/v1"\n', "utf-8")
    assert is_provider(Settings(), "openai")
    assert is_provider(Settings(), "lab")
    assert not is_provider(Settings(), "github")
