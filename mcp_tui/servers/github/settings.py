"""What the GitHub server takes from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PUBLIC_API = "https://api.github.com"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SettingsError(Exception):
    """A variable holds something that cannot work; the text says which and what to do, never a secret."""


@dataclass(frozen=True, slots=True)
class Settings:
    """api_url is without a slash at the end. token: "" = none. repository: (owner, name) where none is given."""

    api_url: str = PUBLIC_API
    token: str = field(default="", repr=False)
    repository: tuple[str, str] | None = None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """From GITHUB_API_URL, GITHUB_TOKEN and GITHUB_REPOSITORY, as GitHub's own workflows set them."""
        token = environment.get("GITHUB_TOKEN", "").strip()
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise SettingsError("GITHUB_TOKEN holds characters that no token has; was something else pasted too?")
        api_url = environment.get("GITHUB_API_URL", "").strip().rstrip("/") or PUBLIC_API
        _check_url(api_url, secret=bool(token))
        return cls(api_url, token, _repository(environment.get("GITHUB_REPOSITORY", "").strip()))


def is_name(text: str) -> bool:
    """Whether an owner or a repository can be called so: it becomes part of a path."""
    return _NAME.fullmatch(text) is not None and text not in (".", "..")


def _check_url(url: str, *, secret: bool) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"GITHUB_API_URL is no URL: {error}") from None
    if parts.username or parts.password:
        raise SettingsError("GITHUB_API_URL holds a user name or password; put the token into GITHUB_TOKEN instead")
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        example = f"{PUBLIC_API}, or https://HOST/api/v3 of GitHub Enterprise Server"
        raise SettingsError(f"GITHUB_API_URL must look like {example}")
    if secret and parts.scheme == "http" and host not in _LOOPBACK:
        raise SettingsError("GITHUB_API_URL is http: GITHUB_TOKEN would travel unencrypted; use https")


def _repository(text: str) -> tuple[str, str] | None:
    if not text:
        return None
    owner, slash, name = text.partition("/")
    if not slash or not is_name(owner) or not is_name(name):
        raise SettingsError("GITHUB_REPOSITORY must be OWNER/NAME, such as python/cpython")
    return owner, name
