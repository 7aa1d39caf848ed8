"""What one table is made of, and how the tools tell it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import CompileError

from mcp_tui.core.names import known_names_hint
from mcp_tui.servers.database.database import MAX_TABLES, Database
from mcp_tui.servers.database.dialect import Dialect, TableName
from mcp_tui.servers.database.faults import DatabaseError

_COUNTED = 10_000
"""Rows are counted up to here where there is no estimate."""


class TableEntry(BaseModel):
    schema_: str = Field(alias="schema")
    name: str
    kind: str
    comment: str
    row_estimate: Annotated[int | None, Field(description="Of the statistics; null where there are none.")]


class TableList(BaseModel):
    tables: list[TableEntry]
    truncated: Annotated[bool, Field(description=f"There are more than {MAX_TABLES}.")]


class Overview(BaseModel):
    dialect: str
    version: str
    database: str
    role: str
    read_only: bool
    warnings: list[str]
    tables: list[TableEntry]


class Column(BaseModel):
    name: str
    type: str
    nullable: bool
    default: str | None
    comment: str


class ForeignKey(BaseModel):
    columns: list[str]
    table: str
    table_columns: list[str]
    on_delete: str


class Index(BaseModel):
    name: str
    columns: list[str]
    unique: bool


class Table(BaseModel):
    schema_: str = Field(alias="schema")
    name: str
    kind: str
    comment: str
    columns: list[Column]
    primary_key: list[str]
    foreign_keys: list[ForeignKey]
    unique: list[list[str]]
    indexes: list[Index]
    checks: list[str]
    rows: Annotated[str, Field(description='Such as "812", "about 120000", "more than 10000" or "unknown".')]
    definition: Annotated[str, Field(description="The query of a view.")]


async def table_list(database: Database) -> TableList:
    found = await database.tables()
    return TableList(tables=[_entry(one) for one in found], truncated=len(found) >= MAX_TABLES)


async def overview(database: Database) -> Overview:
    facts = await database.facts()
    return Overview(
        dialect=database.dialect.name,
        version=facts.version,
        database=facts.database,
        role=facts.role,
        read_only=not database.write,
        warnings=list(facts.warnings),
        tables=[_entry(one) for one in await database.tables()],
    )


async def table(database: Database, name: str, schema: str) -> Table:
    """schema: "" finds a table whose name is unique, and takes `schema.name` apart."""
    found = _pick(await database.tables(), name, schema)
    return await database.read(lambda connection, _: _described(database.dialect, connection, found))


def _pick(tables: list[TableName], name: str, schema: str) -> TableName:
    """The table meant: the names of a database are looked up, never put into a statement as they come."""
    wanted = [one for one in tables if one.name == name and (not schema or one.schema == schema)]
    if not wanted and not schema and "." in name:
        schema, _, name = name.partition(".")
        wanted = [one for one in tables if one.name == name and one.schema == schema]
    if not wanted:
        low = name.lower()
        wanted = [one for one in tables if one.name.lower() == low and (not schema or one.schema == schema)]
    if not wanted:
        hint = known_names_hint(name, [one.name for one in tables], what="tables")
        raise DatabaseError(
            f"there is no table {name!r}{f' in schema {schema!r}' if schema else ''}; {hint}", "not_found"
        )
    public = [one for one in wanted if one.schema == "public"]
    if len(wanted) > 1 and not public:
        places = ", ".join(one.schema for one in wanted)
        raise DatabaseError(f"{name!r} is in several schemas: give one of {places}", "not_found")
    return (public or wanted)[0]


def _described(dialect: Dialect, connection: Connection, found: TableName) -> Table:
    inspector = inspect(connection)
    name = found.name
    # With a schema, SQLAlchemy does not read what SQLite knows of the keys of a table only from its text.
    schema = found.schema if connection.dialect.name != "sqlite" else None
    is_view = "view" in found.kind
    indexes = inspector.get_indexes(name, schema)
    deletions = dialect.deletions(connection, found)
    return Table(
        schema=found.schema,
        name=name,
        kind=found.kind,
        comment=found.comment,
        columns=[
            Column(
                name=column["name"],
                type=_type(connection, column["type"]),
                nullable=bool(column["nullable"]),
                default=column["default"],
                comment=column.get("comment") or "",
            )
            for column in inspector.get_columns(name, schema)
        ],
        primary_key=[str(column) for column in inspector.get_pk_constraint(name, schema)["constrained_columns"]],
        foreign_keys=[
            ForeignKey(
                columns=list(key["constrained_columns"]),
                table=f"{key['referred_schema']}.{key['referred_table']}"
                if key["referred_schema"]
                else key["referred_table"],
                table_columns=list(key["referred_columns"]),
                on_delete=str(
                    key.get("options", {}).get("ondelete") or deletions.get(tuple(key["constrained_columns"]), "")
                ),
            )
            for key in inspector.get_foreign_keys(name, schema)
        ],
        unique=[list(one["column_names"]) for one in inspector.get_unique_constraints(name, schema)],
        indexes=[
            Index(
                name=index["name"] or "",
                columns=list(index.get("expressions") or [column or "" for column in index["column_names"]]),
                unique=bool(index["unique"]),
            )
            for index in indexes
        ],
        checks=[] if is_view else [one["sqltext"] for one in inspector.get_check_constraints(name, schema)],
        rows=_rows(connection, found),
        definition=inspector.get_view_definition(name, schema) or "" if is_view else "",
    )


def _type(connection: Connection, kind: Any) -> str:
    try:
        return str(kind.compile(connection.dialect))
    except CompileError:
        # A type of an extension, or a column of SQLite without one.
        return ""


def _rows(connection: Connection, found: TableName) -> str:
    if found.row_estimate is not None:
        return f"about {found.row_estimate}"
    if "view" in found.kind or found.kind == "foreign table":
        return "unknown"
    quote = connection.dialect.identifier_preparer.quote_identifier
    place = f"{quote(found.schema)}.{quote(found.name)}".replace(
        "%", "%%" if connection.dialect.name != "sqlite" else "%"
    )
    counted = connection.exec_driver_sql(
        f"SELECT count(*) FROM (SELECT 1 FROM {place} LIMIT {_COUNTED + 1}) AS counted"
    ).scalar_one()
    return str(counted) if counted <= _COUNTED else f"more than {_COUNTED}"


def _entry(one: TableName) -> TableEntry:
    return TableEntry(
        schema=one.schema, name=one.name, kind=one.kind, comment=one.comment, row_estimate=one.row_estimate
    )
