#!/usr/bin/env python3
"""What `make demo-service` runs: luge serve with two pipelines, their state in Redis, the console, and a webhook that tells how long a slot has left.

A PostgreSQL and a Redis of their own in a temporary directory, nothing is left behind. Takes about three minutes, most of them watching WAL grow.

    tools/demo_service.py --luge build/release/luge
"""
import argparse
import http.server
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import environment  # noqa: E402

environment.enter()

import psycopg  # noqa: E402
from support import child_process  # noqa: E402
from support.postgres_server import PostgresServer, free_port  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402

BEGAN = time.monotonic()
PAGE = "x" * 1500  # no longer: PostgreSQL would compress it to nothing


class DemoFailed(Exception):
    pass


def say(text):
    print(f"[{time.monotonic() - BEGAN:4.0f} s] {text}", flush=True)


def wait_for(done, what, seconds):
    deadline = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > deadline:
            raise DemoFailed(f"in {seconds} s: {what}")
        time.sleep(0.2)
    return found


class Receiver(http.server.ThreadingHTTPServer):
    """Whoever is told: prints what comes."""

    def __init__(self):
        self.messages = []
        super().__init__(("127.0.0.1", 0), Receiver.Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            say(f"  webhook: {message['event']}: {message['title']}")
            for name, value in message["facts"].items():
                say(f"           {name}: {value}")
            self.server.messages.append(message)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass


class Demo:
    def __init__(self, luge, directory):
        self.luge, self.directory = luge, directory
        self.catalog = f"sqlite:{directory}/catalog.db"
        self.environment = child_process.clean_environment(XDG_STATE_HOME=str(directory), HOME=str(directory))
        self.server = self.redis = self.serve = self.receiver = None

    def close(self):
        if self.serve:
            child_process.end(self.serve, signal.SIGTERM, patience=40)
        if self.redis:
            self.redis.stop()
        if self.receiver:
            self.receiver.shutdown()
        if self.server:
            self.server.remove()

    def run(self, *words, code=0):
        done = subprocess.run([str(word) for word in [self.luge, *words]], capture_output=True, text=True, env=self.environment, cwd=self.directory,
                              timeout=120, check=False)
        if done.returncode != code:
            raise DemoFailed(f"luge {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def catalog_verb(self, *words):
        say(f"  luge {' '.join(word for word in words)}")
        return self.run(*words, "--catalog", self.catalog)

    def state_of(self, pipeline):
        status = json.loads(self.run("pipeline", "show", pipeline, "--json", "--catalog", self.catalog))["status"]
        return status["state"] if status else None

    def sql(self, statement, parameters=None):
        return self.server.execute("shop", statement, parameters)

    def start(self):
        say("a PostgreSQL with max_slot_wal_keep_size = 400MB, and a Redis")
        self.server = PostgresServer(parent=self.directory, max_slot_wal_keep_size="400MB", max_wal_size="96MB", min_wal_size="80MB")
        self.server.start()
        self.server.execute("postgres", "CREATE DATABASE shop")
        self.sql("CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, item text, price numeric(10,2));"
                 "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what text);"
                 "INSERT INTO orders (item, price) SELECT 'item ' || i, i * 0.99 FROM generate_series(1, 20000) i;"
                 "INSERT INTO events (what) SELECT 'event ' || i FROM generate_series(1, 20000) i")
        self.redis = RedisServer(self.directory / "redis").start()
        self.receiver = Receiver()
        config = self.directory / "serve.yaml"
        config.write_text(f"""
alerts:
  webhooks:
    - {{name: team, url: "http://127.0.0.1:{self.receiver.server_port}/hook", private_networks: 127.0.0.1}}
wal: {{interval: 1s, warning_wal_size: 10GiB, danger_wal_size: 20GiB, warning_time_left: 10min, danger_time_left: 30s, warning_room: 50%, danger_room: 20%}}
""")
        self.catalog_verb("source", "add", "shop", f"conninfo={self.server.url('shop')}")
        for name in ("orders", "events"):
            self.catalog_verb("destination", "add", name, f"address=duckdb:{self.directory}/{name}.duckdb")
            self.catalog_verb("pipeline", "add", name, "source=shop", f"destination={name}", f"tables=public.{name}", f"state={self.redis.url}")
        http_port = free_port()
        with open(self.directory / "serve.log", "wb") as log:
            self.serve = child_process.spawn([self.luge, "serve", "--catalog", self.catalog, "--config", config, "--http", f"127.0.0.1:{http_port}"],
                                             stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd=self.directory)
        say(f"luge serve: the console is at http://127.0.0.1:{http_port}/ while this runs, metrics at /metrics")
        for name in ("orders", "events"):
            wait_for(lambda name=name: self.state_of(name) == "live", f"pipeline {name} becomes live", 60)
        say("both pipelines are live; their state is in Redis")

    def told(self, event):
        return [message for message in self.receiver.messages if message["kind"] == "wal" and message["event"] == event]

    def fill(self):
        say("somebody pauses the pipeline events, and forgets it; its slot keeps the WAL")
        self.catalog_verb("pipeline", "pause", "events")
        wait_for(lambda: self.state_of("events") == "paused", "the pipeline pauses", 10)
        say("the application goes on writing, 3 MB a second")
        with self.server.connect("shop") as connection:
            deadline = time.monotonic() + 150
            while not (self.told("fired") and any("time left" in message["facts"] for message in self.told("fired") + self.told("changed"))):
                if time.monotonic() > deadline:
                    raise DemoFailed("no webhook told how long the slot has left")
                connection.execute("INSERT INTO events (what) SELECT %s FROM generate_series(1, 1000)", [PAGE])
                time.sleep(0.5)

    def recover(self):
        say("the operator starts it again; it catches up, and the WAL is freed")
        self.catalog_verb("pipeline", "start", "events")
        wait_for(lambda: self.state_of("events") == "live", "the pipeline is live again", 60)
        self.sql("CHECKPOINT")
        rows = self.sql("SELECT count(*) FROM events")[0][0]
        wait_for(lambda: int(json.loads(self.run("query", "--to", f"duckdb:{self.directory}/events.duckdb", "--pipeline", "events", "--json",
                                             "select count(*) from events"))["rows"][0][0]) == rows, "the mirror has every row", 60)
        wait_for(lambda: self.told("resolved"), "the webhook is told that it is over", 150)
        for name in ("orders", "events"):
            said = self.run("verify", f"public.{name}", "--to", f"duckdb:{self.directory}/{name}.duckdb", "--pipeline", name, "--source",
                            self.server.url("shop"))
            say(f"  luge verify, {name}: {said.strip().splitlines()[-1]}")

    def log_tail(self):
        log = self.directory / "serve.log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--luge", required=True, type=pathlib.Path)
    options = parser.parse_args()
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-demo-service-"))
    directory.chmod(0o755)
    demo = Demo(options.luge.resolve(), directory)
    try:
        demo.start()
        demo.fill()
        demo.recover()
        say("done: the slot was never lost, nothing is missing, and somebody was told in time")
        return 0
    except (DemoFailed, psycopg.Error, OSError, subprocess.SubprocessError) as failure:
        print(f"\n{failure}\n--- luge serve\n{demo.log_tail()}", file=sys.stderr)
        return 1
    finally:
        demo.close()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
