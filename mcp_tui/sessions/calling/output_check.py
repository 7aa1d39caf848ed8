"""Does a structured result match the tool's outputSchema? The answer is a warning, never a lost result.

The schema is the server's and hostile: regular expressions are not run (one can block the interpreter for ever),
references are counted, and nothing outside the document is fetched.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import chain
from typing import Any

from mcp_tui.core.json_values import is_list, is_object
from mcp_tui.core.state import ToolInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.size_estimate import estimated_size

MAX_INSTANCE_BYTES = 512 << 10
MAX_SCHEMA_BYTES = 512 << 10
MAX_KEPT = 256
QUICK_BYTES = 4 << 10
"""A larger result is checked on a thread: a step takes about 10 us."""
_MAX_NODES = 20_000
_MAX_STEPS = 100_000
_REGEX_KEYWORDS = ("pattern", "format")


class _TooMuchError(Exception):
    """The check took more steps than `_MAX_STEPS`."""


class _ElsewhereError(Exception):
    """The schema refers to something outside itself."""


def _has_key(schema: Any, wanted: str) -> bool:
    stack = [schema]
    while stack:
        item = stack.pop()
        if is_object(item):
            if wanted in item:
                return True
            stack.extend(item.values())
        elif is_list(item):
            stack.extend(item)
    return False


_STEPS: ContextVar[list[int]] = ContextVar("steps")
"""Of the check that is under way: a number that only grows."""


class OutputCheck:
    """Of one schema, compiled at the first `warning`: for 20 kB of schema that takes a tenth of a second."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = schema
        self._validator: Any = None
        self._best: Any = None
        self._problem = ""
        self._too_large = estimated_size(schema, MAX_SCHEMA_BYTES, max_nodes=_MAX_NODES) > MAX_SCHEMA_BYTES
        # additionalProperties runs the expressions of its neighbour, so such a schema is not checked at all.
        self._skip = _has_key(schema, "patternProperties")

    def quick(self, result: JsonObject) -> bool:
        """Whether `warning` is done so soon that it may hold up the event loop."""
        compiled = self._validator is not None or bool(self._problem)
        return compiled and estimated_size(result.get("structuredContent"), QUICK_BYTES) <= QUICK_BYTES

    def warning(self, result: JsonObject, *, small: bool = False) -> str:
        """One sentence, or "" when the result matches (or an error result needs no structure).

        small: the size of the structured content is known to be no trouble.
        """
        if result.get("isError") is True:
            return ""
        if "structuredContent" not in result:
            return "The tool declares an output schema but gave no structured content."
        instance = result["structuredContent"]
        if self._skip:
            return ""
        if not small and estimated_size(instance, MAX_INSTANCE_BYTES, max_nodes=_MAX_NODES) > MAX_INSTANCE_BYTES:
            return ""
        if self._too_large:
            return "The output schema is too large to check the structured content."
        _STEPS.set([0])
        try:
            if self._validator is None and not self._problem:
                self._compile()
            if self._problem:
                return self._problem
            validator: Any = self._validator
            errors = validator.iter_errors(instance)
            first = next(errors, None)
            error = None if first is None else self._best(chain((first,), errors))
        except (_TooMuchError, RecursionError):
            return "The output schema is too complex to check the structured content."
        except _ElsewhereError:
            return "The output schema refers to something outside itself; the structured content was not checked."
        if error is None:
            return ""
        path = ".".join(str(step) for step in error.absolute_path)
        reason = str(error.message)[:300]
        return f"The structured content does not match the output schema: {path + ': ' if path else ''}{reason}."

    def _compile(self) -> None:
        # jsonschema is only partly typed
        import jsonschema.exceptions
        import jsonschema.validators
        import referencing

        exceptions: Any = jsonschema.exceptions
        validators: Any = jsonschema.validators
        untyped: Any = validators.validator_for(self._schema)
        keywords: dict[str, Any] = {name: self._counted(check) for name, check in untyped.VALIDATORS.items()}
        keywords |= dict.fromkeys(_REGEX_KEYWORDS, _no_errors)
        try:
            untyped.check_schema(self._schema)
        except jsonschema.exceptions.SchemaError as error:
            self._problem = f"The tool's output schema is not valid: {str(error.message)[:300]}."
            return
        self._best = exceptions.best_match
        # An empty registry: references resolve within the document only.
        package: Any = referencing
        self._validator = validators.extend(untyped, keywords)(self._schema, registry=package.Registry())

    def _counted(self, check: Callable[..., Any]) -> Callable[..., Iterator[Any]]:
        from referencing.exceptions import Unresolvable

        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            steps = _STEPS.get()
            steps[0] += 1
            if steps[0] > _MAX_STEPS:
                raise _TooMuchError
            try:
                yield from check(validator, value, instance, schema) or ()
            except Unresolvable:
                raise _ElsewhereError from None

        return counted


class OutputChecks:
    """The compiled checks of one server's tools. Of `MAX_KEPT` definitions, the ones used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, OutputCheck] = OrderedDict()

    async def warning(self, tool: ToolInfo, result: JsonObject) -> str:
        """As `OutputCheck.warning`; "" for a tool without an output schema."""
        if tool.output_schema is None:
            return ""
        check = self._kept.get(tool.digest)
        if check is None:
            check = self._kept[tool.digest] = OutputCheck(tool.output_schema)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(tool.digest)
        if check.quick(result):
            return check.warning(result, small=True)
        return await asyncio.to_thread(check.warning, result)


def _no_errors(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
    yield from ()
