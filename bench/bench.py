#!/usr/bin/env python3
"""luge beside its physical limits: four workloads, each for null: and duckdb:, interleaved with the limit in one run.

    bench/bench.py --build build/release              the whole, 3 repetitions
    bench/bench.py --build … --quick --only W1        a tenth of the rows

W1, W2 and W4 are loaded once into the backlog of slots. Each run starts from a copy of its slot and of its mirror, and is timed from the
start of the process to its exit, so setting up and closing count too. The limit is a consumer that throws every byte away.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from support import environment  # noqa: E402

environment.enter()

import duckdb  # noqa: E402
from measure import RunFailed, run  # noqa: E402
from support import child_process  # noqa: E402
from support.postgres_server import PostgresServer  # noqa: E402
from workloads import Copy, OneTransaction, SmallTransactions, Updates  # noqa: E402

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "32GB", "synchronous_commit": "off", "autovacuum": "off", "wal_sender_timeout": "10min",
            "logical_decoding_work_mem": "64MB"}
SIDES = ("limit", "null", "duckdb")
DATABASE = "bench"


class Bench:
    def __init__(self, options, directory, server):
        self.options = options
        self.directory = directory
        self.server = server
        self.luge = options.build / "luge"

    # luge ------------------------------------------------------------------------------------------------------------------------------

    def home(self, side):
        """Everything a side keeps: state, and for duckdb the mirror."""
        return self.directory / side

    def catch_up(self, side):
        """`luge run --until caught-up` of a side, measured."""
        target = "null:" if side == "null" else f"duckdb:{self.home(side) / 'mirror.duckdb'}"
        return run([self.luge, "run", "--source", self.server.url(DATABASE), "--to", target, "--pipeline", side, "--until", "caught-up", "--log-level", "warn",
                    *self.options.luge_option], self.server, XDG_STATE_HOME=str(self.home(side)))

    def set_up(self, side):
        """A first run copies what there is, so that slot, publication and mirror stand."""
        shutil.rmtree(self.home(side), ignore_errors=True)
        self.home(side).mkdir()
        self.catch_up(side)

    def copy_slot(self, source, target):
        if self.server.execute("postgres", "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [target]):
            self.server.execute(DATABASE, "SELECT pg_drop_replication_slot(%s)", [target])
        self.server.execute(DATABASE, "SELECT pg_copy_logical_replication_slot(%s, %s)", [source, target])

    def keep(self, side):
        """Puts slot and files aside as every repetition shall find them."""
        self.copy_slot(f"luge_{side}", f"kept_{side}")
        shutil.copytree(self.home(side), self.directory / f"kept_{side}")

    def restore(self, side):
        self.copy_slot(f"kept_{side}", f"luge_{side}")
        if side == "limit":
            return
        shutil.rmtree(self.home(side))
        shutil.copytree(self.directory / f"kept_{side}", self.home(side))

    # Workloads -------------------------------------------------------------------------------------------------------------------------

    def replay(self, workload):
        """The streaming workloads. side -> list of Cost, one for each repetition."""
        self.say(f"{workload.name}: {workload.title}: loading")
        workload.before(self.server, DATABASE)
        for side in ("null", "duckdb"):
            self.set_up(side)
        self.server.execute(DATABASE, "SELECT pg_create_logical_replication_slot('luge_limit', 'pgoutput')")
        workload.load(self.server, DATABASE)
        with self.server.connect(DATABASE) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT pg_logical_emit_message(true, 'bench', '')")
            end = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
        self.server.execute(DATABASE, "CHECKPOINT")
        self.copy_slot("luge_limit", "kept_limit")
        self.keep("null")
        self.keep("duckdb")
        costs = {side: [] for side in SIDES}
        for repetition in range(self.options.repetitions):
            for side in SIDES:
                self.restore(side)
                if side == "limit":
                    cost = run([self.options.build / "bench" / "null_consumer", self.server.url(DATABASE), "luge_limit", "luge_duckdb", end], self.server)
                    if json.loads(cost.output)["rows"] != workload.rows():
                        raise RunFailed(f"the null consumer saw {cost.output}, not {workload.rows()} rows")
                else:
                    cost = self.catch_up(side)
                self.note(costs, side, cost, repetition)
                if side == "duckdb":
                    self.check(workload)
        for side in SIDES:
            for name in (f"luge_{side}", f"kept_{side}"):
                self.server.execute(DATABASE, "SELECT pg_drop_replication_slot(%s)", [name])
        return costs

    def copy(self, workload):
        """The initial copy: every run begins with nothing."""
        self.say(f"{workload.name}: {workload.title}: loading")
        workload.before(self.server, DATABASE)
        costs = {side: [] for side in SIDES}
        for repetition in range(self.options.repetitions):
            for side in SIDES:
                if side == "limit":
                    cost = run([self.options.build / "bench" / "copy_to_nowhere", self.server.url(DATABASE), workload.table], self.server)
                else:
                    shutil.rmtree(self.home(side), ignore_errors=True)
                    self.home(side).mkdir()
                    cost = self.catch_up(side)
                    self.server.execute(DATABASE, "SELECT pg_drop_replication_slot(%s)", [f"luge_{side}"])
                    self.server.execute(DATABASE, f"DROP PUBLICATION luge_{side}")
                self.note(costs, side, cost, repetition)
                if side == "duckdb":
                    self.check(workload)
        return costs

    def check(self, workload):
        """A fast run that lost something is not fast."""
        statement = f"SELECT count(*), sum({'id' if workload.table == 't' else 'delta'}) FROM {{}}.{workload.table}"
        with duckdb.connect(str(self.home("duckdb") / "mirror.duckdb"), read_only=True) as mirror:
            found = mirror.execute(statement.format("public")).fetchone()
        wanted = self.server.execute(DATABASE, statement.format("public"))[0]
        if tuple(map(int, found)) != tuple(map(int, wanted)):
            raise RunFailed(f"{workload.name}: the mirror holds {found}, the source {wanted}")

    def note(self, costs, side, cost, repetition):
        costs[side].append(cost)
        self.say(f"  {repetition + 1}/{self.options.repetitions} {side:6} {cost.seconds:7.2f} s, cpu {cost.cpu:6.2f} s, server {cost.server_cpu:6.2f} s, {cost.memory_mb:5.0f} MB")

    def run(self, workload):
        self.server.execute("postgres", f"CREATE DATABASE {DATABASE}")
        try:
            costs = self.copy(workload) if isinstance(workload, Copy) else self.replay(workload)
        finally:
            for directory in self.directory.iterdir():
                if directory.name.startswith(("kept_", *SIDES)):
                    shutil.rmtree(directory)
        self.server.execute("postgres", f"DROP DATABASE {DATABASE} WITH (FORCE)")
        return summary(workload, costs)

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)


def summary(workload, costs):
    """One record for each side; ratios are taken within a repetition, because the machine's speed wobbles between them."""
    records = {}
    for side, runs in costs.items():
        ratios = [limit.seconds / mine.seconds for limit, mine in zip(costs["limit"], runs)]
        best = min(cost.seconds for cost in runs)
        records[side] = {
            "seconds_min": round(best, 3),
            "seconds_median": round(statistics.median(cost.seconds for cost in runs), 3),
            "rows_per_second": round(workload.rows() / best),
            "ratio_to_limit": round(statistics.median(ratios), 3),
            "ratio_best": round(min(cost.seconds for cost in costs["limit"]) / best, 3),
            "cpu_seconds_per_million_rows": round(min(cost.cpu for cost in runs) / workload.rows() * 1e6, 3),
            "server_cpu_seconds_per_million_rows": round(min(cost.server_cpu for cost in runs) / workload.rows() * 1e6, 3),
            "peak_memory_mb": round(max(cost.memory_mb for cost in runs)),
        }
    return {"workload": workload.name, "title": workload.title, "rows": workload.rows(), "sides": records}


def table(results):
    lines = [f"{'':34} {'':6} {'s min':>8} {'s med':>8} {'rows/s':>10} {'ratio':>6} {'best':>6} {'cpu/M':>7} {'PG cpu/M':>8} {'MB':>6}"]
    for result in results:
        for side, record in result["sides"].items():
            title = f"{result['workload']} {result['title']}" if side == "limit" else ""
            lines.append(f"{title:34.34} {side:6} {record['seconds_min']:8.2f} {record['seconds_median']:8.2f} {record['rows_per_second']:10,} {record['ratio_to_limit']:6.2f} "
                         f"{record['ratio_best']:6.2f} {record['cpu_seconds_per_million_rows']:7.2f} {record['server_cpu_seconds_per_million_rows']:8.2f} {record['peak_memory_mb']:6}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=environment.ROOT / "build" / "release", help="a build directory with luge and bench/")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--only", action="append", choices=["W1", "W2", "W3", "W4"])
    parser.add_argument("--luge-option", action="append", default=[], help="one word for luge run, for example --luge-option=--batch-max-size=50000")
    parser.add_argument("--json", type=pathlib.Path, help="where the JSON goes (default: bench.json in the build directory)")
    options = parser.parse_args()
    options.build = options.build.resolve()
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-bench-"))
    directory.chmod(0o755)
    results, failed = [], False
    try:
        with PostgresServer(15, parent=directory, **SETTINGS) as server:
            bench = Bench(options, directory, server)
            for kind in (OneTransaction, SmallTransactions, Copy, Updates):
                workload = kind(options.quick)
                if options.only and workload.name not in options.only:
                    continue
                try:
                    results.append(bench.run(workload))
                except RunFailed as failure:
                    failed = True
                    print(f"{workload.name} failed: {failure}", file=sys.stderr)
                    server.remove()
                    server.__init__(15, parent=directory, **SETTINGS)
                    server.start()
            version = server.execute("postgres", "SHOW server_version")[0][0]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    place = options.json or options.build / "bench.json"
    place.write_text(json.dumps({"server": version, "cores": len(os.sched_getaffinity(0)), "repetitions": options.repetitions, "quick": options.quick,
                                 "results": results}, indent=2) + "\n")
    print(table(results))
    print(f"written to {place}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
