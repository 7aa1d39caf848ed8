"""Model traffic over httpx."""

import sys

# httpx imports its own command line, and with it click, rich and pygments (30 ms), unless that import fails; None
# is Python's way to make an import fail. The engine shows nothing, so it has no use for them.
sys.modules.setdefault("httpx._main", None)  # pyright: ignore[reportArgumentType]  None blocks, by the import system's rules
