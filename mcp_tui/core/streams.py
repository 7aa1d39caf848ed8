"""The standard streams, when nobody is at their other end any more."""

from __future__ import annotations

import os
from typing import TextIO


def lead_nowhere(stream: TextIO) -> None:
    """What is still buffered, and what comes, fails no more: neither here nor in the interpreter's last flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
