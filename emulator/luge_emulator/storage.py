"""The DuckDB store: one file for each Snowflake database, and who may write to it when."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote as percent
from urllib.parse import unquote

import duckdb
import fakesnow.macros

from luge_emulator.errors import SqlError, object_exists, object_missing
from luge_emulator.naming import HIDDEN_SCHEMA, demangle, literal, mangle, quote

_TABLES = """
CREATE SCHEMA {db}."_EMULATOR";
CREATE TABLE {db}."_EMULATOR".channels (schema_name VARCHAR, pipe_name VARCHAR, channel_name VARCHAR, table_id VARCHAR, client_sequencer BIGINT,
    offset_token VARCHAR, rows_inserted BIGINT, rows_parsed BIGINT, rows_error_count BIGINT, last_error_offset VARCHAR, last_error_message VARCHAR,
    last_error_ms BIGINT, created_ms BIGINT);
CREATE TABLE {db}."_EMULATOR".pipes (schema_name VARCHAR, pipe_name VARCHAR, definition VARCHAR, created_ms BIGINT);
CREATE TABLE {db}."_EMULATOR".error_rows (table_id VARCHAR, "TIMESTAMP" TIMESTAMPTZ, "QUERY_ID" VARCHAR, "ERROR_CODE" VARCHAR, "ERROR_METADATA" JSON, "ERROR_DATA" JSON);
"""
_LOCK_TIMEOUT_SECONDS = 60.0


class SharedLock:
    """Readers together, a writer alone. Writers wait for readers, and newcomers wait for a waiting writer."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._readers = 0
        self._writing = False
        self._waiting = 0

    def acquire_shared(self) -> None:
        with self._changed:
            self._wait(lambda: not self._writing and not self._waiting)
            self._readers += 1

    def release_shared(self) -> None:
        with self._changed:
            self._readers -= 1
            self._changed.notify_all()

    @contextmanager
    def shared(self) -> Iterator[None]:
        self.acquire_shared()
        try:
            yield
        finally:
            self.release_shared()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            try:
                self._wait(lambda: not self._writing and self._readers == 0)
                self._writing = True
            finally:
                self._waiting -= 1
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    def _wait(self, ready) -> None:  # noqa: ANN001
        if not self._changed.wait_for(ready, _LOCK_TIMEOUT_SECONDS):
            raise SqlError("000625", "57014", "Statement's lock wait timed out.")


class DatabaseLocks:
    """`shape`: shared by whoever writes rows, exclusive for DDL (Snowflake waits there too). `rows`: UPDATE, DELETE, MERGE and TRUNCATE one
    transaction at a time. `channels`: whoever writes the channels table, that is the committer, open and drop."""

    def __init__(self) -> None:
        self.shape = SharedLock()
        self.rows = threading.Lock()
        self.channels = threading.RLock()


class Storage:
    """Owns the DuckDB instance. `cursor()` gives a connection of its own; every thread or session takes one."""

    def __init__(self, directory: Path, memory_limit: str, threads: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        # sqlglot still writes lambdas with an arrow
        self._root = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW", "memory_limit": memory_limit, "threads": threads,
                                                         "temp_directory": str(directory / "spill")})
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root.execute(fakesnow.macros.creation_sql("memory"))
        self._lock = threading.Lock()
        self._locks: dict[str, DatabaseLocks] = {}
        self.version = 0  # raised by every change of shape; whoever caches a table compares it
        for file in sorted(directory.glob("*.duckdb")):
            self._attach(unquote(file.stem), file)
            self._locks[unquote(file.stem)] = DatabaseLocks()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            return self._root.cursor()

    def databases(self) -> list[str]:
        return sorted(self._locks)

    def attached(self) -> dict[str, DatabaseLocks]:
        """By name. One that is dropped and made again has other locks."""
        return dict(self._locks)

    def locks(self, database: str) -> DatabaseLocks:
        found = self._locks.get(database)
        if found is None:
            raise object_missing(database, "Database")
        return found

    def changed(self) -> None:
        self.version += 1

    def create_database(self, name: str, replace: bool = False, if_missing: bool = False) -> bool:
        """False if it was there already."""
        if name in self._locks:
            if if_missing:
                return False
            if not replace:
                raise object_exists(name)
            self.drop_database(name)
        file = self._directory / f"{percent(name, safe='')}.duckdb"
        self._attach(name, file)
        cursor = self.cursor()
        cursor.execute("BEGIN; " + _TABLES.format(db=quote(name)) + f'CREATE SCHEMA {quote(name)}."PUBLIC"; COMMIT')
        self._locks[name] = DatabaseLocks()  # who asks for all databases finds this one with its tables
        self.changed()
        return True

    def drop_database(self, name: str) -> None:
        self.locks(name)
        with self._lock:
            gone = self._locks.pop(name)
            try:
                self._root.execute(f"DETACH {quote(name)}")
            except duckdb.Error:
                self._locks[name] = gone
                raise
            for suffix in ("", ".wal"):
                (self._directory / f"{percent(name, safe='')}.duckdb{suffix}").unlink(missing_ok=True)
        self.changed()

    def close(self) -> None:
        with self._lock:
            self._root.close()

    def _attach(self, name: str, file: Path) -> None:
        with self._lock:
            self._root.execute(f"ATTACH {literal(str(file))} AS {quote(name)}")


def schemas(cursor: duckdb.DuckDBPyConnection, database: str) -> list[str]:
    rows = cursor.execute("SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND NOT internal ORDER BY 1", [mangle(database)]).fetchall()
    return [demangle(name) for (name,) in rows if name not in ("main", HIDDEN_SCHEMA)]
