"""Tool names as the providers accept them.

MCP allows names that providers refuse, and one bad name makes the whole request fail, so every name is mapped
into the subset that all formats take.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable

MAX_LENGTH = 64
_LEGAL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}\Z")
_ILLEGAL_CHARACTER = re.compile(r"[^a-zA-Z0-9_-]")
_HASH_LENGTH = 8


def is_legal(name: str) -> bool:
    return _LEGAL.match(name) is not None


def legalised(name: str) -> str:
    """`name` in the legal alphabet, not longer than allowed; two names may become equal."""
    text = _ILLEGAL_CHARACTER.sub("_", name)
    if not text or not (text[0].isalpha() or text[0] == "_"):
        text = f"_{text}"
    return text[:MAX_LENGTH]


class ToolNames:
    """The two-way map between (server, tool) and the name a model sees.

    A name once given is never changed or given to another tool, so a server that goes away and comes back, or
    one that arrives later, renames nothing. Tools that become known together get the same names whatever their
    order.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._tools: dict[str, tuple[str, str]] = {}

    def learn(self, tools: Iterable[tuple[str, str]]) -> None:
        """Give every (server, tool) not seen before its name."""
        new = sorted({key for key in tools if key not in self._names})
        if not new:
            return
        users = Counter(tool for _, tool in (*self._names, *new))
        rest: list[tuple[str, str]] = []
        for key in new:
            tool = key[1]
            if is_legal(tool) and users[tool] == 1 and tool not in self._tools:
                self._give(key, tool)
            else:
                rest.append(key)
        wanted = {key: _qualified(*key) for key in rest}
        rivals = Counter(legalised(name) for name in wanted.values())
        hashed: list[tuple[str, str]] = []
        for key in rest:
            name = legalised(wanted[key])
            cut = len(wanted[key]) > MAX_LENGTH
            if cut or rivals[name] > 1 or name in self._tools:
                hashed.append(key)
            else:
                self._give(key, name)
        for key in hashed:
            self._give(key, self._with_hash(key))

    def name(self, server: str, tool: str) -> str:
        """KeyError when the tool was never learnt."""
        return self._names[(server, tool)]

    def tool(self, name: str) -> tuple[str, str] | None:
        """(server, tool), or None when no tool has this name."""
        return self._tools.get(name)

    def _give(self, key: tuple[str, str], name: str) -> None:
        self._names[key] = name
        self._tools[name] = key

    def _with_hash(self, key: tuple[str, str]) -> str:
        # As JSON the pair is unambiguous whatever characters the two names hold.
        digest = hashlib.sha256(json.dumps(key).encode("ascii")).hexdigest()
        base = legalised(_qualified(*key))
        for length in range(_HASH_LENGTH, len(digest) - 1):
            name = f"{base[: MAX_LENGTH - 1 - length]}_{digest[:length]}"
            if name not in self._tools:
                return name
        raise AssertionError("sha256 collision between tool names")


def _qualified(server: str, tool: str) -> str:
    text = f"{server}__{tool}"
    # The first character is settled before the length is judged: legalised() may put one in front.
    return text if text[0].isascii() and (text[0].isalpha() or text[0] == "_") else f"_{text}"
