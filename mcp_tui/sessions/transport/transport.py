"""From a server entry to a pair of tapped message streams, whatever the transport."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from mcp_tui.config import mask
from mcp_tui.config.schema import ServerSpec, Transport
from mcp_tui.core.state import CrashCard
from mcp_tui.sessions.transport.environment import child_environment
from mcp_tui.sessions.transport.http_client import MAX_SSE_EVENT_BYTES, HttpWatch, WatchedClient
from mcp_tui.sessions.transport.legacy_sse import legacy_sse_streams
from mcp_tui.sessions.transport.processes import ProcessGroups
from mcp_tui.sessions.transport.stderr import StderrTail
from mcp_tui.sessions.transport.stdio import ChildReport, stdio_streams
from mcp_tui.sessions.transport.tap import Tap, tapped
from mcp_tui.sessions.wirelog.log import Recorder


@dataclass(slots=True)
class TransportContext:
    """What one connection's transport works with and reports to."""

    spec: ServerSpec
    transport: Transport
    tap: Tap
    stderr: StderrTail
    groups: ProcessGroups
    child: ChildReport = field(default_factory=ChildReport)
    http: HttpWatch = field(default_factory=HttpWatch)
    env_withheld: tuple[str, ...] = ()
    recorder: Recorder | None = None

    def __post_init__(self) -> None:
        self.http.recorder = self.recorder

    def streams(self) -> AbstractAsyncContextManager[TransportStreams]:
        if self.transport == "stdio":
            opened = self._stdio()
        elif self.transport == "http":
            opened = self._http()
        else:
            opened = self._sse()
        return tapped(opened, self.tap)

    def _stdio(self) -> AbstractAsyncContextManager[TransportStreams]:
        env, self.env_withheld = child_environment(os.environ, self.spec.env, inherit=self.spec.inherit_env)
        return stdio_streams(
            (self.spec.command, *self.spec.args),
            env=env,
            cwd=self.spec.cwd,
            stderr=self.stderr,
            groups=self.groups,
            report=self.child,
            recorder=self.recorder,
        )

    @asynccontextmanager
    async def _http(self) -> AsyncGenerator[TransportStreams]:
        async with (
            WatchedClient(self.http, headers=self.spec.headers) as client,
            streamable_http_client(
                self.spec.url, http_client=client, max_sse_event_size=MAX_SSE_EVENT_BYTES
            ) as streams,
        ):
            yield streams

    @asynccontextmanager
    async def _sse(self) -> AsyncGenerator[TransportStreams]:
        self.http.sse = True
        async with (
            WatchedClient(self.http, headers=self.spec.headers) as client,
            legacy_sse_streams(client, self.spec.url, max_event_bytes=MAX_SSE_EVENT_BYTES) as streams,
        ):
            yield streams

    def crash_card(self) -> CrashCard:
        return CrashCard(
            argv=mask.argv(self.spec.command, self.spec.args),
            cwd=self.spec.cwd or os.getcwd(),  # noqa: PTH109 - shown as text
            exit_code=self.child.exit_code,
            signal=self.child.signal,
            stderr_tail=self.stderr.lines(),
            env_withheld=self.env_withheld,
            started=self.child.pid is not None,
        )
