"""Every small file the program keeps by itself, behind one face. Run as a program: `NAME put VALUE...`."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp_tui.config import paths
from mcp_tui.config.trust import read_trust, set_trust
from mcp_tui.core.errors import AppError
from mcp_tui.sessions.authorisation.vault import Grant, Vault
from mcp_tui.sessions.known_servers import KnownServers
from mcp_tui.store import model_lists
from mcp_tui.store.approvals import KeptApprovals
from mcp_tui.store.model_lists import ModelList
from mcp_tui.store.preferences import Preferences
from mcp_tui.store.provider_keys import ProviderKeys
from mcp_tui.ui.compare.prompt_history import PromptHistory


class Ring:
    """A keyring that always has the key; what is tested is the index beside it."""

    def get_password(self, service: str, user: str, /) -> str | None:
        return "key"

    def set_password(self, service: str, user: str, secret: str, /) -> None: ...

    def delete_password(self, service: str, user: str, /) -> None: ...


@dataclass(frozen=True)
class Kind:
    name: str
    path: Callable[[], Path]
    put: Callable[[str], None]
    """Keep this value. AppError, or a warning in the log, when it cannot be."""
    get: Callable[[], set[str]]
    written: str
    """The file as an earlier version left it, with "old"."""
    with_bad: Callable[[Any], object]
    """Its JSON with a bad entry more."""


def _preferences() -> Preferences:
    return Preferences(paths.state_dir() / "preferences.json")


def _preferred() -> set[str]:
    return {name for name in NAMES if _preferences().text(name)}


def _prefer(value: str) -> None:
    _preferences().set(value, "x")
    _preferences().set("last", value)


def _approvals() -> KeptApprovals:
    return KeptApprovals(paths.state_dir() / "approvals.json", now=lambda: 5.0)


def _remember(value: str) -> None:
    async def put() -> None:
        memory = KnownServers()
        memory.put("eras", value, {"era": "legacy"})
        await memory.close()

    asyncio.run(put())


def _remembered() -> set[str]:
    async def get() -> set[str]:
        memory = KnownServers()
        await memory.load()
        return {name for name in NAMES if memory.get("eras", name)}

    return asyncio.run(get())


def _trust(name: str) -> None:
    set_trust(Path("/project") / name, "d")


def _models() -> Path:
    return paths.cache_dir() / "models.json"


def _keys() -> ProviderKeys:
    return ProviderKeys(keyring=Ring)


def _history() -> PromptHistory:
    return PromptHistory(paths.state_dir() / "prompts.jsonl")


def _send(prompt: str) -> None:
    problem = asyncio.run(_history().add(prompt))
    if problem is not None:
        raise AppError.of(problem)


def _sent() -> set[str]:
    history = _history()
    asyncio.run(history.load())
    return set(history.prompts)


def _vault() -> Vault:
    return Vault(paths.data_dir() / "tokens", file_only=True)


def _sign_in(issuer: str) -> None:
    _vault().write("s", "https://h", Grant(issuer=issuer))


def _signed_in() -> set[str]:
    grant = _vault().read("s", "https://h")
    return {grant.issuer} if grant is not None else set()


NAMES = ["old", "bad", "a", "b", *(f"{who}{number}" for who in "xy" for number in range(40))]
_APPROVAL = {"server": "s", "tool": "old", "digest": "d", "program": "p", "since": 5.0}

KINDS = [
    Kind(
        "preferences", lambda: paths.state_dir() / "preferences.json", _prefer, _preferred,
        '{\n "old": "x",\n "last": "old",\n "newer": 3\n}', lambda whole: {**whole, "bad": {}},
    ),
    Kind(
        "approvals", lambda: paths.state_dir() / "approvals.json",
        lambda value: _approvals().keep("s", value, "d", "p"),
        lambda: {one.tool for one in _approvals().all()},
        json.dumps({"approvals": [_APPROVAL]}, indent=1),
        lambda whole: {"approvals": [{**_APPROVAL, "tool": 5}, *whole["approvals"], 7]},
    ),
    Kind(
        "servers", lambda: paths.state_dir() / "servers.json", _remember, _remembered,
        '{"eras": {"old": {"era": "legacy", "server": "s 1", "at": 5}}, "tasks": {}, "written": 17}',
        lambda whole: {**whole, "eras": {**whole["eras"], "bad": {"era": ["x"]}}, "tasks": 5},
    ),
    Kind(
        "trusted", paths.trust_file, _trust,
        lambda: {Path(path).name for path in read_trust().digests},
        '{\n  "version": 1,\n  "files": {\n    "/project/old": {\n      "sha256": "d"\n    }\n  }\n}\n',
        lambda whole: {**whole, "files": {"/bad": {}, **whole["files"]}},
    ),
    Kind(
        "models", _models, lambda value: model_lists.save(_models(), {value: ModelList("x", 5.0, ())}),
        lambda: set(model_lists.load(_models())),
        '{"old": {"address": "x", "asked_at": 5.0, "models": [["m", 4096, 0.5, null]]}}',
        lambda whole: {"bad": {"address": "x", "asked_at": 5.0, "models": [["m", float("inf"), 1, 1]]}, **whole},
    ),
    Kind(
        "keys", lambda: paths.state_dir() / "provider-keys.json", lambda value: _keys().save(value, "key"),
        lambda: set(_keys().names()), '["old"]', lambda whole: [None, *whole],
    ),
    Kind(
        "prompts", lambda: paths.state_dir() / "prompts.jsonl", _send, _sent, '{"prompt": "old"}\n',
        lambda whole: {"prompt": 5},
    ),
    Kind(
        "tokens", lambda: _vault().file("s", "https://h"), _sign_in, _signed_in,
        json.dumps({"version": 1, "server": "s", "url": "https://h", "kept_in": "file", "grant": {"issuer": "old"}}),
        lambda whole: {**whole, "grant": {**whole["grant"], "tokens": 5}},
    ),
]  # fmt: skip
BY_NAME = {kind.name: kind for kind in KINDS}


def main(name: str, *values: str) -> None:
    """Puts all values; `forever` puts the last one and "a" in turn until the process is killed."""
    if os.environ.get("TEST_UMASK"):
        os.umask(int(os.environ["TEST_UMASK"], 8))
    if os.environ.get("TEST_FILE_BYTES"):
        import resource

        limit = int(os.environ["TEST_FILE_BYTES"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if os.environ.get("TEST_USER"):
        # Who has given up his rights may not be able to load it any more.
        importlib.import_module("concurrent.futures.thread")
        os.setuid(int(os.environ["TEST_USER"]))
    kind = BY_NAME[name]
    if values[0] == "forever":
        print("begun", flush=True)
        while True:
            for value in ("a", values[1]):
                kind.put(value)
    for value in values:
        kind.put(value)


if __name__ == "__main__":
    logging.basicConfig()
    try:
        main(*sys.argv[1:])
    except AppError as error:
        sys.exit(str(error))
