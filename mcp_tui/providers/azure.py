"""Azure OpenAI's addresses, of which there are two kinds.

The current one, `https://NAME.openai.azure.com/openai/v1`, is OpenAI's own API with deployments as models. The one
with a dated `api-version` has the deployment in the path and speaks Chat Completions. People have either in their
variables, or the whole URL of one deployment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us")
"""How the hosts of Azure OpenAI resources end."""

_VERSIONLESS = ("", "v1", "preview", "latest")


@dataclass(frozen=True, slots=True)
class AzureAddress:
    base_url: str
    query: str
    deployments: bool
    """The deployment stands in the path: a dated api-version, Chat Completions only."""
    deployment: str
    """The one named in the URL given, or ""."""


def azure_address(given: str, api_version: str) -> AzureAddress:
    """api_version: from OPENAI_API_VERSION; one in the URL itself wins."""
    parts = urlsplit(given.strip() if "://" in given else f"https://{given.strip()}")
    query = dict(parse_qsl(parts.query))
    version = query.pop("api-version", "") or api_version.strip()
    path = parts.path.rstrip("/")
    named = re.search(r"/openai/deployments/([^/]+)", path)
    whole = re.match(r"(.*?)/openai(?:/.*)?$", path)
    root = f"{parts.scheme}://{parts.netloc}{whole[1] if whole else path}"
    dated = version not in _VERSIONLESS and not re.search(r"/openai/v1(?:/|$)", path)
    if dated or version in ("preview", "latest"):
        query["api-version"] = version
    return AzureAddress(
        f"{root}/openai" if dated else f"{root}/openai/v1",
        urlencode(query),
        dated,
        unquote(named[1]) if named else "",
    )


def is_azure(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(HOSTS)
