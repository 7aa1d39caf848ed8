"""Values of a database as JSON that loses and invents nothing.

| in the database | in the answer |
|---|---|
| NULL, booleans, text, numbers that JSON holds exactly | the same |
| integers beyond 2^53, decimals, NaN, infinities | a string |
| dates and times | a string, ISO 8601; intervals of PostgreSQL as it writes them |
| bytes | {"base64": ..., "bytes": length} |
| arrays, JSON | arrays and objects |
| anything else (UUID, ranges, addresses) | its text |
| what is longer than MAX_CELL | {"text": beginning, "characters": length} or base64 of the beginning |
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

from mcp_tui.servers.database.faults import DatabaseError

MAX_CELL = 16_384
"""Characters of a text, bytes of a binary value."""
_EXACT = 2**53 - 1
_MAX_DEPTH = 50


def encoded(value: Any) -> Any:
    """The JSON of one cell."""
    whole: object = _encoded(value, 0)
    if isinstance(value, list | tuple | dict):
        text = json.dumps(whole, ensure_ascii=False)
        return whole if len(text) <= MAX_CELL else _cut(text)
    return whole


def _encoded(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value if len(value) <= MAX_CELL else _cut(value)
    if isinstance(value, int):
        return value if -_EXACT <= value <= _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _special(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration(value)
    if isinstance(value, bytes):
        return _binary(value)
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_encoded(item, depth + 1) for item in cast(list[Any], value)]
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return {str(key): _encoded(item, depth + 1) for key, item in cast(dict[Any, Any], value).items()}
    return _encoded(str(cast(object, value)), depth)


def _special(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _cut(text: str) -> dict[str, Any]:
    return {"text": text[:MAX_CELL], "characters": len(text)}


def _binary(data: bytes) -> dict[str, Any]:
    return {"base64": base64.b64encode(data[:MAX_CELL]).decode("ascii"), "bytes": len(data)}


def duration(value: timedelta) -> str:
    """ISO 8601, such as P1DT2H or -PT0.5S."""
    micros = value // timedelta(microseconds=1)
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    seconds, micros = divmod(micros, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    fraction = f".{micros:06}".rstrip("0") if micros else ""
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
    clock += f"{seconds}{fraction}S" if seconds or fraction else ""
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"{sign}P{text or 'T0S'}"


def exact_json(text: str | bytes) -> Any:
    """JSON of a database. A number that a float would change stays text."""
    return json.loads(text, parse_float=_exact_float, parse_constant=str)


def _exact_float(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) and Decimal(repr(value)) == Decimal(text) else text


def parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a call as values to bind. Bytes are written as they are given back: {"base64": ...}."""
    return {name: _parameter(name, value) for name, value in given.items()}


def _parameter(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        encoded_bytes = fields.get("base64")
        if isinstance(encoded_bytes, str) and set(fields) <= {"base64", "bytes"}:
            try:
                return base64.b64decode(encoded_bytes, validate=True)
            except binascii.Error as error:
                raise DatabaseError(f"parameter {name!r} is no base64") from error
    return cast(Any, value)
