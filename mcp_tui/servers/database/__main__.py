"""`mcp-tui serve database`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mcp_tui.servers import hosting
from mcp_tui.servers.client_snippets import Variable
from mcp_tui.servers.database.settings import Limits, SettingsError, target_of

_DESCRIPTION = """One database over MCP, SQLite or PostgreSQL: its tables, columns, keys and indexes as resources,
read-only queries as tools. Read-only is enforced by the database itself: a file opened for reading, a read-only
transaction.

environment:
  DATABASE_URL  sqlite:///FILE, or postgresql://USER:PASSWORD@HOST:PORT/NAME"""


def main(arguments: Sequence[str] | None = None) -> int:
    variables = (Variable("DATABASE_URL", "sqlite:////path/to/shop.db"),)
    parser = hosting.new_parser("database", _DESCRIPTION, variables=variables)
    default = Limits()
    parser.add_argument("--write", action="store_true", help="offer `execute` too, which changes data and tables")
    parser.add_argument(
        "--max-rows", metavar="N", type=_within(int, 1, 100_000), default=default.rows, help="default %(default)s"
    )
    parser.add_argument(
        "--max-bytes",
        metavar="N",
        type=_within(int, 1000, 50_000_000),
        default=default.bytes,
        help="of one result, default %(default)s",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_within(float, 0.1, 3600),
        default=default.seconds,
        help="of one call, default %(default)s",
    )
    options = hosting.parse(parser, arguments)
    try:
        target = target_of(os.environ)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from mcp_tui.servers.database.server import build

    limits = Limits(options.max_rows, options.max_bytes, options.timeout)
    return hosting.run(build(target, limits, write=options.write), options)


def _within(kind: Callable[[str], float], low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {low:g} to {high:g}")
        return value

    return read


if __name__ == "__main__":
    sys.exit(main())
