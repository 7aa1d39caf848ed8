"""The part of config show that is about models: short names, sets, prices and limits of spending."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mcp_tui.cli.output import say, styled
from mcp_tui.config import mask
from mcp_tui.core.text import marked_line
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config

SECTIONS = ("models", "sets", "prices")
"""Those that are empty until somebody fills them; limits have defaults."""
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def model_sections(config: Config) -> JsonObject:
    """`models`, `sets`, `prices` and `limits`: name -> value and `source`, nothing secret.

    A limit that stands in no file has the source `default`; one that is not set is left out.
    """

    def source(section: str, name: str) -> str:
        origin = config.origins.get((section, name))
        return "default" if origin is None else origin.label

    prices = {
        name: {"input": spec.input_usd, "output": spec.output_usd}
        | ({} if spec.cached_usd is None else {"cached": spec.cached_usd})
        for name, spec in config.prices.items()
    }
    return {
        "models": {
            name: {"model": mask.text(model), "source": source("models", name)} for name, model in config.models.items()
        },
        "sets": {
            name: {"models": [mask.text(model) for model in models], "source": source("sets", name)}
            for name, models in config.sets.items()
        },
        "prices": {name: {**price, "source": source("prices", name)} for name, price in prices.items()},
        "limits": {
            name: {"value": limit, "source": source("limits", name)}
            for name, limit in asdict(config.limits).items()
            if limit is not None
        },
    }


def print_model_sections(value: JsonObject) -> None:
    """The text of what `model_sections` made, as it would stand in a file."""
    for section, item in (("models", "model"), ("sets", "models"), ("limits", "value")):
        if value[section]:
            say(styled(f"[{section}]", bold=True))
            for name, entry in value[section].items():
                source = styled(f"# {entry['source']}", dim=True)
                say(f"{marked_line(_key(name))} = {marked_line(toml(entry[item]))}  {source}")
            say()
    for name, entry in value["prices"].items():
        source = styled(f"# {entry['source']}", dim=True)
        say(f"{styled(f'[prices.{_key(name)}]', bold=True)}  {source}")
        for key in ("input", "output", "cached"):
            if key in entry:
                say(f"{key} = {toml(entry[key])}")
        say()


def _key(name: str) -> str:
    """Quoted where TOML wants it."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def toml(value: Any) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, dict):
        pairs: list[str] = [f"{json.dumps(str(key))} = {toml(item)}" for key, item in value.items()]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  any JSON
        return f"{{ {', '.join(pairs)} }}"
    return json.dumps(value, ensure_ascii=False)
