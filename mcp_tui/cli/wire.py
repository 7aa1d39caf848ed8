"""wire: the messages of every server, from the log that the dashboard and every command write."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from mcp_tui.cli.options import newest_option, settings_of
from mcp_tui.cli.output import notice, say, styled, width_cells
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.figures import duration_text, size_text
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.text import clean_line, json_escaped

if TYPE_CHECKING:
    from mcp_tui.sessions.wirelog.file_reader import Found, WireTail
    from mcp_tui.sessions.wirelog.query import Query
    from mcp_tui.sessions.wirelog.record import Head

_FOLLOW_S = 0.2
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_SPAN_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ARROWS = {"sent": "→", "received": "←", "none": "·"}


def _wants_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    settings = settings_of(context)
    settings.json = settings.json or value


@click.command()
@click.argument("server", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--method", metavar="M", help="Only this method and its answers; `tools/` means all that begin so.")
@click.option(
    "--grep", "words", metavar="WORDS", help='As on the Wire screen: error, sent, text, id:5, "two words", -not.'
)
@click.option("--since", metavar="WHEN", help="An ISO time, or how long ago: 30s, 10m, 2h, 1d.")
@newest_option(200)
@click.option(
    "--json", "as_json", is_flag=True, expose_value=False, callback=_wants_json, help="One JSON record per line."
)
@click.pass_context
def wire(
    context: click.Context,
    server: str | None,
    follow: bool,
    method: str | None,
    words: str | None,
    since: str | None,
    limit: int,
) -> int:
    """Messages to and from all servers, or SERVER, as they went over the wire; secrets read ***.

    The log is written by the dashboard and by every command that connects, and survives both.

    \b
    mcp-tui wire demo --method tools/ --since 1h
    mcp-tui wire --grep error --limit 0 --json
    mcp-tui wire -f

    Exit code 2 for a SERVER of which nothing was logged, 130 when --follow is interrupted.
    """
    from mcp_tui.sessions.wirelog.file_reader import WireTail
    from mcp_tui.sessions.wirelog.files import default_folder
    from mcp_tui.sessions.wirelog.query import Query

    folder = default_folder()
    tail = WireTail(folder, server=server)
    known = tail.servers()
    if server is not None and server not in known and not follow:
        hint = known_names_hint(server, known, what="logged servers") or "nothing was logged yet"
        detail = f"no message of {server!r} was logged"
        raise AppError("Unknown server", detail, hint, kind=ErrorKind.USAGE, code="unknown_server")
    shown = _Shown(
        method=method or "",
        query=Query.parse(words or ""),
        since_us=_since_us(since),
        as_json=settings_of(context).json,
        name_width=max([6, *(min(20, width_cells(clean_line(name))) for name in known)]),
    )
    shown.past(tail.records(), limit)
    if follow:
        _follow(tail, shown)
    return 0


def _follow(tail: WireTail, shown: _Shown) -> None:
    """Until SIGINT, which ends the command with exit code 130."""
    while True:
        shown.all(tail.poll())
        time.sleep(_FOLLOW_S)


def _since_us(text: str | None) -> int:
    """Microseconds since the epoch. AppError (usage) for what is neither a time nor a span."""
    if not text:
        return 0
    now = time.time()
    spans = _SPAN.findall(text)
    if spans and not _SPAN.sub("", text).strip():
        return int((now - sum(float(count) * _SPAN_S[unit] for count, unit in spans)) * 1_000_000)
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError) as error:
        raise AppError(
            "Bad time",
            f"--since {text!r} is no time",
            "write 30s, 10m, 2h, 1d, or an ISO time such as 2026-11-05T12:30",
            kind=ErrorKind.USAGE,
            code="usage",
        ) from error


class _Shown:
    """What is printed, and how."""

    def __init__(self, *, method: str, query: Query, since_us: int, as_json: bool, name_width: int) -> None:
        self._method = method
        self._query = query
        self._since_us = since_us
        self._as_json = as_json
        self._name_width = name_width
        self._day = ""

    def past(self, records: Iterable[Found], limit: int) -> None:
        """The newest `limit` of what is there (0 = all), oldest first."""
        newest: deque[Found] = deque(maxlen=limit or None)
        count = 0
        for found in records:
            if self._wanted(found):
                count += 1
                newest.append(found)
                if not limit:
                    self._print(newest.popleft())
        for found in newest:
            self._print(found)
        if limit and count > limit:
            notice(f"the newest {limit} of {count} messages; --limit 0 shows all")
        elif not count:
            notice("no message in the log matches" if self._narrow else "nothing was logged yet")

    @property
    def _narrow(self) -> bool:
        return bool(self._method or self._query or self._since_us)

    def all(self, records: Iterable[Found]) -> None:
        for found in records:
            if self._wanted(found):
                self._print(found)

    def _wanted(self, found: Found) -> bool:
        head = found.line.head
        if head.order < self._since_us:
            return False
        if self._method.endswith("/"):
            if not head.method.startswith(self._method):
                return False
        elif self._method and head.method != self._method:
            return False
        return self._query.matches(head, found.raw, found.line.body_at)

    def _print(self, found: Found) -> None:
        if self._as_json:
            text = found.raw.decode("utf-8", "replace").rstrip("\n")
            click.echo(json_escaped(text).encode())
        else:
            self._print_line(found)

    def _print_line(self, found: Found) -> None:
        from mcp_tui.sessions.wirelog.record import local_time

        head = found.line.head
        moment = local_time(head.order)
        day = f"{moment:%Y-%m-%d}"
        if day != self._day:
            self._day = day
            say(styled(f"— {day} —", dim=True))
        server = clean_line(head.server)
        server += " " * max(0, self._name_width - width_cells(server))
        number = "" if head.id is None else f"#{head.id}"
        parts = [
            styled(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}", dim=True),
            styled(server, fg="cyan") + " " * (len(server) - len(server.rstrip())),
            _ARROWS[head.direction],
            styled(f"{'✗ ' if head.failed else ''}{_title(head)}", fg="red" if head.failed else None),
            styled(number, dim=True),
            duration_text(head.ms),
            "" if head.kind == "event" else styled(size_text(head.size_bytes), dim=True),
        ]
        say("  ".join(part for part in parts if part))


def _title(head: Head) -> str:
    """`tools/call echo`; what is no message says so."""
    words = head.method or ("not a JSON-RPC message" if head.kind == "garbage" else head.kind)
    if head.kind == "garbage" and head.method:
        words += ": not a JSON-RPC message"
    return f"{words} {head.name}" if head.name else words
