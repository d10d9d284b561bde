"""What can happen to the connection: cuts, slow lines, bytes that are not what they should be."""
import random
import struct
import time

from case import CaseFailed, python_case
from support.tcp_proxy import TcpProxy

TABLE = "CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2)); INSERT INTO t SELECT i, 'hushhush ' || i, i FROM generate_series(1, 100) i;"


def through(case, change=None):
    """Moves luge behind a proxy."""
    proxy = TcpProxy(case.server.port, change)
    case.luge.source = f"postgresql://postgres@127.0.0.1:{proxy.port}/{case.database}"
    return proxy


@python_case
def connection_is_cut(case):
    case.sql(TABLE)
    proxy = through(case)
    chance = random.Random(1)
    case.sync()
    for i in range(8):
        case.sql(f"INSERT INTO t SELECT {10000 * (i + 1)} + k, repeat('x', 500), k FROM generate_series(1, 2000) k; UPDATE t SET n = n + 1 WHERE id % 7 = 0;")
        time.sleep(chance.uniform(0, 0.1))
        proxy.cut(abruptly=i % 2 == 0)
    case.sync()


@python_case
def server_cannot_be_reached_for_a_while(case):
    case.sql(TABLE)
    proxy = through(case)
    case.sync()
    proxy.refuse = True
    proxy.cut()
    case.sql("UPDATE t SET n = 0")
    time.sleep(2)
    if not case.luge.alive():
        raise CaseFailed(f"luge gave up: {case.luge.log_tail()}")
    case.verb(0, ["status", "--json"])
    proxy.refuse = False
    case.sync()


@python_case
def a_byte_at_a_time(case):
    case.sql(TABLE)
    proxy = through(case)
    proxy.throttle = 1
    case.sync()
    case.sql("UPDATE t SET n = n + 1; DELETE FROM t WHERE id < 10;")
    case.sync()


# Illegal streams. A frame is 'w', three int64, and a pgoutput message.

HEADER = 25


def message_of(payload, tags):
    return payload[:1] == b"w" and payload[HEADER:HEADER + 1] in tags


def replaced(tags, change):
    """Changes the first message with one of these tags; everything else passes."""
    state = {"done": False}

    def apply(payload):
        if state["done"] or not message_of(payload, tags):
            return [payload]
        state["done"] = True
        return [payload[:HEADER] + changed for changed in change(payload[HEADER:])]
    return apply


CORRUPTIONS = {
    "unknown tag": replaced([b"I"], lambda m: [b"!" + m[1:]]),
    "truncated insert": replaced([b"I"], lambda m: [m[:-3]]),
    "empty message": replaced([b"I"], lambda m: [b""]),
    "trailing bytes": replaced([b"I"], lambda m: [m + b"\0\0"]),
    "negative length": replaced([b"I"], lambda m: [m[:9] + struct.pack("!i", -5) + m[13:]]),
    "huge length": replaced([b"I"], lambda m: [m[:9] + struct.pack("!i", 2**31 - 1) + m[13:]]),
    "wrong number of columns": replaced([b"I"], lambda m: [m[:6] + struct.pack("!h", 1) + m[8:]]),
    "negative number of columns": replaced([b"I"], lambda m: [m[:6] + struct.pack("!h", -1) + m[8:]]),
    "unknown relation": replaced([b"I"], lambda m: [m[:1] + struct.pack("!I", 4000000000) + m[5:]]),
    "unknown kind of value": replaced([b"I"], lambda m: [m[:8] + b"?" + m[9:]]),
    "unknown tuple marker": replaced([b"I"], lambda m: [m[:5] + b"Z" + m[6:]]),
    "truncated relation": replaced([b"R"], lambda m: [m[:-2]]),
    "relation without columns": replaced([b"R"], lambda m: [m[:m.index(b"\0", m.index(b"\0", 5) + 1) + 2] + b"\0\0"]),
    "commit without begin": replaced([b"B"], lambda m: []),
    "begin twice": replaced([b"B"], lambda m: [m, m]),
    "truncated begin": replaced([b"B"], lambda m: [m[:7]]),
    "truncated commit": replaced([b"C"], lambda m: [m[:10]]),
    "a frame of one byte": lambda payload: [b"w"] if message_of(payload, [b"I"]) else [payload],
    "an unknown frame besides": lambda payload: [b"?hushhush", payload] if message_of(payload, [b"I"]) else [payload],  # ignored, as by PostgreSQL
}


@python_case
def malformed_server_bytes(case):
    """Whatever the server says, luge does not crash, does not apply nonsense and shows no value; a sane server is then followed again."""
    case.sql(TABLE)
    case.run(0)
    straight = case.luge.source
    for i, (name, change) in enumerate(CORRUPTIONS.items()):
        case.sql(f"BEGIN; INSERT INTO t VALUES ({1000 + i}, 'hushhush new', 1); UPDATE t SET v = 'hushhush changed' WHERE id = {i + 1}; COMMIT;")
        proxy = through(case, change)
        case.luge.start("--until", "caught-up")
        deadline = time.monotonic() + 8  # an endless retry is an answer too
        while case.luge.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        if case.luge.alive():
            case.luge.terminate(30)
        else:
            case.luge.finished()
        proxy.close()
        if case.luge.exit_code not in (0, 1, 3):
            raise CaseFailed(f"{name}: exit {case.luge.exit_code}: {case.luge.errors[-1500:]}")
        case.luge.source = straight
        case.run(0)
        try:
            case.same()
        except CaseFailed as failure:
            raise CaseFailed(f"{name}: {failure}") from None


@python_case
def flipped_bits(case):
    """Random bytes of stream frames changed: the run may fail in any clear way, but it must not crash."""
    case.sql(TABLE)
    case.run(0)
    straight = case.luge.source
    chance = random.Random(7)

    def flip(payload):
        if payload[:1] != b"w" or chance.random() > 0.2:
            return [payload]
        data = bytearray(payload)
        data[chance.randrange(HEADER, len(data))] ^= 1 << chance.randrange(8)
        return [bytes(data)]

    for i in range(6):
        case.sql(f"INSERT INTO t SELECT {1000 * (i + 1)} + k, 'hushhush', 1 FROM generate_series(1, 50) k")
        proxy = through(case, flip)
        case.luge.start("--until", "caught-up")
        deadline = time.monotonic() + 3
        while case.luge.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        code = case.luge.finished() if not case.luge.alive() else case.luge.terminate(30)
        proxy.close()
        if code not in (0, 1, 3):
            raise CaseFailed(f"exit {code}: {case.luge.errors[-1500:]}")
    case.luge.source = straight
    case.final_comparison = False  # a flipped digit is a legal other value: nobody could notice
