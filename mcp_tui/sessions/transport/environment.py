"""What a child process gets from our environment."""

from __future__ import annotations

from collections.abc import Mapping

SDK_NAMES = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")
"""The list the MCP SDK passes on."""
NETWORK_NAMES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "LANG",
    "LC_ALL",
)
"""Without these, `npx` and `uvx` hang in silence behind a company proxy or certificate authority."""


def child_environment(
    ours: Mapping[str, str], entry: Mapping[str, str], *, inherit: bool = False
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The child's environment and the sorted names of variables of ours that it does not get."""
    if inherit:
        passed = dict(ours)
    else:
        # A value that starts with "()" is an exported shell function, which old shells execute.
        passed = {
            name: ours[name]
            for name in (*SDK_NAMES, *NETWORK_NAMES)
            if name in ours and not ours[name].startswith("()")
        }
    passed.update(entry)
    return passed, tuple(sorted(name for name in ours if name not in passed))
