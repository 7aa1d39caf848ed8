"""Reads the keys of one entry: types, spellings of other clients, variables; every fault names file and line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_tui.config.document import Document, KeyPath
from mcp_tui.config.expand import Scope, UnresolvedError, expand
from mcp_tui.config.schema import NEEDS_INPUT, InputSpec
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.json_values import is_list, is_number, is_object
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject


class EntryError(Exception):
    """What is wrong with one entry; carries the problem to show."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info)
        self.info = info


def usage(title: str, detail: str, hint: str = "", code: str = "config") -> ErrorInfo:
    return ErrorInfo(clean_line(title), clean_line(detail), clean_line(hint), ErrorKind.USAGE, code)


class EntryReader:
    """One table of a document. Each getter takes the accepted spellings of a key, the own one first."""

    def __init__(self, document: Document, path: KeyPath, table: JsonObject, scope: Scope, what: str) -> None:
        self.document = document
        self.path = path
        self.what = what
        """`Server NAME` or `Provider NAME`, for titles."""
        self._table = table
        self._scope = scope

    def fault(self, key: str, detail: str, hint: str = "", *, code: str = "config") -> EntryError:
        where = self.document.where((*self.path, *([key] if key else [])))
        return EntryError(usage(self.what, f"{detail}, at {where}", hint, code))

    def found(self, *names: str) -> str | None:
        """The spelling that is there and not null."""
        return next((name for name in names if self._table.get(name) is not None), None)

    def names(self) -> Iterable[str]:
        return self._table.keys()

    def raw(self, name: str) -> Any:
        return self._table.get(name)

    def text(self, *names: str) -> str:
        """ "" when absent."""
        name = self.found(*names)
        if name is None:
            return ""
        value = self._table[name]
        if not isinstance(value, str):
            raise self.fault(name, f"`{name}` must be a text, not {kind_text(value)}")
        return self.expanded(value, name)

    def texts(self, *names: str) -> tuple[str, ...] | None:
        """A list of texts, or None when absent. Numbers become text: ports are often written plain."""
        name = self.found(*names)
        if name is None:
            return None
        value = self._table[name]
        if not is_list(value):
            raise self.fault(name, f"`{name}` must be a list of texts, not {kind_text(value)}")
        return tuple(self.expanded(self._scalar(item, name, n), name, n) for n, item in enumerate(value))

    def mapping(self, *names: str) -> dict[str, str]:
        """A table of texts; numbers and booleans become text."""
        name = self.found(*names)
        if name is None:
            return {}
        value = self._table[name]
        if not is_object(value):
            raise self.fault(name, f"`{name}` must be a table of texts, not {kind_text(value)}")
        return {key: self.expanded(self._scalar(item, name, key), name, key) for key, item in value.items()}

    def flag(self, *names: str) -> bool | None:
        name = self.found(*names)
        if name is None:
            return None
        value = self._table[name]
        if not isinstance(value, bool):
            raise self.fault(name, f"`{name}` must be true or false, not {kind_text(value)}")
        return value

    def seconds(self, *names: str) -> float | None:
        """A positive number."""
        name = self.found(*names)
        if name is None:
            return None
        value = self._table[name]
        # `not 0 < value` also refuses NaN.
        if not is_number(value) or not 0 < value < 1e9:
            raise self.fault(name, f"`{name}` must be a positive number, not {kind_text(value)}")
        return float(value)

    def table(self, *names: str) -> JsonObject | None:
        """A table with the variables in all its texts replaced."""
        name = self.found(*names)
        if name is None:
            return None
        value = self._table[name]
        if not is_object(value):
            raise self.fault(name, f"`{name}` must be a table, not {kind_text(value)}")
        return {key: self._expand_deep(item, (name, key)) for key, item in value.items()}

    def expanded(self, text: str, *keys: str | int) -> str:
        try:
            return expand(text, self._scope)
        except UnresolvedError as error:
            label = ".".join(str(key) for key in keys)
            where = self.document.where((*self.path, *keys))
            detail = f"${{{error.reference}}} {error.reason}; used by `{label}` at {where}"
            code = "unresolved_variable"
            if error.reason == "is not set":
                hint = f"set {error.reference}, or write ${{{error.reference}:-default}}"
            elif error.reference.startswith("input:"):
                variable = InputSpec(error.reference.removeprefix("input:"), self.document.path).variable
                hint, code = f"the dashboard asks for it; elsewhere set {variable}", NEEDS_INPUT
            else:
                hint = "write $${ for a plain ${"
            raise EntryError(usage(self.what, detail, hint, code)) from error

    def _expand_deep(self, value: object, keys: tuple[str | int, ...]) -> object:
        if isinstance(value, str):
            return self.expanded(value, *keys)
        if is_object(value):
            return {name: self._expand_deep(item, (*keys, name)) for name, item in value.items()}
        if is_list(value):
            return [self._expand_deep(item, (*keys, n)) for n, item in enumerate(value)]
        return value

    def _scalar(self, value: object, name: str, key: str | int) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return str(value)
        raise self.fault(name, f"`{name}.{key}` must be a text, not {kind_text(value)}")


def kind_text(value: object) -> str:
    """The value's kind in words of the file; never the value itself, which may be a secret."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"
