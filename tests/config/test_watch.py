"""Changes on disk arrive as new configurations; files that cannot be read change nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from mcp_tui.config.files import read_document
from mcp_tui.config.inputs import Answers
from mcp_tui.config.schema import Config, InputSpec
from mcp_tui.config.trust import set_trust
from mcp_tui.config.watch import ConfigWatch
from mcp_tui.core.errors import ErrorInfo
from tests.config.conftest import Machine, named

PATIENCE_S = 20.0


class Watched:
    def __init__(self, machine: Machine) -> None:
        self.answers = Answers()
        self.loads = 0
        self._machine = machine
        self.watch = ConfigWatch(self._load, self._load(), interval_s=0.02, settle_s=0.02)
        self._changes = self.watch.changes()

    def _load(self) -> Config:
        self.loads += 1
        return self._machine.load(answers=self.answers)

    async def next(self) -> Config | ErrorInfo:
        async with asyncio.timeout(PATIENCE_S):
            return await anext(self._changes)

    async def config(self) -> Config:
        change = await self.next()
        assert isinstance(change, Config), change
        return change

    async def problem(self) -> ErrorInfo:
        change = await self.next()
        assert isinstance(change, ErrorInfo), change
        return change

    async def close(self) -> None:
        await self._changes.aclose()


@asynccontextmanager
async def watching(machine: Machine) -> AsyncGenerator[Watched]:
    watched = Watched(machine)
    try:
        yield watched
    finally:
        await watched.close()


async def test_an_own_file_that_appears_and_changes(machine: Machine) -> None:
    async with watching(machine) as watched:
        machine.own('[servers.a]\ncommand = "one"')
        assert named(await watched.config(), "a").command == "one"
        machine.own('[servers.a]\ncommand = "two"')
        assert named(await watched.config(), "a").command == "two"
        (machine.home / ".config/mcp-tui/config.toml").unlink()
        assert (await watched.config()).servers == ()


async def test_a_file_that_says_the_same_is_no_change(machine: Machine) -> None:
    file = machine.own('[servers.a]\ncommand = "one"')
    async with watching(machine) as watched:
        machine.own('[servers.a]\ncommand = "one"\n# a comment')
        loads = watched.loads
        waiting = asyncio.ensure_future(watched.next())
        async with asyncio.timeout(PATIENCE_S):
            while watched.loads < loads + 1:  # noqa: ASYNC110 - a thread counts, nobody announces it
                await asyncio.sleep(0.01)
        assert not waiting.done()
        file.write_text('[servers.a]\ncommand = "two"')
        async with asyncio.timeout(PATIENCE_S):
            change = await waiting
        assert isinstance(change, Config)
        assert named(change, "a").command == "two"


async def test_a_bad_own_file_is_a_warning_and_changes_nothing(machine: Machine) -> None:
    machine.own('[servers.a]\ncommand = "one"')
    async with watching(machine) as watched:
        machine.own("[servers.a\n")
        problem = await watched.problem()
        assert "config.toml:1" in problem.detail
        assert "everything stays as it was" in problem.hint
        machine.own('[servers.a]\ncommand = "two"')
        assert named(await watched.config(), "a").command == "two"


async def test_a_foreign_file_that_breaks_keeps_its_servers(machine: Machine) -> None:
    machine.own('[defaults]\nimport = ["cursor"]')
    machine.write(".cursor/mcp.json", {"mcpServers": {"a": {"command": "x"}}})
    async with watching(machine) as watched:
        machine.write(".cursor/mcp.json", '{"mcpServers": {"a": {"comm')
        assert "mcp.json:1" in (await watched.problem()).detail
        machine.write(".cursor/mcp.json", {"mcpServers": {"a": {"command": "x"}, "b": {"command": "y"}}})
        assert [spec.name for spec in (await watched.config()).servers] == ["a", "b"]


async def test_a_foreign_file_that_was_broken_before_holds_nothing_up(machine: Machine) -> None:
    machine.own('[defaults]\nimport = ["cursor"]')
    machine.write(".cursor/mcp.json", "{")
    async with watching(machine) as watched:
        machine.own('[defaults]\nimport = ["cursor"]\n[servers.a]\ncommand = "one"')
        assert named(await watched.config(), "a").command == "one"


async def test_trust_given_elsewhere_is_noticed_and_an_edit_takes_it_back(machine: Machine) -> None:
    file = machine.write("project/.mcp.json", {"mcpServers": {"a": {"command": "x"}}})
    async with watching(machine) as watched:
        set_trust(file, read_document(file).digest)
        assert not named(await watched.config(), "a").needs_trust
        machine.write("project/.mcp.json", {"mcpServers": {"a": {"command": "y"}}})
        assert named(await watched.config(), "a").needs_trust


async def test_a_client_that_is_followed_from_now_on_is_watched(machine: Machine) -> None:
    async with watching(machine) as watched:
        machine.own('[defaults]\nimport = ["cursor"]')
        await watched.config()
        machine.write(".cursor/mcp.json", {"mcpServers": {"a": {"command": "x"}}})
        assert named(await watched.config(), "a").command == "x"


async def test_an_environment_file_is_watched(machine: Machine) -> None:
    machine.own('[servers.a]\ncommand = "x"\nenvFile = "a.env"')
    env = machine.write("project/a.env", "K=1")
    async with watching(machine) as watched:
        env.write_text("K=22")
        assert named(await watched.config(), "a").env == {"K": "22"}


async def test_an_answer_counts_at_once(machine: Machine) -> None:
    machine.own('[servers.a]\ncommand = "x"\nargs = ["${input:k}"]')
    async with watching(machine) as watched:
        watched.answers.give(InputSpec("k", machine.home / ".config/mcp-tui/config.toml"), "v")
        watched.watch.look_now()
        assert named(await watched.config(), "a").args == ("v",)


async def test_a_file_that_is_being_written_is_read_when_it_rests(machine: Machine) -> None:
    """Each piece is valid TOML by itself: only the whole may count."""
    machine.own("")
    async with watching(machine) as watched:
        watched.watch = ConfigWatch(watched._load, machine.load(), interval_s=0.01, settle_s=1.0)  # pyright: ignore[reportPrivateUsage] - a slower one
        changes = watched.watch.changes()
        waiting = asyncio.ensure_future(anext(changes))
        file = Path(machine.home / ".config/mcp-tui/config.toml")
        # The first look reads in any case.
        async with asyncio.timeout(PATIENCE_S):
            while watched.loads < 2:  # noqa: ASYNC110 - a thread counts, nobody announces it
                await asyncio.sleep(0.005)
        for number in range(1, 11):
            text = "".join(f'[servers.s{index}]\ncommand = "x"\n' for index in range(number))
            await asyncio.to_thread(file.write_text, text)
            await asyncio.sleep(0.02)
        async with asyncio.timeout(PATIENCE_S):
            change = await waiting
        await changes.aclose()
        assert isinstance(change, Config)
        assert len(change.servers) == 10
