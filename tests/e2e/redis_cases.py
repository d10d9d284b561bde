"""The pipeline's state in a Redis that is killed, frozen, full, or forgets."""
import contextlib
import random
import re
import time

from case import CaseFailed, python_case
from source_cases import DATA, slot
from support.redis_server import RedisServer


@contextlib.contextmanager
def in_redis(case, **settings):
    """Moves luge's state, before it has any, to a Redis of its own. At the end of the block, while that still runs, mirror and source are compared."""
    with RedisServer(case.directory / "redis", **settings) as redis:
        case.luge.config = case.write_config(f"state: {redis.url}\n")
        yield redis
        case.finish()
    case.final_comparison = False


def acknowledged(case):
    return case.execute("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", [slot(case)])[0][0]


def nothing_is_acknowledged_without(case, redis, seconds=3):
    """Changes go on for a while; the slot must not move past what the state holds."""
    before = acknowledged(case)
    deadline, i = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        i += 1
        case.sql(f"INSERT INTO t VALUES ({900000 + i}, 'while Redis is away'); UPDATE t SET v = v || '.' WHERE id % 5 = {i % 5};")
        time.sleep(0.1)
    if acknowledged(case) != before:
        raise CaseFailed(f"acknowledged {before} -> {acknowledged(case)} while nothing could be stored")
    if not case.luge.alive():
        raise CaseFailed(f"luge gave up: {case.luge.log_tail()}")


@python_case
def killed_and_back(case):
    with in_redis(case) as redis:
        case.sql(DATA)
        case.sync()
        redis.kill()
        nothing_is_acknowledged_without(case, redis)
        case.verb(0, ["status", "--json"])
        redis.start()


@python_case
def answers_nothing_for_a_while(case):
    with in_redis(case) as redis:
        case.sql(DATA)
        case.sync()
        redis.freeze()
        try:
            nothing_is_acknowledged_without(case, redis, seconds=8)
        finally:
            redis.thaw()


@python_case
def memory_is_full(case):
    """A Redis that refuses writes and answers everything else."""
    with in_redis(case) as redis:
        case.sql(DATA)
        case.sync()
        redis.command("CONFIG", "SET", "maxmemory", "1")
        nothing_is_acknowledged_without(case, redis)
        redis.command("CONFIG", "SET", "maxmemory", "0")


@python_case
def both_are_killed_under_load(case):
    """luge or Redis or both die at any moment; the log holds every change once."""
    case.options += ["--mode", "log"]
    case.luge.options += ["--mode", "log"]
    chance = random.Random(5)
    with in_redis(case) as redis:
        case.sql(DATA)
        case.sync()
        for i in range(8):
            case.sql(f"INSERT INTO t SELECT {10000 * (i + 1)} + k, 'load' FROM generate_series(1, 700) k; UPDATE t SET v = v || 'u' WHERE id % 9 = {i}; "
                     f"DELETE FROM t WHERE id % 211 = {i};")
            time.sleep(chance.uniform(0, 0.4))
            if chance.random() < 0.6:
                case.luge.kill()
            if chance.random() < 0.7:
                redis.kill()
                if not case.luge.alive():
                    redis.start()
                    case.start()
                else:
                    time.sleep(chance.uniform(0, 0.5))
                    redis.start()
            elif not case.luge.alive():
                case.start()


@python_case
def forgets_everything(case):
    """What a running luge stored is gone: it stops and says so; started again it takes up what the mirror remembers."""
    with in_redis(case) as redis:
        case.sql(DATA)
        case.sync()
        redis.kill()
        redis.forget()
        redis.start()
        case.sql("INSERT INTO t VALUES (700001, 'after the loss')")
        deadline = time.monotonic() + 20
        while case.luge.alive() and time.monotonic() < deadline and not re.search("state_lost|state_adopted", case.luge.log_tail()):
            time.sleep(0.05)
        case.luge.terminate()
        if not re.search("state_lost|state_adopted", case.luge.errors):
            raise CaseFailed(f"luge does not say that Redis lost the state: {case.luge.log_tail()}")
        case.run(0)


@python_case
def may_lose_writes_is_refused(case):
    with in_redis(case, appendonly="no") as redis:
        case.sql(DATA)
        case.run(1, ["can lose what it has acknowledged", "appendonly", "may_lose=yes"])
        if case.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [slot(case)]):
            raise CaseFailed("a slot was created although the run was refused")
        case.luge.config = case.write_config(f"state: {redis.url}?may_lose=yes\n")
