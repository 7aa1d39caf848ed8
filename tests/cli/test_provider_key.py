from __future__ import annotations

import io
import sys

import pytest

from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import Settings
from mcp_tui.cli.provider_key import provider_key, providers
from mcp_tui.config import paths
from mcp_tui.core.errors import AppError
from mcp_tui.store import provider_keys as keys_module
from mcp_tui.store.provider_keys import SERVICE, ProviderKeys
from tests.cli.conftest import Cli
from tests.store.test_provider_keys import Ring

KEY = "sk-very-secret-1234567890"


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    ring = Ring()

    def found(*, least: float) -> Ring:
        return ring

    monkeypatch.setattr(keys_module, "system_keyring", found)
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
    known = providers(load_config(Settings()))
    assert {"openai", "lab"} <= set(known)
    assert "github" not in known


def test_auth_of_a_provider_stores_its_key_and_models_and_doctor_find_it(
    ring: Ring, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = cli("models", "openai", "--offline", "--json").json["providers"]
    assert (before[0]["available"], before[0]["key_source"]) == (False, "")
    given(monkeypatch, KEY + "\n")
    assert cli("auth", "openai", "--json").json == {"provider": "openai", "stored": True, "changed": True}
    assert ring.entries == {(SERVICE, "openai"): KEY}
    after = cli("models", "openai", "--offline", "--json")
    assert (after.json["providers"][0]["available"], after.json["providers"][0]["key_source"]) == (True, "keyring")
    checked = cli("doctor", "--json")
    checks = {check["name"]: check for check in checked.json["checks"]}
    assert checks["provider openai"]["detail"] == "key from the keyring"
    assert KEY not in after.out + after.err + checked.out + checked.err
    assert cli("auth", "openai", "--logout").code == 0
    assert ring.entries == {}


def test_a_keyring_that_refuses_is_a_warning_for_models_and_doctor(
    ring: Ring, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    ProviderKeys().save("openai", KEY)
    ring.fault = RuntimeError("locked")
    monkeypatch.setenv("GROQ_API_KEY", "gsk_test")
    listed = cli("models", "groq", "--offline", "--json")
    assert (listed.code, listed.json["providers"][0]["key_source"]) == (0, "GROQ_API_KEY")
    assert listed.err.startswith("warning: Keyring: cannot read the stored keys")
    checks = {check["name"]: check["status"] for check in cli("doctor", "--json").json["checks"]}
    assert (checks["keyring"], checks["provider groq"]) == ("warn", "ok")


def test_a_name_that_is_a_server_and_a_provider_is_the_server(
    ring: Ring, cli: Cli, stub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, KEY)
    result = cli("--server", stub.replace("stub=", "openai="), "auth", "openai")
    assert result.code == 2
    assert "openai is a server and a provider" in result.err
    assert "it is a local process" in result.err
    assert ring.entries == {}


def test_the_demo_asks_no_keyring_and_says_where_it_runs(ring: Ring, cli: Cli) -> None:
    ProviderKeys().save("openai", KEY)
    asked = ring.asked
    (demo,) = cli("models", "--demo", "--json").json["providers"]
    assert (demo["name"], demo["base_url"]) == ("demo", "loopback")
    assert ring.asked == asked
