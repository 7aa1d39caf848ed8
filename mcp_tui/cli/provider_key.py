"""Storing a provider's key in the keyring of the operating system: the part of `auth` that is about models."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import notice, print_json
from mcp_tui.core.errors import AppError, ErrorKind

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config

_MAX_KEY_CHARS = 4096


def providers(config: Config) -> tuple[str, ...]:
    """Names a key can be stored under: the built-in providers, then those of the configuration."""
    from mcp_tui.providers.vendors import BY_NAME

    return tuple(dict.fromkeys((*BY_NAME, *(spec.name for spec in config.providers))))


def provider_key(settings: Settings, provider: str, *, logout: bool) -> int:
    """Ask for the key without showing it (or read it from stdin) and store it; logout: remove it.

    AppError when no keyring can be used, or nothing was given. The key is never an argument: those are seen by
    every process of the machine.
    """
    from mcp_tui.store.provider_keys import ProviderKeys

    keys = ProviderKeys()
    if logout:
        known = keys.remove(provider)
        told = f"the key for {provider} is removed" if known else f"no key for {provider} was stored"
    else:
        keys.save(provider, _given(provider))
        known = True
        told = f"the key for {provider} is in the keyring; the configuration and the environment come before it"
    if settings.json:
        print_json({"provider": provider, "stored": not logout, "changed": known})
    else:
        notice(told)
    return 0


def _given(provider: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"Key for {provider}", hide_input=True, err=True))
    text = sys.stdin.read(_MAX_KEY_CHARS + 1)
    if len(text) > _MAX_KEY_CHARS:
        raise AppError("Key not stored", "what stdin gives is too long for a key", kind=ErrorKind.USAGE, code="bad_key")
    return text
