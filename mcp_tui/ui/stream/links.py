"""Links in streamed text: which text leads where, and what a person should know before going there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from rich.style import Style
from textual.content import Content

from mcp_tui.core.text import concerns, marked_line
from mcp_tui.ui import safe

OPENABLE = ("http", "https")
_TERMINAL_LINKS = (*OPENABLE, "mailto")
_META = "to"

_BARE = re.compile(r"\bhttps?://[^\s<>\"'`|\\^{}]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?*_~"
_CLOSING = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Link:
    address: str
    number: int
    """Which link of its block it is: one that wraps is still one."""
    said: bool = True
    """False where the dashboard says where it leads."""


@lru_cache(maxsize=1024)
def link_style(look: Style, link: Link, bold: bool | None, italic: bool | None) -> Style:
    """The style of a link's text. A terminal opens it only when the person asks; other schemes stay plain text."""
    terminal = link.address if scheme_of(link.address) in _TERMINAL_LINKS else None
    return look + Style(bold=bold, italic=italic, link=terminal, meta={_META: (link.address, link.number, link.said)})


def link_of(style: Style) -> Link | None:
    """The link a span of text belongs to."""
    found = style.meta.get(_META)
    return Link(*found) if found else None


def opens(address: str) -> bool:
    """Whether it is opened from here: a web address that holds nothing a person could not see."""
    one_line = not any(character in address.strip() for character in "\n\t")
    return one_line and scheme_of(address) in OPENABLE and bool(host_of(address)) and not concerns(address)


def address_shown(address: str, limit: int, look: str) -> Content:
    """The address with its host in another look; of a monstrous one the beginning, and how much is missing."""
    rest = len(address) - limit
    content = safe.marked_line(address[:limit])
    place = marked_line(host_of(address))
    at = content.plain.find(place) if place else -1
    if at >= 0:
        content = content.stylize_before(look, at, at + len(place))
    return content if rest <= 0 else content + f" … and {rest:,} more characters"


def scheme_of(address: str) -> str:
    try:
        return urlsplit(address).scheme.lower()
    except ValueError:
        return ""


def host_of(address: str) -> str:
    """With the port; "" for an address without a host, or one that cannot be read."""
    try:
        netloc = urlsplit(address).netloc
    except ValueError:
        return ""
    return netloc.rpartition("@")[2]


def bare_links(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of the web addresses that stand in a text as they are, without the sentence around them."""
    for match in _BARE.finditer(text):
        end = match.end()
        while end > match.start():
            last = text[end - 1]
            opening = _CLOSING.get(last)
            unbalanced = opening is not None and text.count(last, match.start(), end) > text.count(
                opening, match.start(), end
            )
            if last not in _TRAILING and not unbalanced:
                break
            end -= 1
        if host_of(text[match.start() : end]):
            yield match.start(), end


def warnings(address: str, text: str) -> list[str]:
    """What may deceive: in words, the gravest first."""
    found: list[str] = []
    try:
        parts = urlsplit(address)
        host, user = parts.hostname or "", parts.username
    except ValueError as error:
        return [f"the address cannot be read: {error}"]
    claimed = _BARE.search(text)
    if claimed is not None and host and host_of(claimed[0]).lower() not in ("", host_of(address).lower()):
        found.append(f"the text names another host: {host_of(claimed[0])}")
    if user is not None:
        found.append(f"what stands before the @ is a user name; the host is {host}")
    if "%" in host:
        found.append(f"a browser reads the host as {unquote(host)}")
    if host and not host.isascii():
        found.append("the host has letters that are not ASCII: they may look like others")
    elif any(label.startswith("xn--") for label in host.split(".")):
        found.append(f"the host reads {_decoded(host)} in a browser")
    if parts.scheme == "http":
        found.append("not encrypted (http)")
    return found


def _decoded(host: str) -> str:
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return "letters that are not ASCII"
