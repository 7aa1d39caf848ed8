"""One owner of the system's keyring, for tokens and for provider keys."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from mcp_tui.config.keyring import Backend, Keyring, system_keyring
from mcp_tui.core.errors import AppError
from mcp_tui.sessions.authorisation.vault import Vault
from mcp_tui.store.provider_keys import ProviderKeys
from tests.store.test_provider_keys import KEY, Ring


def test_what_earlier_versions_stored_is_found(tmp_path: Path) -> None:
    ring = Ring()
    index = tmp_path / "provider-keys.json"
    index.write_text('["openai"]')
    ring.entries["mcp-tui provider key", "openai"] = KEY
    assert ProviderKeys(index, keyring=lambda: ring).load() == {"openai": KEY}

    vault = Vault(tmp_path / "tokens", keyring=lambda: ring)
    head = tmp_path / "tokens/d2f7db02902e6098d4f02622.json"
    head.parent.mkdir()
    head.write_text('{"version": 1, "server": "s", "url": "https://host/mcp", "kept_in": "keyring"}')
    ring.entries["mcp-tui", f"s {head.stem}"] = json.dumps({"issuer": "https://as", "tokens": {"access_token": "t"}})
    grant = vault.read("s", "https://host/mcp")
    assert grant is not None
    assert (grant.issuer, grant.tokens) == ("https://as", {"access_token": "t"})


def test_a_keyring_that_hangs_while_it_is_looked_for_is_given_up() -> None:
    gate = threading.Event()

    def backend() -> Backend:
        gate.wait(30)
        return Ring()

    keyring = Keyring("service", "do without", backend)
    with pytest.raises(AppError) as caught:
        keyring.get("user", what="read it", timeout_s=0.05)
    gate.set()
    assert caught.value.info.line() == (
        "Keyring: cannot read it: it did not answer within 0.05 s (unlock the keyring, or do without)"
    )


def test_a_backend_whose_own_time_is_over_has_answered() -> None:
    ring = Ring()
    ring.fault = TimeoutError("the bus")
    with pytest.raises(AppError) as caught:
        Keyring("service", "do without", lambda: ring).get("user", what="read it", timeout_s=30)
    assert (caught.value.info.code, caught.value.info.detail) == ("keyring", "it answered TimeoutError")


def test_a_keyring_that_forgets_has_kept_nothing() -> None:
    class Forgetful(Ring):
        def set_password(self, service_name: str, username: str, password: str) -> None: ...

    ring = Forgetful()
    with pytest.raises(AppError) as caught:
        Keyring("service", "do without", lambda: ring).set("user", "secret", what="keep it", timeout_s=30)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("priority", "safe", "any_"), [(5.0, True, True), (0.5, False, True), (0, False, False)])
def test_plain_text_is_only_for_what_the_person_asked_to_be_stored(
    monkeypatch: pytest.MonkeyPatch, priority: float, safe: bool, any_: bool
) -> None:
    package = ModuleType("keyring")
    backend = Ring()
    vars(backend)["priority"] = priority
    vars(package)["get_keyring"] = lambda: backend
    monkeypatch.setitem(sys.modules, "keyring", package)

    def usable(least: float) -> bool:
        try:
            return system_keyring(least=least) is backend
        except AppError as error:
            assert error.info.code == "no_keyring"
            return False

    assert (usable(1.0), usable(0.01)) == (safe, any_)
