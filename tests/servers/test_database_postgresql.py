"""The database server with a real PostgreSQL, through the SDK's client."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from mcp import Client, MCPError
from mcp_types import TextResourceContents

from mcp_tui.servers.database.server import build
from mcp_tui.servers.database.settings import Limits, target_of
from tests.servers.clients import DEADLINE_S, Mode, call, child, command_line, data, entry, fault
from tests.servers.postgres import PASSWORD, Postgres


@pytest.fixture
def shop(postgres: Postgres) -> Generator[Postgres]:
    with postgres.connect() as connection:
        connection.execute(
            """
            CREATE SCHEMA archive;
            CREATE TYPE mood AS ENUM ('calm', 'angry');
            CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL UNIQUE);
            COMMENT ON TABLE users IS 'who buys';
            CREATE TABLE user_sessions (
                id bigserial PRIMARY KEY, user_id int REFERENCES users ON DELETE CASCADE, status text,
                total numeric(20, 4), CHECK (total > 0)
            );
            CREATE INDEX by_status ON user_sessions (status, lower(status));
            CREATE TABLE archive.users (id int, note text);
            CREATE VIEW failed AS SELECT * FROM user_sessions WHERE status = 'failed';
            INSERT INTO users (name) VALUES ('Ada'), ('Ben; DROP TABLE users');
            INSERT INTO user_sessions (user_id, status, total) VALUES (1, 'failed', 12.5), (2, 'open', 1e15);
            """
        )
    yield postgres
    with postgres.connect() as connection:
        connection.execute("DROP SCHEMA public, archive CASCADE; CREATE SCHEMA public")


@asynccontextmanager
async def connected(
    server: Postgres, *, write: bool = False, url: str | None = None, **limits: Any
) -> AsyncGenerator[Client]:
    target = target_of({"DATABASE_URL": url or server.url()})
    async with Client(build(target, Limits(**limits), write=write), read_timeout_seconds=DEADLINE_S) as client:
        yield client


async def rows(client: Client, sql: str, **params: Any) -> list[Any]:
    return data(await call(client, "query", sql=sql, params=params))["rows"]


async def until_running(server: Postgres, count: int) -> None:
    """Until the database executes this many statements of ours."""

    def watch() -> None:
        deadline = time.monotonic() + DEADLINE_S
        sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mcp-tui' AND state = 'active'"
        with server.connect() as connection:
            while (found := connection.execute(sql).fetchone()) != (count,):
                assert time.monotonic() < deadline, found
                time.sleep(0.02)

    await asyncio.to_thread(watch)


def cut_connections(server: Postgres) -> None:
    with server.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mcp-tui'")


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_child_process_answers_in_both_eras(shop: Postgres, mode: Mode) -> None:
    async with child("database", {"DATABASE_URL": shop.url()}, mode=mode) as client:
        assert await rows(client, "SELECT name FROM users WHERE id = :id", id=1) == [["Ada"]]
        assert PASSWORD not in (client.instructions or "")


async def test_a_table_is_described_with_its_keys_and_indexes(shop: Postgres) -> None:
    async with connected(shop) as client:
        told = data(await call(client, "describe_table", table="user_sessions"))
        public = data(await call(client, "describe_table", table="users"))
        archived = data(await call(client, "describe_table", table="archive.users"))
        listed = data(await call(client, "list_tables"))["tables"]
        uris = [one.uri for one in (await client.list_resources()).resources]
        (overview,) = (await client.read_resource("database://overview")).contents
    assert [column["type"] for column in told["columns"]] == ["BIGINT", "INTEGER", "TEXT", "NUMERIC(20, 4)"]
    assert told["primary_key"] == ["id"]
    (key,) = told["foreign_keys"]
    assert (key["columns"], key["table"], key["on_delete"]) == (["user_id"], "public.users", "CASCADE")
    (index,) = told["indexes"]
    assert index == {"name": "by_status", "columns": ["status", "lower(status)"], "unique": False}
    assert told["checks"] == ["total > 0::numeric"] and told["rows"] == "2"
    assert public["comment"] == "who buys" and public["unique"] == [["name"]]
    assert archived["schema"] == "archive"
    assert [(one["schema"], one["name"], one["kind"]) for one in listed] == [
        ("archive", "users", "table"),
        ("public", "failed", "view"),
        ("public", "user_sessions", "table"),
        ("public", "users", "table"),
    ]
    assert "database://tables/archive/users" in uris
    assert isinstance(overview, TextResourceContents)
    facts = json.loads(overview.text)
    assert facts["role"] == "owner" and "superuser" in facts["warnings"][0] and facts["read_only"] is True


async def test_values_are_told_honestly(shop: Postgres) -> None:
    async with connected(shop) as client:
        told = data(
            await call(
                client,
                "query",
                sql="""
                SELECT 9007199254740993::bigint, 12.5000::numeric, 'NaN'::numeric, 'Infinity'::float8, true,
                    '\\x00ff'::bytea, '2026-03-01 10:00+02'::timestamptz, 'infinity'::timestamp,
                    '4713-01-01 BC'::date, '1 month 2 days 03:00'::interval, ARRAY[1, NULL, 3], ARRAY[1.10, 2],
                    '{"a": 1.10, "big": 12345678901234567890}'::jsonb, '[1,5)'::int4range, 'calm'::mood,
                    '::1'::inet, NULL, 'a%b:c', 'x' AS x, 'y' AS x
                """,
            )
        )
    assert told["rows"] == [
        [
            "9007199254740993", "12.5000", "NaN", "Infinity", True, {"base64": "AP8=", "bytes": 2},
            "2026-03-01T08:00:00+00:00", "infinity", "4713-01-01 BC", "1 mon 2 days 03:00:00", [1, None, 3],
            ["1.10", "2"], {"a": 1.1, "big": "12345678901234567890"}, "[1, 5)", "calm", "::1", None, "a%b:c", "x", "y",
        ]
    ]  # fmt: skip
    assert [column["type"] for column in told["columns"]][:3] == ["int8", "numeric", "numeric"]
    assert told["columns"][10]["type"] == "int4[]"
    assert [column["name"] for column in told["columns"]][-2:] == ["x", "x"]


async def test_values_are_bound_never_pasted(shop: Postgres) -> None:
    async with connected(shop) as client:
        hostile = "x'; DROP TABLE users; --"
        assert await rows(client, "SELECT * FROM users WHERE name = :name", name=hostile) == []
        assert await rows(client, "SELECT id FROM users WHERE id = ANY(:ids) ORDER BY 1", ids=[1, 2]) == [[1], [2]]
        assert await rows(client, "SELECT :j::jsonb -> 'a', :b, ':b'", j={"a": 1.5}, b={"base64": "AP8="}) == [
            [1.5, {"base64": "AP8=", "bytes": 2}, ":b"]
        ]
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users",
        "DROP TABLE users",
        "SELECT 1; DROP TABLE users",
        "SELECT 1; COMMIT; DROP TABLE users",
        "COMMIT",
        "WITH gone AS (DELETE FROM users RETURNING *) SELECT * FROM gone",
        "SELECT nextval('users_id_seq')",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SET TRANSACTION READ WRITE",
        "COPY users TO PROGRAM 'touch {other}'",
        "COPY (SELECT 1) TO '{other}'",
        "DO $$ BEGIN DELETE FROM users; END $$",
        "CREATE TEMP TABLE t (x int)",
        "SELECT * INTO t FROM users",
        "LOCK TABLE users",
        "EXPLAIN ANALYZE DELETE FROM users",
    ],
)
async def test_query_and_explain_change_nothing(shop: Postgres, tmp_path: Path, sql: str) -> None:
    tmp_path.chmod(0o777)
    statement = sql.format(other=tmp_path / "other")
    async with connected(shop) as client:
        await fault(client, "query", sql=statement)
        for analyze in (False, True):
            await call(client, "explain", sql=statement, analyze=analyze)
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]
        assert await rows(client, "SELECT last_value, is_called FROM users_id_seq") == [[2, True]]
    assert not (tmp_path / "other").exists()


async def test_what_a_function_does_all_the_same_is_rolled_back(shop: Postgres) -> None:
    async with connected(shop) as client:
        # Before version 16 a read-only transaction does not refuse it.
        await call(client, "query", sql="SELECT lo_from_bytea(0, 'x')")
        assert await rows(client, "SELECT count(*) FROM pg_largeobject_metadata") == [[0]]


async def test_it_is_the_database_that_refuses_not_our_reading_of_the_statement(
    shop: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything taken away that looks at statements."""
    from mcp_tui.servers.database import scanner

    monkeypatch.setattr(scanner, "is_single", lambda _: True)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    monkeypatch.setattr(scanner, "without_end", lambda sql: sql)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    async with connected(shop) as client:
        for name in ("query", "explain"):
            for sql in (
                "SELECT 1; DROP TABLE users",
                "SELECT 1; COMMIT; DROP TABLE users",
                "ROLLBACK; DROP TABLE users",
            ):
                await fault(client, name, sql=sql)
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]


async def test_nothing_of_a_session_reaches_the_next_call(shop: Postgres) -> None:
    async with connected(shop) as client:
        for _ in range(6):
            await call(client, "query", sql="SELECT pg_advisory_lock(1), set_config('search_path', 'archive', false)")
        held = "SELECT count(*), current_setting('search_path') FROM pg_locks WHERE locktype = 'advisory'"
        assert await rows(client, held) == [[0, '"$user", public']]


async def test_ten_million_rows_are_cut_at_the_limit_with_flat_memory(shop: Postgres) -> None:
    process = psutil.Process(os.getpid())
    async with connected(shop, rows=500) as client:
        await rows(client, "SELECT 1")
        before = process.memory_info().rss
        told = data(await call(client, "query", sql="SELECT generate_series(1, 10000000), repeat('x', 100)"))
        grown = process.memory_info().rss - before
        assert await rows(client, "SELECT 1") == [[1]]
    assert told["row_count"] == 500 and told["truncated"] is True and "first 500 rows" in told["note"]
    assert grown < 30 * 2**20


async def test_slow_query_ends_with_its_limit_and_the_pool_goes_on(shop: Postgres) -> None:
    async with connected(shop) as client:
        for _ in range(7):  # more than there are connections
            assert "stopped after 0.2 s" in await fault(client, "query", sql="SELECT pg_sleep(60)", timeout_s=0.2)
        assert await rows(client, "SELECT 1") == [[1]]


async def test_limit_holds_for_a_query_that_lifts_its_own(shop: Postgres) -> None:
    sql = "SELECT set_config('statement_timeout', '0', false), pg_sleep(0.02) FROM generate_series(1, 100000)"
    async with connected(shop) as client:
        assert "stopped after 0.5 s" in await fault(client, "query", sql=sql, timeout_s=0.5)
        await until_running(shop, 0)


async def test_cancelled_query_stops_in_the_database(shop: Postgres) -> None:
    async with connected(shop) as client, asyncio.timeout(DEADLINE_S):
        await rows(client, "SELECT 1")
        asking = asyncio.create_task(client.call_tool("query", {"sql": "SELECT pg_sleep(3600)", "timeout_s": 25}))
        await until_running(shop, 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await until_running(shop, 0)
        assert await rows(client, "SELECT 1") == [[1]]


async def test_database_that_is_gone_and_back_is_used_again(shop: Postgres) -> None:
    async with connected(shop) as client:
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]
        shop.stop()
        told = await fault(client, "query", sql="SELECT 1")
        assert "cannot be reached" in told and "***" in told and PASSWORD not in told
        assert [one.uri for one in (await client.list_resources()).resources] == ["database://overview"]
        with pytest.raises(MCPError, match="cannot be reached"):
            await client.read_resource("database://overview")
        shop.start()
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]


async def test_reading_over_a_dead_connection_is_done_again(shop: Postgres) -> None:
    async with connected(shop) as client:
        for _ in range(3):
            assert await rows(client, "SELECT count(*) FROM users") == [[2]]
            cut_connections(shop)


async def test_connection_cut_in_the_middle_of_a_change_rolls_it_back_and_is_not_repeated(shop: Postgres) -> None:
    async with connected(shop, write=True) as client, asyncio.timeout(DEADLINE_S):
        sql = "WITH added AS (INSERT INTO users (name) VALUES ('Cy') RETURNING 1) SELECT pg_sleep(3600) FROM added"
        changing = asyncio.create_task(client.call_tool("execute", {"sql": sql, "timeout_s": 25}))
        await until_running(shop, 1)
        cut_connections(shop)
        result = await changing
        assert result.is_error
        assert await rows(client, "SELECT count(*) FROM users") == [[2]]
        assert await rows(client, "SELECT last_value FROM users_id_seq") == [[3]]


async def test_execute_changes_and_tells_how_much(shop: Postgres) -> None:
    async with connected(shop, write=True) as client:
        told = data(await call(client, "execute", sql="UPDATE users SET name = name || :x", params={"x": "%!"}))
        assert told["rows_affected"] == 2
        returned = data(await call(client, "execute", sql="INSERT INTO users (name) VALUES ('Cy') RETURNING id, name;"))
        assert returned["rows"] == [[3, "Cy"]] and returned["rows_affected"] == 1
        assert "one statement" in await fault(client, "execute", sql="SELECT 1; DROP TABLE users")
        assert "transaction of its own" in await fault(client, "execute", sql="BEGIN")
        assert "duplicate key" in await fault(client, "execute", sql="INSERT INTO users (id, name) VALUES (1, 'Di')")
        assert data(await call(client, "execute", sql="CREATE TABLE made (x int)"))["rows_affected"] is None
        assert await rows(client, "SELECT count(*) FROM made") == [[0]]
        assert "only reads" in await fault(client, "query", sql="DELETE FROM users")
        assert await rows(client, "SELECT name FROM users ORDER BY id LIMIT 1") == [["Ada%!"]]


async def test_plan_is_told_and_can_be_measured(shop: Postgres) -> None:
    async with connected(shop) as client:
        told = data(await call(client, "explain", sql="SELECT * FROM users WHERE id = :id;", params={"id": 1}))
        measured = data(await call(client, "explain", sql="SELECT * FROM users", analyze=True))
    assert "users_pkey" in told["lines"][0] and not told["analyzed"]
    assert "actual time" in measured["lines"][0] and measured["analyzed"]


async def test_a_role_that_may_only_select_is_told_what_it_lacks(shop: Postgres) -> None:
    with shop.connect() as connection:
        connection.execute(
            "CREATE ROLE reader LOGIN PASSWORD 'reader-pw'; GRANT USAGE ON SCHEMA public TO reader; "
            "GRANT SELECT ON users TO reader"
        )
    try:
        async with connected(shop, url=shop.url("reader", "reader-pw"), write=True) as client:
            assert await rows(client, "SELECT count(*) FROM users") == [[2]]
            assert "permission denied" in await fault(client, "query", sql="SELECT * FROM user_sessions")
            assert "permission denied" in await fault(client, "execute", sql="DELETE FROM users")
            (overview,) = (await client.read_resource("database://overview")).contents
        assert isinstance(overview, TextResourceContents) and json.loads(overview.text)["warnings"] == []
    finally:
        with shop.connect() as connection:
            connection.execute("DROP OWNED BY reader; DROP ROLE reader")


async def test_wrong_password_is_told_and_stands_nowhere(shop: Postgres, tmp_path: Path) -> None:
    url = shop.url(password="hunter2 is/wrong")
    (tmp_path / "c.toml").write_text(entry("db", "database", ["DATABASE_URL"]))
    ended = command_line(
        "call", "db", "query", "sql=SELECT 1", "--config", "c.toml", cwd=tmp_path, env={"DATABASE_URL": url}
    )
    assert ended.code == 5
    assert "password authentication failed" in ended.out
    assert "hunter2" not in ended.out + ended.err
    shown = command_line("tools", "db", "--config", "c.toml", cwd=tmp_path, env={"DATABASE_URL": shop.url()})
    assert shown.code == 0 and PASSWORD not in shown.out + shown.err


async def test_errors_of_statements_say_what_to_do(shop: Postgres) -> None:
    async with connected(shop) as client:
        assert 'relation "nope" does not exist' in await fault(client, "query", sql="SELECT * FROM nope")
        told = await fault(client, "query", sql="SELECT nam FROM users")
        assert "Perhaps you meant" in told
        assert "use SELECT current_setting" in await fault(client, "query", sql="SHOW search_path")
        assert "use `explain`" in await fault(client, "query", sql="EXPLAIN SELECT 1")
        with psycopg.connect(shop.url()) as holder:
            holder.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
            told = await fault(client, "query", sql="SELECT * FROM users", timeout_s=1)
            assert "another transaction holds a lock" in told
