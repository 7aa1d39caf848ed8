"""Where the command starts: `mcp-tui`, and `python -m mcp_tui` where the command is not on the PATH.

Without arguments there is nothing to parse: the dashboard then starts without the command line's modules, which
would take a tenth of the time to the first frame.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import cast


def main() -> None:
    completing = "_MCP_TUI_COMPLETE" in os.environ
    if len(sys.argv) == 1 and not completing and sys.stdin.isatty() and sys.stdout.isatty():
        sys.exit(_dashboard())
    from mcp_tui.cli.main import main as command_line

    command_line()


def _dashboard() -> int:
    """The exit code. No failure leaves as a traceback."""
    # Until the engine is up nearly everything that is made stays: collecting in between only delays the first frame.
    gc.disable()
    try:
        from mcp_tui.ui.bridge import DashboardOptions
        from mcp_tui.ui.dashboard import run_dashboard

        return run_dashboard(DashboardOptions())
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001  the boundary: it becomes the message and the exit code
        from mcp_tui.cli.main import failed

        return failed(cast("BaseException", error), as_json=False)


if __name__ == "__main__":
    main()
