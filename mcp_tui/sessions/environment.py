"""What a child process gets from our environment, and what people may see of a command line or URL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

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

_SECRET_WORD = re.compile(r"(key|token|secret|passw|pwd|auth|credential|cookie|signature)", re.IGNORECASE)
_ASSIGNMENT = re.compile(r"^(-{0,2}[A-Za-z_][\w.-]*)=(.+)$", re.DOTALL)
_TOKEN_SHAPE = re.compile(r"^(sk-|ghp_|gho_|github_pat_|xox[abpr]-|glpat-|AKIA|eyJ)[\w.-]{8,}")
_MASK = "•••"


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


def masked_argv(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line with the values of secret-looking options, variables, headers and URLs hidden."""
    shown: list[str] = []
    hide_next = False
    for index, word in enumerate(argv):
        if hide_next and not word.startswith("-"):
            shown.append(_MASK)
        elif (pair := _ASSIGNMENT.match(word)) and _SECRET_WORD.search(pair[1]):
            shown.append(f"{pair[1]}={_MASK}")
        elif index and _TOKEN_SHAPE.match(word):
            shown.append(_MASK)
        elif (header := word.partition(":"))[1] and _SECRET_WORD.search(header[0]) and "//" not in word:
            shown.append(f"{header[0]}: {_MASK}")
        else:
            shown.append(masked_url(word) if "://" in word else word)
        hide_next = word.startswith("-") and "=" not in word and bool(_SECRET_WORD.search(word))
    return tuple(shown)


def masked_url(url: str) -> str:
    """The URL without a password and with the values of secret-looking query fields hidden."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    place = parts.netloc
    if "@" in place:
        place = f"{_MASK}@{place.rpartition('@')[2]}"
    fields: list[str] = []
    for item in parts.query.split("&") if parts.query else []:
        name, equals, _ = item.partition("=")
        fields.append(f"{name}={_MASK}" if equals and _SECRET_WORD.search(name) else item)
    return urlunsplit((parts.scheme, place, parts.path, "&".join(fields), parts.fragment))
