"""One end-to-end case: a database of its own, a luge of its own, and what a case can do with them."""
import os
import re
import shlex
import signal
import time

import duckdb
from support import compare, replay
from support.luge_process import Luge, LugeFailed, lsn_number
from support.postgres_server import PostgresServer, Psql, SqlError

FINAL_STATES = {"live", "quarantined", "gap", "dropped"}
NEVER_SHOWN = "hushhush"  # values that hold this word must not appear in any log, error or message


class CaseFailed(Exception):
    pass


class Skipped(Exception):
    """The case does not apply to this server or these settings."""


def python_case(function):
    """Marks a function as a case: it gets a Case whose database is empty and whose luge does not run yet."""
    function.is_case = True
    return function


class Case:
    patience = 40  # seconds that `sync` waits

    def __init__(self, name, number, binary, directory, server, settings, servers_directory):
        self.name = name
        self.binary = binary
        self.directory = directory
        self.shared_server = self.server = server
        self.settings = settings
        self.servers_directory = servers_directory
        self.pipeline = f"e2e_{os.getpid()}_{number}"
        self.database = f"e2e_{number}"
        self.sessions = {}
        self.luge = None
        self.options = list(settings.options)
        self.allowed_exits = {0}
        self.abnormal = {}        # "schema.table" -> state the case has asked about
        self.unchecked = set()    # tables that need not be in the mirror
        self.compared_apart = set()  # tables that `same` has compared with conditions of its own
        self.as_text = set()      # "schema.table.column"
        self.final_comparison = True
        self.history = {}         # oid -> what its log held when it was last looked at
        self.own_servers = []
        self.slow = []
        directory.mkdir(parents=True)

    # Set-up and the end ---------------------------------------------------------------------------------------------------------

    def open(self):
        self.create_database()
        self.luge = self.new_luge()

    def create_database(self):
        self.server.execute("postgres", f'CREATE DATABASE "{self.database}"')
        for name, value in self.settings.database.items():
            self.server.execute("postgres", f"ALTER DATABASE \"{self.database}\" SET {name} = '{value}'")

    def new_luge(self, **changes):
        """A luge for this case's database; `changes` replace source, to, pipeline or options."""
        found = {"source": self.server.url(self.database), "to": f"duckdb:{self.directory / 'app.duckdb'}", "pipeline": self.pipeline,
                 "options": self.options} | changes
        luge = Luge(self.binary, self.directory, found["source"], found["to"], found["pipeline"], found["options"])
        luge.environment = {"XDG_STATE_HOME": str(self.directory / "state-home")}
        return luge

    def write_config(self, text):
        path = self.directory / "luge.yaml"
        path.write_text(text)
        return path

    def own_server(self, major=None, **settings):
        """Moves the case, before it has done anything, to a server that nobody shares."""
        self.drop_database()
        self.server = PostgresServer(major or self.server.major, parent=self.servers_directory, **settings)
        self.own_servers.append(self.server)
        self.server.start()
        self.create_database()
        self.luge.source = self.server.url(self.database)

    def note(self, what, started):
        """Remembers what took long, for `--verbose`."""
        seconds = time.monotonic() - started
        if seconds > 2:
            self.slow.append(f"{seconds:.1f} s: {what}")

    def finish(self):
        """What holds at the end of every case: luge drains and leaves in peace, and the mirror equals the source."""
        if not self.final_comparison:
            return
        for step in (self.sync, self.stop, self.check_states, self.same):
            started = time.monotonic()
            step()
            self.note(f"at the end, {step.__name__}", started)

    def close(self):
        """Ends what the case started. Never raises."""
        for session in self.sessions.values():
            session.process.kill()
        if self.luge and self.luge.process:
            self.luge.kill()
        if self.server is self.shared_server:
            self.drop_database()
        for server in self.own_servers:
            server.remove()

    def drop_database(self):
        for _ in range(200):
            slots = self.server.execute("postgres", "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s", [self.database])
            for name, pid in slots:
                try:
                    if pid:
                        self.server.execute("postgres", "SELECT pg_terminate_backend(%s)", [pid])
                    self.server.execute("postgres", "SELECT pg_drop_replication_slot(%s)", [name])
                except Exception:  # still active for a moment
                    time.sleep(0.02)
            if not slots:
                break
        self.server.execute("postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.database])
        self.server.execute("postgres", f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')

    # The source -----------------------------------------------------------------------------------------------------------------

    def sql(self, script, session=""):
        """Runs a psql script. Sessions stay open, so a transaction can span several steps."""
        if session not in self.sessions:
            self.sessions[session] = Psql(self.server.url(self.database), pipeline=self.pipeline)
        try:
            return self.sessions[session].run(script)
        except SqlError as error:
            del self.sessions[session]
            raise CaseFailed(f"SQL failed: {error}") from None

    def sql_fails(self, script, pattern):
        session = Psql(self.server.url(self.database))
        try:
            session.run(script)
        except SqlError as error:
            if not re.search(pattern, str(error)):
                raise CaseFailed(f"the SQL failed with another error than /{pattern}/: {error}") from None
        else:
            raise CaseFailed(f"the SQL did not fail with /{pattern}/")
        finally:
            session.close()

    def execute(self, statement, parameters=None):
        return self.server.execute(self.database, statement, parameters)

    def flushed(self):
        """An LSN that everything committed so far lies before, flushed so that the walsender sends up to there."""
        with self.server.connect(self.database) as connection:
            connection.execute("SELECT pg_logical_emit_message(true, 'e2e', '')")
            return connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]

    # luge -----------------------------------------------------------------------------------------------------------------------

    def start(self, *words):
        self.luge.start(*words)

    def sync(self):
        """Returns when everything committed so far is in the mirror; starts luge if it does not run."""
        if not self.settings.live:
            self.sync_by_restart()
            return
        if not self.luge.alive():
            self.start()
        target = lsn_number(self.flushed())
        wanted = {f"{schema}.{table}" for schema, table in self.selected_tables()}

        def arrived(status):
            states = {name_of(table): table["state"] for table in status["tables"]}
            return (lsn_number(status["lsn"]["durable"]) >= target and wanted <= states.keys()
                    and all(state in FINAL_STATES for state in states.values()))

        self.luge.wait_until(arrived, f"{target >> 32:X}/{target & 0xFFFFFFFF:X} in the mirror", seconds=self.patience)
        self.follow_history()

    def sync_by_restart(self):
        if self.luge.alive():
            if self.settings.kill_after is not None:
                self.luge.kill()
            else:
                self.stop()
        if self.settings.kill_after is not None:
            self.luge.start()
            time.sleep(self.settings.kill_after())
            self.luge.kill()
        code = self.luge.run_until("caught-up")
        if code == 0:
            self.follow_history()
        if code == 3 and any(table["state"] in ("quarantined", "gap") for table in self.luge.status()["tables"]):
            return
        if code != 0:
            raise CaseFailed(f"run --until caught-up gave exit {code}:\n{self.luge.log_tail()}")

    @property
    def log_mode(self):
        return "log" in [value for option, value in zip(self.options, self.options[1:]) if option == "--mode"]

    def follow_history(self):
        """A log is every change, in order: what it held once, it holds for ever."""
        if not self.log_mode:
            return
        with self.server.connect(self.database) as connection:
            tables = [(connection.execute("SELECT %s::text::regclass::oid::bigint", [compare.qualified(*pair)]).fetchone()[0], pair)
                      for pair in self.comparable_tables(connection)]
        for oid, (schema, table) in tables:
            log = compare.qualified(schema, table + "__log")
            try:
                rows = self.query(f"SELECT _luge_epoch, _luge_lsn, _luge_ordinal, _luge_op, _luge_xid FROM {log}")
            except (LugeFailed, duckdb.Error):
                continue  # it has another name there yet, or none
            lost = self.history.get(oid, set()) - set(map(tuple, rows))
            if lost:
                raise CaseFailed(f"{log} has lost {len(lost)} rows of its history, the first at {sorted(lost)[0]}")
            self.history[oid] = set(map(tuple, rows))

    def selected_tables(self):
        """Tables that the mirror must have: all user tables unless the case chose others."""
        with self.server.connect(self.database) as connection:
            return [pair for pair in compare.user_tables(connection) if f"{pair[0]}.{pair[1]}" not in self.unchecked]

    def stop(self):
        """SIGTERM, if it runs: it must drain and leave in peace."""
        if self.luge.alive():
            code = self.luge.terminate()
            allowed = {0, 3} if self.abnormal else {0}
            if code not in allowed:
                raise CaseFailed(f"after SIGTERM luge gave exit {code}:\n{self.luge.log_tail()}")

    def kill(self):
        if not self.luge.alive():
            self.luge.start()
            time.sleep(0.3)
        self.luge.kill()

    def run(self, code, patterns=(), words=()):
        """`run --until caught-up` in the foreground; its exit code (or several: '1|3') and what it must say."""
        self.stop()
        found = self.luge.run_until("caught-up") if not words else self.run_with(words)
        self.expect_end("run", found, code, patterns, self.luge.errors)

    def run_with(self, words):
        self.luge.start(*words)
        return self.luge.wait()

    def exits(self, code, patterns=()):
        """The running luge ends by itself."""
        self.expect_end("run", self.luge.wait(), code, patterns, self.luge.errors)

    def verb(self, code, words, patterns=()):
        found = self.luge.verb(*words)
        self.expect_end(" ".join(words), found, code, patterns, f"{self.luge.output}\n{self.luge.errors}")

    def expect_end(self, what, found, wanted, patterns, text):
        if found not in {int(one) for one in str(wanted).split("|")}:
            raise CaseFailed(f"{what}: exit {found}, expected {wanted}\n{text[-3000:]}")
        for pattern in patterns:
            if not re.search(pattern, text, re.IGNORECASE):
                raise CaseFailed(f"{what}: nothing matches /{pattern}/ in\n{text[-3000:]}")

    # The mirror -----------------------------------------------------------------------------------------------------------------

    def mirror(self):
        """The file, read by Python's DuckDB. luge must not run."""
        return duckdb.connect(str(self.directory / "app.duckdb"), read_only=True)

    def query(self, sql):
        """Rows as texts: of `luge query` while it runs, else out of the file."""
        wrapped = f"SELECT COLUMNS(*)::VARCHAR FROM ({sql.rstrip(';')})"
        if self.luge.alive():
            return self.luge.query(wrapped)
        with self.mirror() as mirror:
            return mirror.execute(wrapped).fetchall()

    def expect_rows(self, sql, expected):
        found = "\n".join(" | ".join("NULL" if value is None else str(value) for value in row) for row in self.query(sql))
        if found != expected:
            raise CaseFailed(f"{sql}\nexpected:\n{expected}\nfound:\n{found}")

    def eventually_rows(self, sql, expected, seconds=60):
        """For what luge notices by looking, now and then, and can miss for as long as the machine is busy."""
        deadline = time.monotonic() + seconds
        while True:
            self.sync()
            try:
                return self.expect_rows(sql, expected)
            except CaseFailed:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.25)

    def eventually_logged(self, seconds=60):
        """Every table's log has the columns that the table has. Until then it may be the log of a table that had the name before."""
        deadline = time.monotonic() + seconds
        while True:
            with self.server.connect(self.database) as connection:
                wanted = {(schema, table + "__log", column.name) for schema, table in self.comparable_tables(connection)
                          for column in compare.source_columns(connection, compare.qualified(schema, table))}
            missing = wanted - set(self.query("SELECT table_schema, table_name, column_name FROM information_schema.columns"))
            if not missing:
                return self.sync()
            if time.monotonic() > deadline:
                raise CaseFailed(f"the logs lack columns: {sorted(missing)}")
            time.sleep(0.25)

    def same(self, tables=None, **narrowing):
        """Full comparison of these tables, or of all that should be live."""
        running = self.luge.alive()
        if running:
            self.stop()
        with self.server.connect(self.database, options=compare.PINNED) as connection, self.mirror() as mirror:
            for schema, table in tables or self.comparable_tables(connection):
                as_text = {name.rsplit(".", 1)[1] for name in self.as_text if name.rsplit(".", 1)[0] == f"{schema}.{table}"}
                if self.log_mode:
                    problems = self.log_differences(connection, mirror, schema, table, **narrowing)
                else:
                    problems = compare.differences(connection, mirror, schema, table, as_text=as_text, **narrowing)
                if problems:
                    raise CaseFailed("the mirror differs\n" + "\n".join(problems))
        if running:
            self.start()

    @staticmethod
    def log_differences(connection, mirror, schema, table, names=None, where=None, target=None):
        source = compare.qualified(schema, table)
        wanted = [column for column in compare.source_columns(connection, source) if names is None or column.name in names]
        return replay.log_differences(connection, mirror, schema, table, wanted,
                                      lambda kinds: compare.canonical_source_rows(connection, source, wanted, kinds, where))

    def comparable_tables(self, connection):
        return [pair for pair in compare.user_tables(connection) if f"{pair[0]}.{pair[1]}" not in self.abnormal.keys() | self.unchecked | self.compared_apart]

    # States ---------------------------------------------------------------------------------------------------------------------

    def states(self):
        return {name_of(table): table for table in self.luge.status()["tables"]}

    def expect_source(self, sql, expected):
        found = self.sql(sql).rstrip("\n")
        if found != expected:
            raise CaseFailed(f"{sql}\nexpected of the source:\n{expected}\nfound:\n{found}")

    def expect_state(self, table, state, pattern=None, seconds=30):
        """A table's state as status shows it, within a while when luge runs; `pattern` must match its quarantine entry."""
        deadline = time.monotonic() + seconds
        while True:
            found = self.states().get(table)
            if found and found["state"] == state:
                break
            if not self.luge.alive() or time.monotonic() > deadline:
                raise CaseFailed(f"{table} is {found and found['state']}, expected {state}; status: {found}")
            time.sleep(0.05)
        if state != "live":
            self.abnormal[table] = state
        else:
            self.abnormal.pop(table, None)
        if pattern and not re.search(pattern, str(found.get("quarantine"))):
            raise CaseFailed(f"{table}: nothing matches /{pattern}/ in {found.get('quarantine')}")

    def check_states(self):
        """No table is in trouble that the case did not ask about. That a table was rewritten luge may have noticed just now, and copies it."""
        if any(found["state"] in ("waiting", "copying", "resyncing", "catching_up") for found in self.states().values()):
            self.sync()
            self.stop()
        for table, found in self.states().items():
            wanted = self.abnormal.get(table, "live")
            if found["state"] != wanted and not (found["state"] == "dropped" and table in self.unchecked):
                raise CaseFailed(f"{table} is {found['state']} at the end, expected {wanted}: {found.get('quarantine')}")

    def check_logs(self):
        """No row value and no crash in anything luge wrote."""
        text = self.luge.all_logs()
        for word in (NEVER_SHOWN, "AddressSanitizer", "ThreadSanitizer", "runtime error:"):
            if word in text:
                line = next(line for line in text.splitlines() if word in line)
                raise CaseFailed(f"luge's log holds '{word}': {line[:300]}")


def name_of(table):
    return f"{table['schema']}.{table['name']}"


# Directives of *.test files -------------------------------------------------------------------------------------------------------


def regexes(text):
    """/one/ per line, or one on the directive's own line."""
    return [found.strip()[1:-1] for found in text.splitlines() if found.strip()]


def split_patterns(rest):
    """'3 /a b/' as ('3', ['a b'])"""
    head, slash, tail = rest.partition("/")
    return head.strip(), [tail.strip().removesuffix("/")] if slash else []


def do_requires(case, step):
    match = re.fullmatch(r"pg(>=|<)(\d+)", step.rest)
    major, wanted = case.server.major, int(match[2])
    if not (major >= wanted if match[1] == ">=" else major < wanted):
        raise Skipped(step.rest)


def do_only(case, step):
    if case.settings.names().isdisjoint(step.rest.split()):
        raise Skipped(f"only {step.rest}")


def do_not(case, step):
    if not case.settings.names().isdisjoint(step.rest.split()):
        raise Skipped(f"not {step.rest}")


def do_option(case, step):
    case.options += shlex.split(step.rest)
    case.luge.options = list(case.options)


def do_config(case, step):
    case.luge.config = case.write_config(step.body + "\n")
    case.as_text |= set(re.findall(r'"?([\w.]+\.[\w.]+\.\w+)"?:\s*\{\s*as:\s*text\s*\}', step.body))


def do_sql(case, step):
    case.sql(step.body, step.rest)


def do_sql_error(case, step):
    case.sql_fails(step.body, regexes(step.rest)[0])


def do_user(case, step):
    """The role luge connects as."""
    case.luge.source = case.server.url(case.database, user=step.rest)


def do_sync(case, _step):
    case.sync()


def do_start(case, step):
    case.start(*shlex.split(step.rest))


def do_stop(case, _step):
    case.stop()


def do_restart(case, _step):
    case.stop()
    case.start()


def do_kill(case, _step):
    case.kill()


def do_query(case, step):
    if case.settings.name == "log":
        return  # asks the mirror
    case.expect_rows(step.rest, step.body)


def do_eventually(case, step):
    if case.settings.name == "log":  # asks the mirror; what is to be noticed is a table's shape
        case.eventually_logged()
        return
    case.eventually_rows(step.rest, step.body)


def do_source(case, step):
    case.expect_source(step.rest, step.body)


def do_same(case, step):
    """same schema.table [columns a, b] [into schema.table] [where condition]"""
    match = re.fullmatch(r"(\S+)(?: columns (.+?))?(?: into (\S+))?(?: where (.+))?", step.rest)
    names = re.split(r",\s*", match[2]) if match[2] else None
    target = compare.qualified(*match[3].split(".")) if match[3] else None
    case.same([tuple(match[1].split("."))], names=names, target=target, where=match[4])
    case.compared_apart.add(match[1])


def do_expect_state(case, step):
    head, patterns = split_patterns(step.rest)
    table, state = head.rsplit(" ", 1)
    case.expect_state(table, state, patterns[0] if patterns else None)


def do_unchecked(case, step):
    case.unchecked.update(step.rest.split())


def do_no_final_comparison(case, _step):
    case.final_comparison = False


def do_run(case, step):
    head, patterns = split_patterns(step.rest)
    code, *words = shlex.split(head)
    case.run(code, patterns + regexes(step.body), words)


def do_exits(case, step):
    head, patterns = split_patterns(step.rest)
    case.exits(head, patterns + regexes(step.body))


def do_verb(case, step):
    head, patterns = split_patterns(step.rest)
    code, *words = shlex.split(head)
    case.verb(code, words, patterns + regexes(step.body))


def do_server(case, step):
    case.own_server(**dict(word.split("=", 1) for word in shlex.split(step.rest)))


def do_server_restart(case, step):
    for session in case.sessions.values():
        session.close()
    case.sessions.clear()
    case.server.restart(signal.SIGQUIT if step.rest == "immediate" else signal.SIGINT)


def do_wait(_case, step):
    time.sleep(float(step.rest))


DIRECTIVES = {name.removeprefix("do_").replace("_", "-"): function for name, function in globals().items() if name.startswith("do_")}


def play(script, case):
    """Runs a script's steps; a failure names the line."""
    for step in script.steps:
        if step.word not in DIRECTIVES:
            raise CaseFailed(f"line {step.line}: no such directive: {step.word}")
        started = time.monotonic()
        try:
            DIRECTIVES[step.word](case, step)
        except (CaseFailed, LugeFailed) as failure:
            raise CaseFailed(f"line {step.line}, {step.word} {step.rest}: {failure}") from None
        case.note(f"line {step.line}, {step.word} {step.rest[:60]}", started)
