"""Choosing among the offered tools, whoever offers them, and filling their arguments from a prompt."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from mcp_tui.core.json_values import as_object, is_list, is_object, texts
from mcp_tui.core.types import JsonObject
from mcp_tui.demo.dialog import OfferedTool
from mcp_tui.demo.prompt import Prompt, given_arguments, quoted, tidy

# fmt: off
_READING = frozenset({
    "check", "count", "current", "describe", "echo", "fetch", "find", "get", "list", "lookup",
    "now", "query", "read", "search", "show", "status", "sum", "time", "view",
})
_CHANGING = frozenset({
    "add", "append", "apply", "cancel", "click", "close", "commit", "copy", "create", "delete",
    "deploy", "drop", "edit", "env", "environment", "exec", "execute", "fork", "insert", "install",
    "kill", "merge", "move", "navigate", "password", "patch", "pay", "post", "publish", "push",
    "put", "remove", "rename", "reset", "restart", "run", "secret", "send", "set", "shell", "stop",
    "submit", "token", "trigger", "update", "upload", "write",
})
_STOP_WORDS = frozenset({
    "a", "an", "and", "are", "as", "at", "for", "from", "in", "is", "it", "of", "on", "or",
    "please", "tell", "the", "this", "to", "what", "which", "with", "you",
})
_FREE_TEXT = frozenset({
    "query", "text", "message", "q", "prompt", "search", "input", "question", "title", "reason",
    "name",
})
# fmt: on
_WORD = re.compile(r"[a-z]+|\d+")
_PATH = re.compile(r"(?<![\w:/])(?:\.{0,2}/)?[\w.-]+(?:/[\w.-]+)+|\b[\w-]+\.\w{1,5}\b")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_DEPTH_LIMIT = 6
_VISIT_LIMIT = 500
"""Schemas come from servers: one that refers to itself many times over must not cost minutes."""


class _Unknown:
    """No value could be found."""


UNKNOWN: Final = _Unknown()


def words_of(text: str) -> list[str]:
    return _WORD.findall(_CAMEL.sub(" ", text).lower())


def base_name(name: str) -> str:
    """The name without the prefix of its server: `demo__add` is `add`."""
    return name.rpartition("__")[2]


def find_tool(tools: Sequence[OfferedTool], *names: str) -> OfferedTool | None:
    """The tool with one of these names, in order of preference: whole, behind a prefix, or as its last words.

    `get_current_time` is found by `current_time`. A single word must be the whole name: `delete_logs` is no `logs`.
    """
    for name in names:
        wanted = words_of(name)
        exact = [tool for tool in tools if name in (tool.name, base_name(tool.name))]
        ending = [tool for tool in tools if words_of(base_name(tool.name))[-len(wanted) :] == wanted]
        found = exact or (ending if len(wanted) > 1 else [])
        if found:
            return found[0]
    return None


def named_tools(tools: Sequence[OfferedTool], prompt: Prompt) -> list[OfferedTool]:
    """Tools the prompt asks to call by name: `call echo`, `use the tool demo__add`, in the order of the prompt."""
    found: list[tuple[int, OfferedTool]] = []
    for tool in tools:
        names = "|".join(re.escape(name) for name in (tool.name, base_name(tool.name)))
        asked = rf"\b(?:call|use|using|run|invoke) (?:the )?(?:tool )?[`\"']?(?:{names})(?![\w-])"
        place = re.search(asked, prompt.text, re.IGNORECASE)
        if place:
            found.append((place.start(), tool))
    return [tool for _, tool in sorted(found, key=lambda pair: pair[0])]


def reading_tool(tools: Sequence[OfferedTool], prompt: Prompt) -> tuple[OfferedTool, JsonObject] | None:
    """A tool that by its name only reads and whose arguments can be filled: the nearest to the prompt's words."""
    wanted = set(words_of(prompt.text)) - _STOP_WORDS
    best: tuple[tuple[int, int], OfferedTool, JsonObject] | None = None
    for tool in tools:
        name = words_of(base_name(tool.name))
        if not _READING.intersection(name) or _CHANGING.intersection(name):
            continue
        required = _required(tool.schema)
        near = 3 * len(wanted.intersection(name)) + len(wanted.intersection(words_of(tool.description)))
        score = (near, -len(required))
        if (near == 0 and required) or (best is not None and score <= best[0]):
            continue
        arguments = fill(tool, prompt, {})
        if arguments is not None:
            best = (score, tool, arguments)
    return None if best is None else best[1:]


def fill(tool: OfferedTool, prompt: Prompt, wanted: JsonObject) -> JsonObject | None:
    """Arguments for `tool`: `wanted` where the schema has such properties, then what it requires.

    None when a required argument cannot be filled.
    """
    properties = _properties(tool.schema)
    arguments = {key: value for key, value in wanted.items() if key in properties}
    filler = _Filler(prompt, tool.schema)
    for key in _required(tool.schema):
        if key not in arguments:
            value = filler.value(key, properties.get(key, {}), 0)
            if isinstance(value, _Unknown):
                return None
            arguments[key] = value
    return arguments


def fill_named(tool: OfferedTool, prompt: Prompt) -> JsonObject | None:
    return fill(tool, prompt, given_arguments(prompt.text))


def mentioned_choice(schema: JsonObject, key: str, text: str) -> str | None:
    """The enum value of property `key` whose words the text mentions best, or None."""
    choices = _properties(schema).get(key, {}).get("enum")
    if not is_list(choices):
        return None
    said = set(words_of(text))
    scored = [(len(said.intersection(words_of(choice))), choice) for choice in choices if isinstance(choice, str)]
    best = max(scored, key=lambda pair: pair[0], default=(0, ""))
    return best[1] if best[0] else None


def _properties(schema: JsonObject) -> dict[str, JsonObject]:
    value = schema.get("properties")
    if not is_object(value):
        return {}
    entries = value.items()
    return {key: as_object(entry) for key, entry in entries}


def _required(schema: JsonObject) -> list[str]:
    return texts(schema.get("required"))


class _Filler:
    """Fills required values; each number of the prompt is used once."""

    def __init__(self, prompt: Prompt, root: JsonObject) -> None:
        self._prompt = prompt
        self._root = root
        self._numbers = list(prompt.numbers)
        self._visits = 0

    def value(self, key: str, schema: JsonObject, depth: int) -> Any:
        self._visits += 1
        if depth > _DEPTH_LIMIT or self._visits > _VISIT_LIMIT:
            return UNKNOWN
        schema = self._resolved(schema)
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        choices = schema.get("enum")
        if is_list(choices) and choices:
            return self._choice(choices)
        for keyword in ("anyOf", "oneOf"):
            options = schema.get(keyword)
            if is_list(options):
                branches = [as_object(option) for option in options]
                found = (self.value(key, branch, depth + 1) for branch in branches)
                return next((value for value in found if not isinstance(value, _Unknown)), UNKNOWN)
        kind = schema.get("type")
        if is_list(kind):
            kind = next((name for name in kind if name != "null"), "null")
        match kind:
            case "string":
                return self._string(key, schema)
            case "number" | "integer":
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return False
            case "null":
                return None
            case "array":
                return self._array(key, schema, depth)
            case "object":
                return self._object(schema, depth)
            case _:
                return UNKNOWN

    def _resolved(self, schema: JsonObject) -> JsonObject:
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return schema
        node: Any = self._root
        for part in reference[2:].split("/"):
            if not is_object(node):
                return {}
            node = node.get(part.replace("~1", "/").replace("~0", "~"))
        return as_object(node)

    def _choice(self, choices: list[Any]) -> Any:
        low = self._prompt.text.lower()
        return next((choice for choice in choices if isinstance(choice, str) and choice.lower() in low), choices[0])

    def _string(self, key: str, schema: JsonObject) -> Any:
        words = set(words_of(key))
        text = quoted(self._prompt.text) or self._prompt.text.strip()
        if words & {"timezone", "zone", "tz"}:
            value = self._prompt.zone or "UTC"
        elif words & {"url", "uri"}:
            found = re.search(r"\b[a-z][a-z0-9+.-]*://\S+", self._prompt.text)
            value = found[0].rstrip(".,;)") if found else ""
        elif words & {"path", "file", "directory", "dir", "folder", "filename"}:
            found = _PATH.search(self._prompt.text)
            value = found[0] if found else "."
        elif words & _FREE_TEXT:
            value = text[:200]
        else:
            value = quoted(self._prompt.text) or ""
        longest = schema.get("maxLength")
        if isinstance(longest, int):
            value = value[:longest]
        pattern = schema.get("pattern")
        if not value or isinstance(pattern, str):
            # A pattern is the server's: it is not run here, it could be made to run for ever.
            return UNKNOWN
        return value

    def _number(self, schema: JsonObject, *, whole: bool) -> Any:
        value = self._numbers.pop(0) if self._numbers else 1.0
        low, high = schema.get("minimum"), schema.get("maximum")
        if isinstance(low, int | float):
            value = max(value, low)
        if isinstance(high, int | float):
            value = min(value, high)
        if not math.isfinite(value):
            return UNKNOWN
        return int(value) if whole else tidy(value)

    def _array(self, key: str, schema: JsonObject, depth: int) -> Any:
        item = as_object(schema.get("items"))
        least = schema.get("minItems")
        wanted = least if isinstance(least, int) else 0
        if item.get("type") in ("number", "integer"):
            wanted = max(wanted, len(self._numbers))
        values: list[Any] = []
        for _ in range(min(wanted, 100)):
            value = self.value(key, item, depth + 1)
            if isinstance(value, _Unknown):
                return UNKNOWN
            values.append(value)
        return values

    def _object(self, schema: JsonObject, depth: int) -> Any:
        result: JsonObject = {}
        properties = _properties(schema)
        for key in _required(schema):
            value = self.value(key, properties.get(key, {}), depth + 1)
            if isinstance(value, _Unknown):
                return UNKNOWN
            result[key] = value
        return result
