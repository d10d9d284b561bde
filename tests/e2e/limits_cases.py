"""Large things in little memory."""
import pathlib
import time

from case import CaseFailed, python_case

MB = 1 << 20


def watched(case, seconds=120):
    """Runs until caught up; the largest amount of private memory seen, in bytes."""
    case.luge.start("--until", "caught-up")
    most, deadline = 0, time.monotonic() + seconds
    status = pathlib.Path(f"/proc/{case.luge.process.pid}/status")
    while case.luge.alive() and time.monotonic() < deadline:
        try:
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            most = max(most, int(lines.get("RssAnon", "0 kB").split()[0]) * 1024)
        except (OSError, ValueError):
            pass
        time.sleep(0.02)
    code = case.luge.wait(1)
    if code != 0:
        raise CaseFailed(f"exit {code}: {case.luge.log_tail()}")
    return most


def nothing_left_behind(case):
    left = [(path.name, path.stat().st_size) for path in (case.directory / "app.duckdb.luge").rglob("*") if path.is_file() and path.stat().st_size > 4 * MB]
    if left:
        raise CaseFailed(f"left behind in the state directory: {left}")


@python_case
def large_transaction_in_bounded_memory(case):
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(12,2), ts timestamptz);")
    case.run(0)
    case.sql("INSERT INTO t SELECT i, repeat(md5(i::text), 4), i, now() FROM generate_series(1, 600000) i;")
    for options in ([], ["--memory-limit", "128MB"]):
        case.luge.options = [*case.options, *options]
        most = watched(case)
        limit = 128_000_000 if options else 256_000_000
        if most > limit * 1.2:
            raise CaseFailed(f"{most / MB:.0f} MB of private memory under a limit of {limit / MB:.0f} MB")
        nothing_left_behind(case)
        case.sql("BEGIN; UPDATE t SET v = v || 'x'; DELETE FROM t WHERE id % 5 = 0; COMMIT;")


@python_case
def copy_in_bounded_memory(case):
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 400000) i;")
    case.luge.options += ["--memory-limit", "128MB"]
    most = watched(case)
    if most > 128_000_000 * 1.2:
        raise CaseFailed(f"{most / MB:.0f} MB of private memory under a limit of 128 MB")


@python_case
def large_values(case):
    """A value of 30 MB, by copy and by stream, and left alone by an update."""
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text, b bytea, n int); ALTER TABLE t ALTER v SET STORAGE EXTERNAL;"
             "INSERT INTO t VALUES (1, repeat('0123456789', 3000000), decode(repeat('00ff', 5000000), 'hex'), 1);")
    case.run(0)
    case.sql("INSERT INTO t SELECT 2, v, b, 2 FROM t; UPDATE t SET n = n + 10;")
    case.run(0)
    case.same()


@python_case
def many_interleaved_transactions(case):
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text);")
    case.execute(f"ALTER DATABASE \"{case.database}\" SET logical_decoding_work_mem = '64kB'")
    case.sync()
    connections = [case.server.connect(case.database) for _ in range(40)]
    for i, connection in enumerate(connections):
        connection.execute("BEGIN")
    for round_number in range(4):
        for i, connection in enumerate(connections):
            first = i * 100_000 + round_number * 1000
            connection.execute(f"INSERT INTO t SELECT k, repeat(md5(k::text), 5) FROM generate_series({first}, {first + 300}) k")
            if i % 3 == round_number % 3:
                connection.execute(f"SAVEPOINT s; DELETE FROM t WHERE id BETWEEN {first} AND {first + 100}")
                connection.execute("ROLLBACK TO s" if i % 2 else "RELEASE s")
    for i, connection in enumerate(reversed(connections)):
        connection.execute("ROLLBACK" if i % 4 == 0 else "COMMIT")
        connection.close()


@python_case
def many_tables(case):
    case.sql("SELECT format('CREATE TABLE t%s (id int PRIMARY KEY, v text)', i) FROM generate_series(1, 300) i \\gexec\n"
             "SELECT format('INSERT INTO t%s VALUES (1, ''a'')', i) FROM generate_series(1, 300) i \\gexec")
    case.luge.run_until(seconds=120)
    case.sql("SELECT format('INSERT INTO t%s VALUES (2, ''b'')', i) FROM generate_series(1, 300, 3) i \\gexec")
