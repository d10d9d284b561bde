"""The four workloads: what is in the database before, and what is loaded while nobody reads."""
import pathlib
import subprocess

from support import child_process

PGBENCH = pathlib.Path("/usr/lib/postgresql/15/bin/pgbench")

TABLE = """CREATE TABLE t (id bigint PRIMARY KEY, a int4 NOT NULL, s text, n numeric(18,2), ts timestamptz, b bool, f float8, u uuid, j jsonb, d date)"""

ROWS = """INSERT INTO t SELECT i, (i % 1000)::int, 'row number ' || lpad(i::text, 9, '0'), i / 7.0, '2024-01-01'::timestamptz + i * interval '1 second', i % 3 = 0,
  i * 0.5, md5(i::text)::uuid, jsonb_build_object('id', i, 'name', 'item ' || i, 'tags', jsonb_build_array('a', 'b')), '2024-01-01'::date + (i % 1000)::int
  FROM generate_series({first}, {last}) i"""


class Workload:
    """`before` runs, then luge copies what there is and stops; `load` fills the slot's backlog; everything is then timed from that backlog."""
    name = ""
    title = ""
    table = "t"

    def __init__(self, quick):
        self.quick = quick

    def rows(self):
        """Changes in the backlog."""
        raise NotImplementedError

    def before(self, server, database):
        server.execute(database, TABLE)

    def load(self, server, database):
        raise NotImplementedError


class OneTransaction(Workload):
    name = "W1"

    def __init__(self, quick):
        super().__init__(quick)
        self.count = 200_000 if quick else 2_000_000
        self.title = f"one transaction, {self.count:,} inserts"

    def rows(self):
        return self.count

    def load(self, server, database):
        server.execute(database, ROWS.format(first=1, last=self.count))


class SmallTransactions(Workload):
    name = "W2"
    table = "pgbench_history"

    def __init__(self, quick):
        super().__init__(quick)
        self.count = 20_000 if quick else 200_000
        self.title = f"{self.count:,} TPC-B transactions"

    def rows(self):
        return 4 * self.count

    def pgbench(self, server, database, *words):
        subprocess.run([PGBENCH, "-h", server.directory, "-p", str(server.port), "-U", "postgres", *words, database], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=child_process.clean_environment())

    def before(self, server, database):
        self.pgbench(server, database, "-i", "-q", "-s", "10")
        server.execute(database, "ALTER TABLE pgbench_history REPLICA IDENTITY FULL")

    def load(self, server, database):
        self.pgbench(server, database, "-n", "-c", "4", "-j", "2", "-t", str(self.count // 4))


class Updates(Workload):
    name = "W4"

    def __init__(self, quick):
        super().__init__(quick)
        self.count = 200_000 if quick else 2_000_000
        self.title = f"{self.count:,} updates, 10,000 a transaction"

    def rows(self):
        return self.count

    def before(self, server, database):
        super().before(server, database)
        server.execute(database, ROWS.format(first=1, last=self.count))
        server.execute(database, "VACUUM ANALYZE t")

    def load(self, server, database):
        with server.connect(database) as connection:
            for first in range(1, self.count, 10_000):
                connection.execute(f"UPDATE t SET a = a + 1, s = s || '.', ts = ts + interval '1 day' WHERE id BETWEEN {first} AND {first + 9_999}")


class Copy(Workload):
    name = "W3"

    def __init__(self, quick):
        super().__init__(quick)
        self.count = 200_000 if quick else 2_000_000
        self.title = f"initial copy of {self.count:,} rows"

    def rows(self):
        return self.count

    def before(self, server, database):
        super().before(server, database)
        server.execute(database, ROWS.format(first=1, last=self.count))
        server.execute(database, "VACUUM ANALYZE t")
        server.execute(database, "CHECKPOINT")
