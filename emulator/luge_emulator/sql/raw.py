"""Statements that sqlglot has no tree for: pipes, channels, users, roles, warehouses. Found by their first words."""
from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from luge_emulator.errors import SqlError, object_exists, object_missing, unsupported
from luge_emulator.naming import fold, split_qualified
from luge_emulator.sql import result
from luge_emulator.sql.result import Result
from luge_emulator.sql.schema_views import moment
from luge_emulator.sql.show import like, table_of
from luge_emulator.streaming import pipes
from luge_emulator.users import fingerprint

if TYPE_CHECKING:
    from luge_emulator.sql.session import Session

_NAME = r'(?P<name>(?:"(?:[^"]|"")+"|[\w$]+)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[\w$]+))*)'
_SCOPE = r"(?:\s+LIKE\s+'(?P<like>(?:[^']|'')*)')?(?:\s+IN\s+(?P<scope>ACCOUNT|DATABASE|SCHEMA|TABLE|PIPE)?\s*(?P<where>[^\s;]+)?)?(?:\s+STARTS\s+WITH\s+'(?P<starts>[^']*)')?"
_SUCCESS = "Statement executed successfully."
Handler = Callable[["Session", re.Match[str]], Result]


def run(session: Session, text: str) -> Result | None:
    """The answer, or None if the statement is of another kind."""
    text = re.sub(r"^(\s|--[^\n]*\n|/\*.*?\*/)+", "", text, flags=re.DOTALL)
    for pattern, handler in _STATEMENTS:
        if match := pattern.fullmatch(text.strip().rstrip(";").rstrip()):
            return handler(session, match)
    return None


def _create_pipe(session: Session, match: re.Match[str]) -> Result:
    database, schema, name = session.path(split_qualified(match["name"]))
    if name.endswith(pipes.SUFFIX):
        raise SqlError("002002", "42710", "SQL compilation error:\nDefault pipes are made by the service.")
    pipe = pipes.parse(database, schema, name, match["body"])
    session.table(pipe.table, "Table")
    if pipe.select is not None:
        from luge_emulator.sql.pipe_select import translate
        translate(pipe.select, pipe.where)
    existing = (database, schema, name) in session.engine.pipes.custom()
    if existing and match["missing"]:
        return result.status(f"{name} already exists, statement succeeded.")
    if existing and not match["replace"]:
        raise object_exists(name)
    where = f'{session.engine.identifier(database)}."_EMULATOR".pipes'

    def work(cursor) -> None:  # noqa: ANN001
        cursor.execute(f"DELETE FROM {where} WHERE schema_name = ? AND pipe_name = ?", [schema, name])
        cursor.execute(f"INSERT INTO {where} VALUES (?, ?, ?, ?)", [schema, name, match["body"], int(time.time() * 1000)])
    session.change_shape(database, work)
    if existing:
        session.engine.pipe_gone(database, schema, name)
    return result.status(f"Pipe {name} successfully created.")


def _drop_pipe(session: Session, match: re.Match[str]) -> Result:
    database, schema, name = session.path(split_qualified(match["name"]))
    if (database, schema, name) not in session.engine.pipes.custom():
        if match["exists"]:
            return result.status(f"Drop statement executed successfully ({name} already dropped).")
        raise object_missing(name, "Pipe")
    session.change_shape(database, lambda cursor: cursor.execute(
        f'DELETE FROM {session.engine.identifier(database)}."_EMULATOR".pipes WHERE schema_name = ? AND pipe_name = ?', [schema, name]) and None)
    session.engine.pipe_gone(database, schema, name)
    return result.status(f"{name} successfully dropped.")


def _alter_pipe(session: Session, match: re.Match[str]) -> Result:
    """A pause ends nothing here; REFRESH and SET are taken and mean nothing for streaming."""
    path = session.path(split_qualified(match["name"]))
    if path not in session.engine.pipes.custom():
        if match["exists"]:
            return result.status(_SUCCESS)
        raise object_missing(path[2], "Pipe")
    return result.status(_SUCCESS)


def _pipes(session: Session, match: re.Match[str]) -> Result:
    """Custom pipes, and the default pipe of every table that a channel was opened for."""
    wanted, fits = like(match["like"]), _in_scope(session, match)
    found = {key: pipe.definition for key, pipe in session.engine.pipes.custom().items()}
    for channel in session.engine.channels.all():
        found.setdefault(channel.key[:3], None)
    rows = [(moment(0), name, database, schema, definition or f"COPY INTO {name.removesuffix(pipes.SUFFIX)} FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME=CASE_INSENSITIVE",
             "LUGE", "STREAMING") for (database, schema, name), definition in sorted(found.items()) if wanted.match(name) and fits(database, schema)]
    return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "definition": "VARCHAR", "owner": "VARCHAR", "kind": "VARCHAR"}, rows)


def _channels(session: Session, match: re.Match[str]) -> Result:
    wanted, fits = like(match["like"]), _in_scope(session, match)
    pipe_or_table = split_qualified(match["where"])[-1] if (match["scope"] or "").upper() in ("TABLE", "PIPE") and match["where"] else None
    rows = []
    for channel in session.engine.channels.all():
        database, schema, pipe, name = channel.key
        if wanted.match(name) and fits(database, schema) and pipe_or_table in (None, pipe, pipe.removesuffix(pipes.SUFFIX)):
            rows.append((moment(channel.created_ms), name, database, schema, pipe.removesuffix(pipes.SUFFIX), pipe, channel.client_sequencer, channel.row_sequencer, channel.committed_token))
    return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "table_name": "VARCHAR", "pipe_name": "VARCHAR",
                     "client_sequencer": "NUMBER", "row_sequencer": "NUMBER", "offset_token": "VARCHAR"}, sorted(rows, key=lambda row: row[1]))


def _in_scope(session: Session, match: re.Match[str]) -> Callable[[str, str], bool]:
    kind = (match["scope"] or "").upper()
    parts = split_qualified(match["where"]) if match["where"] else ()
    if kind == "ACCOUNT":
        return lambda database, schema: True
    if kind == "DATABASE":
        return lambda database, schema: database == (parts[-1] if parts else session.database)
    if kind in ("TABLE", "PIPE"):
        path = session.path(parts)
        return lambda database, schema: (database, schema) == path[:2]
    if parts:
        place = parts if len(parts) == 2 else (session.database, parts[-1])
        return lambda database, schema: (database, schema) == place
    return lambda database, schema: session.database in (None, database) and session.schema in (None, schema)


def _describe_pipe(session: Session, match: re.Match[str]) -> Result:
    path = session.path(split_qualified(match["name"]))
    pipe = session.engine.pipes.custom().get(path)
    if pipe is None:
        raise object_missing(path[2], "Pipe")
    return table_of({"created_on": "TIMESTAMP_LTZ", "name": "VARCHAR", "database_name": "VARCHAR", "schema_name": "VARCHAR", "definition": "VARCHAR", "owner": "VARCHAR", "kind": "VARCHAR"},
                    [(moment(pipe.created_ms), pipe.name, pipe.database, pipe.schema, pipe.definition, "LUGE", "STREAMING")])


def _user(session: Session, match: re.Match[str]) -> Result:
    name = fold(match["name"])
    user = session.engine.users.find(name)
    if match["verb"].upper() == "ALTER" and user is None:
        raise object_missing(name, "User")
    session.engine.users.add(name)
    for key in re.findall(r"RSA_PUBLIC_KEY(?:_2)?\s*=\s*'([^']+)'", match["rest"], re.IGNORECASE):
        try:
            session.engine.users.add_key(name, key)
        except ValueError as error:
            raise SqlError("390156", "22023", "New public key rejected by current policy. Reason: 'Invalid public key'.") from error
    for password in re.findall(r"PASSWORD\s*=\s*'([^']+)'", match["rest"], re.IGNORECASE):
        session.engine.users.add(name).password = password
    for role in re.findall(r"DEFAULT_ROLE\s*=\s*'?\"?([\w$]+)", match["rest"], re.IGNORECASE):
        session.engine.users.add(name).role = role.upper()
    return result.status(_SUCCESS)


def _describe_user(session: Session, match: re.Match[str]) -> Result:
    user = session.engine.users.find(fold(match["name"]))
    if user is None:
        raise object_missing(fold(match["name"]), "User")
    prints = [fingerprint(key) for key in user.keys.values()] + [None, None]
    rows = [("NAME", user.name), ("DEFAULT_ROLE", user.role), ("RSA_PUBLIC_KEY_FP", prints[0]), ("RSA_PUBLIC_KEY_2_FP", prints[1])]
    return table_of({"property": "VARCHAR", "value": "VARCHAR"}, rows)


def _role(session: Session, match: re.Match[str]) -> Result:
    session.engine.roles.add(fold(match["name"]))
    return result.status(_SUCCESS)


def _warehouse(session: Session, match: re.Match[str]) -> Result:
    session.engine.warehouses.add(fold(match["name"]))
    return result.status(_SUCCESS)


def _accepted(session: Session, match: re.Match[str]) -> Result:
    return result.status(_SUCCESS)


def _refused(session: Session, match: re.Match[str]) -> Result:
    raise unsupported(match[0].split("\n")[0][:40])


def _empty(session: Session, match: re.Match[str]) -> Result:
    return table_of({"created_on": "TIMESTAMP_LTZ", "privilege": "VARCHAR", "granted_on": "VARCHAR", "name": "VARCHAR", "granted_to": "VARCHAR", "grantee_name": "VARCHAR"}, [])


def _roles(session: Session, match: re.Match[str]) -> Result:
    return table_of({"name": "VARCHAR"}, [(name,) for name in sorted(session.engine.roles)])


def _statement(pattern: str, handler: Handler) -> tuple[re.Pattern[str], Handler]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL), handler


_STATEMENTS = [
    _statement(rf"CREATE\s+(?P<replace>OR\s+REPLACE\s+)?PIPE\s+(?P<missing>IF\s+NOT\s+EXISTS\s+)?{_NAME}(?:\s+(?!AS\s)\w+\s*=\s*(?:'[^']*'|\w+))*\s+AS\s+(?P<body>COPY\s.*)", _create_pipe),
    _statement(rf"DROP\s+PIPE\s+(?P<exists>IF\s+EXISTS\s+)?{_NAME}", _drop_pipe),
    _statement(rf"ALTER\s+PIPE\s+(?P<exists>IF\s+EXISTS\s+)?{_NAME}\s+(?:SET|UNSET|REFRESH).*", _alter_pipe),
    _statement(rf"SHOW\s+(?:TERSE\s+)?PIPES{_SCOPE}", _pipes),
    _statement(rf"SHOW\s+(?:TERSE\s+)?CHANNELS{_SCOPE}", _channels),
    _statement(rf"DESC(?:RIBE)?\s+PIPE\s+{_NAME}", _describe_pipe),
    _statement(rf"(?P<verb>CREATE|ALTER)\s+(?:OR\s+REPLACE\s+)?USER\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{_NAME}(?P<rest>.*)", _user),
    _statement(rf"DESC(?:RIBE)?\s+USER\s+{_NAME}", _describe_user),
    _statement(rf"CREATE\s+(?:OR\s+REPLACE\s+)?ROLE\s+(?:IF\s+NOT\s+EXISTS\s+)?{_NAME}.*", _role),
    _statement(rf"(?:CREATE|ALTER)\s+(?:OR\s+REPLACE\s+)?WAREHOUSE\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?{_NAME}.*", _warehouse),
    _statement(r"SHOW\s+(?:FUTURE\s+)?GRANTS.*", _empty),
    _statement(r"SHOW\s+ROLES.*", _roles),
    _statement(r"(?:GRANT|REVOKE)\s.*", _accepted),
    _statement(r"(?:CREATE|ALTER|DROP|EXECUTE)\s+(?:OR\s+REPLACE\s+)?(?:TASK|STREAM|STAGE|SEQUENCE|DYNAMIC\s+TABLE|FUNCTION|PROCEDURE)\s.*", _refused),
]
