"""mcp-tui: a terminal dashboard for the Model Context Protocol."""

__version__ = "0.1.0"
USER_AGENT = f"mcp-tui/{__version__}"
