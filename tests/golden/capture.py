#!/usr/bin/env python3
"""Captures what real PostgreSQL servers send into tests/golden/*.golden.

    tests/golden/capture.py [major …]       default: 13 15 18

Run it by hand when a scenario is added; the files are committed. A file holds payloads in hexadecimal ("< …"), each followed by
the line that luge's decoder must make of it, which comes from a reader of its own (pgoutput_text.py).
"""
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from support import environment  # noqa: E402

environment.enter()

import pgoutput_text  # noqa: E402
from support.postgres_server import PostgresServer, Psql  # noqa: E402

PINNED = {"datestyle": "ISO", "intervalstyle": "postgres", "timezone": "UTC", "extra_float_digits": "3", "bytea_output": "hex"}
LONG = "repeat('0123456789abcdef', 160)"  # 2,560 bytes: stored out of line when its storage is EXTERNAL

# name: (first major, SQL before the slot, SQL after it, options of pgoutput)
SCENARIOS = {
    "identity_default": (13, """
        create table t (id int primary key, a text, b int);
        create publication p for table t;""", """
        insert into t values (1, 'one', 10), (2, null, 20), (3, '', null);
        update t set a = 'uno' where id = 1;
        update t set id = 4, b = 11 where id = 2;
        delete from t where id = 3;
        begin; insert into t values (5, 'ünï ☃', -1); update t set b = b + 1; delete from t where id = 5; commit;""", {}),
    "identity_full": (13, """
        create table t (id int primary key, a text, b int);
        create table bag (a text, b int);
        alter table t replica identity full;
        alter table bag replica identity full;
        create publication p for table t, bag;""", """
        insert into t values (1, 'one', 10), (2, null, null);
        update t set a = 'uno' where id = 1;
        update t set id = 3 where id = 2;
        delete from t where id = 1;
        insert into bag values ('x', 1), ('x', 1), (null, null);
        update bag set b = 2 where b = 1;
        delete from bag where a is null;""", {}),
    "identity_index": (13, """
        create table t (id int primary key, code text not null, grp int not null, note text);
        create unique index by_code on t (grp, code);
        alter table t replica identity using index by_code;
        create table none (id int primary key, a text);
        alter table none replica identity nothing;
        create publication p for table t, none;""", """
        insert into t values (1, 'c1', 7, 'n1'), (2, 'c2', 7, 'n2');
        update t set id = 10 where id = 1;
        update t set code = 'c3' where id = 2;
        delete from t where code = 'c1';
        insert into none values (1, 'inserted only');""", {}),
    "unchanged_toast": (13, f"""
        create table t (id int primary key, big text, small int);
        create table f (id int primary key, big text, small int);
        alter table t alter big set storage external;
        alter table f alter big set storage external;
        alter table f replica identity full;
        create publication p for table t, f;""", f"""
        insert into t values (1, {LONG}, 1);
        update t set small = 2;
        update t set id = 2;
        update t set big = 'short';
        insert into f values (1, {LONG}, 1);
        update f set small = 2;
        delete from f;""", {}),
    "truncate": (13, """
        create table a (id serial primary key);
        create table b (id int primary key, a int references a);
        create table c (id int primary key);
        create publication p for table a, b, c;""", """
        insert into a default values;
        insert into c values (1);
        truncate c;
        truncate a restart identity cascade;
        begin; insert into c values (2); truncate c, a, b; insert into c values (3); commit;""", {}),
    "partitions_via_root": (13, """
        create table m (day date, id int, note text, primary key (day, id)) partition by range (day);
        create table m_2024 partition of m for values from ('2024-01-01') to ('2025-01-01');
        create table m_2025 (note text, gone int, id int not null, day date not null);
        alter table m_2025 drop column gone;
        alter table m attach partition m_2025 for values from ('2025-01-01') to ('2026-01-01');
        create publication p for table m with (publish_via_partition_root = true);""", """
        insert into m values ('2024-05-01', 1, 'old'), ('2025-05-01', 2, 'new');
        update m set note = 'changed';
        update m set day = '2025-06-01' where id = 1;
        delete from m where id = 2;
        truncate m;""", {}),
    "partitions_as_leaves": (13, """
        create table m (id int primary key, note text) partition by range (id);
        create table m_low partition of m for values from (0) to (10);
        create table m_high (note text, id int not null);
        alter table m attach partition m_high for values from (10) to (20);
        create publication p for table m;""", """
        insert into m values (1, 'low'), (11, 'high');
        update m set id = 12 where id = 1;""", {}),
    "types": (13, """
        create type mood as enum ('sad', 'happy');
        create type pair as (a int, b text);
        create domain positive as int check (value > 0);
        create domain price as numeric(12, 2);
        create table t (id positive primary key, m mood, p pair, c price, ms mood[], n numeric(5, 2), v varchar(20), f float8, ts timestamptz, by bytea, j jsonb, u uuid);
        create publication p for table t;""", """
        insert into t values (1, 'happy', row(1, 'x y'), 12.5, '{sad,NULL}', -1.5, 'v', 0.1 + 0.2::float8, '2024-02-29 12:34:56.789012+02', '\\x00ff', '{"a": [1, null]}',
                              '00112233-4455-6677-8899-aabbccddeeff');
        update t set m = null, f = 'nan', ts = 'infinity', n = null;
        delete from t;""", {}),
    "alter": (13, """
        create table t (id int primary key, a text, b int);
        create publication p for table t;""", """
        insert into t values (1, 'one', 10);
        alter table t rename column a to c;
        insert into t values (2, 'two', 20);
        alter table t add column d int default 7;
        insert into t values (3, 'three', 30, 31);
        alter table t drop column b;
        insert into t values (4, 'four', 41);
        alter table t alter column d type bigint;
        insert into t values (5, 'five', 51);
        alter table t rename to renamed;
        begin; insert into renamed values (6, 'six', 61); alter table renamed drop column d; alter table renamed add column d bigint; insert into renamed values (7, 'seven', 71); commit;
        begin; savepoint s; alter table renamed add column e text; insert into renamed values (8, 'eight', 81, 'e'); rollback to s; insert into renamed values (9, 'nine', 91); commit;
        alter table renamed replica identity full;
        delete from renamed where id = 9;
        drop table renamed;
        create table t (x int primary key);
        alter publication p add table t;
        insert into t values (1);""", {}),
    "origin": (13, """
        create table t (id int primary key);
        create publication p for table t;
        select pg_replication_origin_create('elsewhere');""", """
        select pg_replication_origin_session_setup('elsewhere');
        begin; select pg_replication_origin_xact_setup('1/2345', '2024-02-29 12:00:00+00'); insert into t values (1); commit;
        select pg_replication_origin_session_reset();
        insert into t values (2);""", {}),
    "messages": (14, """
        create table t (id int primary key);
        create publication p for table t;""", """
        select pg_logical_emit_message(false, 'luge', 'alone');
        begin; insert into t values (1); select pg_logical_emit_message(true, 'luge', '\\x00ff'::bytea); select pg_logical_emit_message(false, '', ''); commit;
        begin; select pg_logical_emit_message(true, 'luge', 'lost'); select pg_logical_emit_message(false, 'luge', 'kept'); rollback;
        insert into t values (2);""", {"messages": "true"}),
    "binary": (14, """
        create type mood as enum ('sad', 'happy');
        create table t (id int8 primary key, m mood, n numeric(9, 3), v text, f float4, d date, ts timestamp, tz timestamptz, i interval, by bytea, j jsonb, u uuid, xs int[], ip inet,
                        a aclitem, b bool);
        create publication p for table t;""", """
        insert into t values (-2, 'happy', -1234.5, 'ünï', -0.0, '-infinity', '0044-03-15 12:34:56 BC', 'infinity', '1 year -2 days 3 us', '\\x00ff', '{"a": 1}',
                              '00112233-4455-6677-8899-aabbccddeeff', '[0:2]={1,NULL,3}', '10.0.0.1/8', 'postgres=r/postgres', true);
        insert into t (id) values (3);
        update t set id = 4 where id = 3;
        delete from t;""", {"binary": "true"}),
    "row_filter": (15, f"""
        create table t (id int, grp int, big text, primary key (id, grp));
        alter table t alter big set storage external;
        create publication p for table t where (grp = 1);""", f"""
        insert into t values (1, 0, {LONG}), (2, 1, 'seen');
        update t set grp = 1 where id = 1;
        update t set grp = 0 where id = 2;""", {}),
    "column_list": (15, """
        create table t (id int primary key, secret text, shown int);
        create publication p for table t (id, shown);""", """
        insert into t values (1, 'secret', 2);
        alter publication p set table t (id, secret, shown);
        update t set shown = 3;""", {}),
    "generated": (18, """
        create table t (id int primary key, g int generated always as (id * 2) stored, v int generated always as (id * 3) virtual, a text);
        create publication p for table t with (publish_generated_columns = stored);""", """
        insert into t values (1, default, default, 'one');
        update t set id = 2;""", {}),
}


def statements(script):
    """Scripts hold one statement or one transaction per line; lines of DDL may go on until their semicolon."""
    return [piece.strip() for piece in script.strip().split(";\n")]


def write(name, server, what, options, lines):
    path = HERE / f"{name}-{server.major}.golden"
    version = server.execute("postgres", "show server_version")[0][0].split()[0]
    header = [f"# {what} of PostgreSQL {version}, made by capture.py", "# options: " + " ".join(f"{key}={value}" for key, value in options.items())]
    path.write_text("\n".join(header + lines) + "\n")
    print(f"{path.name}: {path.stat().st_size} bytes")


def golden_lines(payloads):
    return [line for payload, text in pgoutput_text.message_lines(payloads) for line in ("< " + payload.hex(), text)]


def make_database(server, name):
    server.execute("postgres", f'create database "{name}"')
    for setting, value in PINNED.items():
        server.execute("postgres", f'alter database "{name}" set {setting} = \'{value}\'')


def capture(server, name, before, after, extra):
    make_database(server, name)
    options = {"proto_version": "1", "publication_names": "p"} | extra
    with server.connect(name) as connection:
        for statement in statements(before):
            connection.execute(statement)
        connection.execute(f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
        for statement in statements(after):
            connection.execute(statement)
        arguments = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
        rows = connection.execute(f"select data from pg_logical_slot_get_binary_changes('{name}', null, null, {arguments})").fetchall()
        connection.execute(f"select pg_drop_replication_slot('{name}')")
    write(name, server, "pgoutput", options, golden_lines([row[0] for row in rows]))


class Receiver:
    """pg_recvlogical on a slot: the only way to see an open transaction streamed."""

    def __init__(self, server, database, options, settings):
        self.path = server.directory / f"{database}.raw"
        command = [str(environment.server_binaries(environment.DEFAULT_MAJOR) / "pg_recvlogical"), "-d", server.url(database), "-S", database, "--start", "--no-loop", "-f", str(self.path)]
        for key, value in options.items():
            command += ["-o", f"{key}={value}"]
        self.process = subprocess.Popen(command, env={"PGOPTIONS": " ".join(f"-c {key}={value}" for key, value in settings.items())},
                                        stderr=subprocess.DEVNULL)  # it complains about being stopped

    def payloads(self):
        return pgoutput_text.split_recvlogical(self.path.read_bytes()) if self.path.exists() else []

    def wait_for(self, *pieces):
        """Until lines with all these pieces have arrived."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            text = "\n".join(line for _, line in pgoutput_text.message_lines(self.payloads()))
            if all(piece in text for piece in pieces):
                return
            time.sleep(0.05)
        raise TimeoutError(f"{pieces} did not arrive")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


def capture_streamed(server):
    """Two interleaved transactions, streamed while open, with savepoints rolled back, DDL inside, one aborted; and a plain one."""
    name = "streamed"
    make_database(server, name)
    server.execute(name, "create table t (id int primary key, a text); create table filler (n int, x text); create publication p for table t;")
    server.execute(name, f"select pg_create_logical_replication_slot('{name}', 'pgoutput')")
    protocol = {14: "2", 15: "3"}.get(server.major, "4")
    options = {"proto_version": protocol, "publication_names": "p", "streaming": "on"}
    # Filler is not published: it counts against the memory, but sends nothing.
    settings = {"logical_decoding_work_mem": "64kB"}
    fill = "insert into filler select n, repeat('x', 50) from generate_series(1, 1000) n;"
    receiver = Receiver(server, name, options, settings)
    first, second, third = (Psql(server.url(name)) for _ in range(3))
    try:
        first.run(f"begin; insert into t values (1, 'first'); {fill}")
        receiver.wait_for("t:first ")
        second.run(f"begin; insert into t values (2, 'second'); savepoint a; insert into t values (3, 'sub'); {fill}")
        receiver.wait_for("t:sub ")
        third.run("insert into t values (100, 'plain');")
        receiver.wait_for("t:plain ")
        first.run(f"savepoint a; insert into t values (4, 'rolled_back'); savepoint b; insert into t values (5, 'nested'); release b; {fill}")
        receiver.wait_for("t:nested ")
        first.run("rollback to a;")
        receiver.wait_for("StreamAbort")
        first.run(f"savepoint c; update t set a = 'kept' where id = 1; {fill}")
        receiver.wait_for("t:kept ")
        second.run(f"rollback to a; insert into t values (6, 'after'); {fill}")
        receiver.wait_for("t:after ")
        second.run("rollback;")
        first.run(f"delete from t where id = 100; commit; begin; alter table t add column b int; insert into t values (7, 'seven', 70); {fill}")
        receiver.wait_for("StreamCommit", "t:seven ")
        first.run(f"savepoint d; alter table t drop column b; insert into t values (8, 'eight'); {fill}")
        receiver.wait_for("t:eight ")
        first.run(f"rollback to d; insert into t values (9, 'nine', 90); truncate t; {fill}")
        receiver.wait_for("Truncate")
        first.run("commit;")
        third.run("insert into t values (10, 'end', null);")
        receiver.wait_for("t:end ", "Commit commit_lsn")
        time.sleep(0.5)
    finally:
        for session in (first, second, third):
            session.close()
        receiver.stop()
    write(name, server, "pgoutput", options, golden_lines(receiver.payloads()))


def capture_copy(server):
    """A table read as luge does: values without an exact binary reader as text, through their output function."""
    make_database(server, "copied")
    server.execute("copied", """
        create type mood as enum ('sad', 'happy');
        create table t (id int8 primary key, m mood, v text, ts timestamptz, n numeric);
        insert into t values (1, 'happy', 'ünï', '2024-02-29 12:34:56.789+02', 12345.678), (-2, null, '', 'infinity', 'NaN'), (3, 'sad', null, null, null),
                             (4, null, repeat('long ', 1000), '0044-03-15 12:34:56 BC', -0.5);""")
    query = "select id, case when m is null then null else format('%s', m) end, v, ts, case when n is null then null else format('%s', n) end from t order by id"
    text_columns = [1, 4]
    lines, data = [], b""
    with server.connect("copied") as connection, connection.cursor() as cursor, cursor.copy(f"copy ({query}) to stdout (format binary)") as copy:
        for piece in copy:
            lines.append("< " + bytes(piece).hex())
            data += bytes(piece)
    lines += pgoutput_text.copy_lines(data, text_columns)
    write("copy_binary", server, "COPY", {"text_columns": ",".join(str(column) for column in text_columns)}, lines)


def main(majors):
    for major in majors:
        with PostgresServer(major) as server:
            for name, (first_major, before, after, extra) in SCENARIOS.items():
                if major >= first_major:
                    capture(server, name, before, after, extra)
            if major >= 14:
                capture_streamed(server)
            capture_copy(server)


if __name__ == "__main__":
    main([int(major) for major in sys.argv[1:]] or [13, 15, 18])
