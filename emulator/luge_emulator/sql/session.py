"""One session: its place, its transaction, and the way of a statement through it."""
from __future__ import annotations

import re
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from luge_emulator.catalog import Table, read_tables
from luge_emulator.errors import SqlError, object_missing
from luge_emulator.naming import HIDDEN_SCHEMA, demangle_text, literal, show
from luge_emulator.sql import bindings as binding
from luge_emulator.sql import dialect, result, schema_views
from luge_emulator.sql.result import Result
from luge_emulator.storage import DatabaseLocks, schemas
from luge_emulator.tokens import Caller

if TYPE_CHECKING:
    from luge_emulator.sql.engine import Engine

_CONFLICT = re.compile(r"conflict|altered|write-write", re.IGNORECASE)
_RETRIES = 200
SELECT, INSERT, UPDATE, DELETE, MERGE, TRANSACTION, DDL = 0x1000, 0x3100, 0x3200, 0x3300, 0x3400, 0x5000, 0x6000


def translate_error(error: duckdb.Error) -> SqlError:
    """DuckDB's exception classes -> Snowflake's codes. The text is DuckDB's; nothing may classify by it."""
    text = demangle_text(str(error).split("\n")[0])
    if isinstance(error, duckdb.InterruptException):
        return SqlError("000604", "57014", "SQL execution canceled")
    if isinstance(error, duckdb.CatalogException):
        return SqlError("002140" if "Function" in text else "002003", "42601" if "Function" in text else "42S02", f"SQL compilation error:\n{text}")
    if isinstance(error, duckdb.BinderException):
        if "column" in text.lower():
            name = re.search(r'[Cc]olumn "([^"]+)"', text)
            return SqlError("000904", "42000", f"SQL compilation error: error line 1 at position 1\ninvalid identifier '{name[1] if name else text}'")
        return SqlError("001044", "42P13", f"SQL compilation error:\n{text}")
    if isinstance(error, duckdb.ParserException):
        return SqlError("001003", "42000", f"SQL compilation error:\n{text}")
    if isinstance(error, duckdb.ConstraintException):
        return SqlError("100072", "22000", "DML operation failed: NULL result in a non-nullable column")
    if isinstance(error, duckdb.ConversionException):
        return SqlError("100038", "22018", "A value cannot be converted to the type that is asked for.")
    if isinstance(error, duckdb.OutOfRangeException):
        return SqlError("100039", "22003", "Numeric value out of range.")
    if isinstance(error, duckdb.InvalidInputException):
        if "more than once" in text:
            return SqlError("100090", "42P18", "Duplicate row detected during DML action")
        return SqlError("100069", "22P02", "Invalid input.")
    if isinstance(error, duckdb.TransactionException):
        return SqlError("000625", "57014", f"Statement aborted by a concurrent transaction: {text}")
    return SqlError("000603", "XX000", f"SQL execution internal error:\n{text}")


class Session:
    """Not shared between threads, except `cancel`."""

    def __init__(self, engine: Engine, caller: Caller, database: str | None, schema: str | None, warehouse: str | None) -> None:
        self.engine, self.caller = engine, caller
        self.role, self.warehouse = caller.role, warehouse
        self.database = database if database in engine.storage.databases() else None
        self.schema = schema if self.database and schema in schemas(engine.storage.cursor(), self.database) else None
        self.parameters: dict[str, Any] = {"AUTOCOMMIT": True, "QUERY_TAG": "", "TIMEZONE": "UTC"}
        self.variables: dict[str, str] = {}
        self.cursor = engine.storage.cursor()
        self.id = str(secrets.randbelow(10**15))
        self.temporary: list[tuple[str, str, str]] = []
        self.last_result: Result | None = None
        self._in_transaction = False
        self._shared: list[DatabaseLocks] = []
        self._rows: list[threading.Lock] = []

    # The way of a statement --------------------------------------------------------------------------------------

    def execute(self, text: str, bindings: dict[str, binding.Binding] | None = None, query_id: str | None = None, tag: str | None = None) -> Result:
        """Runs one statement. Errors are SqlError; the history has it either way."""
        entry = self.engine.history.add({
            "query_id": query_id or str(uuid.uuid4()), "text": text, "user": self.caller.user, "role": self.role, "warehouse": self.warehouse, "database": self.database,
            "schema": self.schema, "query_tag": tag if tag is not None else self.parameters["QUERY_TAG"], "session_id": self.id, "start_ms": int(time.time() * 1000),
            "end_ms": None, "status": "RUNNING", "error_code": None, "rows": None})
        try:
            self.last_result = self._run(text, bindings)
            entry.update(status="SUCCESS", rows=self.last_result.table.num_rows, changed=self.last_result.changed)
            return self.last_result
        except SqlError as error:
            entry.update(status="FAILED", error_code=error.code)
            raise
        except duckdb.Error as error:
            translated = translate_error(error)
            entry.update(status="FAILED", error_code=translated.code)
            raise translated from error
        finally:
            entry["end_ms"] = int(time.time() * 1000)

    def _run(self, text: str, bindings: dict[str, binding.Binding] | None) -> Result:
        from luge_emulator.sql import raw, statements
        if (answer := raw.run(self, text)) is not None:
            return answer
        try:
            expression = sqlglot.parse_one(binding.number_placeholders(text), read="snowflake")
        except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
            message = re.sub(r"\x1b\[\d+m", "", str(error)).split("\n")[0]
            raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error: {message}") from None
        return statements.run(self, binding.bind(expression, bindings), text)

    def cancel(self) -> None:
        self.cursor.interrupt()

    def close(self) -> None:
        self.rollback()
        from luge_emulator.sql import ddl
        for path in self.temporary:
            ddl.drop_table(self, path, if_exists=True)
        self.cursor.close()

    # Transactions ------------------------------------------------------------------------------------------------

    @property
    def in_transaction(self) -> bool:
        return self._in_transaction

    def begin(self) -> None:
        if not self._in_transaction:
            self.cursor.execute("BEGIN")
            self._in_transaction = True

    def commit(self) -> None:
        try:
            if self._in_transaction:
                self.cursor.execute("COMMIT")
        finally:
            self._end()

    def rollback(self) -> None:
        try:
            if self._in_transaction:
                self.cursor.execute("ROLLBACK")
        except duckdb.Error:
            pass  # DuckDB has ended it already
        finally:
            self._end()

    def _end(self) -> None:
        self._in_transaction = False
        for locks in self._shared:
            locks.shape.release_shared()
        for lock in self._rows:
            lock.release()
        self._shared, self._rows = [], []

    def write(self, database: str, work: Callable[[], Result], exclusive_rows: bool) -> Result:
        """Runs DML. In a transaction its locks last as long as that; alone it is tried again when DuckDB finds a conflict."""
        if not self.parameters["AUTOCOMMIT"]:
            self.begin()
        if self._in_transaction:
            self._lock(database, exclusive_rows)
            return work()
        for attempt in range(_RETRIES):
            self.begin()
            try:
                self._lock(database, exclusive_rows)
                answer = work()
                self.commit()
                return answer
            except duckdb.TransactionException as error:
                self.rollback()
                if attempt == _RETRIES - 1 or not _CONFLICT.search(str(error)):
                    raise
                time.sleep(0.02)
            except BaseException:
                self.rollback()
                raise
        raise AssertionError("unreachable")

    def _lock(self, database: str, exclusive_rows: bool) -> None:
        locks = self.engine.storage.locks(database)
        if locks not in self._shared:
            locks.shape.acquire_shared()
            self._shared.append(locks)
        if exclusive_rows and locks.rows not in self._rows:
            if not locks.rows.acquire(timeout=60):
                raise SqlError("000625", "57014", "Statement's lock wait timed out.")
            self._rows.append(locks.rows)

    def change_shape(self, database: str, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """DDL: commits what is open, then runs alone and commits itself."""
        self.commit()
        locks = self.engine.storage.locks(database)
        with locks.shape.exclusive(), locks.channels:
            self.cursor.execute("BEGIN")
            try:
                work(self.cursor)
                self.cursor.execute("COMMIT")
            except BaseException:
                try:
                    self.cursor.execute("ROLLBACK")
                except duckdb.Error:
                    pass
                raise
            finally:
                self.engine.storage.changed()

    # Names -------------------------------------------------------------------------------------------------------

    def path(self, parts: tuple[str, ...]) -> tuple[str, str, str]:
        """A table's full name from what was written (folded already)."""
        if len(parts) > 3:
            raise SqlError("001003", "42000", "SQL compilation error:\nsyntax error: too many parts in a name")
        if len(parts) < 3 and self.database is None:
            raise SqlError("090105", "22000", "Cannot perform this operation. This session does not have a current database. Call 'USE DATABASE', or use a qualified name.")
        if len(parts) < 2 and self.schema is None:
            raise SqlError("090106", "22000", "Cannot perform this operation. This session does not have a current schema. Call 'USE SCHEMA', or use a qualified name.")
        full = (self.database, self.schema, None)[: 3 - len(parts)] + parts
        return full  # type: ignore[return-value]

    def path_of(self, node: exp.Expression) -> tuple[str, str, str]:
        return self.path(parts_of(node))

    def table(self, path: tuple[str, str, str], kind: str = "Object") -> Table:
        found = self.engine.find(*path)
        if found is None:
            raise object_missing(".".join(map(show, path)), kind)
        return found

    def resolve_tables(self, expression: exp.Expression) -> list[Table]:
        """Gives every table of a folded statement its full name; views that are made when asked are registered. Returns those that exist."""
        common = {cte.alias for cte in expression.find_all(exp.CTE)}
        found = []
        for node in list(expression.find_all(exp.Table)):
            if isinstance(node.this, exp.Anonymous) and str(node.this.this).upper() == "ERROR_TABLE":
                node.replace(self._error_table(node))
                continue
            if isinstance(node.this, exp.Anonymous) and str(node.this.this).upper() == "RESULT_SCAN":
                node.replace(self._registered("_result_scan", self.last_result.table if self.last_result else None, node))
                continue
            if not isinstance(node.this, exp.Identifier) or (not node.args.get("db") and node.name in common):
                continue
            path = self.path_of(node)
            if path[1] == "INFORMATION_SCHEMA":
                self.engine.storage.locks(path[0])
                tables = read_tables(self.cursor, path[0])
                view = schema_views.build(path[2], path[0], schemas(self.cursor, path[0]), tables)
                node.replace(self._registered(f"_information_{path[2].lower()}", view, node))
                continue
            table = self.table(path)
            found.append(table)
            for key, name in zip(("catalog", "db", "this"), path, strict=True):
                node.set(key, exp.Identifier(this=name, quoted=True))
        return found

    def _registered(self, name: str, table: Any, node: exp.Table) -> exp.Table:
        if table is None:
            raise SqlError("000709", "02000", "Statement not found.")
        self.cursor.register(name, table)
        return exp.Table(this=dialect.kept(name), alias=node.args.get("alias") or exp.TableAlias(this=exp.Identifier(this=node.name or name, quoted=True)))

    def _error_table(self, node: exp.Table) -> exp.Expression:
        argument = node.this.expressions[0]
        table = self.table(self.path_of(argument), "Table")
        if not table.log_errors:
            raise object_missing(f"ERROR_TABLE({table.name})")
        rows = sqlglot.parse_one(f'SELECT "TIMESTAMP", "QUERY_ID", "ERROR_CODE", "ERROR_METADATA", "ERROR_DATA" FROM "{HIDDEN_SCHEMA}".error_rows '
                                 f"WHERE table_id = {literal(table.id)}", read="duckdb")
        rows.find(exp.Table).set("catalog", exp.Identifier(this=table.database, quoted=True))  # type: ignore[union-attr]
        return exp.Subquery(this=rows, alias=node.args.get("alias") or exp.TableAlias(this=exp.Identifier(this="ERROR_TABLE", quoted=True)))

    def run_duckdb(self, sql: str) -> Result:
        self.cursor.execute(f"SET VARIABLE _luge_role = {literal(self.role)}; SET VARIABLE _luge_warehouse = {literal(self.warehouse)}; "
                            f"SET VARIABLE _luge_account = {literal(self.engine.settings.account)}; SET VARIABLE _luge_session = {literal(self.id)}")
        self.cursor.execute(sql)
        return result.of_cursor(self.cursor)


def parts_of(node: exp.Expression) -> tuple[str, ...]:
    """The folded parts of a name in a parsed statement: a table, or what sqlglot took for a column."""
    if isinstance(node, exp.Schema):
        node = node.this
    names = [node.args.get(key) for key in ("catalog", "db", "table", "this")]
    return tuple(name.name if name.quoted else name.name.upper() for name in names if isinstance(name, exp.Identifier))
