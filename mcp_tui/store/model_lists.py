"""The model lists of providers, kept between starts: what can be chosen is there before anybody answers.

Names and figures only. A file that cannot be read counts as empty.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from mcp_tui.config.state_file import StateFile, readable_members
from mcp_tui.core.errors import AppError

logger = logging.getLogger(__name__)

_MAX_MODELS = 5_000

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
    return _file(path).read()


def save(path: Path, lists: Mapping[str, ModelList]) -> None:
    """Join what stands there; of two lists of a provider the newer one stays. Blocks. A disk that refuses is logged:
    the lists can be asked for again."""
    cut = {name: replace(known, models=known.models[:_MAX_MODELS]) for name, known in lists.items()}

    def joined(kept: dict[str, ModelList]) -> dict[str, ModelList]:
        newer = {name: one for name, one in cut.items() if name not in kept or one.asked_at >= kept[name].asked_at}
        return {**kept, **newer}

    try:
        _file(path).change(joined)
    except AppError as error:
        logger.warning("model lists %s: %s", path, error)


def _file(path: Path) -> StateFile[dict[str, ModelList]]:
    return StateFile(path, {}, _decode, _encode)


def _encode(lists: dict[str, ModelList]) -> bytes:
    return json.dumps({name: asdict(known) for name, known in lists.items()}).encode("ascii")


def _decode(data: bytes, lost: list[str]) -> dict[str, ModelList]:
    return readable_members(json.loads(data), _list, lost)


def _list(entry: dict[str, Any]) -> ModelList:
    rows = tuple(_row(*row) for row in entry["models"])
    asked_at = float(entry["asked_at"])
    if not math.isfinite(asked_at):
        raise ValueError
    return ModelList(str(entry["address"]), asked_at, rows)


def _row(name: object, context: Any, tokens_in: Any, tokens_out: Any) -> ModelRow:
    return (
        str(name),
        None if context is None else int(context),
        None if tokens_in is None else float(tokens_in),
        None if tokens_out is None else float(tokens_out),
    )
