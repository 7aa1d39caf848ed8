"""Which rows a form shows for a schema and a document, and what can be done at each row. No terminal needed.

Everything that is in the document has a row, also what the schema does not know; what is not in it and may be
left out is one line that opens on demand. So recursion costs nothing until it is opened.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, cast

from mcp_tui.core.argument_document import (
    Path,
    delete_at,
    frame,
    get_at,
    move_item,
    new_item,
    set_at,
)
from mcp_tui.core.form_fields import ABSENT, Field, SchemaReader, Shape
from mcp_tui.core.json_values import as_list, as_object, is_list, is_object, same
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import Problem

MAX_DEPTH = 20
MAX_ROWS = 500
MAX_ITEMS = 100
"""List entries drawn per list."""


class RowKind(StrEnum):
    FIELD = "field"
    GROUP = "group"
    """The head of an object or a list; its members follow when it is open."""
    VARIANT = "variant"
    """The choice between several schemas."""
    ADD_ITEM = "add_item"
    ADD_KEY = "add_key"
    MORE = "more"
    """Something is not drawn; `note` says what."""


@dataclass(frozen=True, slots=True)
class ArgumentRow:
    kind: RowKind
    field: Field
    path: Path
    depth: int
    value: object = ABSENT
    open: bool = False
    variant: int | None = None
    """For VARIANT: the one taken."""
    in_list: bool = False
    in_map: bool = False
    """A member the schema does not name: it can be removed."""
    note: str = ""


class Action(StrEnum):
    UNSET = "unset"
    NULL = "null"
    EMPTY = "empty"
    DEFAULT = "default"
    FILL = "fill"
    ADD = "add"
    REMOVE = "remove"
    UP = "up"
    DOWN = "down"


ACTION_WORDS: Mapping[Action, str] = {
    Action.UNSET: "Do not send it",
    Action.NULL: "Send null",
    Action.EMPTY: "Send an empty text",
    Action.DEFAULT: "Put the default back",
    Action.FILL: "Fill it in",
    Action.ADD: "Add an item",
    Action.REMOVE: "Remove it",
    Action.UP: "Move up",
    Action.DOWN: "Move down",
}


@dataclass(slots=True)
class FormModel:
    """A document, how it is opened, and the steps a person can take. Changes `document` in place."""

    reader: SchemaReader
    document: JsonObject
    closed: set[Path] = field(default_factory=set[Path])
    """Groups folded although they have a value."""
    chosen: dict[Path, int] = field(default_factory=dict[Path, int])
    """Variants taken by hand; elsewhere the value decides."""

    def rows(self) -> list[ArgumentRow]:
        found: list[ArgumentRow] = []
        for row in self._members(self.reader.root(), (), 0):
            found.append(row)
            if len(found) >= MAX_ROWS:
                note = f"only the first {MAX_ROWS} lines are drawn; the JSON view holds everything"
                found.append(ArgumentRow(RowKind.MORE, self.reader.root(), (), 0, note=note))
                break
        return found

    def _rows(
        self, place: Field, path: Path, depth: int, *, in_list: bool = False, in_map: bool = False
    ) -> Iterator[ArgumentRow]:
        value = get_at(self.document, path)
        row = ArgumentRow(RowKind.FIELD, place, path, depth, value, in_list=in_list, in_map=in_map)
        if depth > MAX_DEPTH:
            yield replace(row, field=replace(place, shape=Shape.JSON, note="nested too deep to be drawn"))
        elif place.shape is Shape.VARIANTS:
            yield from self._variant_rows(row)
        elif place.shape is Shape.OBJECT or place.shape is Shape.LIST:
            wanted = dict if place.shape is Shape.OBJECT else list
            if value is not ABSENT and value is not None and not isinstance(value, wanted):
                yield replace(row, field=replace(place, shape=Shape.JSON))
                return
            opened = isinstance(value, wanted) and path not in self.closed
            yield replace(row, kind=RowKind.GROUP, open=opened)
            if opened:
                yield from self._members(place, path, depth + 1)
        else:
            yield row

    def _variant_rows(self, row: ArgumentRow) -> Iterator[ArgumentRow]:
        taken = self._variant(row.field, row.path, row.value)
        shown = taken is not None and row.value is not None and row.path not in self.closed
        yield replace(row, kind=RowKind.VARIANT, variant=taken, open=shown)
        if taken is None or not shown:
            return
        inner = self.reader.variant(row.field, taken)
        if inner.shape in (Shape.OBJECT, Shape.LIST):
            wanted = dict if inner.shape is Shape.OBJECT else list
            if isinstance(row.value, wanted):
                yield from self._members(inner, row.path, row.depth + 1)
                return
            if row.value is not ABSENT:
                inner = replace(inner, shape=Shape.JSON)
        if inner.shape is Shape.VARIANTS:
            # The same place cannot hold two choices of its own: the inner one is written as JSON.
            inner = replace(inner, shape=Shape.JSON)
        value_row = replace(row, field=replace(inner, name="value", title=""), depth=row.depth + 1)
        yield replace(value_row, kind=RowKind.FIELD)

    def _variant(self, place: Field, path: Path, value: object) -> int | None:
        taken = self.chosen.get(path)
        if taken is not None and taken < len(place.variants):
            return taken
        return None if value is ABSENT or value is None else self.reader.matching_variant(place, value)

    def _members(self, parent: Field, path: Path, depth: int) -> Iterator[ArgumentRow]:
        value = self.document if not path else get_at(self.document, path)
        if not path and parent.shape is Shape.VARIANTS:
            taken = self._variant(parent, (), value)
            taken = 0 if taken is None else taken
            yield ArgumentRow(RowKind.VARIANT, replace(parent, name="arguments"), (), depth, value, True, taken)
            parent = replace(self.reader.variant(parent, taken), name="")
            if parent.shape is not Shape.OBJECT:
                note = "this alternative is no object; write it in the JSON view"
                yield ArgumentRow(RowKind.MORE, parent, (), depth, note=note)
                return
        if parent.shape is Shape.LIST:
            yield from self._items(parent, path, depth, as_list(value))
            return
        known = self.reader.properties(parent)
        for member in known:
            yield from self._rows(member, (*path, member.name), depth)
        hidden = self.reader.hidden_properties(parent)
        if hidden:
            yield ArgumentRow(RowKind.MORE, parent, path, depth, note=f"{hidden} more keys; the JSON view holds them")
        names = {member.name for member in known}
        for name in list(as_object(value)):
            if name not in names:
                extra = self.reader.extra(parent, name)
                if extra is None:
                    extra = Field(name, Shape.JSON, {}, note="the schema does not know this key")
                yield from self._rows(extra, (*path, name), depth, in_map=True)
        if self.reader.is_map(parent):
            yield ArgumentRow(RowKind.ADD_KEY, parent, path, depth)

    def _items(self, parent: Field, path: Path, depth: int, items: list[Any]) -> Iterator[ArgumentRow]:
        for index in range(min(len(items), MAX_ITEMS)):
            yield from self._rows(self.reader.item(parent, index), (*path, index), depth, in_list=True)
        if len(items) > MAX_ITEMS:
            note = f"{len(items) - MAX_ITEMS} more items; the JSON view holds them"
            yield ArgumentRow(RowKind.MORE, parent, path, depth, note=note)
        yield ArgumentRow(RowKind.ADD_ITEM, parent, path, depth)

    def in_order(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        """Top to bottom as the form shows their places."""
        order = {row.path: number for number, row in reversed(list(enumerate(self.rows())))}
        last = len(order)

        def place(problem: Problem) -> int:
            drawn = visible_place(problem.path, order.keys())
            return last if drawn is None else order[drawn]

        return tuple(sorted(problems, key=place))

    # Steps

    def actions(self, row: ArgumentRow) -> tuple[Action, ...]:
        """What can be done at this row now, most usual first."""
        if not row.path or row.kind in (RowKind.ADD_KEY, RowKind.MORE):
            return ()
        if row.kind is RowKind.ADD_ITEM:
            return (Action.ADD,)
        found: list[Action] = []
        absent = row.value is ABSENT
        if row.kind is RowKind.GROUP and (absent or row.value is None):
            found.append(Action.FILL)
        if row.kind is RowKind.GROUP and row.field.shape is Shape.LIST and is_list(row.value):
            found.append(Action.ADD)
        if row.in_list:
            index = cast(int, row.path[-1])
            count = len(as_list(get_at(self.document, row.path[:-1])))
            found += [Action.UP] * (index > 0) + [Action.DOWN] * (index < count - 1)
        if row.in_list or row.in_map:
            found.append(Action.REMOVE)
        elif not absent:
            found.append(Action.UNSET)
        if row.value is not None and (row.field.nullable or row.field.shape in (Shape.JSON, Shape.NULL)):
            found.append(Action.NULL)
        text = row.field.shape in (Shape.TEXT, Shape.LINES)
        if text and row.value != "":
            found.append(Action.EMPTY)
        default = row.field.default
        if default is not ABSENT and (absent or not same(default, row.value)):
            found.append(Action.DEFAULT)
        if not row.field.nullable and row.value is not None and Action.NULL not in found:
            found.append(Action.NULL)  # wrong on purpose: servers are to be tried with it
        return tuple(found)

    def act(self, row: ArgumentRow, action: Action) -> Path:
        """Do it; the path where a person goes on."""
        path = row.path
        match action:
            case Action.UNSET | Action.REMOVE:
                delete_at(self.document, path)
                self._forget(path)
                return path if action is Action.UNSET else path[:-1]
            case Action.NULL:
                set_at(self.document, path, None)
                self.chosen.pop(path, None)
            case Action.EMPTY:
                set_at(self.document, path, "")
            case Action.DEFAULT:
                set_at(self.document, path, copy.deepcopy(row.field.default))
                self._forget(path)
            case Action.FILL:
                self.fill(row)
            case Action.ADD:
                return self.add_item(row)
            case Action.UP | Action.DOWN:
                by = -1 if action is Action.UP else 1
                if move_item(self.document, path, by):
                    self._forget(path[:-1])
                    return (*path[:-1], cast(int, path[-1]) + by)
        return path

    def fill(self, row: ArgumentRow) -> None:
        """Put the frame of an object or list where nothing is."""
        value = frame(self.reader, row.field)
        set_at(self.document, row.path, {} if value is ABSENT else value)
        self.closed.discard(row.path)

    def toggle(self, row: ArgumentRow) -> None:
        """Open what is closed (filling it in when it is not there), close what is open."""
        if row.value is ABSENT or row.value is None:
            self.fill(row)
        elif row.open:
            self.closed.add(row.path)
        else:
            self.closed.discard(row.path)

    def take(self, row: ArgumentRow, variant: int) -> None:
        """Take one of several schemas; the value is kept where it fits, else replaced by the frame of the new one."""
        self._forget(row.path)
        self.chosen[row.path] = variant
        inner = self.reader.variant(row.field, variant)
        if not row.path:
            return
        kinds: Mapping[Shape, type | tuple[type, ...]] = {
            Shape.OBJECT: dict,
            Shape.LIST: list,
            Shape.TEXT: str,
            Shape.LINES: str,
            Shape.BOOLEAN: bool,
        }
        kept = row.value is not ABSENT and isinstance(row.value, kinds.get(inner.shape, ()))
        if kept and inner.shape is Shape.OBJECT:
            held = get_at(self.document, row.path)
            # A discriminator is a constant: the new alternative's wins.
            for name, value in as_object(frame(self.reader, inner)).items():
                member = as_object(as_object(inner.schema.get("properties")).get(name))
                if "const" in member or name not in held:
                    set_at(self.document, (*row.path, name), value)
            return
        if kept:
            return
        value = frame(self.reader, inner)
        if value is ABSENT and row.in_list:
            value = new_item(self.reader, inner)
        if value is ABSENT:
            delete_at(self.document, row.path)
        else:
            set_at(self.document, row.path, value)

    def add_item(self, row: ArgumentRow) -> Path:
        """Append to the list this row heads or ends; the path of the new entry."""
        items = get_at(self.document, row.path)
        index = len(items) if is_list(items) else 0
        set_at(self.document, (*row.path, index), new_item(self.reader, self.reader.item(row.field, index)))
        self.closed.discard(row.path)
        return (*row.path, index)

    def add_key(self, row: ArgumentRow, name: str) -> Path | None:
        """A new member of an open object; None when the name is taken."""
        path = (*row.path, name)
        if get_at(self.document, path) is not ABSENT:
            return None
        member = self.reader.extra(row.field, name)
        set_at(self.document, path, None if member is None else new_item(self.reader, member))
        return path

    def _forget(self, path: Path) -> None:
        """Drop what was remembered about the places below (and at) a path whose value moved or went."""

        def below(place: Path) -> bool:
            return place[: len(path)] == path

        self.closed = {place for place in self.closed if not below(place)}
        self.chosen = {place: variant for place, variant in self.chosen.items() if not below(place)}


def state_words(row: ArgumentRow) -> str:
    """What a row says about its value where the input itself cannot."""
    value = row.value
    if value is None:
        return "null"
    if value is ABSENT:
        return "required" if row.field.required else "not sent"
    if value == "":
        return "empty text"
    if row.kind is RowKind.GROUP:
        count = len(value) if is_list(value) or is_object(value) else 0
        noun = "item" if row.field.shape is Shape.LIST else "key"
        return f"{count} {noun}{'' if count == 1 else 's'}"
    if row.kind is RowKind.FIELD and isinstance(value, str) and row.field.shape in (Shape.INTEGER, Shape.NUMBER):
        return "text"
    return ""


def visible_place(path: Path, places: Set[Path]) -> Path | None:
    """The drawn place nearest to a path: itself, else the closest place around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return path[:length]
    return None
