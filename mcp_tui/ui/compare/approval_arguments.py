"""The arguments of a call that waits for approval, as JSON to be changed."""

from __future__ import annotations

from mcp_tui.core.state import ApprovalQuestion
from mcp_tui.core.text import marked_name
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.forms.json_edit import JsonScreen, Verdict
from mcp_tui.ui.stylesheets import sheets


class ArgumentsScreen(JsonScreen[JsonObject]):
    """The new arguments; None when the person went back: the question still waits then."""

    CSS_PATH = sheets("compare_dialogs")
    expected = "arguments are a JSON object: { ... }"

    def __init__(self, question: ApprovalQuestion) -> None:
        tool = question.tool
        super().__init__(
            question.arguments,
            title=f"Arguments of {marked_name(tool.server)}.{marked_name(tool.name)}",
            keys="^s run once with these · esc back",
        )
        self._schema = tool.input_schema

    def judge(self, value: JsonObject) -> Verdict[JsonObject]:
        missing = _missing(self._schema, value)
        if missing:
            return Verdict(value, f"the tool's schema also requires: {', '.join(missing)}", note=True)
        return Verdict(value, "valid JSON")


def _missing(schema: JsonObject, value: JsonObject) -> list[str]:
    """Required names that are absent; a schema that makes no sense requires nothing."""
    required: object = schema.get("required")
    if not isinstance(required, list):
        return []
    names: list[object] = required  # pyright: ignore[reportUnknownVariableType]  a server may send anything
    return [marked_name(name) for name in names if isinstance(name, str) and name not in value]
