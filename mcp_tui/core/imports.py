"""Large modules that worker threads import, one after the other.

Two threads that import packages which need each other can see one of them half made: Python lets one go on rather
than wait for ever ("partially initialized module"). The MCP SDK and uvicorn are such a pair, through sse-starlette.
"""

from __future__ import annotations

import importlib
import threading
from types import ModuleType

_LOCK = threading.RLock()


def load(name: str) -> ModuleType:
    """The module; waits for a `load` of another thread."""
    with _LOCK:
        return importlib.import_module(name)
