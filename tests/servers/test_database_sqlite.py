"""The database server with SQLite, through the SDK's client."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError
from mcp_types import ResourceTemplateReference, TextResourceContents

from mcp_tui.servers.database.resources import TABLE
from mcp_tui.servers.database.server import build
from mcp_tui.servers.database.settings import Limits, target_of
from tests.servers.clients import DEADLINE_S, Mode, call, child, command_line, data, entry, fault, text

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as made:
        made.executescript(
            """
            CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
            CREATE TABLE user_sessions (
                id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users ON DELETE CASCADE, status TEXT DEFAULT 'open',
                seconds REAL, token BLOB, CHECK (seconds >= 0)
            );
            CREATE INDEX sessions_by_user ON user_sessions (user_id, status);
            CREATE VIEW failed AS SELECT * FROM user_sessions WHERE status = 'failed';
            INSERT INTO users VALUES (1, 'Ada'), (2, 'Ben; DROP TABLE users');
            INSERT INTO user_sessions VALUES (1, 1, 'failed', 1.5, x'00ff'), (2, 2, 'open', 9e999, NULL);
            """
        )
    made.close()
    return path


@asynccontextmanager
async def connected(file: Path, *, write: bool = False, options: str = "", **limits: Any) -> AsyncGenerator[Client]:
    target = target_of({"DATABASE_URL": f"sqlite:///{file}{options}"})
    async with Client(build(target, Limits(**limits), write=write), read_timeout_seconds=DEADLINE_S) as client:
        yield client


def rows(file: Path, sql: str) -> list[Any]:
    with sqlite3.connect(file) as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_child_process_answers_in_both_eras(file: Path, mode: Mode, version: str) -> None:
    async with child("database", {"DATABASE_URL": f"sqlite:///{file}"}, mode=mode) as client:
        assert client.protocol_version == version
        found = data(await call(client, "query", sql="SELECT name FROM users WHERE id = :id", params={"id": 1}))
        assert found["rows"] == [["Ada"]]


async def test_hints_say_what_reads_and_execute_is_there_only_when_asked_for(file: Path) -> None:
    async with connected(file) as client:
        reading = (await client.list_tools()).tools
    async with connected(file, write=True) as client:
        writing = (await client.list_tools()).tools
    assert [tool.name for tool in reading] == ["list_tables", "describe_table", "query", "explain"]
    assert {tool.name for tool in writing} - {tool.name for tool in reading} == {"execute"}
    for tool in writing:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is (tool.name != "execute")
        assert tool.annotations.destructive_hint is (tool.name == "execute")
        assert tool.output_schema is not None
        Draft202012Validator.check_schema(tool.input_schema)
        Draft202012Validator.check_schema(tool.output_schema)


async def test_a_table_is_described_with_its_keys_and_indexes(file: Path) -> None:
    async with connected(file) as client:
        told = data(await call(client, "describe_table", table="USER_sessions"))
        view = data(await call(client, "describe_table", table="failed"))
        wrong = await fault(client, "describe_table", table="user_session; DROP TABLE users")
    assert [(column["name"], column["type"]) for column in told["columns"]] == [
        ("id", "INTEGER"),
        ("user_id", "INTEGER"),
        ("status", "TEXT"),
        ("seconds", "REAL"),
        ("token", "BLOB"),
    ]
    assert told["columns"][2]["default"] == "'open'"
    assert told["primary_key"] == ["id"]
    (key,) = told["foreign_keys"]
    assert (key["columns"], key["table"], key["on_delete"]) == (["user_id"], "users", "CASCADE")
    assert told["indexes"] == [{"name": "sessions_by_user", "columns": ["user_id", "status"], "unique": False}]
    assert told["checks"] == ["seconds >= 0"]
    assert told["rows"] == "2"
    assert view["kind"] == "view" and "WHERE status = 'failed'" in view["definition"]
    assert "there is no table" in wrong
    assert len(rows(file, "SELECT * FROM users")) == 2


async def test_tables_are_resources_with_completion(file: Path) -> None:
    async with connected(file) as client:
        listed = [one.uri for one in (await client.list_resources()).resources]
        (table,) = (await client.read_resource("database://tables/main/user_sessions")).contents
        (overview,) = (await client.read_resource("database://overview")).contents
        reference = ResourceTemplateReference(type="ref/resource", uri=TABLE)
        found = await client.complete(reference, {"name": "table", "value": "us"}, {"schema": "main"})
        with pytest.raises(MCPError, match="did you mean users"):
            await client.read_resource("database://tables/main/usersx")
    assert listed == [
        "database://overview",
        "database://tables/main/failed",
        "database://tables/main/user_sessions",
        "database://tables/main/users",
    ]
    assert isinstance(table, TextResourceContents) and isinstance(overview, TextResourceContents)
    assert json.loads(table.text)["schema"] == "main"
    assert json.loads(overview.text)["read_only"] is True
    assert found.completion.values == ["user_sessions", "users"]


async def test_names_of_any_kind_are_quoted(file: Path) -> None:
    odd = 'a"b%s :x/ü'
    with sqlite3.connect(file) as connection:
        quoted = odd.replace('"', '""')
        connection.execute(f'CREATE TABLE "{quoted}" (x)')
    connection.close()
    async with connected(file) as client:
        told = data(await call(client, "describe_table", table=odd))
        uris = [one.uri for one in (await client.list_resources()).resources]
        uri = next(uri for uri in uris if "%22" in uri)
        (read,) = (await client.read_resource(uri)).contents
    assert told["name"] == odd and told["rows"] == "0"
    assert isinstance(read, TextResourceContents) and json.loads(read.text)["name"] == odd


async def test_values_are_told_honestly(file: Path) -> None:
    async with connected(file) as client:
        told = data(await call(client, "query", sql="SELECT *, 9007199254740993 AS big FROM user_sessions ORDER BY id"))
        twice = data(await call(client, "query", sql="SELECT 1 AS x, 'two' AS x, CAST(x'ff' AS TEXT) AS t"))
    assert told["rows"] == [
        [1, 1, "failed", 1.5, {"base64": "AP8=", "bytes": 2}, "9007199254740993"],
        [2, 2, "open", "Infinity", None, "9007199254740993"],
    ]
    assert [column["type"] for column in told["columns"]] == ["integer", "integer", "text", "real", "blob", "integer"]
    assert twice["rows"] == [[1, "two", {"base64": "/w==", "bytes": 1}]]


async def test_values_are_bound_never_pasted(file: Path) -> None:
    hostile = "x' OR 1=1; DROP TABLE users; --"
    async with connected(file) as client:
        found = await call(client, "query", sql="SELECT * FROM users WHERE name = :name", params={"name": hostile})
        assert data(found)["rows"] == []
        found = await call(
            client,
            "query",
            sql="SELECT name, ':name' FROM users WHERE id IN (SELECT value FROM json_each(:ids)) ORDER BY id",
            params={"ids": [1, 2]},
        )
        assert data(found)["rows"] == [["Ada", ":name"], ["Ben; DROP TABLE users", ":name"]]
        assert "binding" in await fault(client, "query", sql="SELECT :missing")
    assert len(rows(file, "SELECT * FROM users")) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users",
        "DROP TABLE users",
        "SELECT 1; DROP TABLE users",
        "SELECT ';'; DROP TABLE users; --'",
        "INSERT INTO users VALUES (3, 'x') RETURNING *",
        "WITH x AS (SELECT 1) UPDATE users SET name = 'x'",
        "CREATE TEMP TABLE t (x)",
        "PRAGMA query_only = OFF",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA writable_schema = ON",
        "ATTACH DATABASE '{other}' AS other",
        "VACUUM INTO '{other}'",
        "BEGIN IMMEDIATE",
        "SAVEPOINT x",
        "SELECT load_extension('{other}')",
        "REINDEX",
        "ANALYZE",
    ],
)
async def test_query_and_explain_change_nothing(file: Path, tmp_path: Path, sql: str) -> None:
    other = tmp_path / "other.db"
    before = file.read_bytes()
    async with connected(file) as client:
        statement = sql.format(other=other)
        told = await fault(client, "query", sql=statement)
        assert "only reads" in told or "one statement" in told or "load_extension" in told, told
        await call(client, "explain", sql=statement)
        # The connection is as good as before.
        assert data(await call(client, "query", sql="SELECT count(*) FROM users"))["rows"] == [[2]]
    assert file.read_bytes() == before
    assert not other.exists()


async def test_file_that_is_only_readable_is_read_and_nothing_is_left_beside_it(file: Path) -> None:
    async with connected(file) as client:
        await call(client, "query", sql="SELECT * FROM users")
    assert sorted(one.name for one in file.parent.iterdir() if one.is_file()) == ["shop.db"]


async def test_ten_million_rows_are_cut_at_the_limit_with_flat_memory(file: Path) -> None:
    process = psutil.Process(os.getpid())
    sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 10000000) SELECT x, 'row ' || x FROM c"
    async with connected(file, rows=500) as client:
        await call(client, "query", sql="SELECT 1")
        before = process.memory_info().rss
        told = data(await call(client, "query", sql=sql))
        fewer = data(await call(client, "query", sql=sql, max_rows=3))
        grown = process.memory_info().rss - before
    assert told["row_count"] == 500 and told["truncated"] is True and "first 500 rows" in told["note"]
    assert fewer["row_count"] == 3
    assert grown < 30 * 2**20


async def test_bytes_of_a_result_are_limited(file: Path) -> None:
    sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 1000) SELECT hex(zeroblob(1000)) FROM c"
    async with connected(file, bytes=10_000) as client:
        told = data(await call(client, "query", sql=sql))
        assert told["row_count"] == 4 and "10000 bytes" in told["note"]
        assert "larger than 32 MiB" in await fault(client, "query", sql="SELECT zeroblob(100000000)")


async def test_slow_query_ends_with_its_limit_and_the_pool_goes_on(file: Path) -> None:
    async with connected(file) as client:
        for _ in range(7):  # more than there are connections
            assert "stopped after 0.1 s" in await fault(client, "query", sql=ENDLESS, timeout_s=0.1)
        assert data(await call(client, "query", sql="SELECT 1"))["rows"] == [[1]]


async def test_cancelled_query_stops_running(file: Path) -> None:
    async with connected(file, seconds=3600) as client, asyncio.timeout(DEADLINE_S):
        asking = [asyncio.create_task(client.call_tool("query", {"sql": ENDLESS})) for _ in range(5)]
        # The others wait for a connection: nothing of them has begun.
        waiting = asyncio.create_task(client.call_tool("query", {"sql": "SELECT 1"}))
        done, _ = await asyncio.wait((*asking, waiting), timeout=0.3)
        assert not done
        for one in asking:
            one.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        assert data(await waiting)["rows"] == [[1]]


async def test_execute_changes_and_tells_how_much(file: Path) -> None:
    async with connected(file, write=True) as client:
        told = data(await call(client, "execute", sql="UPDATE users SET name = name || :x", params={"x": "!"}))
        assert told["rows_affected"] == 2
        returned = data(await call(client, "execute", sql="INSERT INTO users VALUES (7, 'Cy') RETURNING id, name"))
        assert returned["rows"] == [[7, "Cy"]]
        for sql in ("SELECT 1; DROP TABLE users", "ATTACH 'x.db' AS x", "BEGIN", "PRAGMA journal_mode = OFF"):
            await fault(client, "execute", sql=sql)
        assert "UNIQUE constraint failed" in await fault(client, "execute", sql="INSERT INTO users VALUES (7, 'Di')")
        # Reading stays reading beside it.
        assert "only reads" in await fault(client, "query", sql="DELETE FROM users")
        assert data(await call(client, "execute", sql="VACUUM"))["rows"] == []
    assert rows(file, "SELECT name FROM users ORDER BY id") == [("Ada!",), ("Ben; DROP TABLE users!",), ("Cy",)]


async def test_execute_that_takes_too_long_changes_nothing(file: Path) -> None:
    slow = f"INSERT INTO users SELECT 100 + column1, hex(column1) FROM (VALUES (1), (({ENDLESS})))"
    async with connected(file, write=True) as client:
        assert "stopped after 0.2 s" in await fault(client, "execute", sql=slow, timeout_s=0.2)
    assert len(rows(file, "SELECT * FROM users")) == 2


async def test_locked_database_is_an_error_that_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_tui.servers.database import sqlite

    monkeypatch.setattr(sqlite, "_BUSY_S", 0.05)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        async with connected(file, write=True) as client:
            assert "holds the database locked" in await fault(client, "execute", sql="DELETE FROM users")
            assert "holds the database locked" in await fault(client, "query", sql="SELECT * FROM users")
            holder.execute("ROLLBACK")
            assert data(await call(client, "query", sql="SELECT count(*) FROM users"))["rows"] == [[2]]
    finally:
        holder.close()


async def test_database_that_is_gone_and_back_is_used_again(file: Path) -> None:
    away = file.with_suffix(".away")
    file.rename(away)
    async with connected(file) as client:
        assert f"there is no file {file}" in await fault(client, "query", sql="SELECT 1")
        assert [one.uri for one in (await client.list_resources()).resources] == ["database://overview"]
        with pytest.raises(MCPError, match="there is no file"):
            await client.read_resource("database://overview")
        away.rename(file)
        assert data(await call(client, "query", sql="SELECT count(*) FROM users"))["rows"] == [[2]]
        assert len((await client.list_resources()).resources) == 4
    assert not away.exists()


async def test_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    wrong = tmp_path / "notes.txt"
    wrong.write_text("no database " * 100)
    async with connected(wrong) as client:
        assert "file is not a database" in await fault(client, "query", sql="SELECT 1")
    assert wrong.read_text() == "no database " * 100


async def test_plan_names_the_index(file: Path) -> None:
    async with connected(file) as client:
        told = data(
            await call(client, "explain", sql="SELECT * FROM user_sessions WHERE user_id = :id", params={"id": 1})
        )
        assert "USING INDEX sessions_by_user" in told["lines"][0]
        assert "cannot measure" in await fault(client, "explain", sql="SELECT 1", analyze=True)


async def test_statement_that_says_nothing_is_told(file: Path) -> None:
    async with connected(file) as client:
        assert "statement is empty" in await fault(client, "query", sql="  ; ")
        assert "NUL" in await fault(client, "query", sql="SELECT 1 \0")
        assert "no such table: nope" in await fault(client, "query", sql="SELECT * FROM nope")


def test_command_line_queries_it_and_refuses_wrong_options(file: Path, tmp_path: Path) -> None:
    environment = {"DATABASE_URL": f"sqlite:///{file}"}
    (tmp_path / "c.toml").write_text(entry("db", "database", ["DATABASE_URL"], "--max-rows", "1"))
    ended = command_line(
        "call", "db", "query", "sql=SELECT id FROM users", "--json", "--config", "c.toml", cwd=tmp_path, env=environment
    )
    assert ended.code == 0
    assert ended.json["structuredContent"]["rows"] == [[1]]
    for arguments in (("--max-rows", "0"), ("--timeout", "never"), ("--max-bytes", "9e99")):
        wrong = command_line("serve", "database", *arguments, cwd=tmp_path, env=environment)
        assert wrong.code == 2 and "is no number from" in wrong.err
    missing = command_line("serve", "database", cwd=tmp_path)
    assert missing.code == 2 and missing.err.startswith("error: DATABASE_URL is not set")
    shown = command_line("serve", "database", "--help", cwd=tmp_path)
    assert shown.code == 0
    assert '"args": ["serve", "database"]' in shown.out and "--write" in shown.out


async def test_text_of_a_result_is_its_structured_content(file: Path) -> None:
    async with connected(file) as client:
        result = await call(client, "query", sql="SELECT 'ü' AS x")
    assert json.loads(text(result)) == result.structured_content
