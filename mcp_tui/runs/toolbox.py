"""The tools of all servers as one run offers them to its models."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Protocol

from mcp_tui.core.chat import ToolSpec
from mcp_tui.core.json_values import as_object, is_list, is_object
from mcp_tui.core.state import CallResult, Progress, ServerSnapshot, ServerStatus, ToolInfo
from mcp_tui.core.text import hidden_words, marked_name, without_hidden
from mcp_tui.core.types import JsonObject
from mcp_tui.runs.naming import MAX_LENGTH, ToolNames, legalised
from mcp_tui.runs.results import encodable
from mcp_tui.runs.spec import RunSpec

Offered = Mapping[str, ToolInfo]
"""Provider-facing name -> tool, in the order of the servers and of each server's list."""

_COMING_BACK = (ServerStatus.CONNECTING, ServerStatus.BACKOFF)


class Servers(Protocol):
    """What a run needs of the session manager."""

    def snapshot(self) -> tuple[ServerSnapshot, ...]: ...

    async def call_tool(
        self,
        server: str,
        tool: str,
        arguments: JsonObject,
        *,
        timeout_s: float | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> CallResult: ...


class Toolbox:
    """Finds tools by the names the models know. One per run: the names stay the same for all its turns."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._names = ToolNames()

    def offered(self, spec: RunSpec, before: Offered) -> Offered:
        """The tools to offer in the next request.

        `before`: what the same turn offered already. Tools of a server that is just reconnecting stay, so that
        a short loss changes nothing; a call then waits for the connection.
        """
        snapshots = self._servers.snapshot()
        self._names.learn((server.name, tool.name) for server in snapshots for tool in server.catalog.tools)
        offered: dict[str, ToolInfo] = {}
        for server in snapshots:
            for tool in server.catalog.tools:
                if not spec.offers(server.name, tool.name):
                    continue
                name = self._names.name(server.name, tool.name)
                if server.status.usable or (server.status in _COMING_BACK and name in before):
                    offered[name] = tool
        return offered

    def current(self, tool: ToolInfo) -> ToolInfo | None:
        """The tool as its server defines it now."""
        for server in self._servers.snapshot():
            if server.name == tool.server:
                return server.catalog.tool(tool.name)
        return None


_PROSE = frozenset({"title", "description", "$comment"})
_VALUES = frozenset({"const", "default", "enum", "examples"})
_BY_NAME = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""What they hold are schemas under names that mean nothing: a property may be called `default`."""
_NAMED = 3


def tool_specs(offered: Offered) -> tuple[ToolSpec, ...]:
    """As the models get them.

    What a person could not read in a description, no model reads either: it is written for the model alone, and to
    offer it would send what was never shown. Names of arguments and values of a schema stay as they are, since a call
    has to carry them; `hidden_notes` tells the person of both, and the wire log has the definition as it came.
    """
    return tuple(
        ToolSpec(name, encodable(tool.description), _object_schema(tool.input_schema))
        if not tool.hidden
        else ToolSpec(name, encodable(without_hidden(tool.description)), _object_schema(_readable(tool.input_schema)))
        for name, tool in offered.items()
    )


def hidden_notes(offered: Offered) -> list[str]:
    """What a column says about its tools before a model gets them."""
    flagged = [tool for tool in offered.values() if tool.hidden]
    if not flagged:
        return []
    named = ", ".join(
        f"{marked_name(tool.server)}.{marked_name(tool.name)} ({hidden_words(tool.hidden)})"
        for tool in flagged[:_NAMED]
    )
    more = f" and {len(flagged) - _NAMED} more" if len(flagged) > _NAMED else ""
    return [f"tools with text that cannot be seen: {named}{more}; models get their descriptions without it"]


def _readable(schema: JsonObject) -> JsonObject:
    """The schema without hidden characters in what is prose in it."""

    def part(name: str, value: object) -> object:
        if name in _PROSE and isinstance(value, str):
            return without_hidden(value)
        if name in _BY_NAME and is_object(value):
            return {any_name: readable(inner) for any_name, inner in value.items()}
        return value if name in _VALUES else readable(value)

    def readable(value: object) -> object:
        if is_object(value):
            return {name: part(name, inner) for name, inner in value.items()}
        return [readable(inner) for inner in value] if is_list(value) else value

    return as_object(readable(schema))


def closest(name: str, offered: Offered) -> list[str]:
    """Up to three offered names a model may have meant by `name`."""
    name = name[:MAX_LENGTH]  # a model may write anything, and the comparison takes long for long texts
    by_name = difflib.get_close_matches(name, offered, 3, 0.5)
    # Models also write `server.tool`, or the tool's own name where it had to be qualified.
    qualified = [
        known
        for known, tool in offered.items()
        if tool.name == name or legalised(f"{tool.server}__{tool.name}") == legalised(name.replace(".", "__"))
    ]
    return list(dict.fromkeys([*qualified, *by_name]))[:3]


def _object_schema(schema: JsonObject) -> JsonObject:
    """OpenAI refuses an object schema without `properties`, and every format one without a type."""
    return {"type": "object", "properties": {}, **schema}
