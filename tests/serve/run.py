#!/usr/bin/env python3
"""luge serve, its catalog and its verbs, as an operator uses them. The last line is "N passed, N failed".

    tests/serve/run.py --luge build/dev/luge
    tests/serve/run.py --luge build/dev/luge --only takeover --keep
"""
import argparse
import contextlib
import http.server
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from support import environment  # noqa: E402

environment.enter()

import duckdb  # noqa: E402
import psycopg  # noqa: E402
from support import child_process  # noqa: E402
from support.postgres_server import PostgresServer, free_port  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402


class Failed(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failed(what)


def wait_for(done, what, seconds):
    """How long it took until `done()` was true."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > seconds:
            raise Failed(f"in {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)
    return time.monotonic() - began


class Service:
    """One `luge serve`."""

    def __init__(self, house, name):
        self.house, self.name = house, name
        self.port = free_port()
        self.log = house.directory / f"{name}.log"
        self.process = None

    def start(self, *more):
        with open(self.log, "ab") as log:
            self.process = child_process.spawn([self.house.luge, "serve", "--catalog", self.house.catalog, "--http", f"127.0.0.1:{self.port}",
                                                "--http-token-file", self.house.directory / f"{self.name}.token", *more],
                                               stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.house.directory, env=self.house.environment)
        wait_for(self.answers, lambda: f"{self.name} answers: {self.text()[-2000:]}", 30)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} ended with exit {self.process.returncode}:\n{self.text()[-3000:]}")
        with contextlib.suppress(OSError):
            return self.get("/health") is not None
        return False

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            return answer.read().decode()

    def post(self, path):
        token = (self.house.directory / f"{self.name}.token").read_text().strip()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method="POST", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def stop(self, number=signal.SIGTERM):
        code = child_process.end(self.process, number, patience=60)
        return code

    def told(self, *words):
        """Whether a line of the log holds all of them."""
        return any(all(word in line for word in words) for line in self.text().splitlines())

    def text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


class House:
    """A source, a catalog, and the directory where everything of a test is."""

    def __init__(self, luge, directory):
        self.luge, self.directory = luge, directory
        self.environment = child_process.clean_environment(XDG_STATE_HOME=str(directory / "state"), HOME=str(directory))
        self.server = PostgresServer(parent=directory)
        self.server.start()
        self.server.execute("postgres", "CREATE DATABASE shop")
        self.server.execute("shop", "CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT i, 'v' || i FROM generate_series(1, 100) i")
        self.catalog = f"sqlite:{directory}/catalog.db"
        self.services, self.sources = [], set()

    def close(self):
        for service in self.services:
            if service.process and service.process.poll() is None:
                service.process.kill()
                service.process.wait()
        self.server.remove()

    def service(self, name="serve"):
        self.services.append(Service(self, name))
        return self.services[-1]

    def run(self, *words, code=0, said=""):
        """A verb on this catalog, with `said` as its input; its standard output."""
        done = subprocess.run([str(word) for word in [self.luge, *words, "--catalog", self.catalog]], capture_output=True, text=True, input=said,
                              cwd=self.directory, env=self.environment, timeout=60, check=False)
        check(done.returncode == code, f"luge {' '.join(map(str, words))}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def add(self, pipeline, *more, source="shop", file=None):
        """Source and destination as needed, and the pipeline; the mirror's path."""
        mirror = file or self.directory / f"{pipeline}.duckdb"
        if source not in self.sources:
            self.run("source", "add", source, f"conninfo={self.server.url('shop')}")
            self.sources.add(source)
        self.run("destination", "add", pipeline, f"address=duckdb:{mirror}")
        self.run("pipeline", "add", pipeline, f"source={source}", f"destination={pipeline}", *more)
        return mirror

    def status(self, pipeline):
        return json.loads(self.run("pipeline", "show", pipeline, "--json"))["status"] or {"state": None, "error": None, "owner": None}

    def wait_state(self, pipeline, state, seconds=30):
        return wait_for(lambda: self.status(pipeline)["state"] == state, lambda: f"{pipeline} becomes {state}; it is {self.status(pipeline)}", seconds)

    def count(self, mirror, table="orders"):
        """Rows, asked through the running luge."""
        done = subprocess.run([str(self.luge), "query", "--to", f"duckdb:{mirror}", "--json", f"select count(*) as n from {table}"],
                              capture_output=True, text=True, cwd=self.directory, env=self.environment, timeout=60, check=False)
        return int(json.loads(done.stdout)["rows"][0][0]) if done.returncode == 0 else None

    def wait_count(self, mirror, rows, seconds=30, table="orders"):
        return wait_for(lambda: self.count(mirror, table) == rows, lambda: f"{mirror.name} has {rows} rows; it has {self.count(mirror, table)}", seconds)


def life(house):
    """Rows are added, a pipeline runs, is paused and started by row, verb and API, shows itself, and drains."""
    mirror = house.add("shop")
    service = house.service().start()
    house.wait_state("shop", "live")
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'new')")
    house.wait_count(mirror, 101)
    page = service.get("/metrics")
    check('pipeline_active{pipeline="shop"} 1' in page, "pipeline_active is missing or not 1")
    check("pg_source_wal_size_mb" in page and "etl_throughput_rows" in page, "the metrics' given names are missing")
    second_writer(house, service, mirror)
    house.run("pipeline", "pause", "shop")
    took = house.wait_state("shop", "paused", 10)
    house.server.execute("shop", "INSERT INTO orders VALUES (102, 'while paused')")
    service.post("/api/v1/pipelines/shop/resume")
    house.wait_state("shop", "live")
    house.wait_count(mirror, 102)
    with sqlite3.connect(house.directory / "catalog.db") as rows:  # an operator's own SQL
        rows.execute("UPDATE pipeline SET desired = 'PAUSE'")
    house.wait_state("shop", "paused", 10)
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("UPDATE pipeline SET desired = 'START', batch_max_size = 10")
    house.wait_state("shop", "live")
    house.server.execute("shop", "CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1)")
    house.wait_count(mirror, 1, table="later")
    subprocess.run([str(house.luge), "pause", "--to", f"duckdb:{mirror}", "--pipeline", "shop"], cwd=house.directory, env=house.environment, check=True, timeout=60)
    house.wait_state("shop", "paused", 10)
    check("luge pipeline start" in house.status("shop")["reason"], f"what lets it go on is not said: {house.status('shop')}")
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("UPDATE source SET conninfo = conninfo"), rows.execute("UPDATE destination SET address = address")
    time.sleep(2)
    check(house.status("shop")["state"] == "paused", "a source that was written again without a change ended a pause")
    house.run("pipeline", "start", "shop")
    house.wait_state("shop", "live", 10)
    check(service.stop() == 0, "SIGTERM is not answered by exit 0")
    with duckdb.connect(str(mirror), read_only=True) as reader:
        check(reader.execute("SELECT count(*) FROM public.orders").fetchone()[0] == 102, "the mirror's file lacks rows")
    return f"a pause is seen after {took:.1f} s"


def second_writer(house, service, mirror):
    """The API starts no second pipeline that writes to the same file."""
    house.add("second", "desired=PAUSE", file=mirror)
    house.wait_state("second", "paused", 10)
    try:
        raise Failed("a second writer was started: " + service.post("/api/v1/pipelines/second/resume"))
    except urllib.error.HTTPError as refused:
        told = json.loads(refused.read())
        check(refused.code == 409 and told["code"] == "destination_taken" and "shop" in told["what"], f"{refused.code}: {told}")
    house.run("pipeline", "remove", "second")


def bad_rows(house):
    """What is wrong with one pipeline's rows stops that pipeline, with the reason, and no other one."""
    mirror = house.add("good")
    service = house.service().start()
    house.wait_state("good", "live")
    bad = {
        "b_word": ("UPDATE pipeline SET desired = 'MAYBE' WHERE name = 'b_word'", "START or PAUSE"),
        "b_source": ("UPDATE pipeline SET source = 'nowhere' WHERE name = 'b_source'", "nowhere"),
        "b_option": ("""UPDATE pipeline SET options = '{"on_gapp": "resync"}' WHERE name = 'b_option'""", "on_gap"),
        "b_value": ("""UPDATE pipeline SET options = '{"on_gap": "perhaps"}' WHERE name = 'b_value'""", "stop|resync"),
        "b_json": ("UPDATE pipeline SET options = '{' WHERE name = 'b_json'", "JSON"),
        "b_long": ("UPDATE pipeline SET tables = hex(zeroblob(5242880)) WHERE name = 'b_long'", "long"),
        "b_mode": ("UPDATE pipeline SET mode = 'mirrored' WHERE name = 'b_mode'", "mirror or log"),
        "b_secret": ("UPDATE source SET conninfo = 'host=127.0.0.1 password=hunter2' WHERE name = 'b_secret'", "plain text"),
    }
    for name, (sql, _) in bad.items():
        house.add(name, "desired=PAUSE", source=name if name == "b_secret" else "good_source")
        with sqlite3.connect(house.directory / "catalog.db") as rows:
            rows.execute("UPDATE pipeline SET desired = 'START' WHERE name = ?", [name])
            rows.execute(sql)
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("INSERT INTO pipeline (name, source, destination) VALUES (?, 'good_source', 'good')", ["x'; DROP TABLE pipeline; --"])
    for name, (_, reason) in bad.items():
        house.wait_state(name, "invalid")
        error = house.status(name)["error"]
        check(reason in error["what"] + error["hint"], f"{name}: {error}")
        check("hunter2" not in json.dumps(error), "a password is shown")
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'goes on')")
    house.wait_count(mirror, 101)
    check(house.status("good")["state"] == "live", "the good pipeline suffered")
    check("hunter2" not in service.text() + service.get("/api/v1/pipelines"), "a password is shown")
    house.run("pipeline", "edit", "b_mode", "mode=log")
    house.wait_state("b_mode", "live")


def takeover(house):
    """Two processes share the pipelines of a catalog in PostgreSQL; one dies, the other takes over. The goal is 10 s; how long it took is printed."""
    house.server.execute("postgres", "CREATE DATABASE ops")
    house.catalog = house.server.url("ops")
    mirrors = {name: house.add(name) for name in ("one", "two", "three", "four")}
    first, second = house.service("first").start(), house.service("second").start()
    for name in mirrors:
        house.wait_state(name, "live", 60)
    owners = lambda: {name: house.status(name)["owner"] for name in mirrors}  # noqa: E731
    wait_for(lambda: sorted(list(owners().values()).count(owner) for owner in set(owners().values())) == [2, 2], "each has two", 40)
    for service in (first, second):
        listed = lambda service=service: json.loads(service.get("/api/v1/pipelines"))["pipelines"]  # noqa: E731
        wait_for(lambda: [row["pipeline"] for row in listed()] == sorted(mirrors) and sum(row["elsewhere"] is not None for row in listed()) == 2,
                 lambda: f"each process knows of all pipelines: {listed()}", 10)
        check(service.get("/metrics").count("\npipeline_active{") == 2, "a process has metrics of its own pipelines only")
        away = lambda listed=listed: [row for row in listed() if row["elsewhere"] is not None]  # noqa: E731
        wait_for(lambda: all(row["lag"]["bytes"] is not None and row["table_counts"] == {"unknown": 1} for row in away()),
                 lambda: f"lag and tables of those that run elsewhere: {away()}", 20)
        check(service.get("/").count("runs at ") == 2, "the console does not say where the others run")
    first.post("/api/v1/pipelines/one/pause"), second.post("/api/v1/pipelines/two/pause")
    house.wait_state("one", "paused"), house.wait_state("two", "paused")
    second.post("/api/v1/pipelines/one/resume"), first.post("/api/v1/pipelines/two/resume")
    for name in mirrors:
        house.wait_state(name, "live", 60)
    wait_for(lambda: sorted(list(owners().values()).count(owner) for owner in set(owners().values())) == [2, 2], "each has two", 40)
    pid = f"/{first.process.pid}/"
    moved = [name for name, owner in owners().items() if pid in owner]
    first.process.kill()
    began = time.monotonic()
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'taken over')")
    for name in moved:
        wait_for(lambda name=name: pid not in (house.status(name)["owner"] or pid) and house.status(name)["state"] == "live",
                 lambda name=name: f"{name} is taken over; it is {house.status(name)}", 20)
    took = time.monotonic() - began
    for mirror in mirrors.values():
        house.wait_count(mirror, 101)
    check(second.stop() == 0, "SIGTERM is not answered by exit 0")
    moved_leases(house)
    return f"{took:.1f} s"


def moved_leases(house):
    """Leases that are in a Redis from now on count their fences from 1: what the catalog says of the pipelines does not stand still for that."""
    house.server.execute("ops", "UPDATE _luge.pipeline_status SET fence = 7, heartbeat_at = now() - interval '1 minute'")
    with RedisServer(house.directory / "redis") as redis:
        third = house.service("third").start("--leases", redis.url)
        pid = f"/{third.process.pid}/"
        wait_for(lambda: pid in (house.status("one")["owner"] or "") and house.status("one")["state"] == "live",
                 lambda: f"the third tells of it; it is {house.status('one')}", 60)
        check(third.stop() == 0, "SIGTERM is not answered by exit 0")


def zombie(house):
    """A process that was frozen while another one took its pipeline does nothing when it wakes up."""
    mirror = house.add("shop")
    first = house.service("first").start()
    house.wait_state("shop", "live")
    second = house.service("second").start()
    first.process.send_signal(signal.SIGSTOP)
    pid = f"/{second.process.pid}/"
    # The slot stays with the frozen process's connection until the server ends that: the operator's part, or wal_sender_timeout's.
    wait_for(lambda: pid in (house.status("shop")["owner"] or ""), "the second has the lease", 20)
    house.server.execute("postgres", "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'by the second')")
    time.sleep(1)
    first.process.send_signal(signal.SIGCONT)
    # It holds the mirror's file until it notices that the pipeline is not its any more; then the second gets in.
    wait_for(lambda: pid in (house.status("shop")["owner"] or "") and house.status("shop")["state"] == "live",
             lambda: f"the second runs it; it is {house.status('shop')}", 60)
    house.wait_count(mirror, 101)
    check("its lease was lost" in first.text() and first.process.poll() is None, f"the zombie did not just let go: {first.text()[-2000:]}")
    check(json.loads(first.get("/api/v1/pipelines")) is not None, "the zombie does not answer")
    check(second.stop() == 0, "SIGTERM is not answered by exit 0")


def applied(house):
    """luge apply: shows, does, does nothing a second time, prunes; refuses what cannot be."""
    document = house.directory / "luge.yaml"
    document.write_text(f"""
sources:
  shop: {{conninfo: "{house.server.url('shop')}"}}
destinations:
  lake: {{address: "duckdb:{house.directory}/lake.duckdb"}}
pipelines:
  shop: {{source: shop, destination: lake, tables: ["public.*", "!public.audit_*"], on_gap: resync, columns: {{public.orders.v: {{as: text}}}}}}
""")
    said = house.run("apply", "-f", document, "--dry-run")
    check("+ pipeline shop" in said and "nothing was changed" in said, said)
    check("no catalog" in house.run("pipeline", "list", "--json", code=1), "a dry run made a catalog")
    house.run("apply", "-f", document)
    check("is as" in house.run("apply", "-f", document), "a second apply changes something")
    check("standard input" in house.run("apply", "-f", "-", said=document.read_text()), "what is piped in is another document")
    check("says nothing" in house.run("apply", "-f", "-", "--prune", code=2), "a pipe that breaks removes everything")
    house.service().start()
    house.wait_state("shop", "live")
    document.write_text(document.read_text().replace("on_gap: resync", "on_gap: perhaps"))
    check("perhaps" in house.run("apply", "-f", document, code=2), "a bad value is taken")
    document.write_text("# nothing\n")
    check("says nothing" in house.run("apply", "-f", document, "--prune", code=2), "an empty file removes everything")
    document.write_text("sources: {}\n")
    said = house.run("apply", "-f", document, "--prune")
    check("- pipeline shop" in said and "luge drop --source" in said and "luge_shop" in said, said)
    wait_for(lambda: json.loads(house.run("pipeline", "list", "--json"))["pipelines"] == [], "the pipeline is gone", 10)


def secrets(house):
    """A password as a variable, as a file, encrypted; never in plain text, never shown."""
    password = "s3 cret's \\ !"
    quoted = password.replace("'", "''")
    house.server.execute("postgres", f"CREATE ROLE with_password LOGIN REPLICATION SUPERUSER PASSWORD '{quoted}'")
    key = subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, text=True, check=True).stdout.strip()
    plain = house.server.url("shop", user="with_password", tcp=True, password=urllib.parse.quote(password))
    said = house.run("source", "add", "plain", f"conninfo={plain}", code=1)
    check("plain" in said and "s3" not in said, said)
    (house.directory / "password").write_text(password + "\n")
    (house.directory / "password").chmod(0o600)
    house.environment |= {"SHOP_PASSWORD": password, "LUGE_CATALOG_KEYS": f"k1:{key}"}
    settings = f"host=127.0.0.1 port={house.server.port} user=with_password dbname=shop password="
    for name, reference in ("by_variable", "${SHOP_PASSWORD}"), ("by_file", f"file:{house.directory}/password"):
        house.run("source", "add", name, f"conninfo={settings}{reference}", f"state=sqlite:{house.directory}/it's {name}!.db")
    house.run("source", "add", "encrypted", f"conninfo={plain}")
    shown = house.run("source", "list") + house.run("source", "show", "encrypted", "--json")
    check("s3" not in shown and "k1" in shown, shown)
    check(b"s3 cret" not in (house.directory / "catalog.db").read_bytes(), "the catalog holds the password")
    house.sources |= {"by_variable", "by_file", "encrypted"}
    for name in ("by_variable", "by_file", "encrypted"):
        house.add(name, source=name)
    service = house.service().start()
    for name in ("by_variable", "by_file", "encrypted"):
        house.wait_state(name, "live", 60)
    check("s3 cret" not in service.text(), "the log holds the password")
    (house.directory / "password").rename(house.directory / "away")
    house.run("pipeline", "edit", "by_variable", "on_gap=resync")  # whatever makes luge look at the rows
    wait_for(lambda: service.told("secret_unread", "pipeline=by_file"), "that its file is gone is told", 10)
    time.sleep(1)
    check(house.status("by_file")["state"] == "live", f"it needs the file no more: {house.status('by_file')}")
    house.run("pipeline", "pause", "by_file"), house.wait_state("by_file", "paused", 10)
    house.run("pipeline", "start", "by_file"), house.wait_state("by_file", "invalid", 10)
    (house.directory / "away").rename(house.directory / "password")
    house.wait_state("by_file", "live", 30)
    moved_reference(house, service)
    apply_secrets(house, plain)
    rotate_keys(house, key)
    dropped(house)


def moved_reference(house, service):
    """What a secret refers to changes without a word."""
    elsewhere = house.directory / "elsewhere"
    elsewhere.write_text("host=127.0.0.1 port=1 dbname=shop user=nobody")
    elsewhere.chmod(0o600)
    house.run("source", "add", "moves", f"conninfo=file:{elsewhere}")
    moves = lambda: next(row for row in json.loads(service.get("/api/v1/sources"))["sources"] if row["name"] == "moves")  # noqa: E731
    wait_for(lambda: "moves" in service.get("/api/v1/sources"), "the source is watched", 10)
    wait_for(lambda: moves()["failed_readings"] > 0, "the monitor tries", 30)
    check(moves()["level"] == "unknown" and moves()["reason"], f"what cannot be read is no good news: {moves()}")
    elsewhere.write_text(house.server.url("shop"))
    service.process.send_signal(signal.SIGHUP)
    wait_for(lambda: moves()["level"] == "ok", lambda: f"the monitor reads the secret again: {moves()}", 10)


def apply_secrets(house, plain):
    """What a document holds in plain text is encrypted, and no change the second time; without a key it is refused."""
    document = house.directory / "secrets.yaml"
    document.write_text(f"""
sources:
  applied: {{conninfo: "{plain}"}}
destinations:
  applied: {{address: "duckdb:{house.directory}/applied.duckdb"}}
pipelines:
  applied: {{source: applied, destination: applied, desired: PAUSE, state: "redis://luge:s3/cret#@127.0.0.1/1"}}
""")
    keys = house.environment.pop("LUGE_CATALOG_KEYS")
    check("plain text" in house.run("apply", "-f", document, code=1), "without a key, a plain secret is taken")
    house.environment["LUGE_CATALOG_KEYS"] = keys
    said = house.run("apply", "-f", document)
    check("+ source applied" in said and "s3" not in said, said)
    for row in ("source", "applied"), ("pipeline", "applied"):
        check("s3" not in house.run(row[0], "show", row[1], "--json"), "a secret is shown")
    check("is as" in house.run("apply", "-f", document), "the same secrets are a change")
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("UPDATE pipeline SET options = ? WHERE name = 'applied'", ['{"state": "redis://luge:s3/cret#@127.0.0.1/1"}'])
    check("s3/cret" not in house.run("pipeline", "list", "--json"), "a secret that was written by SQL is shown")
    check("s3/cret" not in house.run("pipeline", "remove", "applied"), "a secret that was written by SQL is in a command")


def rotate_keys(house, old):
    """Another key: every secret is encrypted again, and the old key is needed no more."""
    house.run("secrets", "turn", code=2)
    new = subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, text=True, check=True).stdout.strip()
    house.environment["LUGE_CATALOG_KEYS"] = f"k2:{new}"
    check("k1" in house.run("secrets", "rotate", code=1), "secrets of a lost key are passed over")
    house.environment["LUGE_CATALOG_KEYS"] = f"k2:{new},k1:{old}"
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("INSERT INTO source (name, conninfo) VALUES ('torn', 'host=db password=enc:v1:k1:AAAA= oops')")
    check("'torn' (conninfo, key k1)" in house.run("secrets", "rotate", code=1), "a secret in a row that cannot be read is passed over")
    check("(encrypted with key k1)" in house.run("source", "show", "encrypted"), "a rotation that failed has changed something")
    house.run("source", "remove", "torn")
    check(json.loads(house.run("secrets", "rotate", "--json")) == {"key": "k2", "secrets": 2, "rows": 2}, "not both were encrypted again")
    check("already" in house.run("secrets", "rotate"), "a second rotation changes something")
    house.environment["LUGE_CATALOG_KEYS"] = f"k2:{new}"
    check("(encrypted with key k2)" in house.run("source", "show", "encrypted"), "the old key's text is still there")
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'after the rotation')")
    house.wait_count(house.directory / "encrypted.duckdb", 101)


def dropped(house):
    """What `luge pipeline remove` prints, pasted into a shell, removes slot and state, whatever characters are in passwords and names."""
    for name in ("by_variable", "by_file"):
        house.run("pipeline", "pause", name)
        house.wait_state(name, "paused", 10)
        command = json.loads(house.run("pipeline", "remove", name, "--json"))["drop_command"]
        check("s3 cret" not in command, "a password is shown")
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=house.directory, timeout=60, check=False,
                              env=house.environment | {"PATH": f"{house.luge.parent}:{house.environment['PATH']}"})
        check(f"slot luge_{name}: dropped" in done.stdout and "state: removed" in done.stdout, f"{command}\n{done.stdout}{done.stderr}")


class Receiver(http.server.ThreadingHTTPServer):
    def __init__(self):
        self.messages = []
        super().__init__(("127.0.0.1", 0), Receiver.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.server.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass


def held_in_danger(house, service, mirror):
    """A slot that nobody reads has put the source of pipeline shop into danger: tables wait for their copy until it is gone."""
    def source():
        return json.loads(service.get("/api/v1/sources"))["sources"][0]

    def phases(pipeline):
        tables = json.loads(service.get(f"/api/v1/pipelines/{pipeline}/tables"))["tables"]
        return {table["name"]: table["copy"]["phase"] for table in tables if table["copy"]}

    def is_held(pipeline, table):
        return phases(pipeline).get(table, "").startswith("held")

    wait_for(lambda: source()["actions"] == ["larger_batches", "pause_copies"], lambda: f"both actions are due: {source()}", 20)
    for action in ("larger_batches", "pause_copies"):
        wait_for(lambda action=action: service.told("wal_action_begins", f"action={action}"), f"{action} begins", 10)
    house.server.execute("shop", "CREATE TABLE late (id int PRIMARY KEY); INSERT INTO late VALUES (1), (2)")
    wait_for(lambda: is_held("shop", "late"), lambda: f"the copy is held: {phases('shop')}", 20)
    begun_later = house.add("second", "tables=public.orders")
    house.wait_state("second", "copying")
    wait_for(lambda: is_held("second", "orders"), lambda: f"so are those of a pipeline that begins now: {phases('second')}", 30)
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'goes on')")
    house.wait_count(mirror, 101)
    check(is_held("shop", "late") and is_held("second", "orders"), "a copy began in danger")
    check(not service.told("wal_action_ends"), "an action ended in danger")
    house.run("pipeline", "pause", "broken")
    house.server.execute("shop", "SELECT pg_drop_replication_slot('luge_broken')")

    def is_over():
        house.server.execute("shop", "CHECKPOINT")  # lets luge's own slots move
        return service.told("wal_action_ends", "action=pause_copies")
    wait_for(is_over, lambda: f"the danger is over: {source()}", 40)
    house.wait_count(mirror, 2, table="late")
    house.wait_count(begun_later, 101)


def webhook_config(house, receiver, more=""):
    """A configuration whose alerts go to the receiver, with what stands in `more` too."""
    config = house.directory / "serve.yaml"
    config.write_text(f"""
alerts:
  webhooks:
    - {{name: team, url: "http://127.0.0.1:{receiver.server_port}/hook", private_networks: 127.0.0.1}}
{more}""")
    return config


def alerts(house):
    """A pipeline that cannot start, and WAL that piles up behind an abandoned slot, reach a webhook. In danger no copy begins, until it is over."""
    receiver = Receiver()
    config = webhook_config(house, receiver, """
wal: {interval: 1s, warning_retained: 1MiB, danger_retained: 8MiB, warning_wal_size: 100GiB, danger_wal_size: 200GiB,
      warning_actions: [larger_batches], danger_actions: [pause_copies]}
""")
    mirror = house.add("shop")
    house.add("broken", "desired=PAUSE")
    house.server.execute("shop", "SELECT pg_create_logical_replication_slot('luge_broken', 'pgoutput')")
    house.run("pipeline", "start", "broken")
    service = house.service().start("--config", config)
    told = lambda kind: [message for message in receiver.messages if message["kind"] == kind]  # noqa: E731
    wait_for(lambda: told("pipeline_failed"), lambda: f"the failed pipeline is told; {house.status('broken')}", 30)
    check("broken" in told("pipeline_failed")[0]["title"], str(told("pipeline_failed")))
    house.wait_state("shop", "live")
    house.server.execute("shop", "CREATE TABLE filler (v text); INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000); CHECKPOINT")
    wait_for(lambda: told("wal"), "the WAL is told", 40)
    check(json.loads(service.get("/api/v1/alerts"))["firing"], "the API does not show what fires")
    time.sleep(3)  # it is kept every two seconds
    before = receiver.messages.copy()
    service.process.kill(), service.process.wait()
    service.start("--config", config)
    wait_for(lambda: service.text().count("pipeline_failed: ") > 1, "the pipeline has failed again", 30)
    shop = lambda: json.loads(service.get("/api/v1/pipelines/shop"))  # noqa: E731
    wait_for(lambda: shop()["elsewhere"] is None and shop()["state"] == "live", lambda: f"it runs again: {shop()}", 30)
    time.sleep(3)
    again = [message for message in receiver.messages[len(before):] if message["event"] == "fired"]
    check(not again, f"told again what was known before the restart: {again}")
    held_in_danger(house, service, mirror)
    receiver.shutdown()


def one_voice(house):
    """Two processes watch the same source; a receiver hears of its WAL once, also when one of them ends and comes back."""
    receiver = Receiver()
    house.server.execute("postgres", "CREATE DATABASE ops")
    house.catalog = house.server.url("ops")
    house.add("shop"), house.add("other")
    config = webhook_config(house, receiver, """
wal: {interval: 1s, warning_retained: 1MiB, danger_retained: 100GiB, warning_wal_size: 100GiB, danger_wal_size: 200GiB}
""")
    services = [house.service(name).start("--config", config) for name in ("first", "second")]
    owners = lambda: {house.status(name)["owner"] for name in ("shop", "other")}  # noqa: E731
    wait_for(lambda: len(owners()) == 2 and None not in owners(), "each has one", 40)
    house.server.execute("shop", "SELECT pg_create_logical_replication_slot('luge_shop_old', 'pgoutput'); CREATE TABLE filler (v text)")
    house.run("pipeline", "pause", "shop")
    house.run("pipeline", "pause", "other")
    house.server.execute("shop", "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 5000)")
    level = lambda service: json.loads(service.get("/api/v1/sources"))["sources"][0]["level"]  # noqa: E731
    wait_for(lambda: all(level(service) == "warning" for service in services), "both see it", 30)
    wait_for(lambda: receiver.messages, "it is told", 20)
    time.sleep(4)
    firing = lambda service: {alert["key"]: alert["seconds"] for alert in json.loads(service.get("/api/v1/alerts"))["firing"]}  # noqa: E731
    speaker, silent = services if firing(services[0]) else reversed(services)
    began = time.monotonic() - firing(speaker)["wal/shop"]
    goes_on = lambda service: list(firing(service)) == ["wal/shop"] and abs(time.monotonic() - firing(service)["wal/shop"] - began) < 2  # noqa: E731
    check(not firing(silent), f"both speak: {firing(silent)}")
    check(speaker.stop() == 0, "SIGTERM is not answered by exit 0")
    wait_for(lambda: goes_on(silent), lambda: f"the other goes on where the first was: {firing(silent)}", 20)
    speaker.start("--config", config)
    wait_for(lambda: level(speaker) == "warning", "it sees it again", 20)
    time.sleep(8)
    check(sorted(goes_on(one) for one in services) == [False, True], f"one of them speaks: {[firing(one) for one in services]}")
    check([message["key"] for message in receiver.messages] == ["wal/shop"], f"told more than once: {receiver.messages}")
    receiver.shutdown()


def is_ready(service):
    try:
        return service.get("/ready") is not None
    except urllib.error.HTTPError as refused:
        check(refused.code == 503, f"/ready answers {refused.code}")
        return False


def without_leases(house):
    """A Redis that keeps the leases dies: luge serve is not ready, somebody is told, and all goes on when it is back."""
    receiver = Receiver()
    config = webhook_config(house, receiver)
    house.add("shop")
    with RedisServer(house.directory / "redis") as redis:
        service = house.service().start("--config", config, "--leases", redis.url)
        house.wait_state("shop", "live")
        redis.kill()
        wait_for(lambda: not is_ready(service), "it is not ready", 20)
        took = wait_for(lambda: [message for message in receiver.messages if message["kind"] == "service"], "somebody is told", 60)
        redis.start()
        wait_for(lambda: is_ready(service), "it is ready again", 20)
        house.wait_state("shop", "live")
        wait_for(lambda: json.loads(service.get("/api/v1/alerts"))["firing"] == [], lambda: "nothing fires: " + service.get("/api/v1/alerts"), 20)
        check(service.stop() == 0, "SIGTERM is not answered by exit 0")
    receiver.shutdown()
    return f"told after {took:.0f} s"


def without_catalog(house):
    """The server of the catalog stops: luge serve is not ready, its pipelines go on, and it is ready as soon as the server is back."""
    ops = PostgresServer(parent=house.directory)
    ops.start()
    try:
        ops.execute("postgres", "CREATE DATABASE ops")
        house.catalog = ops.url("ops")
        mirror = house.add("shop")
        service = house.service().start()
        house.wait_state("shop", "live")
        ops.stop(signal.SIGINT)
        wait_for(lambda: not is_ready(service), "it is not ready", 20)
        house.server.execute("shop", "INSERT INTO orders VALUES (101, 'meanwhile')")
        house.wait_count(mirror, 101)
        ops.start()
        took = wait_for(lambda: is_ready(service), "it is ready again", 10)
        check(service.stop() == 0, "SIGTERM is not answered by exit 0")
    finally:
        ops.remove()
    return f"ready again after {took:.1f} s"


def moved_state(house):
    """luge state export and import: to another file and into a Redis; nothing is copied again, nothing is missing."""
    mirror = house.directory / "shop.duckdb"
    place = ["--to", f"duckdb:{mirror}", "--pipeline", "shop"]

    def luge(*words, code=0, text=None):
        done = subprocess.run([str(word) for word in [house.luge, *words, *place]], capture_output=True, text=True, cwd=house.directory, input=text,
                              env=house.environment, timeout=60, check=False)
        check(done.returncode == code, f"luge {' '.join(map(str, words))}: exit {done.returncode}, not {code}\n{done.stdout}{done.stderr}")
        return done.stdout if code == 0 else done.stderr

    def caught_up(*state):
        luge("run", "--source", house.server.url("shop"), "--until", "caught-up", *state)

    luge("state", "export", code=1)
    caught_up()
    house.server.execute("shop", "INSERT INTO orders VALUES (101, 'between')")
    document = luge("state", "export")
    other = ["--state", f"sqlite:{house.directory}/other.db"]
    check("another pipeline" in luge("state", "import", *other, code=1, text=document.replace('"shop"', '"shoe"', 1)), "another pipeline's state is taken")
    check("no state" in luge("state", "import", *other, code=1, text="{}"), "garbage is taken")
    luge("state", "import", *other, text=document)
    check("already" in luge("state", "import", *other, code=1, text=document), "a state is overwritten")
    copies = "SELECT max(attempt) FROM _luge.tables"
    caught_up(*other)
    file = house.directory / "state.json"
    luge("state", "export", *other, "-f", file)
    check(file.stat().st_mode & 0o077 == 0, "others may read the exported state")
    luge("state", "export", *other, "-f", file, code=1)
    with duckdb.connect(str(mirror), read_only=True) as reader:
        check(reader.execute("SELECT count(*) FROM public.orders").fetchone()[0] == 101, "rows are missing")
        check(reader.execute(copies).fetchone()[0] == 1, "the table was copied again")
    with RedisServer(house.directory / "redis") as redis:
        in_redis = ["--state", redis.url]
        luge("state", "import", *in_redis, "-f", file)
        house.server.execute("shop", "INSERT INTO orders VALUES (102, 'in Redis')")
        caught_up(*in_redis)
    with duckdb.connect(str(mirror), read_only=True) as reader:
        check(reader.execute("SELECT count(*) FROM public.orders").fetchone()[0] == 102, "rows are missing")
        check(reader.execute(copies).fetchone()[0] == 1, "the table was copied again")


def hung_state(house):
    """A pipeline whose state store does not answer holds no other one up; told to go on meanwhile, it does when the store is back."""
    with RedisServer(house.directory / "redis") as redis:
        mirror = house.add("shop", f"state={redis.url}")
        house.add("other")
        service = house.service().start()
        house.wait_state("shop", "live"), house.wait_state("other", "live")
        subprocess.run([str(house.luge), "pause", "--to", f"duckdb:{mirror}", "--pipeline", "shop", "--state", redis.url], cwd=house.directory,
                       env=house.environment, check=True, timeout=60)
        house.wait_state("shop", "paused", 10)
        redis.freeze()
        try:
            house.run("pipeline", "start", "shop")
            time.sleep(1.5)  # it is being told, which takes as long as the store is waited for: five seconds
            house.run("pipeline", "pause", "other")
            took = house.wait_state("other", "paused", 3)
        finally:
            redis.thaw()
        house.wait_state("shop", "live", 60)
        check(service.stop() == 0, "SIGTERM is not answered by exit 0")
    return f"the other is paused after {took:.1f} s"


def mistakes(house):
    """What an operator gets wrong is told, with the exit code that the reference promises, and changes nothing."""
    for words in (["source", "list"], ["pipeline", "show", "x"], ["pipeline", "remove", "x"], ["source", "edit", "x", "conninfo=host=db"], ["secrets", "rotate"]):
        house.environment["LUGE_CATALOG_KEYS"] = "k1:" + "A" * 43 + "="
        check("there is no catalog" in house.run(*words, code=1), f"{words} finds a catalog")
    check(not (house.directory / "catalog.db").exists(), "a reading verb made a catalog")
    catalog, house.catalog = house.catalog, house.server.url("shop")
    for words in (["source", "list"], ["pipeline", "start", "x"], ["apply", "-f", "-", "--dry-run"]):
        dry = "--dry-run" in words
        told = house.run(*words, code=0 if dry else 1, said="sources: {x: {conninfo: host=db}}")
        check(("nothing was changed" if dry else "there is no catalog") in told, told)
    check(house.server.execute("shop", "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')") == [(1,)],
          "a reading verb made tables")
    house.catalog = f"sqlite:{house.directory}/other.db"
    with sqlite3.connect(house.directory / "other.db") as other:
        other.execute("CREATE TABLE invoices (id int)")
    for words in (["source", "list"], ["source", "add", "x", "conninfo=host=db"]):
        check("of something else" in house.run(*words, code=1), f"{words} takes somebody else's database")
    with sqlite3.connect(house.directory / "other.db") as other:
        check(other.execute("SELECT name FROM sqlite_schema").fetchall() == [("invoices",)], "luge made tables in somebody else's database")
    house.catalog = catalog
    house.add("shop")
    check("on_gap" in house.run("source", "add", "x", "conninfo=host=db", "nope=1", code=2), "an unknown option is taken")
    for address in ("foo:bar", "s3://x", "duckdb:"):
        house.run("destination", "add", "w", f"address={address}", code=2)
    check("sqlite:PATH" in house.run("pipeline", "edit", "shop", "state=foo:bar", code=2), "a state that is nowhere is taken")
    check("there is no action" in house.run("source", "frob", code=2), "an unknown action is called something else")
    check("KEY=VALUE" in house.run("pipeline", "edit", "shop", code=2), "an edit of nothing is taken")
    for words in (["remove", "none"], ["start", "none"], ["pause", "none"], ["show", "none"], ["edit", "none", "mode=log"]):
        check("there is no pipeline" in house.run("pipeline", *words, code=1), f"{words} finds a pipeline")
    house.run("destination", "add", "again", f"address=duckdb:{house.directory}/shop.duckdb")
    house.run("pipeline", "add", "second", "source=shop", "destination=again", "desired=PAUSE")
    check("one writer" in house.run("pipeline", "start", "second", code=2), "a file gets a second writer")
    house.run("pipeline", "pause", "shop"), house.run("pipeline", "start", "second")
    check("one writer" in house.run("pipeline", "start", "shop", code=2), "a file gets a second writer")
    house.run("pipeline", "pause", "second"), house.run("pipeline", "start", "shop")
    said = house.run("pipeline", "remove", "shop")
    check("luge_shop" in said and "luge drop --source" in said and "--pipeline shop" in said, said)


def unheard(house):
    """A list after the only luge serve has died, and what others wrote into a row, mislead nobody."""
    house.add("shop")
    service = house.service().start()
    house.wait_state("shop", "live")
    service.process.kill()
    service.process.wait()
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("UPDATE pipeline_status SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-42 seconds'), quarantined = 1")
        rows.execute("INSERT INTO pipeline (name, source, destination) VALUES (?, 'shop', 'shop')", ["x" * 10_000_000])
        rows.execute("INSERT INTO pipeline (name, source, destination) VALUES (?, 'shop', 'shop')", ["a\nb\x1b[2J"])
    said = house.run("pipeline", "list")
    check("unknown (last heard of 4" in said and "no luge serve" in said and "1 table quarantined" in said, said)
    check("no luge serve" in house.run("pipeline", "show", "shop"), "show says nothing")
    check(max(len(line) for line in said.splitlines()) < 400 and "\x1b" not in said and len(said.splitlines()) == 7, said[:3000])
    status = house.status("shop")
    check(status["stale"] and status["heartbeat_age_seconds"] >= 42, str(status))
    with sqlite3.connect(house.directory / "catalog.db") as rows:
        rows.execute("INSERT INTO pipeline_status SELECT 'other', state, reason, error_code, error, hint, server_lsn, received_lsn, durable_lsn, "
                     "acknowledged_lsn, lag_bytes, lag_seconds, tables, quarantined, restarts, owner, fence, strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
                     "FROM pipeline_status WHERE pipeline = 'shop'")
    check("no luge serve of" not in house.run("pipeline", "list"), "one that is silent stands for all")


def stopped(house):
    """Whom a new pipeline waits for is said soon, and why one has stopped in a sentence, with the command of a service that helps."""
    service = house.service().start()
    with house.server.connect("shop") as writer:
        writer.execute("BEGIN")
        writer.execute("SET LOCAL application_name = 'the writer'")
        writer.execute("INSERT INTO orders VALUES (101, 'not yet')")
        house.add("shop")
        waited = wait_for(lambda: service.told("slot_waits", "the writer") or service.told("the slot waits", "the writer"),
                          lambda: f"the log says for whom: {service.text()[-2000:]}", 15)
        writer.execute("COMMIT")
    house.wait_state("shop", "live")
    house.run("pipeline", "pause", "shop")
    house.wait_state("shop", "paused", 10)
    check(service.stop() == 0, "SIGTERM is not answered by exit 0")
    house.server.execute("postgres", "SELECT pg_drop_replication_slot('luge_shop')")
    house.run("pipeline", "start", "shop")
    service.start()
    wait_for(lambda: (house.status("shop")["error"] or {}).get("code") == "gap", lambda: f"a gap stops it: {house.status('shop')}", 30)
    error = house.status("shop")["error"]
    check("luge pipeline edit shop on_gap=resync" in error["hint"] and "\n" not in error["what"] and len(error["what"]) < 300, str(error))
    wait_for(lambda: '"kind":"gap"' in service.get("/api/v1/alerts").replace(" ", ""), lambda: "an alert: " + service.get("/api/v1/alerts"), 10)
    house.run("pipeline", "edit", "shop", "on_gap=resync")
    house.wait_state("shop", "live", 60)
    wait_for(lambda: json.loads(service.get("/api/v1/alerts"))["firing"] == [], lambda: "it is over: " + service.get("/api/v1/alerts"), 40)
    return f"a waiting slot is told of after {waited:.1f} s"


TESTS = [mistakes, unheard, life, stopped, bad_rows, takeover, zombie, applied, secrets, alerts, one_voice, without_leases, without_catalog, moved_state, hung_state]


def run_one(options, test):
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"luge-serve-{test.__name__}-"))
    directory.chmod(0o755)
    began = time.monotonic()
    house = None
    try:
        house = House(options.luge.resolve(), directory)
        told = test(house)
        print(f"{test.__name__}: {told or 'good'}, {time.monotonic() - began:.0f} s", flush=True)
        return True
    except (Failed, psycopg.Error, sqlite3.Error, OSError, subprocess.SubprocessError, json.JSONDecodeError) as failure:
        logs = "".join(f"--- {service.name}\n{service.text()[-3000:]}\n" for service in (house.services if house else []))
        print(f"--- {test.__name__}, failed after {time.monotonic() - began:.0f} s: {type(failure).__name__}\n{failure}\n{logs}", flush=True)
        return False
    finally:
        if house:
            house.close()
        if options.keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--luge", required=True, type=pathlib.Path)
    parser.add_argument("--only", nargs="+", choices=[test.__name__ for test in TESTS])
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    child_process.exit_on_signals()
    results = [run_one(options, test) for test in TESTS if not options.only or test.__name__ in options.only]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
