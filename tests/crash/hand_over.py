"""The hand-over from copy to stream under concurrent writers: savepoints, key moves, transactions left open; copies, new tables, resyncs."""
import random
import time

from kill_loop import DATABASE, Broken, KillLoop
from support.luge_process import LugeFailed

TABLES = ("account", "journal", "counter", "keyed", "keyless", "parted", "truncated")


def hand_over(binary, directory, seed, resyncs=3, seconds=1.0, **options):
    """Copies everything under load, then a new table and some resyncs under load; returns one line about it."""
    chance = random.Random(f"hand-over {seed}")
    loop = KillLoop(binary, directory, seed, rows=chance.choice([500, 3000, 12000]),
                    options=["--copy-connections", str(chance.choice([1, 2, 4])), "--parallel-copies", str(chance.choice([1, 3]))], **options)
    try:
        with loop.writers(6, pause=0.004, large=chance.choice([0, 1000])) as writers:
            time.sleep(0.3)
            loop.luge.start()
            live(loop, TABLES)
            loop.server.execute(DATABASE, "CREATE TABLE late (LIKE keyed INCLUDING ALL); INSERT INTO late SELECT * FROM keyed; CREATE TABLE later (id int PRIMARY KEY)")
            for _ in range(resyncs):
                time.sleep(chance.uniform(0, seconds))
                table = chance.choice(TABLES)
                known(loop, table)
                if loop.luge.verb("resync", f"public.{table}") != 0:
                    raise Broken(f"resync of {table} was refused (seed {seed}): {loop.luge.errors}")
                if chance.random() < 0.3:
                    loop.luge.kill()
                    loop.check()
                    loop.luge.start()
            live(loop, (*TABLES, "late", "later"))
            transactions = writers.transactions()
        loop.luge.terminate()
        loop.catch_up()
        loop.compare()
        return f"{resyncs} resyncs, {transactions} transactions"
    except LugeFailed as failure:
        raise Broken(f"{failure} (seed {seed})") from None
    finally:
        loop.close()


def known(loop, table):
    loop.luge.wait_until(lambda status: any(entry["name"] == table for entry in status["tables"]), f"{table} to be known")


def live(loop, tables, seconds=60):
    wanted = {f"public.{table}" for table in tables}
    loop.luge.wait_until(lambda status: wanted <= {f"{t['schema']}.{t['name']}" for t in status["tables"] if t["state"] == "live"},
                         "all tables to be live", seconds=seconds)
