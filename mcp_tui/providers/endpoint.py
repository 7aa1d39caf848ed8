"""Where a provider is, which key it takes, and whether it can be used: config and environment put together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from mcp_tui.config.schema import ProviderSpec, WireFormat
from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.providers.azure import azure_address
from mcp_tui.providers.quirks import Quirks
from mcp_tui.providers.vendors import BY_NAME, DEMO_MODELS, GENERIC, Vendor, quirks_at, vendor_at

KEYRING = "keyring"
"""The `key_source` of a key from the operating system's keyring."""

_HEADER_TEXT = re.compile(r"[\x21-\x7e]+(?: +[\x21-\x7e]+)*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    name: str
    format: WireFormat
    base_url: str
    query: str = ""
    """Of every URL, such as Azure's `api-version=...`; without the question mark."""
    deployments: bool = False
    """Azure with a dated api-version: the model stands in the path."""
    key_header: str = ""
    """As in Vendor."""
    key: str = field(default="", repr=False)
    key_source: str = ""
    """As in ProviderInfo."""
    key_variables: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    models: tuple[str, ...] = ()
    quirks: Quirks = GENERIC
    start_hint: str = ""
    probed: bool = False
    """A local server at its usual place: it may or may not run."""
    problem: ErrorInfo | None = None

    @property
    def available(self) -> bool:
        ready = bool(self.key_source) and self.problem is None
        return ready and not self.probed

    @property
    def on_this_machine(self) -> bool:
        return _is_loopback(self.base_url)

    @property
    def shown_url(self) -> str:
        """Without a user name or password in it."""
        parts = urlsplit(self.base_url)
        if "@" not in parts.netloc:
            return self.base_url
        return urlunsplit(parts._replace(netloc="***@" + parts.netloc.rpartition("@")[2]))


def endpoint_of(
    name: str,
    vendor: Vendor | None,
    spec: ProviderSpec | None,
    environ: Mapping[str, str],
    *,
    stored_key: str = "",
) -> Endpoint:
    """The config entry wins over the environment, the environment over the vendor's defaults.

    stored_key: from the keyring; counts when neither of them gives a key.
    """
    variable = _first(vendor.url_variables if vendor else (), environ)
    given = (spec.base_url if spec else "") or (environ[variable] if variable else "")
    problem = spec.problem if spec else None
    host = vendor_at(given) if given else vendor
    wire: WireFormat = (spec.format if spec else None) or _usual_format(vendor, host, given)
    base_url, query, deployments = (vendor.base_url if vendor else ""), "", False
    suggested = [environ[name].strip() for name in (vendor.model_variables if vendor else ()) if environ.get(name)]
    azure = _is(host, "azure") or _is(vendor, "azure")
    if given and azure:
        version_variable = _first(BY_NAME["azure"].version_variables, environ)
        address = azure_address(given, environ.get(version_variable, ""))
        base_url, query, deployments = address.base_url, address.query, address.deployments
        suggested = [*([address.deployment] if address.deployment else []), *suggested]
        if deployments and not (spec and spec.format):
            wire = "openai-chat"
        deployments = deployments and wire == "openai-chat"
    elif given:
        like = vendor if vendor is not None and vendor.format == wire else Vendor(name, given, format=wire)
        if variable == "OLLAMA_HOST" and not (spec and spec.base_url):
            given = ollama_url(given)
        given, _, query = given.partition("?")
        base_url = like.url(given)
    elif vendor is not None and wire != vendor.format and _is(vendor, "gemini"):
        base_url += "/openai"
    if given and problem is None:
        problem = _url_problem(name, base_url)
    elif not base_url and problem is None:
        where = f"set {vendor.url_variables[0]}, or base_url" if vendor is not None else "set base_url"
        problem = _problem(name, "no base_url", f"{where} in [providers.{name}]")

    key, source = "", ""
    key_variables = vendor.key_variables if vendor else ()
    key_variable = _first(key_variables, environ)
    if spec and spec.api_key.strip():
        key, source = spec.api_key.strip(), "config"
    elif key_variable:
        key, source = environ[key_variable].strip(), key_variable
    elif stored_key:
        key, source = stored_key, KEYRING
    elif vendor is None or vendor.local or (given and _is_loopback(base_url)):
        source = "none needed"
    headers = {**(vendor.headers if vendor else {}), **(spec.headers if spec else {})}
    bad = [header for header, value in headers.items() if value and not _HEADER_TEXT.fullmatch(value)]
    if problem is None and key and not _HEADER_TEXT.fullmatch(key):
        place = {"config": "api_key", KEYRING: "the stored key"}.get(source, source)
        problem = _problem(name, f"{place} has characters no key has", f"look for line breaks or quotes in {place}")
    elif problem is None and bad:
        problem = _problem(name, f"header {bad[0]} has characters no header may have", "")

    default = vendor.quirks if vendor else GENERIC
    if vendor is not None and vendor.elsewhere is not None and given:
        default = GENERIC  # this name is also used for any compatible server
    return Endpoint(
        name=name,
        format=wire,
        base_url=base_url,
        query=query,
        deployments=deployments,
        key_header=BY_NAME["azure"].key_header if azure else "",
        key=key,
        key_source=source,
        key_variables=key_variables,
        headers=headers,
        models=tuple(dict.fromkeys((*(spec.models if spec else ()), *suggested, *(vendor.models if vendor else ())))),
        quirks=quirks_at(base_url, default),
        start_hint=vendor.start_hint if vendor else "",
        probed=vendor is not None and vendor.local and not given and spec is None and not key,
        problem=problem,
    )


def _usual_format(vendor: Vendor | None, host: Vendor | None, given: str) -> WireFormat:
    """What a provider speaks where nobody says it."""
    if vendor is None:
        return host.format if host is not None else "openai-chat"
    if given and host is None and vendor.elsewhere is not None:
        return vendor.elsewhere
    if vendor.format == "gemini" and host is None and given.rstrip("/").endswith("/openai"):
        return "openai-chat"
    return vendor.format


def _is(vendor: Vendor | None, name: str) -> bool:
    return vendor is not None and vendor.name == name


def demo_endpoints(origin: str) -> dict[str, Endpoint]:
    """One per demo model: they speak different formats."""
    return {
        model.name: Endpoint(
            name="demo",
            format=model.format,
            base_url=origin.rstrip("/") + model.path,
            key_source="none needed",
            models=(model.name,),
        )
        for model in DEMO_MODELS
    }


def ollama_url(host: str) -> str:
    """OLLAMA_HOST as Ollama itself reads it: scheme and port may be missing, 0.0.0.0 is where it listens."""
    text = host.strip().strip("\"'")
    scheme, _, rest = text.rpartition("://")
    rest = rest.rstrip("/")
    address, slash, path = rest.partition("/")
    name, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        name, port = address, {"http": "80", "https": "443"}.get(scheme, "11434")
    if name in ("", "0.0.0.0", "[::]"):
        name = "127.0.0.1"
    return f"{scheme or 'http'}://{name}:{port or '11434'}{slash}{path}"


def _first(variables: tuple[str, ...], environ: Mapping[str, str]) -> str:
    return next((name for name in variables if environ.get(name, "").strip()), "")


def _is_loopback(url: str) -> bool:
    return (urlsplit(url).hostname or "") in ("localhost", "127.0.0.1", "::1")


def _url_problem(name: str, url: str) -> ErrorInfo | None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if valid and not re.search(r"[\s\x00-\x1f]", url):
        return None
    return _problem(name, "its base_url is no http or https URL", f"check base_url in [providers.{name}]")


def _problem(name: str, detail: str, hint: str) -> ErrorInfo:
    return ErrorInfo(f"Provider {name} cannot be used", detail, hint, ErrorKind.USAGE, "bad_provider")
