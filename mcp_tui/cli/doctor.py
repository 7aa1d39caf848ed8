"""doctor: is everything there that the program needs, and what to do where it is not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from mcp_tui import __version__
from mcp_tui.cli import tasks
from mcp_tui.cli.connect import chosen, connected, failure, load_config
from mcp_tui.cli.options import Settings, settings_of, source_options
from mcp_tui.cli.output import print_json, say, styled
from mcp_tui.core import crash_text
from mcp_tui.core.errors import EXIT_CODES, AppError, ErrorInfo, ErrorKind
from mcp_tui.core.figures import duration_text
from mcp_tui.core.state import ServerSnapshot, ServerStatus
from mcp_tui.core.text import hidden, hidden_words, marked, marked_line, marked_name

if TYPE_CHECKING:
    from mcp_tui.config.schema import Config

Verdict = Literal["ok", "warn", "fail"]
_MARKS: dict[Verdict, tuple[str, str]] = {"ok": ("✓ ok  ", "green"), "warn": ("! warn", "yellow"),
                                          "fail": ("✗ fail", "red")}  # fmt: skip
_MIN_COLUMNS, _MIN_LINES = 80, 24
_STDERR_LINES = 12
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    status: Verdict
    detail: str
    fix: str = ""
    kind: ErrorKind | None = None
    """What a failure means for the exit code."""
    more: tuple[tuple[str, str], ...] = ()
    """(name, text) rows below it: what is known about a process that ended."""


@click.command()
@click.argument("server", required=False)
@source_options
@click.pass_context
def doctor(context: click.Context, server: str | None) -> int:
    """Check this machine, the configuration, keys and every server, or only SERVER.

    Prints what to do about each problem. Keys are looked for, not tried: `mcp-tui models` asks the providers.
    Exit code 2 for a problem of this machine or the configuration, 3 when a server wants a sign-in, 4 when one
    cannot be reached; 0 when there are warnings at most.
    """
    settings = settings_of(context)
    checks = [*_machine(), *_terminal(), *_folders()]
    config, found = _configuration(settings)
    checks += found
    if config is not None:
        checks += _keys(config)
        checks += _servers(config, server)
    code = _exit_code(checks)
    if settings.json:
        objects = [_as_object(check) for check in checks]
        print_json({"version": __version__, "ok": code == 0, "checks": objects})
        return code
    for check in checks:
        mark, colour = _MARKS[check.status]
        say(f"{styled(mark, fg=colour)}  {styled(check.name, bold=True)}: {marked_line(check.detail)}")
        if check.fix:
            say(f"        → {marked_line(check.fix)}")
        before = ""
        for name, text in check.more:
            label = "" if name == before else name
            say(f"        {styled(label, dim=True)}{' ' * (12 - len(label))}{marked(text)}")
            before = name
    return code


def _as_object(check: Check) -> dict[str, object]:
    """Without what is empty beyond the four members every check has."""
    rows = {name.replace(" ", "_"): text for name, text in check.more if name != "stderr"}
    stderr = [text for name, text in check.more if name == "stderr"]
    process = {"process": {**rows, "stderr": stderr}} if check.more else {}
    return {"name": check.name, "status": check.status, "detail": check.detail, "fix": check.fix, **process}


def _exit_code(checks: Sequence[Check]) -> int:
    """The first of 2, 3, 4 that applies; any other failure counts as a problem of the set-up."""
    codes = {EXIT_CODES[check.kind or ErrorKind.USAGE] for check in checks if check.status == "fail"}
    return next((code for code in (2, 3, 4) if code in codes), min(codes, default=0))


def _machine() -> list[Check]:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    return [
        Check("mcp-tui", "ok", f"{__version__} in {Path(sys.prefix)}"),
        Check(
            "python",
            "ok" if good else "fail",
            f"{version} on {platform.system()} {platform.machine()}",
            "" if good else "install Python 3.11 or newer",
        ),
    ]


def _terminal() -> list[Check]:
    if not sys.stdout.isatty():
        return [Check("terminal", "ok", "none on stdout; the dashboard needs one, the commands do not")]
    checks: list[Check] = []
    size = shutil.get_terminal_size()
    small = size.columns < _MIN_COLUMNS or size.lines < _MIN_LINES
    checks.append(
        Check(
            "terminal",
            "warn" if small else "ok",
            f"{os.environ.get('TERM') or 'TERM is not set'}, {size.columns}x{size.lines}, {_colours()}",
            f"enlarge it to {_MIN_COLUMNS}x{_MIN_LINES} or more" if small else "",
        )
    )
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if encoding != "utf8":
        checks.append(
            Check("encoding", "warn", f"the terminal's encoding is {encoding or 'unknown'}", "set LANG=C.UTF-8")
        )
    return checks


def _colours() -> str:
    if os.environ.get("NO_COLOR"):
        return "no colours (NO_COLOR)"
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "16 million colours"
    return "256 colours" if "256" in os.environ.get("TERM", "") else "16 colours"


def _folders() -> list[Check]:
    from mcp_tui.config import paths

    checks: list[Check] = []
    for name, folder in (("data", paths.data_dir()), ("state", paths.state_dir())):
        existing = next((parent for parent in (folder, *folder.parents) if parent.exists()), Path("/"))
        if not os.access(existing, os.W_OK | os.X_OK):
            fix = f"make {existing} writable, or set XDG_{name.upper()}_HOME"
            checks.append(Check(f"{name} folder", "fail", f"{folder} cannot be written", fix))
    return checks


def _configuration(settings: Settings) -> tuple[Config | None, list[Check]]:
    from mcp_tui.config import paths

    try:
        config = load_config(settings, report=False)
    except AppError as error:
        return None, [_failed("configuration", error.info)]
    files = ", ".join(paths.shown(file) for file in config.sources) or "no file; the defaults count"
    checks = [Check("configuration", "ok", files)]
    checks += [_failed("configuration", problem) for problem in config.problems]
    for name, label in config.shadowed:
        checks.append(Check(f"server {name}", "warn", f"the entry of {label} is shadowed by another of this name"))
    checks += [_failed(f"provider {spec.name}", spec.problem) for spec in config.providers if spec.problem is not None]
    return config, checks


def _failed(name: str, info: ErrorInfo) -> Check:
    detail = info.detail or info.title
    if info.detail and info.title.lower() not in (name.lower(), f"server {name}".lower()):
        detail = f"{info.title}: {info.detail}"
    return Check(name, "fail", detail, info.hint, info.kind)


def _keys(config: Config) -> list[Check]:
    from mcp_tui.providers.registry import ProviderRegistry
    from mcp_tui.store.provider_keys import ProviderKeys

    registry = ProviderRegistry(config.providers, os.environ)
    checks: list[Check] = []
    try:
        registry.use_stored_keys(ProviderKeys().load())
    except AppError as error:
        # The variables and the configuration may still have every key that is needed.
        checks.append(replace(_failed("keyring", error.info), status="warn", kind=None))
    with_key = [
        info for info in registry.providers() if info.available and not info.demo and info.key_source != "none needed"
    ]
    if not with_key:
        fix = (
            "set a key such as ANTHROPIC_API_KEY or OPENAI_API_KEY, or store one with `mcp-tui auth PROVIDER`; "
            "without one the demo models answer"
        )
        return [*checks, Check("providers", "warn", "no provider has a key", fix)]
    return checks + [Check(f"provider {info.name}", "ok", f"key from {_source(info.key_source)}") for info in with_key]


def _source(key_source: str) -> str:
    return "the keyring" if key_source == "keyring" else key_source


def _servers(config: Config, name: str | None) -> list[Check]:
    if name is None and not config.servers:
        fix = "add one with --server, --config or in config.toml; --demo shows the demo server"
        return [Check("servers", "warn", "none is configured", fix)]
    try:
        specs = chosen(config, name)
    except AppError as error:
        return [_failed(f"server {name}", error.info)]
    bad = [spec for spec in specs if spec.problem is not None]
    checks = [_failed(f"server {spec.name}", spec.problem) for spec in bad if spec.problem is not None]
    waiting = {f"server {spec.name}" for spec in bad if spec.needs_trust}
    checks = [replace(check, status="warn", kind=None) if check.name in waiting else check for check in checks]
    checks += [_server_check(server) for server in tasks.run(_snapshots([s for s in specs if s.problem is None]))]
    if name is None:
        checks += [Check(f"server {s.name}", "ok", "switched off") for s in config.servers if s.disabled]
    return checks


async def _snapshots(specs: Sequence[object]) -> Sequence[ServerSnapshot]:
    from typing import cast

    from mcp_tui.config.schema import ServerSpec

    async with connected(cast("Sequence[ServerSpec]", specs), sign_in=False) as manager:
        return manager.snapshot()


def _server_check(server: ServerSnapshot) -> Check:
    name = f"server {server.name}"
    reason = failure(server)
    if reason is not None:
        check = _failed(name, replace(reason, title=reason.title.removeprefix(f"Server {server.name}: ")))
        tail = next((line for line in reversed(server.stderr_tail) if line.strip()), "")
        if (
            tail and tail not in check.detail and reason.code not in ("exited", "crashed")
        ):  # these quote the line that counts
            check = replace(check, detail=f"{check.detail}; last on stderr: {tail.strip()[:200]}")
        return replace(check, fix=check.fix or _fix(server), more=_process(server))
    facts, catalog = server.facts, server.catalog
    said = f"{facts.server_name} {facts.server_version}, protocol {facts.protocol_version}" if facts else "connected"
    detail = f"{said}, {len(catalog.tools)} tools"
    if server.latency_ms is not None:
        detail += f", {duration_text(server.latency_ms)}"
    warnings = [*server.warnings, *catalog.warnings, *_hidden(server)]
    if warnings or server.status is ServerStatus.DEGRADED:
        reason = server.reason if server.status is ServerStatus.DEGRADED else None
        problem = "; ".join([*([reason.line()] if reason is not None else []), *warnings])
        return Check(name, "warn", f"{detail}; {problem}")
    return Check(name, "ok", detail)


def _hidden(server: ServerSnapshot) -> list[str]:
    """What holds text that nobody can read, and a model would."""
    offers = server.catalog
    items = (*offers.tools, *offers.prompts, *offers.resources, *offers.templates)
    found = [(marked_name(item.name), item.hidden) for item in items if item.hidden]
    if server.facts is not None and (count := hidden(server.facts.instructions)):
        found.insert(0, ("its instructions", count))
    named = ", ".join(f"{name} ({hidden_words(count)})" for name, count in found[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return [f"text that cannot be seen in {named}{more}"] if found else []


def _process(server: ServerSnapshot) -> tuple[tuple[str, str], ...]:
    """The crash card of its process, and the end of what it wrote to stderr."""
    card = crash_text.rows(server.crash) if server.crash is not None else ()
    return (*card, *(("stderr", line) for line in crash_text.last_words(server, _STDERR_LINES)))


def _fix(server: ServerSnapshot) -> str:
    if server.status is ServerStatus.NEEDS_AUTH:
        return f"run `mcp-tui auth {server.name}`, or give its entry credentials: headers or auth"
    if server.transport == "stdio":
        return f"run `{server.target}` by hand to see why it does not start"
    return f"check that {server.target} is the server's address and that it runs"
