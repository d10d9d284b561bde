"""SHOW and DESCRIBE."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from luge_emulator.catalog import read_tables
from luge_emulator.errors import object_missing, unsupported
from luge_emulator.sql import result
from luge_emulator.sql.result import Result
from luge_emulator.sql.schema_views import moment
from luge_emulator.sql.session import parts_of
from luge_emulator.storage import schemas

if TYPE_CHECKING:
    from luge_emulator.sql.session import Session

_SHOW, _DESCRIBE = 0x4400, 0x4500


def like(pattern: str | None) -> re.Pattern[str]:
    """A LIKE pattern of SHOW, which ignores case."""
    if pattern is None:
        return re.compile("", re.DOTALL)
    parts = re.split(r"(\\.|%|_)", pattern)
    text = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[1:] if part.startswith("\\") and len(part) == 2 else part) for part in parts)
    return re.compile(text + r"\Z", re.IGNORECASE | re.DOTALL)


def _literal(node: Any) -> str | None:
    return node.name if isinstance(node, exp.Expression) else None


def table_of(names: dict[str, str], rows: list[tuple], terse: list[str] | None = None) -> Result:
    if terse:
        at = [list(names).index(name) for name in terse]
        names, rows = {name: names[name] for name in terse}, [tuple(row[index] for index in at) for row in rows]
    answer = result.of_rows(names, rows)
    answer.statement_type = _SHOW
    return answer


def run_show(session: Session, expression: exp.Show) -> Result:
    kind = expression.name.upper()
    wanted, starts = like(_literal(expression.args.get("like"))), _literal(expression.args.get("starts_with")) or ""
    terse = bool(expression.args.get("terse"))
    limit = expression.args.get("limit")
    count = int(limit.expression.name) if isinstance(limit, exp.Limit) else None
    scope = expression.args.get("scope")
    scope_kind = expression.args.get("scope_kind")
    fits = lambda name: wanted.match(name) and name.startswith(starts)  # noqa: E731
    if kind == "DATABASES":
        rows = [(moment(0), name, "STANDARD", "", "", "LUGE", "") for name in session.engine.storage.databases() if fits(name)][:count]
        return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "kind": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "owner": "VARCHAR", "comment": "VARCHAR"},
                        rows, ["created_on", "name", "kind", "database_name", "schema_name"] if terse else None)
    database, schema = _scope(session, scope, scope_kind)
    databases = [database] if database else session.engine.storage.databases()
    for name in databases:
        session.engine.storage.locks(name)
    if kind == "SCHEMAS":
        rows = [(moment(0), name, None, where, None, "LUGE", "") for where in databases for name in schemas(session.cursor, where) if fits(name)][:count]
        return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "kind": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "owner": "VARCHAR", "comment": "VARCHAR"},
                        rows, ["created_on", "name", "kind", "database_name", "schema_name"] if terse else None)
    if kind in ("TABLES", "VIEWS", "OBJECTS"):
        tables = [table for where in databases for table in read_tables(session.cursor, where, schema)
                  if fits(table.name) and (kind == "OBJECTS" or table.kind == kind.removesuffix("S"))][:count]
        rows = [(moment(table.created_ms), table.name, table.kind, table.database, table.schema, table.comment or "", table.rows, "LUGE",
                 "Y" if table.evolve else "N", "Y" if table.log_errors else "N", table.text) for table in tables]
        return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "kind": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "comment": "VARCHAR", "rows": "NUMBER",
                         "owner": "VARCHAR", "enable_schema_evolution": "VARCHAR", "error_logging": "VARCHAR", "text": "VARCHAR"},
                        rows, ["created_on", "name", "kind", "database_name", "schema_name"] if terse else None)
    if kind == "COLUMNS":
        name = parts_of(scope)[-1] if scope_kind in ("TABLE", "VIEW") and scope is not None else None
        rows = [(table.name, table.schema, column.name, _json_type(column), "true" if column.nullable else "NOT_NULL", column.default or "", "COLUMN", "", column.comment or "", table.database)
                for where in databases for table in read_tables(session.cursor, where, schema, name) for column in table.columns if fits(column.name)]
        return table_of(dict.fromkeys(("table_name", "schema_name", "column_name", "data_type", "null?", "default", "kind", "expression", "comment", "database_name"), "VARCHAR"), rows)
    if kind == "PRIMARY KEYS":
        path = session.path_of(scope) if scope is not None and scope_kind == "TABLE" else None
        tables = [session.table(path)] if path else [table for where in databases for table in read_tables(session.cursor, where, schema)]
        rows = [(moment(table.created_ms), table.database, table.schema, table.name, name, at + 1) for table in tables for at, name in enumerate(table.primary_key)]
        return table_of({"created_on": "TIMESTAMP_LTZ", "database_name": "VARCHAR", "schema_name": "VARCHAR", "table_name": "VARCHAR", "column_name": "VARCHAR", "key_sequence": "NUMBER"}, rows)
    if kind == "WAREHOUSES":
        return table_of(dict.fromkeys(("name", "state", "type", "size"), "VARCHAR"), [(name, "STARTED", "STANDARD", "X-Small") for name in sorted(session.engine.warehouses) if fits(name)])
    if kind == "USERS":
        return table_of(dict.fromkeys(("name", "login_name", "has_rsa_public_key"), "VARCHAR"), [(name, name, "true") for name in session.engine.users.names() if fits(name)])
    if kind == "PARAMETERS":
        return table_of(dict.fromkeys(("key", "value", "default", "level", "description"), "VARCHAR"),
                        [(name, str(value), "", "SESSION", "") for name, value in sorted(session.parameters.items()) if fits(name)])
    raise unsupported(f"SHOW {kind}")


def _scope(session: Session, scope: Any, kind: str | None) -> tuple[str | None, str | None]:
    """(database, schema) to look in; None is everywhere."""
    if kind == "ACCOUNT":
        return None, None
    if scope is None:
        return session.database, session.schema if kind is None else None
    parts = parts_of(scope)
    if kind == "DATABASE":
        return parts[-1], None
    if kind in ("TABLE", "VIEW"):
        path = session.path(parts)
        session.table(path)
        return path[0], path[1]
    database, schema = parts if len(parts) == 2 else (session.database, parts[-1])
    if database is None or database not in session.engine.storage.databases() or schema not in schemas(session.cursor, database):
        raise object_missing(".".join(parts), "Schema")
    return database, schema


def _json_type(column: Any) -> str:
    kinds = {"NUMBER": "FIXED", "VARCHAR": "TEXT", "FLOAT": "REAL"}
    import json
    facts = {"type": kinds.get(column.type.name, column.type.name), "precision": column.type.precision, "scale": column.type.scale, "length": column.type.length, "nullable": column.nullable}
    return json.dumps({key: value for key, value in facts.items() if value is not None})


def describe(session: Session, expression: exp.Describe) -> Result:
    node = expression.this
    if not isinstance(node, exp.Table):
        from luge_emulator.sql.statements import query
        answer = query(session, node)
        rows = [(name, kind.declared, "COLUMN", "Y") for name, kind in answer.types]
        return table_of(dict.fromkeys(("name", "type", "kind", "null?"), "VARCHAR"), rows)
    table = session.table(session.path_of(node), "Table")
    rows = [(column.name, column.type.declared, "COLUMN", "Y" if column.nullable else "N", column.default, "Y" if column.name in table.primary_key else "N", "N", None, None,
             column.comment, None) for column in table.columns]
    answer = table_of(dict.fromkeys(("name", "type", "kind", "null?", "default", "primary key", "unique key", "check", "expression", "comment", "policy name"), "VARCHAR"), rows)
    answer.statement_type = _DESCRIBE
    return answer
