"""Runs a command's coroutine so that every end of it leaves cleanly: children end, files close."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import warnings
from collections.abc import Coroutine
from typing import Any, TypeVar

from mcp_tui.core.errors import AppError, ErrorKind

_Result = TypeVar("_Result")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 3


def run(main: Coroutine[Any, Any, _Result]) -> _Result:
    """The coroutine's result. AppError (cancelled) when SIGINT, SIGTERM or SIGHUP ended it.

    The third signal ends the process at once, for whoever does not want to wait for servers to end.
    """
    _quiet_libraries()
    try:
        return asyncio.run(_guarded(main))
    except asyncio.CancelledError as error:
        raise AppError("Cancelled", kind=ErrorKind.CANCELLED, code="cancelled") from error


async def _guarded(main: Coroutine[Any, Any, _Result]) -> _Result:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    received = 0

    def stop() -> None:
        nonlocal received
        received += 1
        if received == 1:
            task.cancel()
        elif received >= _PATIENCE:
            os._exit(130)

    for number in _SIGNALS:
        # `nohup` ignores SIGHUP on purpose.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    try:
        return await task
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _quiet_libraries() -> None:
    """Warnings and log records of libraries are for developers: stderr is for notices and errors."""
    if os.environ.get("MCP_TUI_DEBUG"):
        logging.basicConfig(level=logging.DEBUG)
        return
    logging.getLogger().addHandler(logging.NullHandler())
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
