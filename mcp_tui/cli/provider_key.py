"""Storing a provider's key in the keyring of the operating system: the part of `auth` that is about models."""

from __future__ import annotations

import sys

import click

from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import notice, print_json
from mcp_tui.core.errors import AppError, ErrorKind

_MAX_KEY_CHARS = 4096


def is_provider(settings: Settings, name: str) -> bool:
    """Whether a key can be stored under this name: a built-in provider, or one of the configuration."""
    from mcp_tui.cli.connect import load_config
    from mcp_tui.providers.vendors import BY_NAME

    return name in BY_NAME or any(spec.name == name for spec in load_config(settings, report=False).providers)


def provider_key(settings: Settings, provider: str, *, logout: bool) -> int:
    """Ask for the key without showing it (or read it from stdin) and store it; logout: remove it.

    AppError when no keyring can be used, or nothing was given. The key is never an argument: those are seen by
    every process of the machine.
    """
    from mcp_tui.store.keys import ProviderKeys

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
