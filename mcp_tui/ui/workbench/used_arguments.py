"""Arguments used before, between the Workbench and the disk: nothing here fails a call."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.store.argument_history import ArgumentHistory
from mcp_tui.ui.forms.open_item import ItemKey, OpenItem

logger = logging.getLogger(__name__)


class UsedArguments:
    """warn: tells the person that something is not remembered."""

    def __init__(self, history: ArgumentHistory, warn: Callable[[str], None]) -> None:
        self._history = history
        self._warn = warn

    async def load(self, item: OpenItem) -> None:
        try:
            found = await asyncio.to_thread(self._history.newest, *item.key)
        except (sqlite3.Error, OSError) as error:
            logger.warning("Arguments used before cannot be read: %s", error)
            item.history = ()
            return
        item.history = tuple(entry.arguments for entry in found)

    async def store(self, key: ItemKey, arguments: JsonObject) -> None:
        try:
            await asyncio.to_thread(self._history.add, *key, arguments)
        except (sqlite3.Error, OSError) as error:
            logger.warning("Arguments cannot be stored: %s", error)
            self._warn(clean_line(f"The arguments are not remembered: {error}"))
