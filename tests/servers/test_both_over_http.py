"""The GitHub and the database server over streamable HTTP, in both eras, to several clients at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest
from mcp import Client

from tests.servers.child import http_child
from tests.servers.clients import DEADLINE_S, Mode, call, data
from tests.servers.github_double import TOKEN, GitHubDouble


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_github_serves_clients_side_by_side_over_one_pool(tmp_path: Path, mode: Mode) -> None:
    with GitHubDouble() as github, http_child(tmp_path, "github", env=github.environment()) as server:
        url = await server.url()

        async def ask() -> None:
            async with Client(url, mode=mode, read_timeout_seconds=DEADLINE_S) as client:
                assert data(await call(client, "get_issue", number=1))["number"] == 1

        async with anyio.create_task_group() as clients:
            for _ in range(5):
                clients.start_soon(ask)
        before = len({request.port for request in github.requests})
        await ask()
        # The connections outlive the clients that came over HTTP.
        assert len({request.port for request in github.requests}) == before
        assert server.end() == 0
        assert TOKEN not in server.stderr()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_database_serves_clients_side_by_side(tmp_path: Path, mode: Mode) -> None:
    sqlite3.connect(tmp_path / "shop.db").close()
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.db'}"}
    with http_child(tmp_path, "database", "--write", env=environment) as server:
        url = await server.url()
        async with Client(url, mode=mode, read_timeout_seconds=DEADLINE_S) as client:
            await call(client, "execute", sql="CREATE TABLE t (x INTEGER)")

        async def add(number: int) -> None:
            async with Client(url, mode=mode, read_timeout_seconds=DEADLINE_S) as client:
                await call(client, "execute", sql="INSERT INTO t VALUES (:x)", params={"x": number})

        async with anyio.create_task_group() as clients:
            for number in range(8):
                clients.start_soon(add, number)
        async with Client(url, mode=mode, read_timeout_seconds=DEADLINE_S) as client:
            found = data(await call(client, "query", sql="SELECT count(*), sum(x) FROM t"))
        assert found["rows"] == [[8, 28]]
        assert server.end() == 0
