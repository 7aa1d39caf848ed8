"""Does a structured result match the tool's outputSchema? The answer is a warning, never a lost result."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from mcp_tui.core.bounded_schema import MAX_SCHEMA_WORK, ElsewhereError, Schema, UnfinishedError, Work, aside
from mcp_tui.core.state import ToolInfo
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.size_estimate import estimated_size

MAX_INSTANCE_BYTES = 512 << 10
MAX_SCHEMA_BYTES = 512 << 10
MAX_KEPT = 256
MAX_WORK = 3_000_000
"""For one result: more than a second."""
QUICK_BYTES = 4 << 10
QUICK_WORK = 20_000
"""What may hold up the event loop: a few milliseconds. All else is done on a thread."""
DEADLINE_S = 3.0
MIN_DEADLINE_S = 0.5
"""Also when the call itself took all its time: most checks need no more."""
_MAX_NODES = 20_000
_TOO_COMPLEX = "The output schema is too complex to check the structured content."


class OutputCheck:
    """Of one schema, compiled at the first `warning`: for 20 kB of schema that takes a tenth of a second."""

    def __init__(self, schema: JsonObject) -> None:
        self._schema = Schema(schema)
        self._compiled = False
        self._problem = ""
        self._too_large = estimated_size(schema, MAX_SCHEMA_BYTES, max_nodes=_MAX_NODES) > MAX_SCHEMA_BYTES

    def quick(self, result: JsonObject) -> bool:
        """Whether `warning` is probably done so soon that it may hold up the event loop."""
        return self._compiled and estimated_size(result.get("structuredContent"), QUICK_BYTES) <= QUICK_BYTES

    def warning(self, result: JsonObject, work: Work | None = None, *, small: bool = False) -> str:
        """One sentence, or "" when the result matches (or an error result needs no structure).

        small: the size of the structured content is known to be no trouble.
        """
        if result.get("isError") is True:
            return ""
        if "structuredContent" not in result:
            return "The tool declares an output schema but gave no structured content."
        instance = result["structuredContent"]
        if not small and estimated_size(instance, MAX_INSTANCE_BYTES, max_nodes=_MAX_NODES) > MAX_INSTANCE_BYTES:
            return ""
        if self._too_large:
            return "The output schema is too large to check the structured content."
        work = work or Work(MAX_WORK)
        try:
            if not self._compiled:
                self._compile(work)
            error = None if self._problem else self._schema.check(instance, work, _best_match, small=small)
        except ElsewhereError:
            return "The output schema refers to something outside itself; the structured content was not checked."
        except UnfinishedError:
            return _TOO_COMPLEX
        if error is None:
            return self._problem
        path = ".".join(str(step) for step in error.absolute_path)
        reason = str(error.message)[:300]
        return f"The structured content does not match the output schema: {path + ': ' if path else ''}{reason}."

    def _compile(self, work: Work) -> None:
        """UnfinishedError when it was stopped; what is too much for the schema is a problem from then on."""
        compiling = work.part(MAX_SCHEMA_WORK)
        try:
            fault = self._schema.fault(compiling)
        except UnfinishedError:
            if compiling.stopped:
                raise
            self._problem = _TOO_COMPLEX
        else:
            if fault is not None:
                self._problem = f"The tool's output schema is not valid: {str(fault.message)[:300]}."
        self._compiled = True


class OutputChecks:
    """The compiled checks of one server's tools. Of `MAX_KEPT` definitions, the ones used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, OutputCheck] = OrderedDict()

    def later(self, tool: ToolInfo, result: JsonObject, left_s: float | None) -> Callable[[], Awaitable[str]] | None:
        """The check of a result that is handed on before it. left_s: of the time that somebody gave for all of it."""
        if tool.output_schema is None:
            return None
        deadline_s = DEADLINE_S if left_s is None else max(MIN_DEADLINE_S, min(DEADLINE_S, left_s))
        return lambda: self.warning(tool, result, deadline_s=deadline_s)

    async def warning(self, tool: ToolInfo, result: JsonObject, *, deadline_s: float = DEADLINE_S) -> str:
        """As `OutputCheck.warning`; "" for a tool without an output schema. Cancelling ends the check too."""
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
            quick = Work(QUICK_WORK)
            warning = check.warning(result, quick, small=True)
            if not quick.exhausted:
                return warning
        return await aside(lambda work: check.warning(result, work), Work(MAX_WORK), deadline_s)


def _best_match(errors: Iterator[Any]) -> Any:
    import jsonschema.exceptions

    exceptions: Any = jsonschema.exceptions
    return exceptions.best_match(errors)
