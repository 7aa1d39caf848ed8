"""An item opened in the Workbench: its definition, what was typed, what was run. Kept while the program runs."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from mcp_tui.core import uri_template
from mcp_tui.core.argument_document import starting_arguments
from mcp_tui.core.figures import size_text
from mcp_tui.core.form_fields import SchemaReader
from mcp_tui.core.form_rows import FormModel
from mcp_tui.core.icons import icon_words, ui_resource
from mcp_tui.core.state import Catalog, PromptInfo, ResourceInfo, TemplateInfo, ToolInfo
from mcp_tui.core.text import hidden_words
from mcp_tui.core.types import JsonObject
from mcp_tui.core.validation import Report
from mcp_tui.ui.status import hint_words
from mcp_tui.ui.workbench.outcomes import Kind, Outcome

MAX_OUTCOMES = 20
MAX_KEPT_BYTES = 60_000_000
"""Of all results of one item; the oldest go first, the newest always stays."""

Definition = ToolInfo | ResourceInfo | TemplateInfo | PromptInfo


class ItemKey(NamedTuple):
    server: str
    kind: Kind
    name: str
    """As `ItemChosen` carries it: a resource's URI, a template's pattern."""


@dataclass(slots=True)
class OpenItem:
    key: ItemKey
    definition: Definition
    model: FormModel
    view: Literal["form", "json"] = "form"
    json_draft: str | None = None
    """JSON text that the document does not follow, because it is not valid yet."""
    history: tuple[JsonObject, ...] | None = None
    """Arguments used before, newest first; None until loaded."""
    history_at: int = -1
    """-1: what is being written now."""
    draft: JsonObject = field(default_factory=dict[str, object])
    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    report: Report = field(default_factory=Report)
    asked_to_run: bool = False
    """Missing fields are named only after somebody wanted to run."""
    refused: JsonObject | None = None
    """The arguments that were held back once; the same again are sent."""
    notice: str = ""
    """What happened to the definition."""
    as_task: bool = False
    """Run a tool that can as a task."""
    gone: bool = False
    listed: bool = True
    """False for a link that a result named: the catalog need not have it."""

    @property
    def document(self) -> JsonObject:
        return self.model.document

    @property
    def touched(self) -> bool:
        return self.document != starting_arguments(self.model.reader)

    def replace_document(self, value: JsonObject) -> None:
        """All arguments at once, from JSON or from history."""
        self.model.document = copy.deepcopy(value)
        self.model.chosen.clear()

    def remember(self, outcome: Outcome) -> None:
        """Add a result, or put the newer state of one in its place."""
        for index, old in enumerate(self.outcomes):
            if old.number == outcome.number:
                self.outcomes[index] = outcome
                break
        else:
            self.outcomes.append(outcome)
        size = sum(old.size_bytes or 0 for old in self.outcomes)
        while len(self.outcomes) > 1 and (len(self.outcomes) > MAX_OUTCOMES or size > MAX_KEPT_BYTES):
            size -= self.outcomes.pop(0).size_bytes or 0


def newest_call(items: Iterable[OpenItem], server: str | None) -> tuple[OpenItem, Outcome] | None:
    """What was run last, of one server or of all."""
    calls = [(item, outcome) for item in items if server in (None, item.key.server) for outcome in item.outcomes]
    return max(calls, key=lambda call: call[1].number, default=None)


def find(catalog: Catalog, kind: str, name: str) -> Definition | None:
    if kind == "tool":
        return catalog.tool(name)
    if kind == "resource":
        return next((item for item in catalog.resources if item.uri == name), None)
    if kind == "template":
        return next((item for item in catalog.templates if item.uri_template == name), None)
    return next((item for item in catalog.prompts if item.name == name), None)


def schema_of(definition: Definition) -> JsonObject:
    """The JSON Schema of what a person fills in; resources have nothing."""
    if isinstance(definition, ToolInfo):
        return definition.input_schema
    if isinstance(definition, ResourceInfo):
        return {"type": "object", "properties": {}}
    if isinstance(definition, TemplateInfo):
        names = uri_template.variables(definition.uri_template)
        required = uri_template.required(definition.uri_template)
        return {
            "type": "object",
            "properties": {name: {"type": "string"} for name in names},
            "required": [name for name in names if name in required],
        }
    properties = {
        argument.name: {"type": "string", "title": argument.title, "description": argument.description}
        for argument in definition.arguments
    }
    required_names = [argument.name for argument in definition.arguments if argument.required]
    return {"type": "object", "properties": properties, "required": required_names}


def same_definition(left: Definition, right: Definition) -> bool:
    if isinstance(left, ToolInfo) and isinstance(right, ToolInfo):
        return left.digest == right.digest
    return left.raw == right.raw


def opened(key: ItemKey, definition: Definition) -> OpenItem:
    reader = SchemaReader(schema_of(definition))
    return OpenItem(key, definition, FormModel(reader, starting_arguments(reader)))


def takes_arguments(item: OpenItem) -> bool:
    return bool(item.model.rows())


def facts(definition: Definition) -> str:
    """One line under the title: what is hidden in it, hints of a tool, address and type of a resource."""
    flag = f"! {hidden_words(definition.hidden)} in its definition" if definition.hidden else ""
    return " · ".join(word for word in (flag, _facts(definition)) if word)


def _facts(definition: Definition) -> str:
    if isinstance(definition, ToolInfo):
        words = list(hint_words(definition.hints))
        if definition.output_schema is not None:
            words.append("structured result")
        if definition.task_support != "forbidden":
            words.append("runs as a task" if definition.task_support == "required" else "can run as a task")
        if ui_resource(definition.raw):
            words.append("has a page for MCP apps")
        words.append(f"~{definition.token_estimate} tokens")
        return " · ".join(word for word in (*words, icon_words(definition.raw)) if word)
    if isinstance(definition, ResourceInfo):
        size = size_text(definition.size_bytes) if definition.size_bytes is not None else ""
        icon = icon_words(definition.raw)
        return " · ".join(word for word in (definition.uri, definition.mime_type or "", size, icon) if word)
    if isinstance(definition, TemplateInfo):
        icon = icon_words(definition.raw)
        return " · ".join(word for word in (definition.uri_template, definition.mime_type or "", icon) if word)
    return icon_words(definition.raw)


def runs_word(kind: Kind) -> str:
    return {"tool": "runs it", "prompt": "gets it"}.get(kind, "reads it")
