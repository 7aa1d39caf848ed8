"""MCP servers: connected, kept alive, called. The only importer of the MCP client side."""

import logging

# Without any handler Python prints warnings on standard error, which is the screen.
logging.getLogger(__name__).addHandler(logging.NullHandler())
