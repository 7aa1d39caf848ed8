"""`mcp-tui serve github`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from mcp_tui.servers import hosting
from mcp_tui.servers.client_snippets import Variable
from mcp_tui.servers.github.settings import PUBLIC_API, Settings, SettingsError

_DESCRIPTION = f"""GitHub over MCP: repositories, files and issues as resources; tools to list, read, search and open
issues and to search code; the prompt debug_issue.

environment:
  GITHUB_TOKEN       a personal access token; without one, public repositories can be read (60 requests an hour)
  GITHUB_REPOSITORY  OWNER/NAME, for calls that name no repository
  GITHUB_API_URL     default {PUBLIC_API}; https://HOST/api/v3 for GitHub Enterprise Server"""


def main(arguments: Sequence[str] | None = None) -> int:
    variables = (Variable("GITHUB_TOKEN", "github_pat_..."),)
    options = hosting.parse(hosting.new_parser("github", _DESCRIPTION, variables=variables), arguments)
    try:
        settings = Settings.of(os.environ)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from mcp_tui.servers.github.server import build

    if not settings.token and options.http is None:
        print("notice: GITHUB_TOKEN is not set; only public repositories can be read", file=sys.stderr)
    return hosting.run(build(settings), options)


if __name__ == "__main__":
    sys.exit(main())
