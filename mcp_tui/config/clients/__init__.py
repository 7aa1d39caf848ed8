"""Configuration of other MCP clients: where it lives, what it means, how to write the same for them. Read only."""
