"""The model lists of providers, kept between starts: what can be chosen is there before anybody answers.

Names and figures only. A file that cannot be read counts as empty.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

from mcp_tui.config.save import write_atomically
from mcp_tui.core.errors import AppError

logger = logging.getLogger(__name__)

_MAX_MODELS = 5_000
_MAX_BYTES = 8 * 1024 * 1024


ModelRow: TypeAlias = tuple[str, int | None, float | None, float | None]
"""Name, context size in tokens, US dollars per million tokens of input, and of output."""


@dataclass(frozen=True, slots=True)
class ModelList:
    address: str
    """Whom it is of: another address makes it another list."""
    asked_at: float
    """Unix time."""
    models: tuple[ModelRow, ...]


def load(path: Path) -> dict[str, ModelList]:
    """By provider name. Blocks."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return {}
        loaded: Any = json.loads(path.read_bytes())
        return {str(name): _list(cast("dict[str, Any]", entry)) for name, entry in loaded.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        logger.warning("model lists %s: %s", path, error)
        return {}


def save(path: Path, lists: Mapping[str, ModelList]) -> None:
    """Blocks. A disk that refuses is logged: the lists can be asked for again."""
    form = {
        name: {
            "address": known.address,
            "asked_at": known.asked_at,
            "models": list(known.models[:_MAX_MODELS]),
        }
        for name, known in lists.items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(form, ensure_ascii=True).encode("ascii"), private=True)
    except (OSError, AppError) as error:
        logger.warning("model lists %s: %s", path, error)


def _list(entry: dict[str, Any]) -> ModelList:
    rows = tuple(_row(*row) for row in entry["models"])
    return ModelList(str(entry["address"]), float(entry["asked_at"]), rows)


def _row(name: object, context: Any, tokens_in: Any, tokens_out: Any) -> ModelRow:
    return (
        str(name),
        None if context is None else int(context),
        None if tokens_in is None else float(tokens_in),
        None if tokens_out is None else float(tokens_out),
    )
