"""Which models stand in the columns when nobody chose all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mcp_tui.config.schema import Config
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.providers.registry import ModelRef, ProviderInfo, ProviderRegistry
from mcp_tui.runs.spec import ColumnSpec

MOST_SUGGESTED = 3
DEMO_MODELS = ("swift", "scholar", "builder")


def usable_providers(providers: Iterable[ProviderInfo]) -> tuple[ProviderInfo, ...]:
    """Real providers that take requests: with a key, configured, or found running on this machine."""
    return tuple(info for info in providers if info.available and not info.demo)


def default_refs(
    models: Sequence[str], config: Config, registry: ProviderRegistry, *, demo_only: bool
) -> tuple[ModelRef, ...]:
    """The asked-for models, else the configured ones, else a suggestion. AppError (usage) as in `resolve`."""
    wanted = tuple(models) or (() if demo_only else config.defaults.models)
    if wanted:
        return tuple(registry.resolve(name) for name in wanted)
    infos = registry.providers()
    suggested = [
        ModelRef(info.name, model)
        for info in usable_providers(infos)
        if (model := _first_chat_model(info.models)) is not None
    ]
    if suggested and not demo_only:
        return tuple(suggested[:MOST_SUGGESTED])
    for info in infos:
        if info.demo:
            known = [model for model in DEMO_MODELS if model in info.models] or list(info.models)
            return tuple(ModelRef(info.name, model) for model in known[:MOST_SUGGESTED])
    raise AppError(
        "No model",
        "no provider has a key, or none of them names a model",
        "name models with -m PROVIDER/MODEL, set a key such as OPENAI_API_KEY, or use --demo",
        kind=ErrorKind.USAGE,
        code="no_model",
    )


def _first_chat_model(models: Sequence[str]) -> str | None:
    # Local servers also list their embedding models, and those cannot chat.
    return next((model for model in models if "embed" not in model.lower()), None)


def columns_for(refs: Iterable[ModelRef], system: str) -> tuple[ColumnSpec, ...]:
    """Columns c1, c2 ...; a model that stands there again is labelled ` #2`, ` #3` ..."""
    seen: Counter[str] = Counter()
    columns: list[ColumnSpec] = []
    for number, ref in enumerate(refs, 1):
        seen[str(ref)] += 1
        times = seen[str(ref)]
        label = str(ref) if times == 1 else f"{ref} #{times}"
        columns.append(ColumnSpec(f"c{number}", ref, label, system=system))
    return tuple(columns)
