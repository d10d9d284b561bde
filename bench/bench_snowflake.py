#!/usr/bin/env python3
"""luge's Snowflake path beside the null consumer: one transaction of 2,000,000 inserts, into a sink that only answers.

    bench/bench_snowflake.py --build build/release                    the whole, 5 repetitions
    bench/bench_snowflake.py --build … --quick --only rest            a tenth of the rows

The sink (snowflake_sink/) runs on the same cores and enforces Snowflake's 20 MB and 10 requests a second and channel. Everybody reads with
streaming off: the transaction is sent when it has ended. Sides are interleaved; a ratio is taken within one repetition, because the machine's
speed wobbles between them. `null` is luge without a destination: what of luge's CPU is not Snowflake's.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tests"), str(HERE)]

from support import environment  # noqa: E402

environment.enter()

from measure import RunFailed, run  # noqa: E402
from snowflake_service import SnowflakeService  # noqa: E402
from support import child_process  # noqa: E402
from support.postgres_server import PostgresServer  # noqa: E402
from workloads import OneTransaction  # noqa: E402

SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "32GB", "synchronous_commit": "off", "autovacuum": "off", "wal_sender_timeout": "10min",
            "logical_decoding_work_mem": "64MB"}
DATABASE = "bench"
# side -> ratio to the limit, CPU seconds a million rows, MB
GOALS = {"rest": (0.85, 2.5, 512), "sdk": (0.75, 3.5, 512)}
ENCODER_GOAL = 400  # MB of NDJSON a second on one core


class Bench:
    def __init__(self, options, directory, server, service):
        self.options = options
        self.directory = directory
        self.server = server
        self.service = service
        self.sides = ["null", *(options.only or ["rest", "sdk"])]

    def home(self, side):
        return self.directory / side

    def catch_up(self, side):
        luge = self.options.build / "luge"
        words = ["--to", "null:"] if side == "null" else ["--to", "snowflake:", "--config", self.service.config(side, self.options.actors, self.options.shards)]
        return run([luge, "run", "--source", self.server.url(DATABASE), *words, "--pipeline", side, "--until", "caught-up", "--streaming=off", "--log-level",
                    "warn", *self.options.luge_option], self.server, XDG_STATE_HOME=str(self.home(side)))

    def copy_slot(self, source, target):
        if self.server.execute("postgres", "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [target]):
            self.server.execute(DATABASE, "SELECT pg_drop_replication_slot(%s)", [target])
        self.server.execute(DATABASE, "SELECT pg_copy_logical_replication_slot(%s, %s)", [source, target])

    def restore(self, side):
        self.copy_slot(f"kept_{side}", f"luge_{side}")
        if side != "limit":
            shutil.rmtree(self.home(side))
            shutil.copytree(self.directory / f"kept_{side}", self.home(side))
        self.service.call("restore")

    def limit(self, end, rows):
        cost = run([self.options.build / "bench" / "null_consumer", self.server.url(DATABASE), "luge_limit", "luge_null", end, "off"], self.server)
        if json.loads(cost.output)["rows"] != rows:
            raise RunFailed(f"the null consumer saw {cost.output}, not {rows} rows")
        return cost

    def race(self, workload):
        """side -> list of (Cost, what the sink counted)."""
        self.say(f"{workload.rows():,} inserts in one transaction: loading")
        self.server.execute("postgres", f"CREATE DATABASE {DATABASE}")
        workload.before(self.server, DATABASE)
        for side in self.sides:
            self.home(side).mkdir()
            self.catch_up(side)
        self.server.execute(DATABASE, "SELECT pg_create_logical_replication_slot('luge_limit', 'pgoutput')")
        workload.load(self.server, DATABASE)
        with self.server.connect(DATABASE) as connection:
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT pg_logical_emit_message(true, 'bench', '')")
            end = connection.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
        self.server.execute(DATABASE, "CHECKPOINT")
        for side in ("limit", *self.sides):
            self.copy_slot(f"luge_{side}", f"kept_{side}")
            if side != "limit":
                shutil.copytree(self.home(side), self.directory / f"kept_{side}")
        self.service.call("keep")
        runs = {side: [] for side in ("limit", *self.sides)}
        for repetition in range(self.options.repetitions):
            for side in runs:
                self.restore(side)
                before = self.service.cpu_seconds()
                cost = self.limit(end, workload.rows()) if side == "limit" else self.catch_up(side)
                counted = self.service.counters() | {"cpu": self.service.cpu_seconds() - before, "load": os.getloadavg()[0]}
                if side in GOALS and counted["rows"] != workload.rows():
                    raise RunFailed(f"{side}: the sink holds {counted['rows']} rows, not {workload.rows()}")
                runs[side].append((cost, counted))
                self.say(f"  {repetition + 1}/{self.options.repetitions} {side:6} {cost.seconds:7.2f} s, cpu {cost.cpu:6.2f} s, server {cost.server_cpu:6.2f} s, "
                         f"sink {counted['cpu']:5.2f} s, {cost.memory_mb:4.0f} MB, {counted['requests']:4} requests, {counted['refused']} refused, "
                         f"load {counted['load']:.1f}")
        return runs

    @staticmethod
    def say(text):
        print(text, file=sys.stderr, flush=True)


def summary(rows, runs):
    records = {}
    for side, list_of_runs in runs.items():
        costs = [cost for cost, _ in list_of_runs]
        ratios = sorted(limit.seconds / cost.seconds for (limit, _), cost in zip(runs["limit"], costs))
        counted = list_of_runs[-1][1]
        records[side] = {
            "seconds_min": round(min(cost.seconds for cost in costs), 3), "seconds_median": round(statistics.median(cost.seconds for cost in costs), 3),
            "ratio_to_limit": round(statistics.median(ratios), 3), "ratio_least": round(ratios[0], 3), "ratio_most": round(ratios[-1], 3),
            "cpu_seconds_per_million_rows": round(statistics.median(cost.cpu for cost in costs) / rows * 1e6, 3),
            "cpu_seconds_per_million_rows_min": round(min(cost.cpu for cost in costs) / rows * 1e6, 3),
            "server_cpu_seconds_per_million_rows": round(statistics.median(cost.server_cpu for cost in costs) / rows * 1e6, 3),
            "sink_cpu_seconds_per_million_rows": round(statistics.median(count["cpu"] for _, count in list_of_runs) / rows * 1e6, 3),
            "peak_memory_mb": round(max(cost.memory_mb for cost in costs)),
            "requests": counted["requests"], "refused": counted["refused"], "plain_megabytes": round(counted["plain_bytes"] / 1e6),
            "packed_megabytes": round(counted["packed_bytes"] / 1e6), "load": round(statistics.median(count["load"] for _, count in list_of_runs), 1)}
        if side in GOALS:
            ratio, cpu, memory = GOALS[side]
            record = records[side]
            record["goals_missed"] = [name for name, missed in (("ratio", record["ratio_to_limit"] < ratio), ("cpu", record["cpu_seconds_per_million_rows"] > cpu),
                                                               ("memory", record["peak_memory_mb"] > memory)) if missed]
    return records


def table(records, encoder):
    lines = [f"{'':6} {'s min':>7} {'s med':>7} {'ratio':>6} {'goal':>5} {'range':>11} {'cpu/M':>6} {'least':>6} {'goal':>5} {'PG cpu/M':>8} {'sink/M':>6} {'MB':>5} "
             f"{'requests':>8} {'429':>4} {'NDJSON':>7} {'sent':>5}  missed"]
    for side, r in records.items():
        goal = GOALS.get(side, ("", "", ""))
        lines.append(f"{side:6} {r['seconds_min']:7.2f} {r['seconds_median']:7.2f} {r['ratio_to_limit']:6.2f} {goal[0]:>5} {r['ratio_least']:5.2f}-{r['ratio_most']:5.2f} "
                     f"{r['cpu_seconds_per_million_rows']:6.2f} {r['cpu_seconds_per_million_rows_min']:6.2f} {goal[1]:>5} {r['server_cpu_seconds_per_million_rows']:8.2f} "
                     f"{r['sink_cpu_seconds_per_million_rows']:6.2f} {r['peak_memory_mb']:5} {r['requests']:8} {r['refused']:4} {r['plain_megabytes']:5}MB "
                     f"{r['packed_megabytes']:3}MB  {', '.join(r.get('goals_missed', []))}")
    if encoder:
        lines.append(f"the encoder alone, one core: {encoder:.0f} MB of NDJSON a second (goal {ENCODER_GOAL})")
    return "\n".join(lines)


def encoder_speed(build):
    """MB of NDJSON a second on one core, of ten columns of usual types; None: the program says something else."""
    output = subprocess.run([build / "bench" / "micro_ndjson"], check=True, capture_output=True, text=True).stdout
    for line in output.splitlines():
        words = line.split()
        for at, word in enumerate(words):
            if word.startswith("MB/s") and at > 0:
                return float(words[at - 1])
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=environment.ROOT / "build" / "release", help="a build directory with luge and bench/")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--rows", type=int, help="another number of rows")
    parser.add_argument("--only", action="append", choices=["rest", "sdk"])
    parser.add_argument("--actors", type=int, default=4)
    parser.add_argument("--shards", type=int, default=8, help="channels of the table: at four, 20 MB a second and channel is less than the source delivers")
    parser.add_argument("--luge-option", action="append", default=[], help="one word for luge run")
    parser.add_argument("--json", type=pathlib.Path, help="where the JSON goes (default: bench-snowflake.json in the build directory)")
    options = parser.parse_args()
    options.build = options.build.resolve()
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-bench-"))
    directory.chmod(0o755)
    workload, service = OneTransaction(options.quick), None
    workload.count = options.rows or workload.count
    try:
        encoder = encoder_speed(options.build)
        with PostgresServer(15, parent=directory, **SETTINGS) as server:
            service = SnowflakeService(options.build / "bench" / "snowflake_sink", directory / "sink")
            bench = Bench(options, directory, server, service)
            records = summary(workload.rows(), bench.race(workload))
            version = server.execute("postgres", "SHOW server_version")[0][0]
    finally:
        if service:
            service.stop()
        shutil.rmtree(directory, ignore_errors=True)
    place = options.json or options.build / "bench-snowflake.json"
    place.write_text(json.dumps({"server": version, "cores": len(os.sched_getaffinity(0)), "repetitions": options.repetitions, "rows": workload.rows(),
                                 "actors": options.actors, "shards": options.shards, "encoder_megabytes_per_second": encoder, "sides": records}, indent=2) + "\n")
    print(table(records, encoder))
    print(f"written to {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
