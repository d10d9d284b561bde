"""Tables and their columns. What Snowflake knows and DuckDB does not is kept as JSON in DuckDB's comments: it moves with renames and swaps."""
from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import duckdb

from luge_emulator.column_types import ColumnType, of_duckdb
from luge_emulator.naming import demangle, literal, mangle, quote, quote_path
from luge_emulator.storage import Storage


@dataclass
class Column:
    name: str
    type: ColumnType
    nullable: bool = True
    default: str | None = None  # DuckDB's text
    comment: str | None = None

    def definition(self) -> str:
        text = f"{quote(self.name)} {self.type.duckdb}"
        if self.default is not None:
            text += f" DEFAULT {self.default}"
        return text if self.nullable else f"{text} NOT NULL"


@dataclass
class Table:
    """A table or view. `id` tells a recreated table from the one before it."""

    database: str
    schema: str
    name: str
    columns: list[Column]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    kind: str = "TABLE"
    evolve: bool = False
    log_errors: bool = False
    primary_key: list[str] = field(default_factory=list)
    created_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    comment: str | None = None
    rows: int = 0
    text: str = ""

    @property
    def path(self) -> str:
        return quote_path(self.database, self.schema, self.name)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def notes(self) -> str:
        facts: dict[str, Any] = {"id": self.id, "created": self.created_ms}
        facts |= {key: value for key, value in (("evolve", self.evolve), ("errors", self.log_errors), ("key", self.primary_key), ("comment", self.comment)) if value}
        return json.dumps(facts)


def write_notes(cursor: duckdb.DuckDBPyConnection, table: Table, columns: list[Column] | None = None) -> None:
    """Stores what DuckDB cannot; inside the caller's transaction."""
    cursor.execute(f"COMMENT ON {table.kind} {table.path} IS {literal(table.notes())}")
    if table.kind == "TABLE":
        for column in table.columns if columns is None else columns:
            write_column_note(cursor, table, column)


def write_column_note(cursor: duckdb.DuckDBPyConnection, table: Table, column: Column) -> None:
    note = column.type.to_json() | ({"comment": column.comment} if column.comment else {})
    cursor.execute(f"COMMENT ON COLUMN {table.path}.{quote(column.name)} IS {literal(json.dumps(note))}")


def create_table(cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
    cursor.execute(f"CREATE TABLE {table.path} ({', '.join(column.definition() for column in table.columns)})")
    write_notes(cursor, table)


def read_tables(cursor: duckdb.DuckDBPyConnection, database: str, schema: str | None = None, name: str | None = None) -> list[Table]:
    """The tables and views, ordered by name; the emulator's own are left out."""
    where, values = "database_name = ? AND schema_name NOT IN ('main', '_EMULATOR') AND NOT internal", [mangle(database)]
    for field_name, value in (("schema_name", schema), ("{kind}_name", name)):
        if value is not None:
            where += f" AND {field_name} = ?"
            values.append(mangle(value))
    found: dict[tuple[str, str], Table] = {}
    for kind, rows, text in (("table", "estimated_size", "''"), ("view", "0", "sql")):
        query = f"SELECT schema_name, {kind}_name, comment, {rows}, {text} FROM duckdb_{kind}s() WHERE {where.format(kind=kind)} ORDER BY 1, 2"
        for schema_name, table_name, note, count, definition in cursor.execute(query, values).fetchall():
            facts = json.loads(note) if note else {"id": f"{schema_name}.{table_name}", "created": 0}
            found[schema_name, table_name] = Table(
                database, demangle(schema_name), demangle(table_name), [], facts["id"], kind.upper(), facts.get("evolve", False), facts.get("errors", False),
                facts.get("key", []), facts["created"], facts.get("comment"), count, definition)
    query = ("SELECT schema_name, table_name, column_name, comment, data_type, is_nullable, column_default FROM duckdb_columns() WHERE "
             + where.format(kind="table") + " ORDER BY schema_name, table_name, column_index")
    for schema_name, table_name, column_name, note, kind, nullable, default in cursor.execute(query, values).fetchall():
        if table := found.get((schema_name, table_name)):
            facts = json.loads(note) if note else {}
            comment = facts.pop("comment", None)
            table.columns.append(Column(demangle(column_name), ColumnType(**facts) if facts else of_duckdb(kind), nullable, default, comment))
    return sorted(found.values(), key=lambda table: (table.schema, table.name))


class TableCache:
    """Tables and views by name, as they are committed; forgotten whenever any shape changes. Used by several threads."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known: tuple[int, dict[tuple[str, str, str], Table | None]] = (-1, {})  # of one version of all shapes

    def find_any(self, database: str, schema: str, name: str) -> Table | None:
        version, tables = self._known
        if version != self._storage.version:
            # What is read before a change must not be remembered behind it.
            version, tables = self._known = (self._storage.version, {})
        key = (database, schema, name)
        if key not in tables:
            found = read_tables(self._storage.cursor(), *key) if database in self._storage.databases() else []
            tables[key] = found[0] if found else None
        return tables[key]

    def find(self, database: str, schema: str, name: str) -> Table | None:
        """A table; a view is none."""
        found = self.find_any(database, schema, name)
        return found if found is not None and found.kind == "TABLE" else None
