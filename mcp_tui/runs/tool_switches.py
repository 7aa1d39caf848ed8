"""Which tools are offered to the models. Alone in a module because the first frame needs it."""

from __future__ import annotations

WHOLE_SERVER = "*"
"""As the tool in `tools_off`: every tool of that server."""


def is_on(tools_off: frozenset[tuple[str, str]], server: str, tool: str) -> bool:
    return (server, tool) not in tools_off and (server, WHOLE_SERVER) not in tools_off
