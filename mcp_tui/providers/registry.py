"""Named providers and their models.

Importing this module imports no httpx: it is on the path to the first frame.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, Protocol

from mcp_tui.config.schema import ProviderSpec, WireFormat
from mcp_tui.core.chat import ChatEvent, ChatRequest
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.providers.endpoint import Endpoint, demo_endpoints, endpoint_of
from mcp_tui.providers.vendors import DEMO_MODELS, VENDORS

if TYPE_CHECKING:
    from mcp_tui.core.chat import ModelParams
    from mcp_tui.providers.listing import ListedModel
    from mcp_tui.providers.request_stream import WireProvider

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """`provider/model`; the model part may itself contain slashes."""

    provider: str
    model: str

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    ref: ModelRef
    context_tokens: int | None
    input_usd_per_mtok: float | None
    output_usd_per_mtok: float | None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """One provider as people see it. `key_source`: "OPENAI_API_KEY", "config", "none needed", or "" when missing."""

    name: str
    format: WireFormat
    base_url: str
    key_source: str
    available: bool
    demo: bool
    models: tuple[str, ...]
    """Configured models, then the built-in suggestions."""


class Provider(Protocol):
    name: str

    def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Events, ending with exactly one Finished; never raises for faults of the provider or the network.

        Closing the generator (aclose, or cancelling the task) closes the HTTP connection.
        """
        ...

    async def list_models(self, *, timeout_s: float = 10.0) -> tuple[str, ...]:
        """GET /models. AppError when refused or unreachable."""
        ...


class ProviderRegistry:
    def __init__(
        self,
        specs: Sequence[ProviderSpec],
        environ: Mapping[str, str],
        *,
        demo_base_url: str | None = None,
    ) -> None:
        """demo_base_url: origin of the running demo model server; adds the provider `demo`."""
        self._own = {spec.name: spec for spec in specs}
        self._environ = environ
        self._vendors = {vendor.name: vendor for vendor in VENDORS}
        names = dict.fromkeys((*self._vendors, *self._own))
        self._endpoints: dict[str, Endpoint] = {name: self._endpoint(name) for name in names}
        self._demo = demo_endpoints(demo_base_url) if demo_base_url is not None else {}
        self._built: dict[str, WireProvider] = {}
        self._listed: dict[str, tuple[str, ...]] = {}

    def providers(self) -> tuple[ProviderInfo, ...]:
        """The demo first, then the user's and the named ones that can be used, then the rest."""
        infos = [self._info(endpoint) for endpoint in self._endpoints.values()]
        infos.sort(key=lambda info: not info.available)
        if self._demo:
            models = tuple(model.name for model in DEMO_MODELS)
            base_url = next(iter(self._demo.values())).base_url.removesuffix("/v1")
            infos.insert(0, ProviderInfo(DEMO, "openai-chat", base_url, "none needed", True, True, models))
        return tuple(infos)

    def use_stored_keys(self, keys: Mapping[str, str]) -> None:
        """Provider name -> key from the keyring. They count where neither configuration nor environment has one."""
        for name, key in keys.items():
            endpoint = self._endpoints.get(name)
            # A provider that was used already has its key.
            if endpoint is not None and not endpoint.key and name not in self._built:
                self._endpoints[name] = self._endpoint(name, key)

    def address(self, ref: ModelRef) -> str:
        """Wire format and base URL, without any secret: with the model's name, what answers a request."""
        endpoint = self._endpoints.get(ref.provider)
        if endpoint is None:
            # The demo server has another port at every start, and says the same.
            return f"{DEMO} {self._demo[ref.model].format}" if ref.model in self._demo else ref.provider
        return f"{endpoint.format} {endpoint.shown_url}"

    def charges_nothing(self, name: str) -> bool:
        """The demo, and servers on this machine."""
        endpoint = self._endpoints.get(name)
        return endpoint is None or endpoint.on_this_machine

    def resolve(self, text: str, *, usable: bool = True) -> ModelRef:
        """`provider/model`, or a bare model or provider name where that is clear.

        AppError (usage) naming the closest matches otherwise, or the missing key variable. usable False: also a
        provider that takes no requests now.
        """
        text = text.strip()
        head, slash, model = text.partition("/")
        name = head.strip().lower()
        if self._known(name) and (slash or not self._models_named(text)):
            ref = self._with_model(name, model.strip() if slash else "")
        else:
            ref = self._by_model(text)
        if usable:
            self._check(ref.provider)
        return ref

    def provider(self, name: str) -> Provider:
        """Imports httpx. AppError (usage) for an unknown name or a missing key."""
        if name == DEMO and self._demo:
            from mcp_tui.providers.routed import RoutedProvider

            return RoutedProvider(
                DEMO, {model: self._build(f"{DEMO}/{model}", endpoint) for model, endpoint in self._demo.items()}
            )
        self._check(name)
        return self._build(name, self._endpoints[name])

    async def listed(self, name: str, *, timeout_s: float = 10.0) -> tuple[ListedModel, ...]:
        """GET /models of one provider. AppError when it is unknown, lacks its key, refuses or cannot be reached."""
        if name == DEMO and self._demo:
            from mcp_tui.providers.listing import ListedModel

            return tuple(ListedModel(model) for model in self._demo)
        self._check(name)
        return await self._build(name, self._endpoints[name]).listed(timeout_s=timeout_s)

    def unsent(self, ref: ModelRef, params: ModelParams) -> tuple[str, ...]:
        """Names of the given parameters that this model would not get, as far as is known by now. Imports httpx."""
        endpoint = self._demo.get(ref.model) if ref.provider == DEMO else self._endpoints.get(ref.provider)
        if endpoint is None or endpoint.problem is not None or not endpoint.base_url:
            return ()
        name = f"{DEMO}/{ref.model}" if ref.provider == DEMO else ref.provider
        return self._build(name, endpoint).unsent(ref.model, params)

    async def detect_local(self, *, timeout_s: float = 0.7) -> tuple[str, ...]:
        """Ask the usual loopback ports for model servers, all at once; the ones that answer become available."""
        from mcp_tui.providers.local import answering

        silent = {
            name: self._build(name, endpoint)
            for name, endpoint in self._endpoints.items()
            if endpoint.probed and not endpoint.available
        }
        found = await answering(silent, timeout_s=timeout_s)
        self._listed |= found
        return tuple(found)

    async def aclose(self) -> None:
        built, self._built = self._built, {}
        for provider in built.values():
            await provider.aclose()

    def _endpoint(self, name: str, stored_key: str = "") -> Endpoint:
        return endpoint_of(name, self._vendors.get(name), self._own.get(name), self._environ, stored_key=stored_key)

    def _info(self, endpoint: Endpoint) -> ProviderInfo:
        listed = self._listed.get(endpoint.name, ())
        return ProviderInfo(
            endpoint.name,
            endpoint.format,
            endpoint.shown_url,
            endpoint.key_source,
            endpoint.available or bool(listed),
            False,
            tuple(dict.fromkeys((*endpoint.models, *listed))),
        )

    def _known(self, name: str) -> bool:
        return name in self._endpoints or (name == DEMO and bool(self._demo))

    def _models_of(self, name: str) -> tuple[str, ...]:
        if name == DEMO:
            return tuple(self._demo)
        return self._info(self._endpoints[name]).models

    def _models_named(self, model: str) -> list[str]:
        """Usable providers that offer exactly this model."""
        names = [info.name for info in self.providers() if info.available]
        return [name for name in names if model in self._models_of(name)]

    def _with_model(self, name: str, model: str) -> ModelRef:
        models = self._models_of(name)
        if name == DEMO and model and model not in models:
            _unknown(f"{name}/{model}", [f"{name}/{known}" for known in models], detail=f"{name} has no such model")
        if model:
            return ModelRef(name, model)
        self._check(name)
        if (first := first_chat_model(models)) is not None:
            return ModelRef(name, first)
        raise AppError(
            f"No model named for {name}",
            f"`{name}` alone does not say which model",
            f"use {name}/MODEL; `mcp-tui models` lists them",
            kind=ErrorKind.USAGE,
            code="no_model",
        )

    def _by_model(self, text: str) -> ModelRef:
        offering = self._models_named(text)
        if len(offering) == 1:
            return ModelRef(offering[0], text)
        if offering:
            names = ", ".join(f"{name}/{text}" for name in offering)
            raise AppError(
                f"Which {text}?", "several providers offer it", f"use one of {names}", kind=ErrorKind.USAGE,
                code="ambiguous_model",
            )  # fmt: skip
        for vendor in VENDORS:
            if "/" not in text and text.lower().startswith(vendor.model_prefixes or ("/",)):
                return ModelRef(vendor.name, text)
        infos = self.providers()
        _unknown(text, [f"{info.name}/{model}" for info in infos for model in info.models] + [i.name for i in infos])

    def _check(self, name: str) -> None:
        """AppError (usage) unless requests to this provider can be made."""
        if name == DEMO and self._demo:
            return
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            _unknown(name, [info.name for info in self.providers()])
        if endpoint.problem is not None:
            raise AppError.of(endpoint.problem)
        if not endpoint.key_source:
            variable = endpoint.key_variables[0] if endpoint.key_variables else "api_key"
            raise AppError(
                f"No key for {name}",
                f"{' and '.join(endpoint.key_variables) or 'api_key'} not set",
                f"set {variable}, or api_key in [providers.{name}], or store one with `mcp-tui auth {name}`",
                kind=ErrorKind.USAGE,
                code="missing_key",
            )

    def _build(self, name: str, endpoint: Endpoint) -> WireProvider:
        if name not in self._built:
            from mcp_tui.providers.building import build

            self._built[name] = build(endpoint)
        return self._built[name]


def first_chat_model(models: Sequence[str]) -> str | None:
    # Local servers also list their embedding models, and those cannot chat.
    return next((model for model in models if "embed" not in model.lower()), None)


_FEW = 6
"""So many names are simply listed."""


def _unknown(
    text: str, candidates: Sequence[str], *, detail: str = "it names no provider that is known here"
) -> NoReturn:
    close = _closest(text, candidates)
    few = f"choose one of {', '.join(candidates)}" if 0 < len(candidates) <= _FEW else ""
    raise AppError(
        f"Unknown model {text!r}" if text else "No model given",
        detail,
        f"did you mean {' or '.join(close)}?" if close else few or "use PROVIDER/MODEL; `mcp-tui models` lists them",
        kind=ErrorKind.USAGE,
        code="unknown_model",
    )


def _closest(text: str, candidates: Sequence[str]) -> list[str]:
    """Up to three: close as a whole, or a close provider with the model kept, or close in the model part."""
    low = text.lower()
    whole = {candidate.lower(): candidate for candidate in candidates}
    found = [whole[match] for match in difflib.get_close_matches(low, list(whole), n=3, cutoff=0.72)]
    head, slash, model = text.partition("/")
    if slash:
        providers = list(dict.fromkeys(candidate.partition("/")[0] for candidate in candidates))
        near = difflib.get_close_matches(head.lower(), providers, n=2, cutoff=0.6)
        found += [f"{provider}/{model}" for provider in near if provider != head]
    else:
        models: dict[str, str] = {}
        for candidate in candidates:
            models.setdefault(candidate.rpartition("/")[2].lower(), candidate)
        found += [models[match] for match in difflib.get_close_matches(low, list(models), n=3, cutoff=0.6)]
    return list(dict.fromkeys(found))[:3]
