"""A JSON Schema as form fields: what kind of input each place in the arguments needs.

Everything is read one level at a time, so a schema that refers to itself costs only what is opened. `$ref` is
followed inside the same document only; nothing here touches the network. Schemas are hostile: every loop is
bounded, and what cannot be drawn becomes Shape.JSON with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final
from urllib.parse import unquote

from mcp_tui.core.json_values import as_list, as_object, as_text, is_integer, is_list, is_number, is_object, same
from mcp_tui.core.types import JsonObject

MAX_REF_HOPS = 64
MAX_MERGES = 200
MAX_PROPERTIES = 300
"""Drawn per object; the others stay reachable as JSON."""
MAX_CHOICES = 2_000


class _Absent:
    """The value of a place that is not in the document: not null, not sent."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        return False


ABSENT: Final = _Absent()


class Shape(StrEnum):
    TEXT = "text"
    LINES = "lines"
    """Text of several lines."""
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    """One of `choices` (enum, const, oneOf of consts)."""
    OBJECT = "object"
    LIST = "list"
    VARIANTS = "variants"
    """One of several schemas (oneOf, anyOf, several types)."""
    NULL = "null"
    JSON = "json"
    """Anything: written as JSON in place."""


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    value: Any


@dataclass(frozen=True, slots=True)
class Variant:
    label: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Field:
    """One place in the arguments. Texts are as the server wrote them: hostile."""

    name: str
    shape: Shape
    schema: JsonObject
    """Flattened: references followed and allOf merged."""
    title: str = ""
    description: str = ""
    required: bool = False
    nullable: bool = False
    default: Any = ABSENT
    choices: tuple[Choice, ...] = ()
    variants: tuple[Variant, ...] = ()
    format: str = ""
    limits: str = ""
    """What the schema bounds, in few words: `1 … 100`, `at most 20 characters`."""
    note: str = ""
    """For Shape.JSON: why it is not drawn."""

    @property
    def label(self) -> str:
        return self.title or self.name


_TYPES = ("string", "integer", "number", "boolean", "object", "array", "null")
_LONG_FORMATS = frozenset(["textarea", "multiline", "multi-line", "markdown", "html", "text", "code", "sql"])
_LONG_NAMES = frozenset(
    [
        "body",
        "code",
        "content",
        "diff",
        "html",
        "markdown",
        "patch",
        "script",
        "source",
        "sql",
        "template",
        "xml",
        "yaml",
    ]
)
_LONG_LENGTH = 200
_CONSTRAINTS_ONLY = frozenset(["required", "not", "dependentRequired", "minProperties", "maxProperties", "$comment"])


@dataclass(slots=True)
class SchemaReader:
    """Reads one document. `document` may be anything a server sent; a non-object counts as `{}`."""

    document: JsonObject
    _anchors: dict[str, JsonObject] | None = field(default=None, init=False)

    def root(self) -> Field:
        """The arguments themselves: always an object, whatever the schema forgot to say."""
        schema = self._flatten(self.document)
        found = self.field(schema, "")
        if found.shape in (Shape.OBJECT, Shape.VARIANTS):
            return replace(found, required=True, nullable=False)
        return replace(self._field_of(schema, "", Shape.OBJECT), required=True)

    def field(self, schema: object, name: str, *, required: bool = False) -> Field:
        if schema is False:
            return Field(name, Shape.JSON, {"not": {}}, required=required, note="the schema allows no value here")
        flat, fault = self._resolve(as_object(schema), 0)
        if fault:
            return replace(self._field_of(flat, name, Shape.JSON), required=required, note=fault)
        return replace(self._shaped(flat, name), required=required)

    def properties(self, parent: Field) -> tuple[Field, ...]:
        """The named members of an object in the schema's order, at most MAX_PROPERTIES."""
        required = {item for item in as_list(parent.schema.get("required")) if isinstance(item, str)}
        members = as_object(parent.schema.get("properties"))
        names = list(members)[:MAX_PROPERTIES]
        fields = [self.field(members[name], name, required=name in required) for name in names]
        # A name that is required but not described still has to be filled in.
        missing = [name for name in sorted(required) if name not in members][: MAX_PROPERTIES - len(names)]
        return (*fields, *(self.field({}, name, required=True) for name in missing))

    def hidden_properties(self, parent: Field) -> int:
        return max(0, len(as_object(parent.schema.get("properties"))) - MAX_PROPERTIES)

    def extra(self, parent: Field, name: str) -> Field | None:
        """The field of a member the schema does not name; None where it forbids them."""
        for key in ("additionalProperties", "unevaluatedProperties"):
            rule = parent.schema.get(key)
            if rule is False:
                return None
            if is_object(rule):
                return self.field(rule, name)
        return self.field({}, name)

    def is_map(self, parent: Field) -> bool:
        """Members of any name are meant to be added (and not merely tolerated)."""
        rules = [parent.schema.get(key) for key in ("additionalProperties", "unevaluatedProperties")]
        if any(isinstance(rule, dict) for rule in rules) or "patternProperties" in parent.schema:
            return True
        return not as_object(parent.schema.get("properties")) and False not in rules and bool(parent.name)

    def item(self, parent: Field, index: int) -> Field:
        prefix = as_list(parent.schema.get("prefixItems"))
        items: object = parent.schema.get("items", {})
        if is_list(items):  # draft 2019 and older: a tuple
            prefix, items = items, parent.schema.get("additionalItems", {})
        if index < len(prefix):
            return self.field(prefix[index], str(index + 1))
        return self.field(items, str(index + 1))

    def variant(self, parent: Field, index: int) -> Field:
        """The whole field as it is when this choice is taken; keeps the name and what `required` said."""
        found = self.field(parent.variants[index].schema, parent.name, required=parent.required)
        return replace(found, title=parent.title, nullable=parent.nullable or found.nullable)

    def matching_variant(self, parent: Field, value: object) -> int | None:
        """The choice that fits a value best; None when not even the type fits one."""
        best: tuple[int, int] | None = None
        for index, variant in enumerate(parent.variants):
            score = self._fit(self._flatten(variant.schema), value, 0)
            if score is not None and (best is None or score > best[0]):
                best = (score, index)
        return None if best is None else best[1]

    def _fit(self, schema: JsonObject, value: object, depth: int) -> int | None:
        """How well a value fits by type, constants and names: higher is better, None = not at all."""
        if "const" in schema:
            return 8 if same(schema["const"], value) else None
        if "enum" in schema:
            return 6 if any(same(item, value) for item in as_list(schema["enum"])[:MAX_CHOICES]) else None
        types = _types_of(schema)
        if types and not any(_is_type(value, name) for name in types):
            return None
        score = 1 if types else 0
        if not is_object(value) or depth > 2:
            return score
        members = as_object(schema.get("properties"))
        for name in list(value)[:50]:
            if name not in members:
                score -= 1
                continue
            inner = self._fit(self._flatten(as_object(members[name])), value[name], depth + 1)
            if inner is None:
                return None
            score += 1 + inner
        for name in as_list(schema.get("required"))[:50]:
            score += 1 if name in value else -1
        return score

    # Flattening

    def _flatten(self, schema: JsonObject) -> JsonObject:
        return self._resolve(schema, 0)[0]

    def _resolve(self, schema: JsonObject, merges: int) -> tuple[JsonObject, str]:
        """References followed and allOf merged, and what stood in the way ("" = nothing)."""
        seen: list[str] = []
        fault = ""
        while "$ref" in schema or "$dynamicRef" in schema:
            ref = as_text(schema.get("$ref", schema.get("$dynamicRef")))
            rest = {key: value for key, value in schema.items() if key not in ("$ref", "$dynamicRef")}
            if ref in seen or len(seen) >= MAX_REF_HOPS:
                return rest, "the schema refers to itself without end"
            seen.append(ref)
            target = self._target(ref)
            if target is None:
                known = ref.startswith("#")
                where = "is not in the schema" if known else "is outside the schema and is not fetched"
                return rest, f"the reference {ref[:80]} {where}"
            schema = _merged(target, rest)
        parts = as_list(schema.get("allOf"))
        if parts:
            own = {key: value for key, value in schema.items() if key != "allOf"}
            base: JsonObject = {}
            for part in parts:
                merges += 1
                if merges > MAX_MERGES:
                    return _merged(base, own), "allOf is nested too deep"
                inner, inner_fault = self._resolve(as_object(part), merges)
                fault = fault or inner_fault
                base = _merged(base, inner)
            schema = _merged(base, own)
        return schema, fault

    def _target(self, ref: str) -> JsonObject | None:
        if ref == "#":
            return self.document
        if not ref.startswith("#"):
            return self.document if ref and ref == self.document.get("$id") else None
        if not ref.startswith("#/"):
            return self._anchor(ref[1:])
        node: object = self.document
        for part in ref[2:].split("/"):
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if is_object(node) and key in node:
                node = node[key]
            elif is_list(node) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            else:
                return None
        if isinstance(node, bool):
            return {} if node else {"not": {}}
        return node if is_object(node) else None

    def _anchor(self, name: str) -> JsonObject | None:
        if self._anchors is None:
            self._anchors = {}
            waiting: list[object] = [self.document]
            for _ in range(20_000):
                if not waiting:
                    break
                node = waiting.pop()
                if is_object(node):
                    for key in ("$anchor", "$dynamicAnchor"):
                        if isinstance(node.get(key), str):
                            self._anchors.setdefault(node[key], node)
                    waiting.extend(node.values())
                elif is_list(node):
                    waiting.extend(node)
        return self._anchors.get(name)

    # Shapes

    def _shaped(self, schema: JsonObject, name: str) -> Field:
        choices = self._choices(schema)
        if choices is not None:
            nullable = any(choice.value is None for choice in choices)
            kept = tuple(choice for choice in choices if choice.value is not None)
            if not kept:
                return replace(self._field_of(schema, name, Shape.NULL), nullable=True)
            return replace(self._field_of(schema, name, Shape.CHOICE), choices=kept, nullable=nullable)
        for key in ("oneOf", "anyOf"):
            options = [as_object(option) for option in as_list(schema.get(key))]
            if options and not all(_CONSTRAINTS_ONLY.issuperset(option) for option in options):
                return self._alternatives(schema, name, key, options)
        types = _types_of(schema)
        nullable = "null" in types
        kinds = [kind for kind in types if kind != "null"]
        if set(kinds) == {"integer", "number"}:
            kinds = ["number"]
        if nullable and not kinds:
            return replace(self._field_of(schema, name, Shape.NULL), nullable=True)
        if len(kinds) > 1:
            base = {
                key: value for key, value in schema.items() if key not in ("type", "title", "description", "default")
            }
            variants = tuple(Variant(kind, {**base, "type": kind}) for kind in kinds)
            return replace(self._field_of(schema, name, Shape.VARIANTS), variants=variants, nullable=nullable)
        if not kinds:
            return self._field_of(schema, name, Shape.JSON)
        return replace(self._field_of(schema, name, _shape_of(kinds[0], schema, name)), nullable=nullable)

    def _choices(self, schema: JsonObject) -> tuple[Choice, ...] | None:
        if "const" in schema:
            return (Choice(choice_text(schema["const"]), schema["const"]),)
        if isinstance(schema.get("enum"), list):
            values = as_list(schema["enum"])[:MAX_CHOICES]
            names = as_list(schema.get("enumNames"))
            return tuple(
                Choice(as_text(names[index]) if index < len(names) else choice_text(value), value)
                for index, value in enumerate(values)
            )
        for key in ("oneOf", "anyOf"):
            options = [as_object(option) for option in as_list(schema.get(key))[:MAX_CHOICES]]
            if options and all("const" in option for option in options):
                return tuple(
                    Choice(as_text(option.get("title")) or choice_text(option["const"]), option["const"])
                    for option in options
                )
        return None

    def _alternatives(self, schema: JsonObject, name: str, key: str, options: Sequence[JsonObject]) -> Field:
        """oneOf and anyOf: with null alone beside one other it is that other, nullable; else a choice."""
        shared = {k: v for k, v in schema.items() if k not in (key, "title", "description", "default")}
        outer = {k: schema[k] for k in ("title", "description", "default") if k in schema}
        nullable = False
        variants: list[Variant] = []
        for index, option in enumerate(options[:MAX_CHOICES]):
            flat = self._flatten(option)
            if flat.get("type") == "null" or ("const" in flat and flat["const"] is None):
                nullable = True
                continue
            merged = _merged(option, shared) if shared else option
            variants.append(Variant(_variant_label(option, flat, index), merged))
        if not variants:
            return replace(self._field_of(schema, name, Shape.NULL), nullable=True)
        if len(variants) == 1:
            only, fault = self._resolve({**variants[0].schema}, 0)
            if fault:
                return replace(self._field_of(only, name, Shape.JSON), note=fault)
            if as_list(only.get(key)):  # anyOf of anyOf: one level is drawn, the rest is JSON
                return replace(self._field_of({**only, **outer}, name, Shape.JSON), nullable=nullable)
            found = self._shaped({**only, **outer}, name)
            return replace(found, nullable=nullable or found.nullable)
        found = self._field_of({**shared, **outer, key: list(options)}, name, Shape.VARIANTS)
        return replace(found, variants=tuple(variants), nullable=nullable or "null" in _types_of(shared))

    def _field_of(self, schema: JsonObject, name: str, shape: Shape) -> Field:
        return Field(
            name=name,
            shape=shape,
            schema=schema,
            title=as_text(schema.get("title")),
            description=as_text(schema.get("description")),
            default=schema.get("default", ABSENT),
            format=as_text(schema.get("format")),
            limits=_limits(schema),
        )


def _types_of(schema: JsonObject) -> list[str]:
    """The declared types, else the one that the other keywords imply, else []."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return [declared] if declared in _TYPES else []
    if is_list(declared):
        return [name for name in dict.fromkeys(declared) if name in _TYPES]
    for kind, words in (
        ("object", ("properties", "additionalProperties", "patternProperties", "required")),
        ("array", ("items", "prefixItems", "minItems", "maxItems")),
        ("string", ("pattern", "minLength", "maxLength", "format")),
        ("number", ("minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum")),
    ):
        if any(word in schema for word in words):
            return [kind]
    return []


def _is_type(value: object, name: str) -> bool:
    if name == "integer":
        return is_integer(value)
    if name == "number":
        return is_number(value)
    kinds: Mapping[str, type | tuple[type, ...]] = {
        "string": str,
        "boolean": bool,
        "object": dict,
        "array": list,
        "null": type(None),
    }
    return isinstance(value, kinds[name])


def _shape_of(kind: str, schema: JsonObject, name: str) -> Shape:
    if kind != "string":
        return {
            "integer": Shape.INTEGER,
            "number": Shape.NUMBER,
            "boolean": Shape.BOOLEAN,
            "object": Shape.OBJECT,
            "array": Shape.LIST,
        }[kind]
    longest = schema.get("maxLength")
    if as_text(schema.get("format")).lower() in _LONG_FORMATS or "\n" in as_text(schema.get("default")):
        return Shape.LINES
    if isinstance(longest, int):
        return Shape.LINES if longest > _LONG_LENGTH and name.lower() in _LONG_NAMES else Shape.TEXT
    return Shape.LINES if name.lower() in _LONG_NAMES and not schema.get("format") else Shape.TEXT


def _limits(schema: JsonObject) -> str:
    parts: list[str] = []

    def number(key: str) -> int | float | None:
        value = schema.get(key)
        return value if is_number(value) else None

    low, high = number("minimum"), number("maximum")
    if low is not None and high is not None:
        parts.append(f"{low} … {high}")
    elif low is not None:
        parts.append(f"≥ {low}")
    elif high is not None:
        parts.append(f"≤ {high}")
    for key, sign in (("exclusiveMinimum", ">"), ("exclusiveMaximum", "<"), ("multipleOf", "multiple of")):
        if (bound := number(key)) is not None:
            parts.append(f"{sign} {bound}")
    for low_key, high_key, noun in (("minLength", "maxLength", "characters"), ("minItems", "maxItems", "items")):
        low, high = number(low_key), number(high_key)
        if low and high is not None:
            parts.append(f"{low} … {high} {noun}")
        elif low:
            parts.append(f"at least {low} {noun}")
        elif high is not None:
            parts.append(f"at most {high} {noun}")
    return ", ".join(parts)


def _merged(base: JsonObject, over: JsonObject) -> JsonObject:
    """Both schemas at once, as far as drawing goes: members and required names add up, `over` wins elsewhere."""
    result = {**base, **over}
    ours, theirs = as_object(base.get("properties")), as_object(over.get("properties"))
    if ours and theirs:
        both = {name: {"allOf": [ours[name], theirs[name]]} for name in ours if name in theirs}
        result["properties"] = {**ours, **theirs, **both}
    required = [*as_list(base.get("required")), *as_list(over.get("required"))]
    if required:
        result["required"] = list(dict.fromkeys(item for item in required if isinstance(item, str)))
    all_of = [*as_list(base.get("allOf")), *as_list(over.get("allOf"))]
    if all_of:
        result["allOf"] = all_of
    return result


def _variant_label(option: JsonObject, flat: JsonObject, index: int) -> str:
    title = as_text(option.get("title")) or as_text(flat.get("title"))
    if title:
        return title
    for name, member in as_object(flat.get("properties")).items():
        if "const" in as_object(member):
            return f"{name}: {choice_text(as_object(member)['const'])}"
    ref = as_text(option.get("$ref"))
    if ref:
        return ref.rsplit("/", 1)[-1] or f"choice {index + 1}"
    if "const" in flat:
        return choice_text(flat["const"])
    types = _types_of(flat)
    if types:
        item = _types_of(as_object(flat.get("items")))
        return f"list of {item[0]}" if types == ["array"] and item else "list" if types == ["array"] else types[0]
    return f"choice {index + 1}"


def choice_text(value: object) -> str:
    """How a constant reads: texts as they are, everything else as JSON."""
    from mcp_tui.core.json_text import dump

    return value if isinstance(value, str) else dump(value, indent=None)
