"""Blocking work that may never end: a disk or a keyring that hangs must hold up neither the loop nor the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from mcp_tui.core.errors import AppError, ErrorKind

_T = TypeVar("_T")


def on_daemon(work: Callable[[], _T], name: str) -> Future[_T]:
    """What it returned or raised, from a thread of its own that does not keep the process from ending."""
    future: Future[_T] = Future()
    future.set_running_or_notify_cancel()  # from here on nobody can cancel it

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future


async def off_loop(work: Callable[[], _T], timeout_s: float) -> _T:
    """The result of work with files. AppError when it takes longer: then its thread is left behind."""
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            return await asyncio.wrap_future(on_daemon(work, "files"))
    except TimeoutError as error:
        if not limit.expired():  # the system says so of a file
            raise
        detail = f"Nothing within {timeout_s:g} s"
        raise AppError("The disk does not answer", detail, kind=ErrorKind.USAGE, code="disk") from error
