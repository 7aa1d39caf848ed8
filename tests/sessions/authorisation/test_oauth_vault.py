"""Where tokens are kept."""

from __future__ import annotations

import asyncio
import json
import stat
import threading
from pathlib import Path

import pytest

from mcp_tui.config.keyring import Backend, system_keyring
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.sessions.authorisation import vault as vault_module
from mcp_tui.sessions.authorisation.vault import SERVICE, Grant, Vault, default_vault, off_loop

GRANT = Grant(
    "fp", "https://as", {"access_token": "t0ps3cret"}, 12.5, {"a": 1}, None, {"https://as": {"client_id": "c"}}
)
URL = "https://host/mcp"


class FakeKeyring:
    def __init__(self, *, broken: bool = False, forgetful: bool = False) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.asked = 0
        self.broken = broken
        self.forgetful = forgetful

    def get_password(self, service: str, username: str) -> str | None:
        self.asked += 1
        if self.broken:
            raise RuntimeError("locked t0ps3cret")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.broken:
            raise RuntimeError("locked")
        if not self.forgetful:
            self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


def vault(path: Path, ring: Backend | None = None, *, file_only: bool = False) -> Vault:
    def backend() -> Backend:
        if ring is None:
            raise AppError("No keyring", kind=ErrorKind.AUTH, code="no_keyring")
        return ring

    return Vault(path / "tokens", file_only=file_only, keyring=backend)


def same(a: Grant | None, b: Grant) -> bool:
    return a is not None and a.to_json() == b.to_json()


def test_without_a_keyring_a_private_file_holds_it(tmp_path: Path) -> None:
    store = vault(tmp_path)
    store.write("s", URL, GRANT)
    assert same(store.read("s", URL), GRANT)
    file = store.file("s", URL)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    store = vault(tmp_path)
    store.write("s", URL, GRANT)
    store.file("s", URL).chmod(0o644)
    assert same(store.read("s", URL), GRANT)
    assert stat.S_IMODE(store.file("s", URL).stat().st_mode) == 0o600


def test_with_a_keyring_the_file_holds_nothing_secret(tmp_path: Path) -> None:
    ring = FakeKeyring()
    store = vault(tmp_path, ring)
    store.write("s", URL, GRANT)
    assert "t0ps3cret" not in store.file("s", URL).read_text()
    assert [service for service, _ in ring.kept] == [SERVICE]
    assert same(store.read("s", URL), GRANT)
    assert store.delete("s", URL)
    assert ring.kept == {}
    assert not store.file("s", URL).exists()


def test_a_server_nobody_signed_in_to_does_not_wake_the_keyring(tmp_path: Path) -> None:
    ring = FakeKeyring()
    store = vault(tmp_path, ring)
    assert store.read("s", URL) is None
    assert not store.delete("s", URL)
    assert ring.asked == 0


@pytest.mark.parametrize("ring", [FakeKeyring(broken=True), FakeKeyring(forgetful=True)])
def test_a_keyring_that_keeps_nothing_leaves_it_to_the_file(tmp_path: Path, ring: FakeKeyring) -> None:
    store = vault(tmp_path, ring)
    store.write("s", URL, GRANT)
    assert same(store.read("s", URL), GRANT)


def test_a_locked_keyring_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    ring = FakeKeyring()
    store = vault(tmp_path, ring)
    store.write("s", URL, GRANT)
    ring.broken = True
    with pytest.raises(AppError) as caught:
        store.read("s", URL)
    assert "MCP_TUI_TOKEN_STORE=file" in caught.value.info.hint
    assert "t0ps3cret" not in str(caught.value)


def test_the_file_can_be_chosen_over_the_keyring(tmp_path: Path) -> None:
    ring = FakeKeyring()
    store = vault(tmp_path, ring, file_only=True)
    store.write("s", URL, GRANT)
    assert ring.kept == {}
    assert same(store.read("s", URL), GRANT)


def test_another_name_or_address_is_another_server(tmp_path: Path) -> None:
    store = vault(tmp_path)
    store.write("s", URL, GRANT)
    assert store.read("other", URL) is None
    assert store.read("s", "https://host/mcp2") is None


def test_a_file_under_the_wrong_name_is_not_believed(tmp_path: Path) -> None:
    store = vault(tmp_path)
    store.write("s", URL, GRANT)
    store.file("s", URL).rename(store.file("s", "https://evil/mcp"))
    assert store.read("s", "https://evil/mcp") is None


def test_a_disk_that_refuses_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("in the way")
    with pytest.raises(AppError) as caught:
        vault(tmp_path).write("s", URL, GRANT)
    assert caught.value.info.title == "Tokens cannot be kept"


def test_a_grant_does_not_show_what_it_holds() -> None:
    assert "t0ps3cret" not in repr(GRANT) + str(GRANT) + f"{GRANT!r}"


def test_strange_content_is_an_empty_grant() -> None:
    found = Grant.from_json(json.loads('{"tokens": [], "expires_at": "x", "registrations": {"i": 3}, "issuer": 7}'))
    assert found.to_json() == Grant().to_json()


def test_backends_that_keep_nothing_are_no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backends import fail, null

    before = keyring.get_keyring()
    try:
        for backend in (null.Keyring(), fail.Keyring()):
            keyring.set_keyring(backend)
            with pytest.raises(AppError) as caught:
                system_keyring()
            assert caught.value.info.code == "no_keyring"
    finally:
        keyring.set_keyring(before)


def test_the_default_place_is_the_data_directory(private_environment: Path) -> None:
    store = default_vault({"MCP_TUI_TOKEN_STORE": "file"})
    store.write("s", URL, GRANT)
    assert store.file("s", URL).is_relative_to(private_environment / ".local/share/mcp-tui")


def test_a_keyring_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "KEYRING_TIMEOUT_S", 0.05)
    ring, gate = FakeKeyring(), threading.Event()
    vault(tmp_path, ring).write("s", URL, GRANT)

    def hang(*_: str) -> None:
        gate.wait(30)

    monkeypatch.setattr(ring, "get_password", hang)
    for work in (vault(tmp_path, ring).read, vault(tmp_path, ring).delete):
        with pytest.raises(AppError) as caught:
            work("s", URL)
        assert caught.value.info.code == "keyring_timeout"
    vault(tmp_path, ring).write("s", URL, GRANT)
    gate.set()
    assert same(vault(tmp_path, file_only=True).read("s", URL), GRANT), "the file takes what the keyring does not"


async def test_a_disk_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vault_module, "_STORE_TIMEOUT_S", 0.05)
    gate = threading.Event()
    with pytest.raises(AppError) as caught:
        await off_loop(gate.wait)
    gate.set()
    assert caught.value.info.title == "The disk does not answer"


async def test_blocking_work_leaves_the_loop_free() -> None:
    gate = threading.Event()
    work = asyncio.create_task(off_loop(lambda: gate.wait(20)))
    await asyncio.sleep(0)
    gate.set()
    assert await work
