"""Reads the keys of a suite's tables. Faults are collected, each with its place, so that one error names them all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.entry_reader import kind_text
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.json_values import is_integer, is_list, is_number, is_object, objects, texts
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject

_MOST_FAULTS = 20


class Faults:
    """What is wrong with one suite."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._found: list[tuple[int, str, str]] = []

    def add(self, place: KeyPath, detail: str, hint: str = "") -> None:
        self._found.append((self.document.line(place) or 0, f"{detail}, at {self.document.where(place)}", hint))

    def raise_any(self) -> None:
        """AppError (usage) with every fault, in the order of the lines."""
        found = [(detail, hint) for _, detail, hint in sorted(self._found, key=lambda fault: fault[0])]
        if not found:
            return
        if len(found) == 1:
            (detail, hint), title = found[0], "Suite"
        else:
            title, hint = f"Suite has {len(found)} faults", ""
            shown = [f"{detail} ({hint})" if hint else detail for detail, hint in found[:_MOST_FAULTS]]
            more = [f"and {len(found) - _MOST_FAULTS} more"] if len(found) > _MOST_FAULTS else []
            detail = "; ".join([*shown, *more])
        raise AppError(title, clean_line(detail), clean_line(hint), kind=ErrorKind.USAGE, code="suite")


class Keys:
    """One table. A getter gives None when the key is absent or faulty; then the fault is noted."""

    def __init__(self, faults: Faults, place: KeyPath, table: JsonObject, within: str = "") -> None:
        """within: what stands before the keys in messages, such as `expect.`"""
        self.faults = faults
        self.place = place
        self._table = table
        self._within = within

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def names(self) -> Sequence[str]:
        return list(self._table)

    def raw(self, key: str) -> object:
        return self._table.get(key)

    def fault(self, key: str, detail: str, hint: str = "") -> None:
        """detail: what follows the key's name."""
        self.faults.add((*self.place, key), f"`{self._within}{key}` {detail}", hint)

    def refuse_unknown(self, known: Sequence[str]) -> None:
        for key in self._table:
            if key not in known:
                self.fault(key, "is not known", known_names_hint(key, known, what="keys", limit=len(known)))

    def text(self, key: str, *, empty: bool = False) -> str | None:
        value: object = self._table.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(key, f"must be a text, not {kind_text(value)}")
        elif not empty and not value.strip():
            self.fault(key, "is empty")
        else:
            return value
        return None

    def texts(self, key: str, *, single: bool = False, empty: bool = False) -> tuple[str, ...] | None:
        """A list of texts. single: one text will do. empty: the list may be."""
        value: object = self._table.get(key)
        if value is None:
            return None
        if single and isinstance(value, str):
            value = [value]
        items, other = _list_or_kind(value)
        if items is None or len(found := texts(items)) < len(items):
            self.fault(key, f"must be {'a text or a list of texts' if single else 'a list of texts'}{other}")
        elif not found and not empty:
            self.fault(key, "is empty")
        elif not all(found):
            self.fault(key, "holds an empty text")
        else:
            return tuple(found)
        return None

    def flag(self, key: str) -> bool | None:
        value: object = self._table.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, f"must be true or false, not {kind_text(value)}")
        return None

    def number(self, key: str, least: float, most: float = math.inf) -> float | None:
        value: object = self._table.get(key)
        if value is None:
            return None
        # `not least <= value` also refuses NaN.
        if not is_number(value) or not least <= value <= most:
            self.fault(key, f"must be a number {_range(least, most)}, not {kind_text(value)}")
            return None
        return float(value)

    def whole(self, key: str, least: int, most: float = math.inf) -> int | None:
        value: object = self._table.get(key)
        if value is None:
            return None
        if not is_integer(value) or not least <= value <= most:
            self.fault(key, f"must be a whole number {_range(least, most)}, not {kind_text(value)}")
            return None
        return value

    def seconds(self, key: str) -> float | None:
        value = self.number(key, 0)
        if value == 0 or (value is not None and not math.isfinite(value)):
            self.fault(key, "must be more than 0 seconds")
            return None
        return value

    def table(self, key: str) -> Keys | None:
        value: object = self._table.get(key)
        if value is None:
            return None
        if is_object(value):
            return self.inner(key, value)
        self.fault(key, f"must be a table, not {kind_text(value)}")
        return None

    def inner(self, key: str, table: JsonObject) -> Keys:
        return Keys(self.faults, (*self.place, key), table, f"{self._within}{key}.")

    def tables(self, key: str) -> list[Keys]:
        """Of a list of tables."""
        value: object = self._table.get(key)
        if value is None:
            return []
        items, other = _list_or_kind(value)
        if items is None or len(found := objects(items)) < len(items):
            self.fault(key, f"must be a list of tables{other}")
            return []
        return [
            Keys(self.faults, (*self.place, key, number), item, f"{self._within}{key}.")
            for number, item in enumerate(found)
        ]


def _list_or_kind(value: object) -> tuple[list[Any] | None, str]:
    """The list, or what else it is in words."""
    return (value, "") if is_list(value) else (None, f", not {kind_text(value)}")


def _range(least: float, most: float) -> str:
    return f"from {least:g} on" if most == math.inf else f"from {least:g} to {most:g}"
