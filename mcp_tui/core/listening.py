"""Listening sockets for servers that asyncio runs."""

from __future__ import annotations

import socket
from typing import Any

BACKLOG = 512


def listening(address: tuple[Any, ...], family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """A TCP socket that listens at (host, port, ...); port 0 chooses a free one. OSError when it cannot be had.

    asyncio switches Nagle's algorithm off only for sockets that name their protocol, which those of
    `socket.create_server` do not: every small answer in two parts would wait 40 ms for the client's acknowledgement.
    """
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
