"""Events of a Gemini stream."""

from __future__ import annotations

import json
from typing import Any


def chunk(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One GenerateContentResponse."""
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": list(parts)}
    if finish is not None:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "gemini-x", "responseId": "r-1", **more}


def text(said: str, **more: Any) -> dict[str, Any]:
    return {"text": said, **more}


def called(name: str, args: dict[str, Any] | None = None, *, call_id: str = "", **more: Any) -> dict[str, Any]:
    given = {"args": args} if args is not None else {}
    return {"functionCall": {"name": name, **given, **({"id": call_id} if call_id else {})}, **more}


def piece(path: str | None = None, *, more: bool = True, **value: Any) -> dict[str, Any]:
    """A further piece of a call."""
    fields: dict[str, Any] = {}
    if path is not None:
        fields["partialArgs"] = [{"jsonPath": path, **value}]
    if more:
        fields["willContinue"] = True
    return {"functionCall": fields}


def stream(*events: object) -> bytes:
    """As Gemini frames them: CRLF everywhere, no last event."""
    return "".join(f"data: {json.dumps(event)}\r\n\r\n" for event in events).encode()
