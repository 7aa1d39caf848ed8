"""A server is restarted when files of its source change, and only then."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_tui.config.schema import ServerSpec
from mcp_tui.config.stamps import Stamps
from mcp_tui.core.errors import AppError
from mcp_tui.core.state import RESTARTING, CatalogDiff, ServerStatus
from mcp_tui.sessions.file_watch import MAX_FILES, FileWatch, compiled
from mcp_tui.sessions.manager import SessionManager
from tests.sessions.conftest import ORIGIN, PATIENCE_S, stdio, until, until_status, until_true
from tests.sessions.wirelog.records import named, records

SERVER = """
import json, sys, time
TOOLS = {tools!r}
for line in sys.stdin:
    message = json.loads(line)
    method, number = message["method"], message.get("id")
    if number is None:
        continue
    if method == "tools/call" and message["params"]["name"] == "slow":
        time.sleep(600)
    answer = {{
        "initialize": lambda: {{"protocolVersion": "2025-11-25", "capabilities": {{"tools": {{}}}},
                                "serverInfo": {{"name": "notes", "version": "1"}}}},
        "tools/list": lambda: {{"tools": [{{"name": name, "inputSchema": {{"type": "object"}}}} for name in TOOLS]}},
        "tools/call": lambda: {{"content": [{{"type": "text", "text": " ".join(TOOLS)}}]}},
    }}.get(method, dict)()
    print(json.dumps({{"jsonrpc": "2.0", "id": number, "result": answer}}), flush=True)
"""


class Looks:
    """Counts what the watching does on its thread."""

    def __init__(self) -> None:
        self.ended = 0

    async def fresh(self) -> None:
        """Until a look that began after this call has ended: what is on disk now is known."""
        seen = self.ended
        await until_true(lambda: self.ended >= seen + 2)


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    monkeypatch.setattr("mcp_tui.sessions.file_watch.INTERVAL_S", 0.03)
    monkeypatch.setattr("mcp_tui.sessions.file_watch.SETTLE_S", 0.03)
    counted = Looks()
    look = FileWatch.look

    def counting(self: FileWatch) -> Stamps:
        found = look(self)
        counted.ended += 1
        return found

    monkeypatch.setattr(FileWatch, "look", counting)
    return counted


def write(folder: Path, *tools: str) -> None:
    file = folder / "src" / "server.py"
    file.parent.mkdir(exist_ok=True)
    file.write_text(SERVER.format(tools=list(tools)))


def watched(folder: Path, *patterns: str) -> ServerSpec:
    return ServerSpec(
        "one",
        ORIGIN,
        command=sys.executable,
        args=("src/server.py",),
        cwd=str(folder),
        protocol="legacy",
        probe_interval_s=0,
        watch=patterns or ("src/**/*.py",),
    )


async def test_a_change_restarts_the_server_says_why_and_shows_what_it_offers_now(tmp_path: Path, looks: Looks) -> None:
    write(tmp_path, "a", "b")
    async with SessionManager([watched(tmp_path), stdio("two")]) as manager:
        first = await until_status(manager, ServerStatus.READY)
        other = await until_status(manager, ServerStatus.READY, name="two")
        await looks.fresh()
        write(tmp_path, "b", "c")
        during = await until(manager, lambda server: server.status is ServerStatus.CONNECTING)
        assert during.reason is not None
        assert (during.reason.code, during.reason.detail) == (RESTARTING, "src/server.py changed")
        after = await until(manager, lambda server: server.status is ServerStatus.READY and server.reconnects == 1)
        assert after.pid != first.pid
        assert (after.diff, after.reason, after.attempt) == (
            CatalogDiff(added=("tool c",), removed=("tool a",)),
            None,
            0,
        )
        result = await manager.call_tool("one", "c", {})
        assert result.content[0]["text"] == "b c"
        assert manager.server("two").since_at == other.since_at
        folder = manager.wire_log.folder
    assert [event.fields["detail"] for event in named(records(folder), "restart")] == [
        {"reason": "src/server.py changed"}
    ]


async def test_a_call_in_flight_ends_as_with_a_crash_and_one_made_meanwhile_waits(tmp_path: Path, looks: Looks) -> None:
    write(tmp_path, "slow", "echo")
    async with SessionManager([watched(tmp_path)]) as manager:
        await until_status(manager, ServerStatus.READY)
        call = asyncio.create_task(manager.call_tool("one", "slow", {}))
        await until(manager, lambda server: server.calls_in_flight == 1)
        await looks.fresh()
        write(tmp_path, "slow", "echo", "new")
        await until_status(manager, ServerStatus.CONNECTING)
        assert (await manager.call_tool("one", "echo", {}, timeout_s=PATIENCE_S)).content[0]["text"] == "slow echo new"
        with pytest.raises(AppError) as caught:
            await call
        assert caught.value.info.code == "outcome_unknown"


async def test_a_server_that_was_given_up_comes_back_when_its_source_is_mended(tmp_path: Path, looks: Looks) -> None:
    write(tmp_path, "a")
    (tmp_path / "src" / "server.py").write_text("this is no Python")
    async with SessionManager([watched(tmp_path)]) as manager:
        broken = await until(manager, lambda server: server.crash is not None)
        assert broken.reason is not None and "SyntaxError" in broken.reason.detail
        await looks.fresh()
        write(tmp_path, "a")
        assert (await until_status(manager, ServerStatus.READY)).catalog.tools[0].name == "a"


async def test_a_server_that_is_switched_off_stays_off(tmp_path: Path, looks: Looks) -> None:
    write(tmp_path, "a")
    async with SessionManager([watched(tmp_path), stdio("two")]) as manager:
        await until_status(manager, ServerStatus.READY)
        manager.set_enabled("one", False)
        await until(manager, lambda server: server.pid is None)
        write(tmp_path, "b")
        # Nobody looks while it is off; the server beside it lives on, and nothing restarts.
        await manager.call_tool("two", "echo", {})
        assert manager.server("one").status is ServerStatus.DISABLED
        manager.set_enabled("one", True)
        await until_status(manager, ServerStatus.READY)
        await looks.fresh()
        write(tmp_path, "c")
        await until(manager, lambda server: server.reconnects == 2)


async def test_a_new_configuration_changes_what_is_watched_and_leaving_ends_the_watching(
    tmp_path: Path, looks: Looks
) -> None:
    write(tmp_path, "a")
    spec = watched(tmp_path, "other/*.py")
    before = asyncio.all_tasks()
    async with SessionManager([spec]) as manager:
        await until_status(manager, ServerStatus.READY)
        manager.reconfigure([replace(spec, watch=("src/*.py",))])
        await until(manager, lambda server: server.reconnects == 1)
        await looks.fresh()
        write(tmp_path, "b")
        await until(manager, lambda server: server.reconnects == 2)
        manager.reconfigure([replace(spec, watch=("[z-a].py",))])
        server = await until(manager, lambda server: bool(server.warnings))
        assert server.warnings[0].startswith("Changed files are not noticed: a pattern of `watch` cannot be read")
    assert asyncio.all_tasks() == before


# ---------------------------------------------------------------------- which files


def matching(base: Path, *patterns: str) -> set[str]:
    watch = FileWatch(patterns, base)
    found = watch.look()
    return {str(path.relative_to(base.parent)) for path in found}


def tree(base: Path) -> None:
    for name in (
        "a.py", "b.txt", ".hidden.py", "src/c.py", "src/deep/er/d.py", "src/e.ts", "src/f.tsx", ".cache/g.py",
        "node_modules/h.py", "src/__pycache__/i.py", "build/j.js", "../beside/k.py",
    ):  # fmt: skip
        file = base / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (("*.py",), {"a.py"}),
        (("**/*.py",), {"a.py", "src/c.py", "src/deep/er/d.py"}),
        (("src/**",), {"src/c.py", "src/deep/er/d.py", "src/e.ts", "src/f.tsx"}),
        (("src",), {"src/c.py", "src/deep/er/d.py", "src/e.ts", "src/f.tsx"}),
        (("./src/*.{ts,tsx}",), {"src/e.ts", "src/f.tsx"}),
        (("**/[ab].*", "!b.txt"), {"a.py"}),
        (("**/*.py", "!src/deep/**"), {"a.py", "src/c.py"}),
        (("**/.*.py",), {".hidden.py"}),
        (("node_modules/*.py", "build/*.js"), {"node_modules/h.py", "build/j.js"}),
        (("not-there-yet.py",), {"not-there-yet.py"}),
        (("s?c/[!x].py",), {"src/c.py"}),
    ],
)
def test_patterns_are_globs(patterns: tuple[str, ...], found: set[str], tmp_path: Path) -> None:
    base = tmp_path / "base"
    tree(base)
    assert matching(base, *patterns) == {f"base/{name}" for name in found}


def test_patterns_may_leave_the_folder(tmp_path: Path, private_environment: Path) -> None:
    base = tmp_path / "base"
    tree(base)
    (private_environment / "x.py").touch()
    assert matching(base, "../beside/*.py") == {"beside/k.py"}
    assert matching(base, f"{base}/*.txt") == {"base/b.txt"}
    assert compiled("~/x.py", base)[0].folder == private_environment / "x.py"


def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 10):
        (tmp_path / f"{number}.py").touch()
    watch = FileWatch(["*.py"], tmp_path)
    watch.look()
    assert (watch.count, watch.full) == (MAX_FILES, True)


def test_a_pattern_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        FileWatch(["[z-a]"], tmp_path)


async def changed_in(base: Path, *patterns: str) -> AsyncIterator[tuple[str, ...]]:
    async with aclosing(FileWatch(patterns, base, settle_s=0.1).changes()) as changes:
        async for changed in changes:
            yield changed


async def test_files_that_come_go_and_change_together_are_told_together(tmp_path: Path, looks: Looks) -> None:
    for name in ("old.py", "kept.py", "edited.py"):
        (tmp_path / name).write_text("1")
    told: list[tuple[str, ...]] = []

    async def listen() -> None:
        async for changed in changed_in(tmp_path, "**/*.py"):
            told.append(changed)

    task = asyncio.create_task(listen())
    await looks.fresh()
    (tmp_path / "old.py").unlink()
    (tmp_path / "edited.py").write_text("22")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "new.py").touch()
    (tmp_path / "notes.txt").touch()
    await until_true(lambda: bool(told))
    os.utime(tmp_path / "kept.py", ns=(1, 1))
    await until_true(lambda: len(told) == 2)
    task.cancel()
    await asyncio.wait([task])
    assert told == [("edited.py", "old.py", "sub/new.py"), ("kept.py",)]
