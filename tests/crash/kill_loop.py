"""kill -9 of luge at random moments, and crashes of the server, under load; then a full comparison."""
import random
import signal
import time

import duckdb
from mirror_look import look
from support import compare
from support.luge_process import Luge, LugeFailed
from support.postgres_server import PostgresServer
from workload import Writers, broken_invariants, prepare

DATABASE = "crash"


class Broken(Exception):
    pass


class KillLoop:
    """One server, one pipeline, one load. Everything random comes from the seed."""

    def __init__(self, binary, directory, seed, *, major=None, rows=8000, options=(), work_mem="64kB"):
        self.chance = random.Random(seed)
        self.seed = seed
        self.directory = directory
        self.server = PostgresServer(major, parent=directory)
        self.server.start()
        self.server.execute("postgres", f"CREATE DATABASE {DATABASE}")
        if self.server.major >= 14:
            self.server.execute("postgres", f"ALTER DATABASE {DATABASE} SET logical_decoding_work_mem = '{work_mem}'")
        with self.server.connect(DATABASE) as connection:
            prepare(connection, rows)
        self.mirror = directory / "app.duckdb"
        self.luge = Luge(binary, directory, self.server.url(DATABASE), f"duckdb:{self.mirror}", "crash", ["--batch-max-fill-ms", "50ms", *options])
        self.kills = self.crashes = self.looks = self.all_live = 0

    def writers(self, count=4, **options):
        return Writers(self.server.url(DATABASE), count, self.seed, **options)

    def kill_once(self, longest):
        """Starts luge, lets it live for a random moment, kills it and looks at what it left."""
        self.luge.start()
        time.sleep(self.chance.uniform(0.02, longest))
        if not self.luge.alive():
            raise Broken(f"luge ended by itself with exit {self.luge.finished()}:\n{self.luge.log_tail()}")
        self.luge.kill()
        self.kills += 1
        self.check()

    def check(self):
        problems = look(self.mirror, across_tables=bool(self.all_live))
        self.looks += 1
        if problems:
            raise Broken(f"after kill {self.kills} (seed {self.seed}):\n" + "\n".join(problems))

    def crash_server(self):
        """The server ends at once, as in a crash; luge runs on and must find it again."""
        if not self.luge.alive():
            self.luge.start()
            self.luge.wait_until(lambda status: status["slot"]["active"], "the first session")
            time.sleep(self.chance.uniform(0, 0.5))
        # A fast shutdown waits until its walsenders have sent everything: luge must listen or let go.
        started = time.monotonic()
        self.server.stop(signal.SIGQUIT if self.chance.random() < 0.7 else signal.SIGINT)
        if time.monotonic() - started > 20:
            raise Broken(f"luge held up the server's shutdown for {time.monotonic() - started:.0f} s:\n{self.luge.log_tail()}\n"
                         f"the server's log:\n{self.server.log_tail()}")
        time.sleep(self.chance.uniform(0, 0.3))
        self.server.start()
        self.crashes += 1
        time.sleep(self.chance.uniform(0.1, 1.5))
        if not self.luge.alive():
            raise Broken(f"luge did not survive a crash of the server: exit {self.luge.finished()}:\n{self.luge.log_tail()}\n"
                         f"the server's log:\n{self.server.log_tail()}")
        if self.chance.random() < 0.5:
            self.luge.kill()
            self.kills += 1
            self.check()
        else:
            self.luge.terminate()

    def catch_up(self, seconds=120):
        code = self.luge.run_until("caught-up", seconds)
        if code != 0:
            raise Broken(f"run --until caught-up gave exit {code} (seed {self.seed}):\n{self.luge.log_tail()}")
        self.all_live += 1

    def compare(self):
        with self.server.connect(DATABASE, options=compare.PINNED) as connection, duckdb.connect(str(self.mirror), read_only=True) as mirror:
            problems = [line for schema, table in compare.user_tables(connection) for line in compare.differences(connection, mirror, schema, table)]
            problems += broken_invariants(mirror, across_tables=True)
        if problems:
            raise Broken(f"after {self.kills} kills and {self.crashes} crashes the mirror differs (seed {self.seed}):\n" + "\n".join(problems))

    def close(self):
        if self.luge.process:
            self.luge.kill()
        self.server.remove()


def kill_under_load(binary, directory, seed, kills=30, crashes=0, **options):
    """The whole test: a third of the kills in the initial copies, the rest while following; returns one line about it."""
    loop = KillLoop(binary, directory, seed, **options)
    try:
        with loop.writers(4, large=2000, ddl=True, pause=0.02) as writers:
            for _ in range(kills // 3):
                loop.kill_once(longest=0.6)
            loop.catch_up()
            for i in range(kills - kills // 3):
                loop.kill_once(longest=1.5)
                if crashes and i % max(1, (kills - kills // 3) // crashes) == 0:
                    loop.crash_server()
            loop.catch_up()
            transactions = writers.transactions()
        loop.catch_up()
        loop.compare()
        return f"{loop.kills} kills, {loop.crashes} server crashes, {loop.looks} looks, {transactions} transactions"
    except LugeFailed as failure:
        raise Broken(f"{failure} (seed {seed})") from None
    finally:
        loop.close()
