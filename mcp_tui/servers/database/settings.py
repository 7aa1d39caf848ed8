"""Which database, and what one call may cost.

Imports SQLAlchemy on use only: `--help` and a missing address answer without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from sqlalchemy import URL

Kind = Literal["sqlite", "postgresql"]
_MIN_SECRET = 4
"""A shorter text would be found in any sentence; the drivers do not print passwords, this is for what they miss."""
_EXAMPLES = "sqlite:///shop.db, or postgresql://USER:PASSWORD@HOST/NAME"


class SettingsError(Exception):
    """The server cannot start like this; the text says what to do and holds no password."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may give back (rows; bytes of JSON) and how long it may take."""

    rows: int = 1000
    bytes: int = 1_000_000
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Target:
    """shown: the URL without its password. secrets: texts that no output may hold."""

    kind: Kind
    shown: str
    url: URL = field(repr=False)
    path: Path | None = None
    """The file of SQLite."""
    immutable: bool = False
    """SQLite: the file does not change while it is read; needed for a WAL database on a read-only disk."""
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def without_secrets(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def target_of(environment: Mapping[str, str]) -> Target:
    """From DATABASE_URL; SettingsError when it is missing or wrong."""
    text = environment.get("DATABASE_URL", "").strip()
    if not text:
        raise SettingsError(f"DATABASE_URL is not set; for example {_EXAMPLES}")
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The text of the error may quote the URL with its password.
        raise SettingsError(f"DATABASE_URL is no database URL; it looks like {_EXAMPLES}") from None
    match url.drivername.partition("+")[0]:
        case "sqlite":
            return _sqlite(url)
        case "postgres" | "postgresql":
            return _postgresql(url)
        case _:
            name = url.drivername[:40]
            raise SettingsError(f"DATABASE_URL is for {name!r}; this server speaks SQLite and PostgreSQL: {_EXAMPLES}")


def _sqlite(url: URL) -> Target:
    database = url.database or ""
    if database in ("", ":memory:"):
        raise SettingsError("DATABASE_URL names no file: a database in memory would be empty (sqlite:///shop.db)")
    known = {"uri", "mode", "immutable", "cache"}
    unknown = sorted(set(url.query) - known)
    if unknown:
        raise SettingsError(f"DATABASE_URL has the option {unknown[0]!r}; SQLite files take only immutable=1 here")
    path = Path(database.removeprefix("file:")).expanduser()
    immutable = url.query.get("immutable") in ("1", "true")
    return Target("sqlite", f"sqlite:///{path}", url, path, immutable)


def _postgresql(url: URL) -> Target:
    # Whatever driver the URL names: this is the one that is installed.
    url = url.set(drivername="postgresql+psycopg")
    password = url.password
    shown = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    query_password = url.query.get("password")
    secrets = [text for text in (password, query_password) if isinstance(text, str) and len(text) >= _MIN_SECRET]
    spelt = [form for text in secrets for form in (text, quote(text, safe=""), quote_plus(text))]
    # Longest first: one may be part of another.
    return Target("postgresql", shown, url, secrets=tuple(sorted(dict.fromkeys(spelt), key=len, reverse=True)))
