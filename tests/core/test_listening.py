"""Sockets that asyncio serves without holding small answers back."""

from __future__ import annotations

import asyncio
import socket

import pytest

from mcp_tui.core.listening import listening

DEADLINE_S = 10.0


@pytest.mark.parametrize(
    ("family", "host"),
    [
        (socket.AF_INET, "127.0.0.1"),
        pytest.param(socket.AF_INET6, "::1", marks=pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6")),
    ],
)
async def test_connections_send_small_answers_at_once(family: socket.AddressFamily, host: str) -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    listener = listening((host, 0), family)
    async with await asyncio.start_server(answer, sock=listener), asyncio.timeout(DEADLINE_S):
        _, writer = await asyncio.open_connection(host, listener.getsockname()[1])
        assert await accepted
        writer.close()


def test_a_port_that_is_taken_is_refused() -> None:
    with listening(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        listening(taken.getsockname())
