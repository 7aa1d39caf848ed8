"""MCP servers: connected, kept alive, called. The only importer of the MCP client side."""
