"""Parsed statements, by kind."""
from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc
from sqlglot import exp

from luge_emulator.errors import SqlError, object_missing, unsupported
from luge_emulator.naming import fold
from luge_emulator.sql import ddl, dialect, result, show
from luge_emulator.sql.result import Result
from luge_emulator.sql.session import DELETE, INSERT, MERGE, SELECT, TRANSACTION, UPDATE, parts_of
from luge_emulator.storage import schemas

if TYPE_CHECKING:
    from luge_emulator.sql.session import Session

_SUCCESS = "Statement executed successfully."


def run(session: Session, expression: exp.Expression, text: str) -> Result:
    if isinstance(expression, (exp.Select, exp.SetOperation, exp.Subquery, exp.Values)):
        return query(session, expression)
    if isinstance(expression, exp.Insert):
        return _insert(session, expression)
    if isinstance(expression, exp.Update):
        return _change(session, expression, expression.this, UPDATE, ["number of rows updated", "number of multi-joined rows updated"])
    if isinstance(expression, exp.Delete):
        return _change(session, expression, expression.this, DELETE, ["number of rows deleted"])
    if isinstance(expression, exp.Merge):
        return _merge(session, expression)
    if isinstance(expression, exp.TruncateTable):
        return _truncate(session, expression)
    if isinstance(expression, exp.Create):
        return ddl.create(session, expression, text)
    if isinstance(expression, exp.Alter):
        return _alter_session(session, expression) if expression.args.get("kind") == "SESSION" else ddl.alter(session, expression)
    if isinstance(expression, exp.Drop):
        return ddl.drop(session, expression)
    if isinstance(expression, exp.Show):
        return show.run_show(session, expression)
    if isinstance(expression, exp.Describe):
        return show.describe(session, expression)
    if isinstance(expression, exp.Use):
        return _use(session, expression)
    if isinstance(expression, exp.Transaction):
        session.begin()
        return result.status(_SUCCESS, TRANSACTION)
    if isinstance(expression, exp.Commit):
        session.commit()
        return result.status(_SUCCESS, TRANSACTION)
    if isinstance(expression, exp.Rollback):
        session.rollback()
        return result.status(_SUCCESS, TRANSACTION)
    if isinstance(expression, (exp.Grant, exp.Revoke)):
        return result.status(_SUCCESS)  # access control is not emulated
    if isinstance(expression, exp.Set):
        return _set(session, expression)
    raise unsupported(text.split("\n")[0][:60])


def prepare(session: Session, expression: exp.Expression) -> exp.Expression:
    """A query or DML statement: names folded and resolved, functions rewritten."""
    dialect.fold_identifiers(expression)
    session.resolve_tables(expression)
    return dialect.rewrite(expression)


def query(session: Session, expression: exp.Expression) -> Result:
    dialect.name_projections(expression)
    answer = session.run_duckdb(dialect.to_duckdb(prepare(session, _session_functions(session, expression))))
    answer.statement_type = SELECT
    return answer


def _session_functions(session: Session, expression: exp.Expression) -> exp.Expression:
    values = {exp.CurrentDatabase: session.database, exp.CurrentSchema: session.schema, exp.CurrentUser: session.caller.user}

    def replace(node: exp.Expression) -> exp.Expression:
        if type(node) in values:
            value = values[type(node)]
            return exp.Literal.string(value) if value is not None else exp.Null()
        if isinstance(node, exp.Anonymous) and str(node.this).upper() == "LAST_QUERY_ID":
            entries = [entry for entry in session.engine.history.entries() if entry["session_id"] == session.id]
            return exp.Literal.string(entries[-2]["query_id"]) if len(entries) > 1 else exp.Null()
        return node
    return expression.transform(replace, copy=False)


def _target(session: Session, node: exp.Expression) -> tuple[str, str, str]:
    path = session.path_of(node)
    if session.table(path, "Table").kind != "TABLE":
        raise object_missing(".".join(path), "Table")
    return path


def _insert(session: Session, expression: exp.Insert) -> Result:
    path = _target(session, expression.this)
    overwrite = expression.args.get("overwrite")
    expression.set("overwrite", False)
    sql = dialect.to_duckdb(prepare(session, expression))

    def work() -> Result:
        if overwrite:
            session.cursor.execute(f"DELETE FROM {session.table(path).path}")
        return result.changes({"number of rows inserted": session.cursor.execute(sql).fetchall()[0][0]}, INSERT)
    return session.write(path[0], work, exclusive_rows=bool(overwrite))


def _change(session: Session, expression: exp.Expression, target: exp.Expression, kind: int, names: list[str]) -> Result:
    path = _target(session, target)
    if isinstance(expression, exp.Update):
        _unqualify([assignment for assignment in expression.expressions if isinstance(assignment, exp.EQ)])
    sql = dialect.to_duckdb(prepare(session, expression))

    def work() -> Result:
        count = session.cursor.execute(sql).fetchall()[0][0]
        return result.changes({name: count if at == 0 else 0 for at, name in enumerate(names)}, kind)
    return session.write(path[0], work, exclusive_rows=True)


def _unqualify(assignments: list[exp.EQ]) -> None:
    """`SET t.a = …` -> `SET a = …`"""
    for assignment in assignments:
        if isinstance(assignment.this, exp.Column):
            assignment.this.set("table", None)


def _merge(session: Session, expression: exp.Merge) -> Result:
    """DuckDB's own MERGE. It refuses a target row that two source rows match, as Snowflake does by default."""
    path = _target(session, expression.this)
    kinds: dict[str, bool] = {"inserted": False, "updated": False, "deleted": False}
    whens = expression.args["whens"].expressions if isinstance(expression.args.get("whens"), exp.Expression) else expression.args["whens"]
    for when in whens:
        then = when.args["then"]
        if isinstance(then, exp.Update):
            kinds["updated"] = True
            _unqualify([assignment for assignment in then.expressions if isinstance(assignment, exp.EQ)])
        elif isinstance(then, exp.Insert):
            kinds["inserted"] = True
            for column in then.this.expressions if isinstance(then.this, exp.Tuple) else []:
                if isinstance(column, exp.Column):
                    column.set("table", None)
        else:
            kinds["deleted"] = True
    sql = dialect.to_duckdb(prepare(session, expression)) + " RETURNING merge_action"

    def work() -> Result:
        session.cursor.execute(sql)
        actions = result.of_cursor(session.cursor).table.column(0)
        counted = {item["values"].as_py(): item["counts"].as_py() for item in pc.value_counts(actions)}
        verbs = {"inserted": "INSERT", "updated": "UPDATE", "deleted": "DELETE"}
        return result.changes({f"number of rows {name}": counted.get(verbs[name], 0) for name, wanted in kinds.items() if wanted}, MERGE)
    return session.write(path[0], work, exclusive_rows=True)


def _truncate(session: Session, expression: exp.TruncateTable) -> Result:
    for node in expression.expressions:
        if isinstance(node.this, exp.Anonymous) and str(node.this.this).upper() == "ERROR_TABLE":
            table = session.table(session.path_of(node.this.expressions[0]), "Table")
            sql = f"DELETE FROM {session.engine.identifier(table.database)}.\"_EMULATOR\".error_rows WHERE table_id = '{table.id}'"
        else:
            path = session.path_of(node)
            if expression.args.get("exists") and session.engine.find(*path) is None:
                continue
            table = session.table(path, "Table")
            sql = f"DELETE FROM {table.path}"

        def work(sql: str = sql) -> Result:
            session.cursor.execute(sql)
            return result.status(_SUCCESS)
        session.write(table.database, work, exclusive_rows=True)
    return result.status(_SUCCESS)


def _use(session: Session, expression: exp.Use) -> Result:
    kind = expression.args.get("kind")
    kind = kind.name.upper() if kind else "DATABASE"
    if kind in ("ROLE", "WAREHOUSE"):
        setattr(session, kind.lower(), parts_of(expression.this)[-1])
    elif kind == "SCHEMA":
        parts = parts_of(expression.this)
        database, schema = (parts if len(parts) == 2 else (session.database, parts[-1]))
        if database is None or database not in session.engine.storage.databases() or schema not in schemas(session.cursor, database):
            raise object_missing(schema, "Schema")
        session.database, session.schema = database, schema
    elif kind == "DATABASE":
        parts = parts_of(expression.this)
        session.engine.storage.locks(parts[0])
        session.database, session.schema = parts[0], parts[1] if len(parts) > 1 else "PUBLIC"
    return result.status(_SUCCESS, 0x4300)


def _alter_session(session: Session, expression: exp.Alter) -> Result:
    for action in expression.args.get("actions") or []:
        for item in action.expressions:
            if isinstance(item.this, exp.EQ):
                set_parameter(session, item.this.this.name, item.this.expression.name if not isinstance(item.this.expression, exp.Boolean) else item.this.expression.this)
            else:
                session.parameters.pop(fold(item.this.name), None)
    return result.status(_SUCCESS, TRANSACTION)


def set_parameter(session: Session, name: str, value: object) -> None:
    name = name.upper()
    if name == "AUTOCOMMIT":
        value = value if isinstance(value, bool) else str(value).lower() == "true"
        session.commit()
    session.parameters[name] = value


def _set(session: Session, expression: exp.Set) -> Result:
    for item in expression.expressions:
        if not isinstance(item.this, exp.EQ):
            raise SqlError("001003", "42000", "SQL compilation error:\nsyntax error in SET")
        session.variables[item.this.this.name.upper()] = item.this.expression.sql(dialect="snowflake")
    return result.status(_SUCCESS)
