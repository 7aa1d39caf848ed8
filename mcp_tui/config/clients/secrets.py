"""Entries without plain secrets: each becomes a reference, so that what is copied or shown holds none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from mcp_tui.config import mask
from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.types import JsonObject

_REFERENCE = re.compile(r"\$\{[^{}]*\}")
_FLAG = re.compile(r"--?([A-Za-z][A-Za-z0-9_.-]*)")
_ASSIGNED = re.compile(r"-{0,2}([A-Za-z0-9_.-]+)[=:]")
_SECRET_AUTH = frozenset({"client_secret", "private_key_pem", "assertion", "idp_id_token"})


@dataclass(slots=True)
class Withheld:
    """An entry of `[servers.NAME]` with its secrets replaced."""

    entry: JsonObject
    variables: dict[str, str] = field(default_factory=dict[str, str])
    """The variable that now stands for a secret -> where that is, such as `env.API_KEY`."""


def withhold(server: str, entry: JsonObject) -> Withheld:
    """Replace every plain secret of an entry by `${VARIABLE}`; references that stand there already stay."""
    return _Withholder(server).replaced(entry)


class _Withholder:
    def __init__(self, server: str) -> None:
        self._prefix = _variable(server) or "MCP"
        self._result = Withheld({})

    def replaced(self, entry: JsonObject) -> Withheld:
        result: JsonObject = dict(entry)
        for key in ("env", "headers", "auth"):
            if is_object(table := entry.get(key)):
                result[key] = {n: self._value(key, n, v) for n, v in table.items()}
        if is_list(args := entry.get("args")):
            result["args"] = self._arguments(args)
        if isinstance(url := entry.get("url"), str):
            result["url"] = self._masked(url, mask.url(url), "url", f"{self._prefix}_SECRET")
        if isinstance(command := entry.get("command"), str):
            result["command"] = self._masked(command, mask.text(command), "command", f"{self._prefix}_SECRET")
        self._result.entry = result
        return self._result

    def _value(self, table: str, name: str, value: object) -> object:
        if not isinstance(value, str) or not self._plain(name, value, table):
            return value
        if table == "env":
            return self._reference(_variable(name) or f"{self._prefix}_SECRET", f"env.{name}")
        variable = f"{self._prefix}_{_variable(name)}"
        head, space, rest = value.partition(" ")
        if table == "headers" and space and rest and head.isalpha():
            # `Bearer XYZ`: the scheme is no secret.
            return f"{head} {self._reference(f'{self._prefix}_TOKEN', f'headers.{name}')}"
        return self._reference(variable, f"{table}.{name}")

    @staticmethod
    def _plain(name: str, value: str, table: str) -> bool:
        """Is there a secret beside the references?"""
        rest = _REFERENCE.sub("", value)
        if table == "auth":
            return name in _SECRET_AUTH and bool(rest)
        if rest != value:
            # `Bearer ${TOKEN}`: the name says secret, and what is secret is a reference already.
            return mask.is_secret("", rest)
        return mask.is_secret(name, rest)

    def _arguments(self, args: list[object]) -> list[object]:
        texts = [str(item) for item in args]
        shown = mask.arguments(texts)
        result: list[object] = []
        for index, (item, given, masked) in enumerate(zip(args, texts, shown, strict=True)):
            flag = _ASSIGNED.match(given) or (_FLAG.fullmatch(texts[index - 1]) if index else None)
            variable = f"{self._prefix}_{_variable(flag[1]) if flag else 'SECRET'}"
            plain = self._masked(given, masked, f"args.{index}", variable)
            result.append(item if plain == given else plain)
        return result

    def _masked(self, given: str, masked: str, place: str, variable: str) -> str:
        if given == masked or ("${" in given and not mask.is_secret("", _REFERENCE.sub("", given))):
            return given
        pieces = masked.split(mask.MASK)
        result = pieces[0]
        for piece in pieces[1:]:
            result += self._reference(variable, place) + piece
        return result

    def _reference(self, variable: str, place: str) -> str:
        name, number = variable, 2
        while self._result.variables.get(name, place) != place:
            name, number = f"{variable}_{number}", number + 1
        self._result.variables[name] = place
        return f"${{{name}}}"


def _variable(text: str) -> str:
    """The text as the name of an environment variable."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").upper()
    return f"_{name}" if name[:1].isdigit() else name


def plain_secrets(entry: JsonObject) -> tuple[str, ...]:
    """Where an entry holds secrets in plain text, such as `env.API_KEY`."""
    found: Mapping[str, str] = withhold("x", entry).variables
    return tuple(dict.fromkeys(found.values()))
