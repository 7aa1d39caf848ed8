"""Which of the parameters a person set reach a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from mcp_tui.core.chat import ChatRequest, ModelParams
from mcp_tui.core.types import JsonObject

_UNSET = ModelParams()


def unsent(body: Callable[[ChatRequest], JsonObject], model: str, params: ModelParams) -> tuple[str, ...]:
    """The names of those without which the same request would be sent.

    body: makes the request body, with everything that was learned about the model.
    """
    probe = ChatRequest(model, (), params=params)
    whole = body(probe)
    names: list[str] = []
    for field in fields(ModelParams):
        value, default = getattr(params, field.name), getattr(_UNSET, field.name)
        # "none" asks for no reasoning, which is what a model that cannot reason does.
        if value == default or (field.name == "effort" and value == "none"):
            continue
        if body(replace(probe, params=replace(params, **{field.name: default}))) == whole:
            names.append(field.name)
    return tuple(names)
