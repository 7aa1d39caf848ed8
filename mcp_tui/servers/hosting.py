"""How every bundled server is run: its command line, stdio, and streamable HTTP.

parser = hosting.new_parser("database", "Tables and queries of one database.", variables=("DATABASE_URL",))
parser.add_argument("--write", action="store_true", help="...")
options = hosting.parse(parser, arguments)      # exits by itself for --help and for wrong arguments
return hosting.run(build_server(...), options)  # the exit code
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import warnings
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from mcp_tui.servers.client_snippets import Variable, snippets

if TYPE_CHECKING:
    from mcp.server.lowlevel import NotificationOptions
    from mcp.server.mcpserver import MCPServer
    from mcp.server.models import InitializationOptions

TOKEN_VARIABLE = "MCP_TUI_TOKEN"
"""Its value is the bearer token of HTTP clients, unless --token-env names another variable."""
DEFAULT_PORT = 8765
Changing = Literal["tools", "resources", "prompts"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to listen. Port 0 lets the system choose."""

    host: str
    port: int


class Options(argparse.Namespace):
    """What every server understands; its own options stand beside these."""

    http: Endpoint | None
    token: str | None


class _Parser(argparse.ArgumentParser):
    """Errors look like those of the other commands."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see {self.prog} --help)\n")


def new_parser(
    name: str, description: str, *, variables: Sequence[Variable | str] = (), flags: Sequence[str] = ()
) -> argparse.ArgumentParser:
    """The command line of `mcp-tui serve NAME`; its help ends with what to paste into other clients.

    variables: of the environment that the server needs, for those snippets. flags: options to show there.
    """
    parser = _Parser(
        prog=f"mcp-tui serve {name}",
        description=description,
        epilog=snippets(name, variables=variables, flags=flags, http=f"http://127.0.0.1:{DEFAULT_PORT}/mcp"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--http",
        metavar="HOST:PORT",
        type=_endpoint,
        nargs="?",
        const=Endpoint("127.0.0.1", DEFAULT_PORT),
        help=f"serve streamable HTTP on /mcp instead of stdio (default 127.0.0.1:{DEFAULT_PORT}; port 0: a free one). "
        "On any other address than this machine's own, clients must send a bearer token",
    )
    parser.add_argument(
        "--token-env",
        metavar="VAR",
        dest="token_variable",
        help=f"take the bearer token from this environment variable (default {TOKEN_VARIABLE}; where it is needed and "
        "not set, one is made and shown once)",
    )
    return parser


def parse(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> Options:
    """arguments: default those of the process. Ends the process for --help (0) and wrong arguments (2)."""
    # Before the server is made: the SDK would set up logging that breaks lines to the width of a terminal.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    # Log messages, sampling and roots are deprecated from 2026-07-28 on; clients of before still want them.
    warnings.filterwarnings("ignore", message=".*deprecated as of 2026-07-28.*")
    options = parser.parse_args(arguments, namespace=Options())
    named = options.token_variable
    options.token = os.environ.get(named or TOKEN_VARIABLE) or None
    if named is not None and options.token is None:
        parser.error(f"--token-env: {named} is not set")
    if options.token is not None and not _is_token(options.token):
        parser.error(f"the token in {named or TOKEN_VARIABLE} must be printable ASCII without blanks")
    return options


def run(server: MCPServer[Any], options: Options, *, changing: Sequence[Changing] = ()) -> int:
    """Serve until the client leaves (stdio) or a signal comes; the exit code.

    changing: lists that may change while the server runs, announced to clients of the handshake era (those of
    2026-07-28 subscribe to what they want).
    """
    announce(server, changing)
    if options.http is None:
        return run_stdio(server)
    return run_http(server, options.http, options.token)


def announce(server: MCPServer[Any], changing: Sequence[Changing]) -> None:
    """Say in the handshake which lists may change."""
    from mcp.server.lowlevel import NotificationOptions

    lowlevel = server._lowlevel_server  # pyright: ignore[reportPrivateUsage]  MCPServer hands these options on nowhere
    plain = lowlevel.create_initialization_options
    told = NotificationOptions(**{f"{kind}_changed": True for kind in changing})

    def with_changes(
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        return plain(notification_options or told, experimental_capabilities, extensions)

    # Over HTTP the SDK asks for them itself, without arguments.
    lowlevel.create_initialization_options = with_changes


def run_stdio(server: MCPServer[Any]) -> int:
    """Until stdin closes. A signal ends the process at once: Python's own handler would wait for the thread that
    reads stdin, until the next line comes."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    server.run("stdio")
    return 0


def run_http(server: MCPServer[Any], endpoint: Endpoint, token: str | None = None) -> int:
    """On /mcp, for both eras of the protocol, until SIGINT (130) or SIGTERM (0). Tells the URL on stderr.

    token: demanded from every client; where others than this machine could connect and there is none, one is made
    and told on stderr.
    """
    from mcp_tui.servers import http_hosting

    try:
        with _termination():
            return http_hosting.serve(server, endpoint.host, endpoint.port, token)
    except KeyboardInterrupt:
        return 130  # everything was shut down in order, then uvicorn raises the signal again
    except OSError as error:
        shown = f"{endpoint.host}:{endpoint.port}"
        print(f"error: cannot listen on {shown}: {error.strerror or error}{_listen_hint(error)}", file=sys.stderr)
        return 4


@contextlib.contextmanager
def _termination() -> Generator[None]:
    """SIGTERM ends the block with exit code 0, once uvicorn has shut down and raises it again."""

    def ended(*_: object) -> None:
        raise SystemExit(0)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _listen_hint(error: OSError) -> str:
    import errno
    import socket

    if error.errno == errno.EADDRINUSE:
        return " (another program listens there; choose another port, or 0 for a free one)"
    if error.errno == errno.EACCES:
        return " (ports below 1024 are for the superuser; choose a higher one)"
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return " (this machine has no such address)"
    return ""


def _endpoint(text: str) -> Endpoint:
    """HOST:PORT, [IPv6]:PORT, :PORT or PORT."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise argparse.ArgumentTypeError(f"{text!r}: write an IPv6 address in brackets, [::1]:{DEFAULT_PORT}")
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return Endpoint(host or "127.0.0.1", int(port))


def _is_token(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
