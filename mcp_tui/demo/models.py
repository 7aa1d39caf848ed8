"""The HTTP server of the demo models, on a loopback port of its own.

| route | format |
|---|---|
| POST /v1/chat/completions, GET /v1/models | openai-chat |
| POST /anthropic/v1/messages, GET /anthropic/v1/models | anthropic-messages |

Any key is accepted, and none. Importing this module imports neither starlette nor uvicorn.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.imports import load
from mcp_tui.core.listening import listening
from mcp_tui.demo.pace import Stopwatch

if TYPE_CHECKING:
    from mcp_tui.demo.app import StreamCount

_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 5.0
_log = logging.getLogger(__name__)


class DemoModels:
    """`async with DemoModels() as models:` serves at `models.base_url` until the block is left.

    speed: 1 is realistic, 2 twice as fast, 0 without any delay. The server has a thread and an event loop of its
    own, so that it neither delays the application's loop nor is delayed by it. Not re-enterable.
    """

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._address: str | None = None
        self._thread: _ServerThread | None = None

    @property
    def base_url(self) -> str:
        """The origin, without a slash at the end; each format's routes are under it."""
        if self._address is None:
            raise RuntimeError("the demo models are not running")
        return self._address

    @property
    def active_streams(self) -> int:
        """Answers that are being generated now."""
        return self._thread.active_streams if self._thread is not None else 0

    async def __aenter__(self) -> DemoModels:
        """AppError when no loopback port can be opened or the server does not start."""
        if self._thread is not None:
            raise RuntimeError("DemoModels can be entered once")
        try:
            listener = listening(("127.0.0.1", 0))
        except OSError as error:
            raise _not_started(f"no port on 127.0.0.1: {error}") from error
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread = self._thread = _ServerThread(listener, self._speed)
        thread.start()
        try:
            events = (thread.started, thread.ended)
            done, _ = await asyncio.wait(events, timeout=_START_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if thread.started not in done:
                reason = f"not ready after {_START_TIMEOUT_S:.0f} s"
                raise _not_started(str(thread.failure) if thread.ended in done else reason) from thread.failure
        except BaseException:
            await self._stop(thread)
            raise
        self._address = address
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._address = None
        if self._thread is not None:
            await self._stop(self._thread)

    async def _stop(self, thread: _ServerThread) -> None:
        """Ends running answers in the middle, then the server and its thread."""
        thread.request_stop()
        done, _ = await asyncio.wait((thread.ended,), timeout=_STOP_TIMEOUT_S)
        if not done:
            _log.error("the demo models did not stop within %s s", _STOP_TIMEOUT_S)
            return
        # `ended` was the thread's last act: this only waits for it to return.
        thread.join(_STOP_TIMEOUT_S)
        if thread.failure is not None:
            _log.error("the demo models ended with an error", exc_info=thread.failure)


def _not_started(detail: str) -> AppError:
    return AppError(
        "Demo models did not start", detail, "use a provider of your own", kind=ErrorKind.UNREACHABLE, code="demo"
    )


class _ServerThread(threading.Thread):
    """Runs the server. Made in the event loop whose futures `started` and `ended` belong to."""

    def __init__(self, listener: socket.socket, speed: float) -> None:
        super().__init__(name="demo-models", daemon=False)
        self._listener = listener
        self._speed = speed
        self._owner = asyncio.get_running_loop()
        self.started = self._owner.create_future()
        self.ended = self._owner.create_future()
        self.failure: BaseException | None = None
        self._lock = threading.Lock()
        self._stop_wanted = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_event: asyncio.Event | None = None
        self._streams: StreamCount | None = None

    @property
    def active_streams(self) -> int:
        return self._streams.active if self._streams is not None else 0

    def request_stop(self) -> None:
        """From any thread, at any time, more than once."""
        with self._lock:
            self._stop_wanted = True
            if self._loop is not None and self._stop_event is not None:
                self._loop.call_soon_threadsafe(self._stop_event.set)

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  # the boundary of the thread: the owner reports it
            self.failure = error
        finally:
            self._listener.close()
            self._tell(self.ended)

    async def _serve(self) -> None:
        # The MCP SDK, which another thread may be importing now, needs uvicorn too.
        load("uvicorn")
        load("mcp_tui.demo.app")
        import uvicorn

        from mcp_tui.demo.app import StreamCount, build_app

        stop = asyncio.Event()
        stopwatch = Stopwatch()
        self._streams = StreamCount()
        # Without a handler of its own, uvicorn's warnings would be printed over the screen.
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(self._speed, stopwatch, self._streams),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=2,
            )
        )
        with self._lock:
            if self._stop_wanted:
                return
            self._loop, self._stop_event = asyncio.get_running_loop(), stop
        serving = asyncio.create_task(server.serve(sockets=[self._listener]))
        try:
            # The socket has been listening all along: a client that is quicker than uvicorn waits in its queue.
            self._tell(self.started)
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            stopwatch.stop()
            server.should_exit = True
            await serving
        finally:
            with self._lock:
                self._loop = None

    def _tell(self, future: asyncio.Future[None]) -> None:
        def resolve() -> None:
            if not future.done():
                future.set_result(None)

        try:
            self._owner.call_soon_threadsafe(resolve)
        except RuntimeError:
            _log.warning("the demo models ended after the event loop of their owner")
