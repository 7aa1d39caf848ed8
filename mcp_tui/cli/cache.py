"""cache: the answers kept for `--cache`, and how to forget them."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from mcp_tui.cli import tasks
from mcp_tui.cli.connect import load_config
from mcp_tui.cli.options import json_option, settings_of
from mcp_tui.cli.output import notice, print_json, say
from mcp_tui.core.errors import AppError
from mcp_tui.core.figures import size_text

if TYPE_CHECKING:
    from pathlib import Path

    from mcp_tui.config.schema import Limits
    from mcp_tui.store.response_cache import Contents


@click.command()
@click.option("--clear", is_flag=True, help="Forget all of them.")
@json_option
@click.pass_context
def cache(context: click.Context, clear: bool) -> int:
    """How many answers are kept to replay, how large and how old they are; --clear forgets them.

    \b
    Answers are kept only when asked for: `compare --cache`, or in config.toml
      [defaults]  cache = true
      [limits]    cache_days = 30, cache_mb = 200
    """
    from mcp_tui.config import paths

    settings = settings_of(context)
    path = paths.cache_dir() / "responses.sqlite"
    config = load_config(settings, report=False)
    found = tasks.run(_contents(path, config.limits, clear=clear))
    if settings.json:
        print_json(
            {
                "path": str(path),
                "entries": found.entries,
                "size_bytes": found.size_bytes,
                "oldest_at": found.oldest_at,
                "used_at": found.used_at,
                "cleared": clear,
                "on_by_default": config.defaults.cache,
                "limits": {"cache_days": config.limits.cache_days, "cache_mb": config.limits.cache_mb},
            }
        )
        return 0
    count = f"{found.entries:,} answer{'' if found.entries == 1 else 's'}"
    if clear:
        say(f"{count} forgotten" if found.entries else "nothing to forget: no answer was kept")
        return 0
    if not found.entries:
        notice(f"no answer is kept; they would be in {paths.shown(path)}")
        return 0
    say(f"{count}, {size_text(found.size_bytes)} of {config.limits.cache_mb:g} MB, in {paths.shown(path)}")
    if found.oldest_at is not None and found.used_at is not None:
        say(f"oldest {_day(found.oldest_at)}, last used {_day(found.used_at)}, kept {config.limits.cache_days:g} days")
    return 0


async def _contents(path: Path, limits: Limits, *, clear: bool) -> Contents:
    """What there is, or was."""
    from mcp_tui.store.response_cache import Contents, ResponseCache

    if not await asyncio.to_thread(path.exists):
        return Contents(0, 0, None, None)  # looking does not make the file
    store = ResponseCache(path, max_age_s=limits.cache_days * 86_400, max_bytes=round(limits.cache_mb * 1_000_000))
    try:
        return await (store.clear() if clear else store.contents())
    except (sqlite3.Error, OSError, TimeoutError) as error:
        raise AppError("Response cache", f"{path}: {error or 'it does not answer'}", code="cache_not_read") from error
    finally:
        await asyncio.to_thread(store.close)


def _day(at: float) -> str:
    days = int((time.time() - at) // 86_400)
    day = datetime.fromtimestamp(at).strftime("%Y-%m-%d")
    ago = "today" if days < 1 else f"{days} day{'s' * (days > 1)} ago"
    return f"{day} ({ago})"
