"""Which models stand in the columns when nobody chose all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from mcp_tui.config.schema import Config
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.providers.registry import DEMO, ModelRef, ProviderInfo, ProviderRegistry, first_chat_model
from mcp_tui.runs.model_names import ModelNames, Selection, params_text
from mcp_tui.runs.spec import ColumnSpec

MOST_SUGGESTED = 3
DEMO_MODELS = ("swift", "scholar", "builder")


def usable_providers(providers: Iterable[ProviderInfo]) -> tuple[ProviderInfo, ...]:
    """Real providers that take requests: with a key, configured, or found running on this machine."""
    return tuple(info for info in providers if info.available and not info.demo)


def default_selections(
    models: Sequence[str], config: Config, registry: ProviderRegistry, *, demo_only: bool
) -> tuple[Selection, ...]:
    """The asked-for models, else the configured ones, else a suggestion. AppError (usage) names what is wrong."""
    names = ModelNames(config, registry)
    wanted = tuple(models) or (() if demo_only else config.defaults.models)
    selections = names.select(wanted) if wanted else ()
    if not selections:
        selections = tuple(Selection(ref) for ref in suggested_refs(registry, demo_only=demo_only))
    if not config.defaults.fallback.strip() or demo_only:
        return selections
    fallback = names.fallback(config.defaults.fallback)
    return tuple(
        one
        if one.fallback or one.ref.provider == DEMO
        else replace(one, fallback=tuple(choice for choice in fallback if choice.ref != one.ref))
        for one in selections
    )


def suggested_refs(registry: ProviderRegistry, *, demo_only: bool) -> tuple[ModelRef, ...]:
    """One model of each provider that can be used, up to three; else the demo models. AppError without any."""
    infos = registry.providers()
    suggested = [
        ModelRef(info.name, model)
        for info in usable_providers(infos)
        if (model := first_chat_model(info.models)) is not None
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


def columns_for(selections: Iterable[Selection], system: str) -> tuple[ColumnSpec, ...]:
    """Columns c1, c2 ...; what stands there again is labelled ` #2`, ` #3` ... system: where none was asked for."""
    seen: Counter[str] = Counter()
    columns: list[ColumnSpec] = []
    for number, one in enumerate(selections, 1):
        words = params_text(one.params, system=one.system is not None)
        name = f"{one.ref} {words}" if words else str(one.ref)
        seen[name] += 1
        label = name if seen[name] == 1 else f"{name} #{seen[name]}"
        own = system if one.system is None else one.system
        columns.append(ColumnSpec(f"c{number}", one.ref, label, one.params, own, one.fallback))
    return tuple(columns)
