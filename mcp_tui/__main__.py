"""`python -m mcp_tui`, for where the command is not on the PATH."""

from __future__ import annotations

from mcp_tui.cli.main import main

if __name__ == "__main__":
    main()
