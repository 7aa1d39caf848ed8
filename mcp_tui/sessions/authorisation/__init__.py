"""Access tokens for HTTP servers: getting them, keeping them, renewing them, and saying clearly why not."""
