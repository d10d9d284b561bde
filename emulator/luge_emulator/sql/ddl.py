"""CREATE, ALTER and DROP of databases, schemas, tables and views. DuckDB gets plain DDL; what it cannot say goes into comments."""
from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from luge_emulator.catalog import Column, Table, create_table, write_column_note, write_notes
from luge_emulator.column_types import of_duckdb, of_expression
from luge_emulator.errors import SqlError, object_exists, object_missing, unsupported
from luge_emulator.naming import demangle, quote, quote_path, show
from luge_emulator.sql import dialect, result
from luge_emulator.sql.result import Result
from luge_emulator.sql.session import parts_of
from luge_emulator.storage import schemas

if TYPE_CHECKING:
    from luge_emulator.sql.session import Session

_SUCCESS = "Statement executed successfully."
Path = tuple[str, str, str]


def _on(value: Any) -> bool:
    return str(value.name if isinstance(value, exp.Expression) and not isinstance(value, exp.Boolean) else getattr(value, "this", value)).upper() == "TRUE"


def create(session: Session, expression: exp.Create, text: str) -> Result:
    kind = str(expression.args.get("kind")).upper()
    replaces, if_missing = bool(expression.args.get("replace")), bool(expression.args.get("exists"))
    if kind == "DATABASE":
        name = parts_of(expression.this)[-1]
        made = session.engine.storage.create_database(name, replaces, if_missing)
        session.database, session.schema = name, "PUBLIC"
        return result.status(f"Database {name} successfully created." if made else f"{name} already exists, statement succeeded.")
    if kind == "SCHEMA":
        return _create_schema(session, expression, replaces, if_missing)
    if kind == "TABLE":
        return _create_table(session, expression, replaces, if_missing)
    if kind == "VIEW":
        return _create_view(session, expression, text, replaces, if_missing)
    raise unsupported(f"CREATE {kind}")


def _create_schema(session: Session, expression: exp.Create, replaces: bool, if_missing: bool) -> Result:
    node = expression.this
    names = [node.args.get(key) for key in ("catalog", "db", "this")]
    parts = [name.name if name.quoted else name.name.upper() for name in names if isinstance(name, exp.Identifier)]
    database, name = (parts if len(parts) == 2 else [session.database, parts[-1]])
    if database is None:
        raise SqlError("090105", "22000", "Cannot perform CREATE SCHEMA. This session does not have a current database.")
    session.engine.storage.locks(database)
    if name in schemas(session.cursor, database):
        if if_missing:
            return result.status(f"{name} already exists, statement succeeded.")
        if not replaces:
            raise object_exists(name)
        drop_schema(session, database, name)
    session.change_shape(database, lambda cursor: cursor.execute(f"CREATE SCHEMA {quote_path(database, name)}") and None)
    session.database, session.schema = database, name
    return result.status(f"Schema {name} successfully created.")


def columns_of(session: Session, schema: exp.Schema) -> tuple[list[Column], list[str]]:
    """(columns, primary key) of a parenthesised list."""
    columns, key = [], []
    for item in schema.expressions:
        if isinstance(item, exp.ColumnDef):
            columns.append(column_of(item))
            if item.find(exp.PrimaryKeyColumnConstraint):
                key.append(columns[-1].name)
                columns[-1].nullable = False
        elif isinstance(item, exp.PrimaryKey) or isinstance(item, exp.Constraint):
            primary = item if isinstance(item, exp.PrimaryKey) else item.find(exp.PrimaryKey)
            if primary:
                key = [parts_of(part if isinstance(part, (exp.Column, exp.Identifier)) and not isinstance(part, exp.Identifier) else exp.Column(this=part.find(exp.Identifier) if not isinstance(part, exp.Identifier) else part))[-1]
                       for part in primary.expressions]
    for column in columns:
        column.nullable = column.nullable and column.name not in key
    return columns, key


def column_of(item: exp.ColumnDef) -> Column:
    if item.args.get("kind") is None:
        raise SqlError("001003", "42000", f"SQL compilation error:\nsyntax error: column {item.name} has no type")
    name = item.this.name if item.this.quoted else item.this.name.upper()
    column = Column(name, of_expression(item.args["kind"]))
    for constraint in item.args.get("constraints") or []:
        kind = constraint.args.get("kind")
        if isinstance(kind, exp.NotNullColumnConstraint) and not kind.args.get("allow_null"):
            column.nullable = False
        elif isinstance(kind, exp.DefaultColumnConstraint):
            column.default = dialect.to_duckdb(dialect.rewrite(dialect.fold_identifiers(exp.Select(expressions=[kind.this.copy()])))).removeprefix("SELECT ")
        elif isinstance(kind, exp.CommentColumnConstraint):
            column.comment = kind.this.name
        elif isinstance(kind, (exp.AutoIncrementColumnConstraint, exp.GeneratedAsIdentityColumnConstraint)):
            raise unsupported("AUTOINCREMENT")
    return column


def _properties(expression: exp.Expression) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in expression.args["properties"].expressions if expression.args.get("properties") else []:
        if isinstance(item, exp.SchemaCommentProperty):
            found["COMMENT"] = item.this.name
        elif isinstance(item, exp.TemporaryProperty):
            found["TEMPORARY"] = True
        elif isinstance(item, exp.Property):
            found[item.name.upper() if isinstance(item.this, (exp.Var, exp.Identifier, exp.Literal)) else str(item.this).upper()] = item.args.get("value")
    return found


def _create_table(session: Session, expression: exp.Create, replaces: bool, if_missing: bool) -> Result:
    path = session.path_of(expression.this)
    _require_schema(session, path)
    old = session.engine.find(*path)
    if old is not None and if_missing:
        return result.status(f"{path[2]} already exists, statement succeeded.")
    if old is not None and not replaces:
        raise object_exists(show(path[2]))
    properties = _properties(expression)
    options = {"evolve": _on(properties.get("ENABLE_SCHEMA_EVOLUTION", "")), "log_errors": _on(properties.get("ERROR_LOGGING", "")), "comment": properties.get("COMMENT")}
    source = None
    if isinstance(expression.this, exp.Schema):
        columns, key = columns_of(session, expression.this)
        table = Table(*path, columns, primary_key=key, **options)
    else:
        model = expression.args.get("clone") or (expression.args["properties"].find(exp.LikeProperty) if expression.args.get("properties") else None)
        if model is not None:
            like = session.table(session.path_of(model.this), "Table")
            table = Table(*path, [replace(column) for column in like.columns], primary_key=like.primary_key, evolve=like.evolve, log_errors=like.log_errors)
            source = f"SELECT * FROM {like.path}" if isinstance(model, exp.Clone) else None
        else:
            table = Table(*path, [], **options)
    body = expression.args.get("expression")
    if body is not None:
        from luge_emulator.sql.statements import prepare
        dialect.name_projections(body)
        source = dialect.to_duckdb(prepare(session, body))
        if not table.columns:
            described = session.cursor.execute(f"DESCRIBE {source}").fetchall()
            table.columns = [Column(demangle(row[0]), of_duckdb(row[1])) for row in described]

    def work(cursor: Any) -> None:
        if old is not None:
            cursor.execute(f"DROP {old.kind} {old.path}")
        create_table(cursor, table)
        if source is not None:
            cursor.execute(f"INSERT INTO {table.path} {source}")
    session.change_shape(path[0], work)
    if old is not None:
        session.engine.table_gone(old)
    if properties.get("TEMPORARY"):
        session.temporary.append(path)
    return result.status(f"Table {path[2]} successfully created.")


def _create_view(session: Session, expression: exp.Create, text: str, replaces: bool, if_missing: bool) -> Result:
    path = session.path_of(expression.this)
    _require_schema(session, path)
    old = session.engine.find(*path)
    if old is not None and if_missing:
        return result.status(f"{path[2]} already exists, statement succeeded.")
    if old is not None and not replaces:
        raise object_exists(show(path[2]))
    from luge_emulator.sql.statements import prepare
    body = expression.args["expression"]
    dialect.name_projections(body)
    source = dialect.to_duckdb(prepare(session, body))
    names = ""
    if isinstance(expression.this, exp.Schema):
        names = " (" + ", ".join(quote(item.name if item.quoted else item.name.upper()) for item in expression.this.find_all(exp.Identifier) if item.parent is not expression.this.this) + ")"
    table = Table(*path, [], kind="VIEW")

    def work(cursor: Any) -> None:
        if old is not None:
            cursor.execute(f"DROP {old.kind} {old.path}")
        cursor.execute(f"CREATE VIEW {table.path}{names} AS {source}")
        write_notes(cursor, table)
    session.change_shape(path[0], work)
    return result.status(f"View {path[2]} successfully created.")


def _require_schema(session: Session, path: Path) -> None:
    session.engine.storage.locks(path[0])
    if path[1] not in schemas(session.cursor, path[0]):
        raise object_missing(f"{path[0]}.{path[1]}", "Schema")


# ALTER ---------------------------------------------------------------------------------------------------------------


def alter(session: Session, expression: exp.Alter) -> Result:
    kind = str(expression.args.get("kind")).upper()
    if kind not in ("TABLE", "VIEW"):
        raise unsupported(f"ALTER {kind}")
    path = session.path_of(expression.this)
    if expression.args.get("exists") and session.engine.find(*path) is None:
        return result.status(_SUCCESS)
    for action in expression.args.get("actions") or []:
        _alter_one(session, session.table(path, "Table"), action)
    return result.status(_SUCCESS)


def _alter_one(session: Session, table: Table, action: exp.Expression) -> None:
    if isinstance(action, exp.ColumnDef):
        _add_column(session, table, action)
    elif isinstance(action, exp.AlterColumn):
        _alter_column(session, table, action)
    elif isinstance(action, exp.RenameColumn):
        old, new = parts_of(action.this)[-1], parts_of(action.args["to"])[-1]
        _require_column(table, old, action.args.get("exists"))
        if table.column(new):
            raise SqlError("002002", "42710", f"SQL compilation error:\ncolumn '{new}' already exists")
        table.primary_key = [new if name == old else name for name in table.primary_key]
        _execute(session, table, f"RENAME COLUMN {quote(old)} TO {quote(new)}", notes=True)
    elif isinstance(action, exp.Drop):
        for node in action.args.get("tables") or [action.this]:
            name = parts_of(node)[-1]
            if table.column(name) is None and action.args.get("exists"):
                continue
            _require_column(table, name)
            _execute(session, table, f"DROP COLUMN {quote(name)}")
    elif isinstance(action, exp.AlterRename):
        _rename(session, table, session.path_of(action.this))
    elif isinstance(action, exp.SwapTable):
        _swap(session, table, session.table(session.path_of(action.this), "Table"))
    elif isinstance(action, exp.AlterSet):
        _set_options(session, table, action)
    elif isinstance(action, (exp.Cluster, exp.ClusterProperty)):
        return
    else:
        raise unsupported(f"ALTER TABLE … {type(action).__name__}")


def _require_column(table: Table, name: str, optional: bool | None = False) -> None:
    if table.column(name) is None and not optional:
        raise SqlError("000904", "42000", f"SQL compilation error: error line 1 at position 1\ninvalid identifier '{show(name)}'")


def _execute(session: Session, table: Table, change: str, notes: bool = False) -> None:
    def work(cursor: Any) -> None:
        cursor.execute(f"ALTER TABLE {table.path} {change}")
        if notes:
            write_notes(cursor, table, [])
    session.change_shape(table.database, work)


def _add_column(session: Session, table: Table, action: exp.ColumnDef) -> None:
    column = column_of(action)
    if table.column(column.name) is not None:
        if action.args.get("exists"):
            return
        raise SqlError("001430", "42601", f"SQL compilation error:\ncolumn '{column.name}' already exists")
    if column.default is not None and not re.fullmatch(r"(CAST\()?('([^']|'')*'|-?[\d.]+|NULL|TRUE|FALSE)( AS [^)]+(\(\d+, *\d+\))?\))?", column.default, re.IGNORECASE):
        raise SqlError("002028", "42601", "SQL compilation error:\nDefault value of an added column must be a literal.")

    def work(cursor: Any) -> None:
        cursor.execute(f"ALTER TABLE {table.path} ADD COLUMN {replace(column, nullable=True).definition()}")
        if not column.nullable:
            try:
                cursor.execute(f"ALTER TABLE {table.path} ALTER COLUMN {quote(column.name)} SET NOT NULL")
            except Exception as error:
                raise SqlError("002028", "42601", f"SQL compilation error:\nNon-nullable column '{column.name}' cannot be added to non-empty table '{table.name}' "
                               "unless it has a non-null default value.") from error
        write_column_note(cursor, table, column)
    session.change_shape(table.database, work)


def _alter_column(session: Session, table: Table, action: exp.AlterColumn) -> None:
    name = parts_of(exp.Column(this=action.this) if isinstance(action.this, exp.Identifier) else action.this)[-1]
    _require_column(table, name)
    column = table.column(name)
    assert column
    change, new = "", replace(column)
    if action.args.get("dtype") is not None:
        new.type = of_expression(action.args["dtype"])
        if not new.type.widens(column.type):
            raise SqlError("002108", "22000", f"SQL compilation error:\ncannot change column {name} from type {column.type.declared} to {new.type.declared}")
        change = f"ALTER COLUMN {quote(name)} SET DATA TYPE {new.type.duckdb}" if new.type.duckdb != column.type.duckdb else ""
    elif action.args.get("allow_null") is not None:
        new.nullable = bool(action.args["allow_null"])
        change = f"ALTER COLUMN {quote(name)} {'DROP' if new.nullable else 'SET'} NOT NULL"
    elif action.args.get("comment") is not None:
        new.comment = action.args["comment"].name
    elif action.args.get("drop"):
        change = f"ALTER COLUMN {quote(name)} DROP DEFAULT"
    else:
        raise unsupported("this ALTER COLUMN")

    def work(cursor: Any) -> None:
        if change:
            cursor.execute(f"ALTER TABLE {table.path} {change}")
        write_column_note(cursor, table, new)
    session.change_shape(table.database, work)


def _rename(session: Session, table: Table, target: Path) -> None:
    """Within a schema DuckDB renames; into another one the table is copied. Either way its channels end: the default pipe is called after the table."""
    if session.engine.find(*target) is not None:
        raise object_exists(show(target[2]))
    _require_schema(session, target)

    def work(cursor: Any) -> None:
        if target[:2] == (table.database, table.schema):
            cursor.execute(f"ALTER {table.kind} {table.path} RENAME TO {quote(target[2])}")
        else:
            moved = replace(table, database=target[0], schema=target[1], name=target[2])
            create_table(cursor, moved)
            cursor.execute(f"INSERT INTO {moved.path} SELECT * FROM {table.path}")
            cursor.execute(f"DROP TABLE {table.path}")
    session.change_shape(table.database, work)
    session.engine.table_gone(table)


def _swap(session: Session, one: Table, other: Table) -> None:
    """Both tables change places in one transaction; channels of both end."""
    if (one.database, one.schema) != (other.database, other.schema):
        raise unsupported("SWAP WITH across schemas")
    between = quote("__SWAP__")

    def work(cursor: Any) -> None:
        cursor.execute(f"ALTER TABLE {one.path} RENAME TO {between}")
        cursor.execute(f"ALTER TABLE {other.path} RENAME TO {quote(one.name)}")
        cursor.execute(f"ALTER TABLE {quote_path(one.database, one.schema)}.{between} RENAME TO {quote(other.name)}")
    session.change_shape(one.database, work)
    session.engine.table_gone(one)
    session.engine.table_gone(other)


def _set_options(session: Session, table: Table, action: exp.AlterSet) -> None:
    for item in action.find_all(exp.Property):
        name, value = str(item.name).upper(), item.args.get("value")
        if name == "ERROR_LOGGING":
            table.log_errors = _on(value)
        elif name == "ENABLE_SCHEMA_EVOLUTION":
            table.evolve = _on(value)
    for item in action.find_all(exp.SchemaCommentProperty):
        table.comment = item.this.name
    session.change_shape(table.database, lambda cursor: write_notes(cursor, table, []))


# DROP ----------------------------------------------------------------------------------------------------------------


def drop(session: Session, expression: exp.Drop) -> Result:
    kind, if_exists = str(expression.args.get("kind")).upper(), bool(expression.args.get("exists"))
    node = expression.this if expression.this is not None else expression.args["tables"][0]
    if kind == "DATABASE":
        name = parts_of(node)[-1]
        if name not in session.engine.storage.databases() and if_exists:
            return _already_dropped(name)
        session.rollback()
        session.engine.channels.drop_where(lambda channel: channel.key[0] == name)
        session.engine.storage.drop_database(name)
        if session.database == name:
            session.database = session.schema = None
    elif kind == "SCHEMA":
        names = [node.args.get(key) for key in ("catalog", "db", "this")]
        parts = [part.name if part.quoted else part.name.upper() for part in names if isinstance(part, exp.Identifier)]
        database, name = (parts if len(parts) == 2 else [session.database, parts[-1]])
        if database not in session.engine.storage.databases() or name not in schemas(session.cursor, str(database)):
            if if_exists:
                return _already_dropped(str(name))
            raise object_missing(str(name), "Schema")
        drop_schema(session, str(database), str(name))
    elif kind in ("TABLE", "VIEW"):
        for part in [node]:
            path = session.path_of(part)
            if not drop_table(session, path, if_exists):
                return _already_dropped(path[2])
            name = path[2]
    else:
        raise unsupported(f"DROP {kind}")
    return result.status(f"{name} successfully dropped.")


def _already_dropped(name: str) -> Result:
    return result.status(f"Drop statement executed successfully ({name} already dropped).")


def drop_table(session: Session, path: Path, if_exists: bool) -> bool:
    found = session.engine.find(*path)
    if found is None:
        if if_exists:
            return False
        raise object_missing(".".join(map(show, path)), "Table")
    session.change_shape(path[0], lambda cursor: cursor.execute(f"DROP {found.kind} {found.path}") and None)
    if found.kind == "TABLE":
        session.engine.table_gone(found)
    return True


def drop_schema(session: Session, database: str, name: str) -> None:
    from luge_emulator.catalog import read_tables
    for table in read_tables(session.cursor, database, name):
        drop_table(session, (database, name, table.name), if_exists=True)
    session.change_shape(database, lambda cursor: cursor.execute(f"DROP SCHEMA {quote_path(database, name)} CASCADE") and None)
