"""history, export and replay: the runs that were saved."""

from __future__ import annotations

import re
import sqlite3
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import click

from mcp_tui.cli.options import json_option, newest_option, settings_of
from mcp_tui.cli.output import notice, print_json, say, say_block, styled, table, warn
from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import duration_text, money_text
from mcp_tui.core.text import clean_line
from mcp_tui.core.types import JsonObject

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mcp_tui.store.history.reader import HistoryReader, Snippet
    from mcp_tui.store.history.records import RunHead, SavedRun

_COMPLETED = 40
_HEADERS = ("RUN", "WHEN", "STATUS", "TIME", "COST", "TURNS", "MODELS", "PROMPT")
_LONGEST_WAIT_S = 0.2
"""Between two looks at the clock."""


def _reader() -> HistoryReader:
    from mcp_tui.config import paths
    from mcp_tui.store.history.reader import HistoryReader
    from mcp_tui.store.history.tables import FILE_NAME

    return HistoryReader(paths.data_dir() / FILE_NAME)


@contextmanager
def _told(reader: HistoryReader) -> Generator[None]:
    """What the file may answer, as errors with words."""
    from mcp_tui.store.history.tables import NewerFileError

    try:
        yield
    except NewerFileError as error:
        hint = "it was written by a newer version of mcp-tui: install that one"
        raise AppError("History cannot be read", str(error), hint, code="history_newer") from error
    except (sqlite3.Error, OSError) as error:
        hint = "move the file away to begin a new one, if it stays like this"
        raise AppError("History cannot be read", f"{reader.path}: {error}", hint, code="history") from error


def _complete_run(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    reader = _reader()
    try:
        runs = reader.find(limit=_COMPLETED * 10)
    except (sqlite3.Error, OSError):
        # A shell that completes shows no errors; the command itself will.
        return []
    heads = (runs.head(place) for place in range(len(runs)))
    found = [
        CompletionItem(head.id, help=clean_line(head.title)[:60]) for head in heads if head.id.startswith(incomplete)
    ]
    last = [CompletionItem("last", help="the newest run")] if "last".startswith(incomplete) and len(runs) else []
    return [*last, *found[:_COMPLETED]]


_run_argument = click.argument("run", metavar="RUN", shell_complete=_complete_run)


def _resolved(reader: HistoryReader, name: str) -> RunHead:
    from mcp_tui.store.history.reader import UnknownRunError

    try:
        return reader.resolve(name)
    except UnknownRunError as error:
        if error.candidates:
            detail = f"{name!r} is the beginning of {', '.join(error.candidates)}"
            raise AppError("Which run?", detail, "write more of it", kind=ErrorKind.USAGE, code="usage") from error
        hint = "`mcp-tui history` lists them; `last` is the newest"
        raise AppError(
            "Unknown run", f"no run begins with {name!r}", hint, kind=ErrorKind.USAGE, code="unknown_run"
        ) from error


def _opened(reader: HistoryReader, name: str) -> SavedRun:
    """AppError (usage) for a run that is not there."""
    with _told(reader):
        head = _resolved(reader, name)
        try:
            saved = reader.open(head.number)
        except LookupError as error:
            raise AppError("Unknown run", f"{head.id} was deleted just now", kind=ErrorKind.USAGE) from error
    for fault in saved.faults:
        warn(ErrorInfo(f"Run {head.id}", fault, "the rest of it is shown"))
    return saved


# --- history


@click.command()
@click.argument("query", nargs=-1)
@newest_option(30)
@click.option(
    "--delete",
    "deleted",
    metavar="RUN",
    multiple=True,
    shell_complete=_complete_run,
    help="Delete this run. Repeatable.",
)
@click.option("--clear", is_flag=True, help="Delete every run; asks on a terminal.")
@click.option("--yes", is_flag=True, help="With --clear: do not ask.")
@json_option
@click.pass_context
def history(
    context: click.Context, query: Sequence[str], limit: int, deleted: Sequence[str], clear: bool, yes: bool
) -> int:
    """Runs that were saved, newest first; with QUERY, those that match.

    \b
    Words match by their beginning and all must occur, in the prompt, the answers, or names of tools and models.
    "two words"       as they stand
    -word             leave out what matches
    model:gpt  tool:read_file  prompt:word  answer:word
    is:error          or done, partly, incomplete, cancelled, interrupted, live

    \b
    mcp-tui history lock timeout model:sonnet
    mcp-tui history is:error --json
    mcp-tui history --delete k3f9a2bd

    Runs of the dashboard and of compare are saved while they stream. In config.toml: history = false in [defaults]
    saves none; history_days (365) and history_mb (500) in [limits] say what is kept, 0 = no limit.
    """
    reader = _reader()
    as_json = settings_of(context).json
    if clear and deleted:
        raise AppError("Usage", "--clear and --delete together", "use one of them", kind=ErrorKind.USAGE, code="usage")
    if clear:
        return _clear(reader, yes=yes, as_json=as_json)
    if deleted:
        return _delete(reader, deleted, as_json=as_json)
    return _list(reader, " ".join(query), limit, as_json=as_json)


def _list(reader: HistoryReader, text: str, limit: int, *, as_json: bool) -> int:
    from mcp_tui.store.history.query import RunQuery

    query = RunQuery.parse(text)
    with _told(reader):
        runs = reader.find(query)
        shown = [runs.head(place) for place in range(min(len(runs), limit or len(runs)))]
        snippets = reader.snippets(query, [head.number for head in shown])
    if as_json:
        found = [_object(head, snippets.get(head.number)) for head in shown]
        print_json({"total": len(runs), "runs": found})
        return 0
    if not shown:
        notice("no run matches" if query else "no run was saved yet")
        return 0
    now = datetime.now().astimezone()
    matching = bool(snippets)
    headers = (*_HEADERS[:-1], "MATCH") if matching else _HEADERS
    table(
        headers,
        [
            [
                head.id,
                when(head.started_at, now),
                head.status.value,
                duration_text(head.duration_ms),
                _cost(head),
                str(head.turns),
                _models(head),
                snippets[head.number].text if head.number in snippets else head.title,
            ]
            for head in shown
        ],
        right=frozenset({3, 4, 5}),
    )
    if len(shown) < len(runs):
        notice(f"the newest {len(shown)} of {len(runs)} runs; --limit 0 shows all")
    return 0


def _object(head: RunHead, snippet: Snippet | None) -> JsonObject:
    return {
        "id": head.id,
        "started_at": datetime.fromtimestamp(head.started_at).astimezone().isoformat(timespec="seconds"),
        "status": head.status.value,
        "source": head.source,
        "prompt": head.title,
        "models": list(head.models),
        "turns": head.turns,
        "duration_ms": None if head.duration_ms is None else round(head.duration_ms, 1),
        "cost_usd": head.cost_usd,
        "cost_is_estimate": head.cost_is_estimate,
        "demo": head.demo,
        "forked_from": head.forked_from or None,
        "match": snippet.text if snippet is not None else None,
    }


def when(at: float, now: datetime) -> str:
    """`14:02` today, `5 Nov 14:02` this year, else `2025-11-05`."""
    moment = datetime.fromtimestamp(at).astimezone(now.tzinfo)
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b %H:%M}" if moment.year == now.year else f"{moment:%Y-%m-%d}"


def _models(head: RunHead) -> str:
    names = [label.rpartition("/")[2] or label for label in head.models]
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])}, +{len(names) - 2}"


def _cost(head: RunHead) -> str:
    return "demo" if head.demo else money_text(head.cost_usd, estimate=head.cost_is_estimate)


def _delete(reader: HistoryReader, names: Sequence[str], *, as_json: bool) -> int:
    from mcp_tui.store.history.records import RunStatus

    with _told(reader):
        heads = {head.number: head for head in (_resolved(reader, name) for name in names)}
        live = [head.id for head in heads.values() if head.status is RunStatus.LIVE]
        if live:
            detail = f"{', '.join(live)} still runs"
            raise AppError("Not deleted", detail, "stop it first", kind=ErrorKind.USAGE, code="run_is_live")
        count = reader.delete(list(heads))
    if as_json:
        print_json({"deleted": [head.id for head in heads.values()]})
    else:
        notice(f"deleted {count} run{'' if count == 1 else 's'}: {', '.join(head.id for head in heads.values())}")
    return 0


def _clear(reader: HistoryReader, *, yes: bool, as_json: bool) -> int:
    with _told(reader):
        count = reader.count()
    if not yes and count:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            hint = "add --yes where nobody can be asked"
            raise AppError("Not deleted", f"{count} runs would go", hint, kind=ErrorKind.USAGE, code="needs_yes")
        if not click.confirm(f"Delete all {count} runs?", err=True):
            notice("nothing was deleted")
            return 0
    with _told(reader):
        deleted = reader.clear()
        left = reader.count()
    if as_json:
        print_json({"deleted": deleted, "left": left})
        return 0
    stay = f"; {left} still run{'s' if left == 1 else ''} and stay{'s' if left == 1 else ''}" if left else ""
    notice(f"deleted {deleted} run{'' if deleted == 1 else 's'}{stay}")
    return 0


# --- export


@click.command()
@_run_argument
@click.option(
    "--format", "format_", type=click.Choice(["md", "json", "html"]), help="Default: by the name of FILE, else md."
)
@click.option("--output", "-o", metavar="FILE", help="Where to save it (default: stdout).")
@json_option
@click.pass_context
def export(context: click.Context, run: str, format_: str | None, output: str | None) -> int:
    """A saved run as Markdown, JSON or HTML: prompts, answers, tool calls, figures. RUN is the beginning of its id.

    \b
    md      the answers as they are, raw HTML in them made harmless
    json    everything, each turn as in `compare --json`
    html    one file without scripts that loads nothing

    \b
    mcp-tui export last
    mcp-tui export k3f9 --output report.html
    """
    from mcp_tui.runs.export.document import Format, format_of, of_run, written

    chosen = cast("Format | None", format_)
    if chosen is None and settings_of(context).json:
        chosen = "json"
    if chosen is None:
        chosen = format_of(output) if output and output != "-" else "md"
    document = of_run(_opened(_reader(), run))
    if output is None or output == "-":
        if chosen == "json":
            print_json(document)
        else:
            say_block(written(document, chosen).rstrip("\n"))
        return 0
    from pathlib import Path

    from mcp_tui.config.save import write_atomically

    write_atomically(Path(output), written(document, chosen).encode("utf-8", "backslashreplace"), private=False)
    notice(f"saved {output}")
    return 0


# --- replay


@click.command()
@_run_argument
@click.option(
    "--speed",
    metavar="X",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="2 = twice as fast; 0 = at once.",
)
@json_option
@click.pass_context
def replay(context: click.Context, run: str, speed: float) -> int:
    """Print a saved run as it streamed: the same pauses, answers and calls. RUN is the beginning of its id.

    Nothing is asked of a model and no tool is called. Pauses between turns and waits for approval are shortened.
    With --json every event is a line: {"at_s", "column", "model", "type", ...}.

    \b
    mcp-tui replay last
    mcp-tui replay k3f9 --speed 4
    """
    saved = _opened(_reader(), run)
    if settings_of(context).json:
        labels = {column.id: column.label for column in saved.columns}
        _play(saved, speed, lambda at_s, event: _print_event(at_s, event, labels))
    else:
        _print_run(saved, speed)
    return 0


def _play(saved: SavedRun, speed: float, take: Callable[[float, Any], None]) -> None:
    """SIGINT ends it, as any command."""
    from mcp_tui.runs.playback import Playback

    shown = {column.id for column in saved.shown_columns}
    playback = Playback([timed for timed in saved.events if timed[1].column in shown], speed=speed or 1.0)
    before = time.monotonic()
    while not playback.done:
        if speed:
            time.sleep(min(playback.wait_s, _LONGEST_WAIT_S))
        now = time.monotonic()
        for at_s, event in playback.advance(now - before) if speed else playback.rest():
            take(at_s, event)
        sys.stdout.flush()
        before = now


def _print_run(saved: SavedRun, speed: float) -> None:
    from mcp_tui.cli.compare_text import new_listener
    from mcp_tui.core.events import ColumnEvent, TurnStarted
    from mcp_tui.runs.export.document import of_run

    document = of_run(saved)
    columns = [(column.id, column.label) for column in saved.shown_columns]
    results = {turn["turn"]: turn for turn in document["turns"]}
    listener = new_listener(columns)
    playing = 0

    def take(_at_s: float, event: ColumnEvent) -> None:
        nonlocal playing, listener
        if isinstance(event, TurnStarted) and event.turn != playing:
            if playing:
                listener.finish(results[playing])
                say()
            playing = event.turn
            listener = new_listener(columns)
            say(styled(f"› {clean_line(event.prompt)}", bold=True))
            say()
        listener(event)

    _play(saved, speed, take)
    if playing:
        listener.finish(results[playing])


_TYPES = re.compile(r"(?<!^)(?=[A-Z])")


def _print_event(at_s: float, event: Any, labels: dict[str, str]) -> None:
    import json

    from mcp_tui.core.plain import to_plain

    kind = _TYPES.sub("_", type(event).__name__).lower()
    head = {"at_s": round(at_s, 3), "column": event.column, "model": labels.get(event.column, ""), "type": kind}
    body = {name: value for name, value in to_plain(type(event), event).items() if name != "column"}
    # ASCII: nothing in it can reach the terminal.
    say(json.dumps({**head, **body}, ensure_ascii=True))
