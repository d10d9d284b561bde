"""Pipes: the default one of every table, and those that SQL made."""
from __future__ import annotations

import re
import time
from dataclasses import dataclass

import duckdb

from luge_emulator.catalog import Table, TableCache
from luge_emulator.errors import ApiError, SqlError
from luge_emulator.naming import mangle, split_qualified
from luge_emulator.storage import Storage

SUFFIX = "-STREAMING"
_SOURCE = r"TABLE\s*\(\s*DATA_SOURCE\s*\(\s*TYPE\s*=>\s*'STREAMING'\s*\)\s*\)"
_COPY = re.compile(
    rf"COPY\s+INTO\s+(?P<table>(?:\"(?:[^\"]|\"\")+\"|[^\s\"(])+)\s*(?:\((?P<columns>[^)]*)\))?\s*FROM\s*"
    rf"(?:\(\s*SELECT\s+(?P<select>.+?)\s+FROM\s+{_SOURCE}(?:\s+(?:AS\s+)?(?!WHERE)\w+)?(?:\s+WHERE\s+(?P<where>.+?))?\s*\)|{_SOURCE})(?P<options>[^()]*)$",
    re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Pipe:
    """`select` is the pipe's projection in Snowflake's SQL, None where columns are matched by name."""

    database: str
    schema: str
    name: str
    table: tuple[str, str, str]
    select: str | None = None
    where: str | None = None
    columns: tuple[str, ...] = ()
    case_sensitive: bool = False
    binary_format: str = "BASE64"
    definition: str | None = None
    created_ms: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        return self.database, self.schema, self.name


def parse(database: str, schema: str, name: str, definition: str, created_ms: int = 0) -> Pipe:
    """A pipe from the COPY statement of its CREATE PIPE. BINARY follows BINARY_INPUT_FORMAT there, whose default is HEX."""
    match = _COPY.match(definition.strip().rstrip(";").strip())
    if not match:
        raise SqlError("001003", "42000", "SQL compilation error:\nsyntax error: expected COPY INTO … FROM … TABLE(DATA_SOURCE(TYPE => 'STREAMING')).")
    target = split_qualified(match["table"])
    table = (*((database, schema)[: 3 - len(target)]), *target)
    options = match["options"].upper()
    if match["select"] is None and "MATCH_BY_COLUMN_NAME" not in options:
        raise SqlError("001003", "42000", "SQL compilation error:\na pipe without a SELECT needs MATCH_BY_COLUMN_NAME.")
    columns = tuple(part for text in (match["columns"] or "").split(",") for part in split_qualified(text))
    return Pipe(database, schema, name, table, match["select"], match["where"], columns, "CASE_SENSITIVE" in options, "HEX", definition, created_ms)  # type: ignore[arg-type]


class Pipes:
    """Finds pipes by name. Names of things dropped a moment ago can answer STALE_PIPE_CACHE, as the service's caches do."""

    def __init__(self, storage: Storage, tables: TableCache, stale_ms: int) -> None:
        self._storage, self._tables, self._stale_ms = storage, tables, stale_ms
        self._custom: dict[tuple[str, str, str], Pipe] = {}
        self._version = -1
        self._dropped: dict[tuple[str, str, str], float] = {}

    def custom(self) -> dict[tuple[str, str, str], Pipe]:
        if self._version != self._storage.version:
            version, found = self._storage.version, {}
            for database, locks in self._storage.attached().items():
                try:
                    rows = self._storage.cursor().execute(
                        f'SELECT schema_name, pipe_name, definition, created_ms FROM "{mangle(database)}"."_EMULATOR".pipes').fetchall()
                except (duckdb.CatalogException, duckdb.BinderException):
                    if self._storage.attached().get(database) is locks:
                        raise
                    continue  # dropped meanwhile
                for schema, name, definition, created_ms in rows:
                    found[database, schema, name] = parse(database, schema, name, definition, created_ms)
            self._custom, self._version = found, version
        return self._custom

    def dropped(self, database: str, schema: str, name: str) -> None:
        self._dropped[database, schema, name] = time.monotonic()

    def resolve(self, database: str, schema: str, name: str) -> tuple[Pipe, Table]:
        """The pipe and its table, or what the service answers instead."""
        gone = self._dropped.get((database, schema, name))
        if gone is not None and (time.monotonic() - gone) * 1000 < self._stale_ms:
            raise ApiError(400, "STALE_PIPE_CACHE", f"A pipe with the name {name} was recently dropped.")
        pipe = self.custom().get((database, schema, name))
        if pipe is None and name.endswith(SUFFIX):
            pipe = Pipe(database, schema, name, (database, schema, name.removesuffix(SUFFIX)))
        if pipe is None:
            raise ApiError(404, "ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", f"Pipe {database}.{schema}.{name} does not exist or not authorized.")
        table = self._tables.find(*pipe.table)
        if table is None:
            raise ApiError(404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED", f"Table {'.'.join(pipe.table)} does not exist or not authorized.")
        return pipe, table
