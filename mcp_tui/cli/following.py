"""read --follow: a resource again and again, whenever the server says that it changed."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

import click

from mcp_tui.cli.connect import chosen, connected, failure, load_config, usable
from mcp_tui.cli.options import Settings
from mcp_tui.cli.output import notice
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.tasks import SubscriptionState
from mcp_tui.core.types import JsonObject

Show = Callable[[JsonObject], None]

follow_option = click.option(
    "--follow",
    is_flag=True,
    help="Print it again whenever the server says that it changed, until interrupted or --timeout.",
)


async def follow(settings: Settings, name: str, uri: str, timeout_s: float | None, show: Show) -> None:
    """Shows the content now and each one that differs. Ends at the timeout; AppError when it cannot be followed."""
    async with connected(chosen(load_config(settings, ask_for=name.__eq__), name)) as manager:
        usable(manager, name)
        changed = asyncio.Event()
        undo = manager.subscribe(changed.set)
        manager.follow(name, uri)
        last = ""
        heard = -1
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    changed.clear()
                    server = manager.server(name)
                    info = next((one for one in server.subscriptions if one.uri == uri), None)
                    if server.status.settled and (why := failure(server)) is not None:
                        raise AppError.of(why)
                    if info is not None and info.state is SubscriptionState.REFUSED:
                        hint = "without --follow it is read once"
                        raise AppError(
                            f"{uri} cannot be followed", info.note, hint, kind=ErrorKind.TOOL, code="no_subscribe"
                        )
                    # The first reading waits for the subscription: what changes in between would go unheard.
                    if info is not None and info.state is SubscriptionState.LIVE and info.updates != heard:
                        heard = info.updates
                        result = await manager.read_resource(name, uri)
                        content = json.dumps(result.get("contents"), sort_keys=True)
                        if content != last:
                            if last and not settings.json:
                                again = " (changed while the connection was down)" if info.reconnected else ""
                                notice(f"--- {time.strftime('%H:%M:%S')}{again}")
                            last = content
                            show(result)
                    await changed.wait()
        except TimeoutError:
            return
        finally:
            undo()
            manager.unfollow(name, uri)
