"""Work that goes on beside the requests of a server, ended with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import anyio
from anyio.abc import TaskGroup
from typing_extensions import TypeVarTuple

_Arguments = TypeVarTuple("_Arguments")


class Background:
    """`async with background.running():` in the server's lifespan; `start` from anywhere meanwhile."""

    def __init__(self) -> None:
        self._tasks: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            try:
                yield
            finally:
                self._tasks = None
                tasks.cancel_scope.cancel()

    def start(self, work: Callable[[*_Arguments], Coroutine[Any, Any, object]], *arguments: *_Arguments) -> None:
        """RuntimeError when the server does not run. What the work raises ends the server: let it handle its faults."""
        if self._tasks is None:
            raise RuntimeError("the server does not run")
        self._tasks.start_soon(work, *arguments)
