"""Events of a Responses stream."""

from __future__ import annotations

import json
from typing import Any

CREATED: dict[str, Any] = {"type": "response.created", "response": {"id": "resp_1", "model": "m-x", "usage": None}}
USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 3},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 29,
}


def event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **{name: value for name, value in fields.items() if value is not None}}


def end(status: str = "completed", *, usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    return event(status, response={"id": "resp_1", "model": "m-x", "status": status, "usage": usage, **fields})


def message(at: int | None, *pieces: str, item_id: str = "msg_1", **more: Any) -> list[dict[str, Any]]:
    item = {"id": item_id, "type": "message", "role": "assistant", **more}
    part: dict[str, Any] = {"type": "output_text", "annotations": [], "text": "".join(pieces)}
    place: dict[str, Any] = {"output_index": at}
    return [
        event("output_item.added", item={**item, "status": "in_progress", "content": []}, **place),
        event("content_part.added", item_id=item_id, content_index=0, part={"type": "output_text"}, **place),
        *(event("output_text.delta", item_id=item_id, content_index=0, delta=piece, **place) for piece in pieces),
        event("output_text.done", item_id=item_id, content_index=0, text="".join(pieces), **place),
        event("output_item.done", item={**item, "status": "completed", "content": [part]}, **place),
    ]


def call(
    at: int | None, call_id: str, name: str, *pieces: str, item_id: str = "", status: str = "completed"
) -> list[dict[str, Any]]:
    item_id = item_id or f"fc_{call_id}"
    item = {"id": item_id, "type": "function_call", "call_id": call_id, "name": name}
    place: dict[str, Any] = {"output_index": at}
    done = {**item, "status": status, "arguments": "".join(pieces)}
    return [
        event("output_item.added", item={**item, "status": "in_progress", "arguments": ""}, **place),
        *(event("function_call_arguments.delta", item_id=item_id, delta=piece, **place) for piece in pieces),
        event("function_call_arguments.done", item_id=item_id, arguments="".join(pieces), **place),
        event("output_item.done", item=done, **place),
    ]


def thought(at: int, *parts: str, encrypted: str = "ENC") -> list[dict[str, Any]]:
    """A reasoning item with summary parts; what it began with is encrypted differently."""
    item: dict[str, Any] = {"id": f"rs_{at}", "type": "reasoning", "summary": []}
    place: dict[str, Any] = {"output_index": at, "item_id": f"rs_{at}"}
    events = [event("output_item.added", output_index=at, item={**item, "encrypted_content": "OTHER"})]
    for n, part in enumerate(parts):
        events.append(event("reasoning_summary_part.added", summary_index=n, **place))
        events += [event("reasoning_summary_text.delta", summary_index=n, delta=half, **place) for half in halves(part)]
        events.append(event("reasoning_summary_text.done", summary_index=n, text=part, **place))
    summary = [{"type": "summary_text", "text": part} for part in parts]
    whole = {**item, "summary": summary, "encrypted_content": encrypted}
    return [*events, event("output_item.done", output_index=at, item=whole)]


def halves(text: str) -> tuple[str, str]:
    return text[: len(text) // 2], text[len(text) // 2 :]


PACKED = json.dumps(
    {
        "tool_uses": [
            {"recipient_name": "functions.add", "parameters": {"a": 1}},
            {"recipient_name": "now", "parameters": {}},
        ]
    }
)
"""Two calls in one named `parallel`."""
