#!/usr/bin/env python3
"""What luge serve costs: a scrape of 10,000 tables, 200 idle pipelines, and 50 busy ones beside a single one.

    bench/bench_service.py --build build/release                     everything
    bench/bench_service.py --build … --only idle --pipelines 50      one measure, smaller

The server's and the load's processes run on the same cores; what is measured is luge's own CPU time and memory, of its process alone.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from support import environment  # noqa: E402

environment.enter()

from support import child_process  # noqa: E402
from support.postgres_server import PostgresServer, free_port  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
GOALS = {"scrape_ms": 100, "idle_core_percent": 1.0, "idle_mb_each": 8.0, "busy_in_turn_ratio": 1.2, "busy_behind_ratio": 1.2,
         "busy_at_once_ratio": 1.2}
STEPS = 4


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mb(pid):
    """What is this process's alone: code that it shares with every luge does not grow with pipelines."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))) / 1024


class Service:
    """A source, a catalog of SQLite, and one luge serve."""

    def __init__(self, options, directory, pipelines, tables=None):
        self.tables = tables = tables or pipelines
        self.luge, self.directory, self.pipelines = options.build.resolve() / "luge", directory, pipelines
        self.to = options.to
        self.environment = child_process.clean_environment(XDG_STATE_HOME=str(directory / "state"), HOME=str(directory))
        more = pipelines + 40
        self.server = PostgresServer(parent=directory, max_replication_slots=more, max_wal_senders=more, max_connections=4 * more, shared_buffers="256MB",
                                     autovacuum="off", max_wal_size="8GB")
        self.server.start()
        self.server.execute("postgres", "CREATE DATABASE shop")
        for i in range(tables):
            self.server.execute("shop", f"CREATE TABLE t{i} (id bigint PRIMARY KEY, a int, b text, c timestamptz)")
        # As a service reaches its sources. Over a Unix socket the kernel keeps each of the walsender's messages, a row each, in a buffer of its own.
        document = {"sources": {"shop": {"conninfo": self.server.url("shop", tcp=not options.unix_socket)}},
                    "destinations": {f"d{i}": {"address": self.address(i)} for i in range(pipelines)},
                    "pipelines": {f"p{i}": {"source": "shop", "destination": f"d{i}", "tables": f"public.t{i}" if pipelines > 1 else "public.*"} for i in range(pipelines)}}
        file = directory / "luge.yaml"
        file.write_text(json.dumps(document))
        self.run("apply", "-f", file)
        self.port = free_port()
        self.log = open(directory / "serve.log", "ab")
        self.process = child_process.spawn([self.luge, "serve", "--catalog", self.catalog(), "--http", f"127.0.0.1:{self.port}", "--log-level", "warn"],
                                           stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, cwd=directory, env=self.environment)

    def address(self, number):
        return "null:" if self.to == "null" else f"duckdb:{self.directory}/m{number}.duckdb"

    def catalog(self):
        return f"sqlite:{self.directory}/catalog.db"

    def run(self, *words):
        done = subprocess.run([str(word) for word in [self.luge, *words, "--catalog", self.catalog()]], capture_output=True, text=True, cwd=self.directory,
                              env=self.environment, timeout=120, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"luge {' '.join(map(str, words))}: {done.stdout}{done.stderr}")
        return done.stdout

    def statuses(self):
        return [row["status"] or {} for row in json.loads(self.run("pipeline", "list", "--json"))["pipelines"]]

    def wait(self, done, what, seconds=240):
        end = time.monotonic() + seconds
        while not done(self.statuses()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"not in {seconds} s: {what}\n" + (self.directory / "serve.log").read_text()[-3000:])
            time.sleep(0.5)

    def wait_live(self):
        self.wait(lambda rows: len(rows) == self.pipelines and all(row.get("state") == "live" for row in rows), "all pipelines are live")

    def acknowledged(self):
        lowest = self.server.execute("postgres", "SELECT min(confirmed_flush_lsn) - '0/0' FROM pg_replication_slots")
        return int(lowest[0][0])

    def close(self):
        child_process.end(self.process, patience=60)
        self.server.remove()


def scrape(options, _directory):
    program = options.build.resolve() / "tests" / "service" / "luge_admin_probe"
    with subprocess.Popen([program, "1", "10000", "a-token-for-benchmarks-only"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as process:
        url = process.stdout.readline().strip() + "/metrics"
        times = []
        for _ in range(12):
            began = time.monotonic()
            with urllib.request.urlopen(url, timeout=30) as answer:
                size = len(answer.read())
            times.append(1000 * (time.monotonic() - began))
        process.stdin.close()
    return {"scrape_ms": statistics.median(times[2:]), "scrape_best_ms": min(times), "scrape_mb": size / 1e6}


def idle(options, directory):
    found = {}
    sizes = (1, options.pipelines)
    memory = {}
    for count in sizes:
        home = directory / f"idle{count}"
        home.mkdir(mode=0o755)
        service = Service(options, home, count)
        try:
            service.wait_live()
            time.sleep(15)  # what starting took is over
            before, began = cpu_seconds(service.process.pid), time.monotonic()
            time.sleep(options.seconds)
            percent = 100 * (cpu_seconds(service.process.pid) - before) / (time.monotonic() - began)
            memory[count] = resident_mb(service.process.pid)
            threads = len(os.listdir(f"/proc/{service.process.pid}/task"))
        finally:
            service.close()
        found[f"idle_core_percent_of_{count}"] = percent
        found[f"idle_threads_of_{count}"] = threads
    found["idle_core_percent"] = found.pop(f"idle_core_percent_of_{options.pipelines}")
    found["idle_mb_each"] = (memory[options.pipelines] - memory[1]) / (options.pipelines - 1)
    return found


def insert(options, service, table, step):
    each = options.rows // options.busy_pipelines // STEPS
    service.server.execute("shop", f"INSERT INTO t{table} SELECT i, i % 1000, 'some text of row ' || i, now() FROM generate_series({step * each}, {(step + 1) * each - 1}) i")
    return each


def in_turn(options, service):
    """200 transactions of one table each, as they are written: one pipeline has rows, and the others are told of all WAL that is flushed."""
    return sum(insert(options, service, table, step) for step in range(STEPS) for table in range(service.tables))


def behind(options, service):
    """The same, but luge stands still until all is written: then every pipeline has rows to read all the time."""
    service.process.send_signal(signal.SIGSTOP)
    try:
        return in_turn(options, service)
    finally:
        service.process.send_signal(signal.SIGCONT)


def at_once(_options, service):
    """Five times a second for 40 seconds 100 rows for each table: every pipeline has small transactions of its own."""
    rows, transactions = 100, 200
    began = time.monotonic()
    with service.server.connect("shop") as connection:
        for i in range(transactions):
            with connection.transaction():
                for table in range(service.tables):
                    connection.execute(f"INSERT INTO t{table} SELECT i, i % 1000, 'some text of row ' || i, now() FROM generate_series({i * rows}, {(i + 1) * rows - 1}) i")
            time.sleep(max(0, began + (i + 1) / 5 - time.monotonic()))
    return transactions * rows * service.tables


def cost_of_rows(options, directory, pipelines, tables, write):
    """CPU seconds a million rows of luge with so many pipelines."""
    service = Service(options, directory, pipelines, tables)
    try:
        service.wait_live()
        before = cpu_seconds(service.process.pid)
        rows = write(options, service)
        end = int(service.server.execute("postgres", "SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])
        limit = time.monotonic() + 300
        while service.acknowledged() < end:
            if time.monotonic() > limit:
                raise RuntimeError("the rows did not arrive")
            time.sleep(0.2)
        return (cpu_seconds(service.process.pid) - before) / rows * 1e6
    finally:
        service.close()


def busy(options, directory):
    """50 pipelines of a table each beside one pipeline, and the ratio of their medians: beside one of all 50 tables where rows are all that costs, and
    where transactions do, one that has as many as each of the 50. The one is measured four times as often: its cost wobbles with where the kernel puts
    luge and the walsender."""
    found = {}
    tables = options.busy_pipelines
    for shape, of_one in ((in_turn, tables), (behind, tables), (at_once, 1)):
        if options.shape and shape.__name__ not in options.shape:
            continue
        costs = {1: [], tables: []}
        for repetition in range(options.repetitions):
            for at, count in enumerate((1, 1, tables, 1, 1)):
                home = directory / f"{shape.__name__}{repetition}-{at}"
                home.mkdir(mode=0o755)
                costs[count].append(cost_of_rows(options, home, count, of_one if count == 1 else tables, shape))
        name = f"busy_{shape.__name__}"
        for count, measured in costs.items():
            found |= {f"{name}_of_{count}_cpu_s_per_million": statistics.median(measured), f"{name}_of_{count}_least": min(measured),
                      f"{name}_of_{count}_most": max(measured)}
        one, many = (statistics.median(measured) for measured in costs.values())
        found[f"{name}_ratio"] = many / one
    return found


MEASURES = [scrape, idle, busy]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parent / "build" / "release")
    parser.add_argument("--only", nargs="+", choices=[measure.__name__ for measure in MEASURES])
    parser.add_argument("--to", choices=["null", "duckdb"], default="null")
    parser.add_argument("--pipelines", type=int, default=200, help="idle ones")
    parser.add_argument("--seconds", type=int, default=30, help="of idleness")
    parser.add_argument("--busy-pipelines", type=int, default=50)
    parser.add_argument("--rows", type=int, default=2_000_000, help="of the busy ones together")
    parser.add_argument("--repetitions", type=int, default=1, help="of the busy ones")
    parser.add_argument("--shape", nargs="+", choices=["in_turn", "behind", "at_once"], help="of the busy ones' load; all of them without it")
    parser.add_argument("--unix-socket", action="store_true", help="to the source, instead of TCP")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-bench-service-"))
    directory.chmod(0o755)
    found = {}
    try:
        for measure in MEASURES:
            if not options.only or measure.__name__ in options.only:
                measured = measure(options, directory)
                found |= measured
                if not options.json:
                    for name, value in measured.items():
                        goal = GOALS.get(name)
                        print(f"{name:38} {value:10.2f}" + (f"   goal {goal:g}{'' if value <= goal else '   MISSED'}" if goal else ""), flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
