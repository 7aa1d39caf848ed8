"""The parts of the database server that need no database."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.servers.database import scanner
from mcp_tui.servers.database.faults import DatabaseError
from mcp_tui.servers.database.settings import SettingsError, target_of
from mcp_tui.servers.database.values import MAX_CELL, duration, encoded, exact_json, parameters

PASSWORD = "p@ss/w:rd 100%"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (2**53 - 1, 2**53 - 1),
        (2**53, "9007199254740992"),
        (-(2**63), "-9223372036854775808"),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("12.5000"), "12.5000"),
        (Decimal("NaN"), "NaN"),
        (datetime(2026, 3, 1, 10, tzinfo=UTC), "2026-03-01T10:00:00+00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (time(10, 0, 0, 5), "10:00:00.000005"),
        (b"\x00\xff", {"base64": "AP8=", "bytes": 2}),
        ([1, None, Decimal("2.50")], [1, None, "2.50"]),
        ({"a": {"b": [math.inf]}}, {"a": {"b": ["Infinity"]}}),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ip_address("::1"), "::1"),
        ("Ω\n", "Ω\n"),
    ],
)
def test_values_lose_and_invent_nothing(value: Any, told: Any) -> None:
    assert encoded(value) == told
    json.dumps(encoded(value), allow_nan=False)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (timedelta(), "PT0S"),
        (timedelta(days=1, hours=2), "P1DT2H"),
        (timedelta(seconds=-0.5), "-PT0.5S"),
        (timedelta(minutes=90, microseconds=1), "PT1H30M0.000001S"),
    ],
)
def test_durations_are_iso_8601(value: timedelta, told: str) -> None:
    assert duration(value) == told


@pytest.mark.parametrize(
    "value", ["x" * 50_000, b"x" * 50_000, ["x" * 10_000] * 4, {"k": "x" * 16_000, "l": "y" * 900}]
)
def test_a_long_value_is_cut_and_says_how_long_it_is(value: Any) -> None:
    told = encoded(value)
    assert len(json.dumps(told)) < 2 * MAX_CELL
    assert told.get("characters", told.get("bytes")) >= MAX_CELL


def test_a_value_that_holds_itself_in_depth_ends() -> None:
    deep: list[Any] = []
    for _ in range(200):
        deep = [deep]
    json.dumps(encoded(deep))


def test_numbers_of_json_columns_stay_exact() -> None:
    assert exact_json('{"a": 1.10, "b": 0.1, "c": 1e400, "d": 1.00000000000000001}') == {
        "a": 1.1,
        "b": 0.1,
        "c": "1e400",
        "d": "1.00000000000000001",
    }
    assert encoded(exact_json("[12345678901234567890]")) == ["12345678901234567890"]


def test_bytes_are_given_as_they_are_told() -> None:
    told = encoded(b"\x00\xff")
    assert parameters({"a": told, "b": {"x": 1}, "c": [1]}) == {"a": b"\x00\xff", "b": {"x": 1}, "c": [1]}
    with pytest.raises(DatabaseError, match="no base64"):
        parameters({"a": {"base64": "%"}})


@pytest.mark.parametrize(
    ("sql", "single"),
    [
        ("select 1", True),
        ("select 1;", True),
        ("select 1 ; -- done\n/* really; */ ", True),
        ("select 1; drop table users", False),
        ("select ';'", True),
        ('select ";" from t', True),
        ("select $$a;b$$", True),
        ("select $x$ $$;$$ $x$; select 2", False),
        ("select 'it''s; fine'", True),
        (r"select E'\'; drop table users --'", True),
        ("select 1 /* a /* nested; */ ; */", True),
        ("select 1 -- ; drop table users", True),
        ("select 'open; ", True),
    ],
)
def test_end_of_a_statement_is_found_outside_of_quotes(sql: str, single: bool) -> None:
    assert scanner.is_single(sql) is single


@pytest.mark.parametrize(
    ("sql", "rewritten"),
    [
        ("select :id", "select %(id)s"),
        ("select :id::int, ':id', a[1:2], '12:30'", "select %(id)s::int, ':id', a[1:2], '12:30'"),
        ("select x from t where a like '100%' and b = :id", "select x from t where a like '100%%' and b = %(id)s"),
        ("select :other", "select :other"),
        ("select '\"', :id, $$ :id $$ -- :id", "select '\"', %(id)s, $$ :id $$ -- :id"),
    ],
)
def test_parameters_are_found_outside_of_quotes(sql: str, rewritten: str) -> None:
    assert scanner.pyformat(sql, {"id"}) == rewritten


@given(st.text(alphabet="ab :;'\"$/*-\\\nE%", max_size=60))
def test_scanner_keeps_every_character(sql: str) -> None:
    assert "".join(text for _, text in scanner.tokens(sql)) == sql


def test_scanner_is_linear() -> None:
    for text in ("'" * 100_001, "/*" * 50_000, "$a" * 50_000, "-- " * 50_000, "((" * 50_000, "E'\\" * 30_000):
        assert "".join(piece for _, piece in scanner.tokens(text)) == text


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({}, "DATABASE_URL is not set"),
        ({"DATABASE_URL": "hunter2 is my password"}, "is no database URL"),
        ({"DATABASE_URL": "mysql://me:hunter2@h/db"}, "speaks SQLite and PostgreSQL"),
        ({"DATABASE_URL": "sqlite://"}, "names no file"),
        ({"DATABASE_URL": "sqlite:///:memory:"}, "names no file"),
        ({"DATABASE_URL": "sqlite:///x.db?vfs=evil"}, "'vfs'"),
        ({"DATABASE_URL": "postgresql://me:hunter2@h:port/db"}, "is no database URL"),
    ],
)
def test_wrong_url_is_told_without_its_password(variables: Mapping[str, str], reason: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)) as raised:
        target_of(variables)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_every_spelling_of_postgresql_is_taken(scheme: str) -> None:
    target = target_of({"DATABASE_URL": f"{scheme}://me:p%40ss%2Fw%3Ard%20100%25@h:5/db?sslmode=require"})
    assert target.url.drivername == "postgresql+psycopg"
    assert target.url.password == PASSWORD
    assert target.shown == "postgresql://me:***@h:5/db"
    assert PASSWORD not in repr(target)
    spellings = f"{PASSWORD} p%40ss%2Fw%3Ard%20100%25 p%40ss%2Fw%3Ard+100%25"
    assert target.without_secrets(spellings) == "*** *** ***"
