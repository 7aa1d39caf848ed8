"""A request of the log as JSON, to be changed and sent again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcp_tui.core.json_values import is_object
from mcp_tui.core.types import JsonObject
from mcp_tui.sessions.calling.resending import RESENDABLE
from mcp_tui.ui.forms.json_edit import JsonScreen, Verdict
from mcp_tui.ui.stylesheets import sheets


@dataclass(frozen=True, slots=True)
class Resend:
    method: str
    params: JsonObject | None


class ResendScreen(JsonScreen[Resend]):
    """What to send; None when the person went back."""

    CSS_PATH = sheets("wire")
    expected = "a request is a JSON object with `method` and `params`"

    def __init__(self, server: str, request: JsonObject) -> None:
        super().__init__(request, title=f"Send to {server}", keys="F9 send · esc back")

    def judge(self, value: JsonObject) -> Verdict[Resend]:
        method: Any = value.get("method")
        params: Any = value.get("params")
        if not isinstance(method, str) or method not in RESENDABLE:
            return Verdict(None, f"`method` is one of {', '.join(sorted(RESENDABLE))}")
        if params is not None and not is_object(params):
            return Verdict(None, "`params` is a JSON object, or left out")
        return Verdict(
            Resend(method, params),
            "can be sent; the id and the protocol's _meta are set anew",
        )
