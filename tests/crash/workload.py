"""Writers that do to a database what luge must survive, and what must hold in every mirror of it at every moment."""
import random
import threading
import time

import psycopg

ACCOUNTS = 40
TOTAL = ACCOUNTS * 1000

SCHEMA = """
CREATE TABLE account (id int PRIMARY KEY, balance int NOT NULL, note text);
ALTER TABLE account ALTER note SET STORAGE EXTERNAL;
INSERT INTO account SELECT i, 1000, repeat(md5(i::text), 100) FROM generate_series(1, 40) i;
CREATE TABLE journal (worker int, seq int, filler text, PRIMARY KEY (worker, seq));
CREATE TABLE counter (worker int PRIMARY KEY, seq int NOT NULL);
CREATE TABLE keyed (id bigint PRIMARY KEY, big text, n int, v text);
ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
CREATE INDEX ON keyed (n);
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TABLE parted (id int, part int, v text, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE parted_1 (v text, part int NOT NULL, id int NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_1 FOR VALUES IN (1);
CREATE TABLE truncated (id int PRIMARY KEY, v text);
"""

FILL = """
INSERT INTO keyed SELECT i, repeat(md5(i::text), 20 + i %% 100), i %% 10, 'start' FROM generate_series(1, %(rows)s) i;
INSERT INTO keyless SELECT i %% 50, 'start' FROM generate_series(1, %(rows)s) i;
INSERT INTO parted SELECT i, i %% 2, 'start' FROM generate_series(1, %(rows)s) i;
"""


def prepare(connection, rows):
    """Makes the tables and fills them with about that many rows each."""
    for statement in (SCHEMA + FILL % {"rows": rows}).split(";\n"):
        if statement.strip():
            connection.execute(statement)


class Writer(threading.Thread):
    """One session. Every transaction moves money, appends to the journal, and does one or more random things, with savepoints."""

    def __init__(self, url, number, seed, *, pause=0.01, large=0, ddl=False):
        super().__init__(daemon=True)
        self.url, self.number, self.pause, self.large, self.ddl = url, number, pause, large, ddl
        self.chance = random.Random(f"{seed}/{number}")
        self.ending = threading.Event()
        self.sequence = 0
        self.transactions = 0
        self.failure = None
        self.fresh = 10_000_000 * (number + 1)

    def run(self):
        connection = None
        while not self.ending.is_set():
            try:
                if connection is None or connection.closed:
                    connection = psycopg.connect(self.url)
                    connection.execute("SET lock_timeout = '5s'")
                    row = connection.execute("SELECT seq FROM counter WHERE worker = %s", [self.number]).fetchone()
                    self.sequence = row[0] if row else 0
                    connection.commit()
                self.transaction(connection)
                self.transactions += 1
            except (psycopg.errors.OperationalError, psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable,
                    psycopg.errors.UniqueViolation, psycopg.errors.DuplicateColumn, psycopg.errors.InFailedSqlTransaction, psycopg.InterfaceError):
                try:
                    connection.rollback()
                except (psycopg.Error, AttributeError):
                    connection = None
                    time.sleep(0.05)
            except Exception as failure:  # the main thread shows it
                self.failure = failure
                return
            time.sleep(self.chance.expovariate(1 / self.pause) if self.pause else 0)
        if connection is not None:
            connection.close()

    def transaction(self, connection):
        chance = self.chance
        if self.ddl and chance.random() < 0.02:
            self.change_schema(connection)
        self.transfer(connection)
        sequence = self.sequence + 1
        connection.execute("INSERT INTO journal VALUES (%s, %s, %s)", [self.number, sequence, "x" * chance.randrange(50)])
        connection.execute("INSERT INTO counter VALUES (%s, %s) ON CONFLICT (worker) DO UPDATE SET seq = excluded.seq", [self.number, sequence])
        for _ in range(chance.choice([0, 1, 1, 2, 5])):
            guarded = chance.random() < 0.2
            if guarded:
                connection.execute("SAVEPOINT s")
            self.something(connection)
            if guarded:
                connection.execute("ROLLBACK TO s" if chance.random() < 0.5 else "RELEASE s")
        if self.large and chance.random() < 0.03:
            self.much(connection)
        if chance.random() < 0.03:
            time.sleep(chance.uniform(0.05, 0.5))  # left open while others commit
        if chance.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()
            self.sequence = sequence

    def transfer(self, connection):
        one, other = sorted(self.chance.sample(range(1, ACCOUNTS + 1), 2))
        amount = self.chance.randrange(-50, 50)
        connection.execute("UPDATE account SET balance = balance - %s WHERE id = %s", [amount, one])
        connection.execute("UPDATE account SET balance = balance + %s WHERE id = %s", [amount, other])

    def something(self, connection):
        chance = self.chance
        some = chance.randrange(1, 20_000)
        self.fresh += 1
        statement, values = chance.choice([
            ("INSERT INTO keyed VALUES (%s, repeat(md5(%s::text), %s), %s, 'new')", [self.fresh, some, chance.randrange(0, 200), some % 10]),
            ("UPDATE keyed SET n = n + 1 WHERE id BETWEEN %s AND %s", [some, some + 20]),
            ("UPDATE keyed SET big = repeat(md5(%s::text), 90) WHERE id = (SELECT min(id) FROM keyed WHERE id >= %s)", [some, some]),
            ("UPDATE keyed SET big = NULL, v = 'nothing' WHERE id = (SELECT min(id) FROM keyed WHERE id >= %s)", [some]),
            ("UPDATE keyed SET id = %s WHERE id = (SELECT min(id) FROM keyed WHERE id >= %s)", [self.fresh, some]),
            ("UPDATE keyed SET id = -id, v = 'turned' WHERE id = (SELECT max(id) FROM keyed WHERE id <= %s)", [some]),
            ("DELETE FROM keyed WHERE id = (SELECT min(id) FROM keyed WHERE id >= %s)", [some]),
            ("INSERT INTO keyless SELECT %s, 'new' FROM generate_series(1, 3)", [some % 50]),
            ("DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless WHERE a = %s)", [some % 50]),
            ("UPDATE keyless SET b = 'changed' WHERE ctid = (SELECT max(ctid) FROM keyless WHERE a = %s)", [some % 50]),
            ("UPDATE parted SET part = 1 - part WHERE id = (SELECT min(id) FROM parted WHERE id >= %s)", [some]),
            ("UPDATE parted SET v = v || '.' WHERE id BETWEEN %s AND %s", [some, some + 10]),
            ("INSERT INTO parted VALUES (%s, %s, 'new')", [self.fresh % 2_000_000_000, some % 2]),
            ("DELETE FROM parted WHERE id BETWEEN %s AND %s", [some, some + 1]),
            ("UPDATE account SET note = repeat(md5(%s::text), 100) WHERE id = %s", [some, 1 + some % ACCOUNTS]),
            ("INSERT INTO truncated VALUES (%s, 'x')", [self.fresh % 2_000_000_000]),
            ("DELETE FROM truncated WHERE id = (SELECT min(id) FROM truncated)", []),
            ("TRUNCATE truncated", []) if chance.random() < 0.1 else ("UPDATE truncated SET v = v || 'y' WHERE id %% 7 = %s", [some % 7]),
        ])
        connection.execute(statement, values)

    def much(self, connection):
        """Enough to be streamed before it commits, with rolled back parts."""
        first = self.fresh + 1
        self.fresh += 2 * self.large
        connection.execute("INSERT INTO keyed SELECT i, repeat(md5(i::text), 3), 0, 'much' FROM generate_series(%s::bigint, %s::bigint) i",
                           [first, first + self.large - 1])
        connection.execute("SAVEPOINT a")
        connection.execute("UPDATE keyed SET n = n + 1 WHERE id BETWEEN %s AND %s", [first, first + self.large // 2])
        connection.execute("SAVEPOINT b")
        connection.execute("DELETE FROM keyed WHERE id BETWEEN %s AND %s", [first, first + self.large // 3])
        connection.execute("ROLLBACK TO " + self.chance.choice("ab"))
        connection.execute("DELETE FROM keyed WHERE id BETWEEN %s AND %s AND id %% 2 = 0", [first, first + self.large])

    def change_schema(self, connection):
        there = connection.execute("SELECT count(*) FROM pg_attribute WHERE attrelid = 'keyed'::regclass AND attnum > 0").fetchone()[0]
        if there < 12:
            connection.execute(f"ALTER TABLE keyed ADD c{there} int DEFAULT {self.chance.randrange(100)}")


class Writers:
    """Several writers as one context: they end with the block, and a failure of theirs is raised there."""

    def __init__(self, url, count, seed, **options):
        self.writers = [Writer(url, number, seed, **options) for number in range(count)]

    def __enter__(self):
        for writer in self.writers:
            writer.start()
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        for writer in self.writers:
            writer.ending.set()
        for writer in self.writers:
            writer.join(60)
            if writer.failure:
                raise writer.failure

    def transactions(self):
        return sum(writer.transactions for writer in self.writers)


def broken_invariants(mirror, across_tables):
    """What is wrong in a mirror, at any moment. `across_tables`: all tables are live, so they show one moment together."""
    there = {row[0] for row in mirror.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'public'").fetchall()}
    problems = []
    if "account" in there:
        rows, total, empty = mirror.execute("SELECT count(*), sum(balance), count(*) FILTER (WHERE note IS NULL) FROM public.account").fetchone()
        if rows and (rows, total, empty) != (ACCOUNTS, TOTAL, 0):
            problems.append(f"account: {rows} rows, sum {total}, {empty} without note; expected {ACCOUNTS}, {TOTAL}, 0")
    if "journal" in there:
        torn = mirror.execute("SELECT worker, count(*), max(seq) FROM public.journal GROUP BY worker HAVING count(*) <> max(seq)").fetchall()
        if torn:
            problems.append(f"journal has holes or doubles (worker, rows, last): {torn}")
    if across_tables and {"journal", "counter"} <= there:
        apart = mirror.execute("SELECT worker, c.seq, j.last FROM public.counter c FULL JOIN (SELECT worker, max(seq) AS last FROM public.journal GROUP BY worker) j "
                               "USING (worker) WHERE c.seq IS DISTINCT FROM j.last").fetchall()
        if apart:
            problems.append(f"counter and journal show different moments (worker, counter, journal): {apart}")
    return problems
