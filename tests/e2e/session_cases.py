"""What can happen to the connection: cuts, slow lines, bytes that are not what they should be."""
import random
import struct
import time

from case import CaseFailed, python_case
from support.luge_process import LugeFailed
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


# What happens to the bytes, and what luge says to it: the message it stumbles over, and why.
MALFORMED = {
    "unknown tag": (replaced([b"I"], lambda m: [b"!" + m[1:]]), "'!' is malformed at byte .*unknown message tag"),
    "truncated insert": (replaced([b"I"], lambda m: [m[:-3]]), "'I' is malformed at byte"),
    "empty message": (replaced([b"I"], lambda m: [b""]), "pgoutput message without a tag"),
    "trailing bytes": (replaced([b"I"], lambda m: [m + b"\0\0"]), "'I' is malformed at byte"),
    "negative length": (replaced([b"I"], lambda m: [m[:9] + struct.pack("!i", -5) + m[13:]]), "'I' is malformed at byte"),
    "huge length": (replaced([b"I"], lambda m: [m[:9] + struct.pack("!i", 2**31 - 1) + m[13:]]), "'I' is malformed at byte"),
    "wrong number of columns": (replaced([b"I"], lambda m: [m[:6] + struct.pack("!h", 1) + m[8:]]), "'I' is malformed at byte"),
    "negative number of columns": (replaced([b"I"], lambda m: [m[:6] + struct.pack("!h", -1) + m[8:]]), "'I' is malformed at byte"),
    "unknown relation": (replaced([b"I"], lambda m: [m[:1] + struct.pack("!I", 4000000000) + m[5:]]), "relation 4000000000, which was never described"),
    "unknown kind of value": (replaced([b"I"], lambda m: [m[:8] + b"?" + m[9:]]), "'I' is malformed at byte"),
    "unknown tuple marker": (replaced([b"I"], lambda m: [m[:5] + b"Z" + m[6:]]), "'I' is malformed at byte"),
    "truncated relation": (replaced([b"R"], lambda m: [m[:-2]]), "'R' is malformed at byte"),
    "relation without columns": (replaced([b"R"], lambda m: [m[:m.index(b"\0", m.index(b"\0", 5) + 1) + 2] + b"\0\0"]), "columns"),
    "commit without begin": (replaced([b"B"], lambda m: []), "outside of a transaction"),
    "begin twice": (replaced([b"B"], lambda m: [m, m]), "Begin inside a transaction"),
    "truncated begin": (replaced([b"B"], lambda m: [m[:7]]), "'B' is malformed at byte"),
    "truncated commit": (replaced([b"C"], lambda m: [m[:10]]), "'C' is malformed at byte"),
    "a frame of one byte": (lambda payload: [b"w"] if message_of(payload, [b"I"]) else [payload], "data message of the replication stream has 1 bytes"),
}


@python_case
def malformed_server_bytes(case):
    """luge stops at the first message that breaks the protocol and says which, applies and acknowledges nothing of its transaction, and shows
    no value; a sane server is then followed again, and nothing is lost."""
    case.sql(TABLE)
    case.run(0)
    straight = case.luge.source
    for i, (name, (change, what)) in enumerate(MALFORMED.items()):
        before = case.query("SELECT * FROM public.t ORDER BY id")
        case.sql(f"BEGIN; INSERT INTO t VALUES ({1000 + i}, 'hushhush new', 1); UPDATE t SET v = 'hushhush changed' WHERE id = {i + 1}; COMMIT;")
        proxy = through(case, change)
        try:
            case.run(1, ["malformed", what])
            if case.query("SELECT * FROM public.t ORDER BY id") != before:
                raise CaseFailed("something of the transaction was applied")
            if waiting_rows(case) != 2:
                raise CaseFailed("the transaction was acknowledged")
            case.luge.source = straight
            case.run(0)
            case.same()
        except (CaseFailed, LugeFailed) as failure:
            raise CaseFailed(f"{name}: {failure}") from None
        finally:
            proxy.close()


def waiting_rows(case):
    """Rows that the server would send again: of transactions that committed after confirmed_flush."""
    name = f"luge_{case.pipeline}"
    [(count,)] = case.execute("SELECT count(*) FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, 'proto_version', '1', 'publication_names', %s)"
                              " WHERE get_byte(data, 0) IN (ascii('I'), ascii('U'))", [name, name])
    return count


@python_case
def unknown_frames_are_passed_over(case):
    """As PostgreSQL's own client does; said once."""
    case.sql(TABLE)
    case.run(0)
    straight = case.luge.source
    case.sql("INSERT INTO t VALUES (1000, 'hushhush new', 1), (1001, 'hushhush new', 1)")
    proxy = through(case, lambda payload: [b"?hushhush", payload] if message_of(payload, [b"I"]) else [payload])
    case.run(0, ["messages luge does not know"])
    proxy.close()
    case.luge.source = straight


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
