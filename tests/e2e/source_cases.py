"""What is wrong with the source: where it is, who may do what, and what happened to slot, publication and WAL."""
import signal
import time

from case import CaseFailed, name_of, python_case
from support.luge_process import lsn_number
from support.postgres_server import PostgresServer

DATA = "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'hushhush ' || i FROM generate_series(1, 50) i;"


def slot(case):
    return f"luge_{case.pipeline}"


def nothing_was_created(case):
    if case.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [slot(case)]):
        raise CaseFailed("a slot was created although the run was refused")
    if case.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [slot(case)]):
        raise CaseFailed("a publication was created although the run was refused")


def mirrored_then_stopped(case, more="INSERT INTO t VALUES (100, 'hushhush'); DELETE FROM t WHERE id < 5;"):
    """A table, copied and followed, luge stopped, and changes that wait in the slot."""
    case.sql(DATA)
    case.sync()
    case.stop()
    if more:
        case.sql(more)


def gap_is_found_and_repaired(case, *patterns, foreseen=True):
    """Exit 3 and not a byte changed; with --on-gap resync everything is right again. `foreseen`: plan and doctor see it too, and run opens nothing."""
    before = case.query("SELECT count(*), sum(id) FROM public.t")
    file = case.directory / "app.duckdb"
    untouched = file.read_bytes()
    if foreseen:
        for verb in ("doctor", "plan"):
            case.verb(3, [verb, "--source", case.luge.source], [*patterns, r"public\.t"])
    case.run(3, [*patterns, r"public\.t"])
    if case.query("SELECT count(*), sum(id) FROM public.t") != before:
        raise CaseFailed("the mirror changed although luge stopped for a gap")
    if foreseen and file.read_bytes() != untouched:
        raise CaseFailed("luge opened the mirror before it refused to start")
    status = case.luge.status()
    if {name_of(table): table["state"] for table in status["tables"]} != {"public.t": "gap"} or status["error"]["code"] != "gap":
        raise CaseFailed(f"status does not show the gap: {status}")
    case.run(3, patterns)
    case.luge.options += ["--on-gap", "resync"]
    if foreseen:
        case.verb(0, ["plan", "--source", case.luge.source, "--on-gap", "resync"], ["copies every table again"])
    case.run(0)
    case.sql("INSERT INTO t VALUES (1000, 'after the repair')")


@python_case
def no_server(case):
    case.luge.source = "postgresql://postgres@127.0.0.1:1/nowhere"
    case.run(1, [r"127\.0\.0\.1", "connect"])
    case.final_comparison = False


@python_case
def no_such_host(case):
    case.luge.source = "postgresql://postgres@host.invalid/nowhere"
    case.run(1, [r"host\.invalid"])
    case.final_comparison = False


@python_case
def no_such_database(case):
    case.luge.source = case.server.url("nosuchdatabase")
    case.run(1, ["nosuchdatabase"])
    case.final_comparison = False


@python_case
def not_a_url(case):
    case.luge.source = "postgresql://[::"
    case.run("1|2")
    case.final_comparison = False


@python_case
def wrong_password(case):
    case.execute("DROP ROLE IF EXISTS with_password")
    case.execute("CREATE ROLE with_password LOGIN REPLICATION PASSWORD 'hushhush right'")
    case.luge.source = case.server.url(case.database, user="with_password", tcp=True, password="hushhush-wrong")
    case.run(1, ["password", "with_password"])
    case.final_comparison = False


@python_case
def right_password_is_never_shown(case):
    case.execute("DROP ROLE IF EXISTS with_password")
    case.execute("CREATE ROLE with_password LOGIN SUPERUSER REPLICATION PASSWORD 'hushhush'")
    case.sql(DATA)
    case.luge.source = case.server.url(case.database, user="with_password", tcp=True, password="hushhush")
    case.luge.options += ["--log-level", "debug"]
    case.sync()
    case.verb(0, ["status", "--json"])
    if "hushhush" in case.luge.output:
        raise CaseFailed("status shows the password or a value")


@python_case
def no_replication_right(case):
    case.execute("DROP ROLE IF EXISTS plain")
    case.execute("CREATE ROLE plain LOGIN")
    case.sql(DATA + "GRANT SELECT ON t TO plain;")
    case.luge.source = case.server.url(case.database, user="plain")
    case.run(1, ["REPLICATION", "ALTER ROLE", "plain"])
    nothing_was_created(case)
    case.final_comparison = False


@python_case
def no_right_to_read_a_table(case):
    case.execute("DROP ROLE IF EXISTS reader")
    case.execute("CREATE ROLE reader LOGIN REPLICATION")
    case.sql(DATA)
    case.execute(f"CREATE PUBLICATION {slot(case)} FOR TABLE t")
    case.luge.source = case.server.url(case.database, user="reader")
    case.run("1|3", [r"public\.t", "SELECT|permission"])
    case.final_comparison = False


@python_case
def least_rights_suffice(case):
    case.execute("DROP ROLE IF EXISTS least")
    case.execute("CREATE ROLE least LOGIN REPLICATION")
    case.sql(DATA + "GRANT SELECT ON t TO least;")
    case.execute(f"CREATE PUBLICATION {slot(case)} FOR TABLE t")
    case.luge.source = case.server.url(case.database, user="least")
    case.sync()
    case.sql("UPDATE t SET v = 'x' WHERE id = 1; TRUNCATE t; INSERT INTO t VALUES (1, 'y');")


@python_case
def wal_level_replica(case):
    case.own_server(wal_level="replica")
    case.sql(DATA)
    case.run(1, ["wal_level", "logical"])
    nothing_was_created(case)
    case.final_comparison = False


@python_case
def no_free_slot(case):
    case.own_server(max_replication_slots="1")
    case.sql(DATA)
    case.execute("SELECT pg_create_logical_replication_slot('taken', 'pgoutput')")
    case.run(1, ["max_replication_slots"])
    case.execute("SELECT pg_drop_replication_slot('taken')")
    case.run(0)


@python_case
def slot_is_in_use(case):
    """A second luge on the same slot, with a mirror of its own: it must not disturb the first."""
    case.sql(DATA)
    case.sync()
    second = case.new_luge(to=f"duckdb:{case.directory / 'second.duckdb'}")
    second.directory = case.directory / "second"
    second.directory.mkdir()
    code = second.run_until(seconds=120)
    if code not in (1, 3):
        raise CaseFailed(f"a second luge on the same slot gave exit {code}: {second.errors[-1000:]}")
    case.sql("INSERT INTO t VALUES (100, 'x')")


@python_case
def destination_is_mistyped(case):
    """The slot is there, the mirror is elsewhere: nothing may be made in the wrong place."""
    mirrored_then_stopped(case)
    right, case.luge.to = case.luge.to, f"duckdb:{case.directory / 'wrong.duckdb'}"
    for verb in ("doctor", "plan"):
        case.verb(3, [verb, "--source", case.luge.source], [slot(case)])
    case.run(3, [slot(case), "--to"])
    if made := list(case.directory.glob("wrong.duckdb*")):
        raise CaseFailed(f"the refused run made {made}")
    case.luge.to = right


@python_case
def slot_dropped(case):
    mirrored_then_stopped(case)
    case.execute("SELECT pg_drop_replication_slot(%s)", [slot(case)])
    gap_is_found_and_repaired(case, "slot", slot(case), "resync")


@python_case
def slot_recreated_by_somebody(case):
    mirrored_then_stopped(case)
    case.execute("SELECT pg_drop_replication_slot(%s)", [slot(case)])
    case.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [slot(case)])
    gap_is_found_and_repaired(case, "slot", "resync")


@python_case
def slot_advanced_by_somebody(case):
    mirrored_then_stopped(case)
    case.execute("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [slot(case)])
    gap_is_found_and_repaired(case, "slot", "advanced|acknowledged")


@python_case
def slot_dropped_while_running(case):
    case.sql(DATA)
    case.sync()
    for _ in range(100):
        try:
            case.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [slot(case)])
            case.execute("SELECT pg_drop_replication_slot(%s)", [slot(case)])
            break
        except Exception:  # luge was back before
            time.sleep(0.01)
    case.sql("INSERT INTO t VALUES (100, 'hushhush')")
    case.exits(3, ["slot"])
    case.luge.options += ["--on-gap", "resync"]


@python_case
def slot_lost(case):
    case.own_server(max_slot_wal_keep_size="2MB", min_wal_size="32MB", max_wal_size="48MB")
    mirrored_then_stopped(case)
    for _ in range(4):
        case.execute("SELECT pg_logical_emit_message(false, 'e2e', repeat('x', 20000000))")
        case.execute("SELECT pg_switch_wal()")
        case.execute("CHECKPOINT")
    status = case.execute("SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s", [slot(case)])[0][0]
    if status != "lost":
        raise CaseFailed(f"the test could not lose the slot: {status}")
    gap_is_found_and_repaired(case, "slot", "WAL")


@python_case
def publication_dropped(case):
    mirrored_then_stopped(case)
    case.execute(f"DROP PUBLICATION {slot(case)}")
    gap_is_found_and_repaired(case, "publication")


@python_case
def publication_recreated(case):
    mirrored_then_stopped(case, None)
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.execute(f"CREATE PUBLICATION {slot(case)} FOR TABLE t")
    case.sql("INSERT INTO t VALUES (201, 'after the hole')")
    gap_is_found_and_repaired(case, "publication")


@python_case
def publication_dropped_while_running(case):
    case.sql(DATA)
    case.sync()
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.exits(3, ["publication"])
    case.luge.options += ["--on-gap", "resync"]


def change_while_the_copy_waits(case, change):
    """`change` of a new table comes from the session whose lock its first copy waits for."""
    case.sql(DATA)
    case.sync()
    case.sql("BEGIN; SELECT pg_current_xact_id();", "older")
    case.sql("CREATE SCHEMA s; CREATE TABLE s.fresh (id int PRIMARY KEY, v text); INSERT INTO s.fresh VALUES (1, 'hushhush');")
    deadline = time.monotonic() + 20
    while case.states().get("s.fresh", {}).get("state") != "copying":  # it waits for the older transaction
        if time.monotonic() > deadline:
            raise CaseFailed(f"the copy did not begin: {case.states()}")
        time.sleep(0.1)
    time.sleep(1)
    case.sql("BEGIN; LOCK TABLE s.fresh;", "locker")
    case.sql("COMMIT;", "older")
    while not case.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 's.fresh'::regclass"):
        if time.monotonic() > deadline:
            raise CaseFailed("the copy did not wait for the lock")
        time.sleep(0.1)
    case.sql(f"{change}; COMMIT;", "locker")
    case.sql("INSERT INTO t VALUES (100, 'hushhush');")
    case.sync()


@python_case
def table_dropped_while_its_copy_waits(case):
    case.unchecked.add("s.fresh")
    change_while_the_copy_waits(case, "DROP TABLE s.fresh")


@python_case
def schema_dropped_while_a_copy_waits(case):
    case.unchecked.add("s.fresh")
    change_while_the_copy_waits(case, "DROP SCHEMA s CASCADE")


@python_case
def table_renamed_while_its_copy_waits(case):
    change_while_the_copy_waits(case, "ALTER TABLE s.fresh RENAME TO older")


@python_case
def publication_made_again_leaves_out_what_it_left_out(case):
    """A table that came without a key, and so was not taken in, is not published by the repair either."""
    case.luge.options += ["--on-gap", "resync"]
    case.sql(DATA)
    case.sync()
    case.sql("CREATE TABLE nokey (a int); INSERT INTO nokey VALUES (1);")
    case.unchecked.add("public.nokey")
    case.luge.wait_until(lambda _: "table_left_out" in case.luge.all_logs(), "the table to be left out")
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.luge.wait_until(lambda _: case.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [slot(case)]), "the publication to be made again")
    case.sync()
    case.sql("UPDATE nokey SET a = 2; DELETE FROM nokey;")


@python_case
def publication_dropped_while_running_is_repaired(case):
    case.sql(DATA)
    case.luge.options += ["--on-gap", "resync"]
    case.sync()
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.luge.wait_until(lambda _: case.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [slot(case)]), "the publication")
    case.sql("INSERT INTO t VALUES (201, 'after the hole')")


@python_case
def publication_dropped_while_the_session_is_lost(case):
    """The loss is seen while luge waits for its next session: it is repaired all the same."""
    case.own_server(max_wal_senders="2")
    case.sql(DATA)
    case.luge.options += ["--on-gap", "resync"]
    case.sync()
    taken = []
    deadline = time.monotonic() + 20
    while len(taken) < 2:  # every walsender, luge's own too
        if time.monotonic() > deadline:
            raise CaseFailed("the test could not take luge's walsender")
        case.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
        try:
            taken.append(case.server.connect(case.database, replication="database"))
        except Exception:  # luge was back before, or its walsender has not ended yet
            time.sleep(0.01)
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    time.sleep(5)
    for connection in taken:
        connection.close()
    case.luge.wait_until(lambda _: case.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [slot(case)]), "the publication")
    case.sql("INSERT INTO t VALUES (201, 'after the hole')")


@python_case
def publication_recreated_while_running(case):
    """Dropped and made again between two looks: a server of version 18 has left out what was written meanwhile and says nothing of it."""
    case.sql(DATA)
    case.sync()
    with case.server.connect(case.database) as connection:
        connection.execute(f"DROP PUBLICATION {slot(case)}")
        connection.execute("INSERT INTO t VALUES (200, 'in the hole')")
        connection.execute(f"CREATE PUBLICATION {slot(case)} FOR TABLE t")
    case.sql("INSERT INTO t VALUES (201, 'after the hole')")
    case.exits(3, ["publication"])
    case.run(3, ["publication"])
    case.luge.options += ["--on-gap", "resync"]


@python_case
def publication_dropped_before_the_end_that_was_asked_for(case):
    """`--until LSN` says 0 only if nothing before it was left out for want of the publication."""
    case.sql(DATA)
    case.run(0)
    [(here,)] = case.execute("SELECT pg_current_wal_insert_lsn()")
    end = lsn_number(here) + 1000000
    case.start("--until", f"{end >> 32:X}/{end & 0xFFFFFFFF:X}")
    case.luge.wait_until(lambda status: status["state"] == "live", "luge to follow")
    case.execute(f"DROP PUBLICATION {slot(case)}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.execute("SELECT pg_logical_emit_message(true, 'e2e', repeat('x', 2000000))")
    case.exits(3, ["publication"])
    case.luge.options += ["--on-gap", "resync"]


@python_case
def table_left_the_publication(case):
    """Somebody took the table out of luge's publication and put it back: what was changed meanwhile must not be missing in silence."""
    case.sql(DATA)
    case.sync()
    case.execute(f"ALTER PUBLICATION {slot(case)} DROP TABLE t")
    case.sql("INSERT INTO t VALUES (300, 'unseen'); DELETE FROM t WHERE id = 10;")
    time.sleep(6)
    try:
        case.execute(f"ALTER PUBLICATION {slot(case)} ADD TABLE t")
    except Exception:  # luge put it back itself
        pass
    time.sleep(6)


@python_case
def restored_source(case):
    """The source's data directory is set back to an earlier moment."""
    case.own_server()
    mirrored_then_stopped(case, None)
    case.server.stop()
    PostgresServer.copy_data(case.server.data, case.server.directory / "backup")
    case.server.start()
    case.sessions.clear()
    case.sql("INSERT INTO t SELECT i, 'lost by the restore' FROM generate_series(1000, 1100) i")
    case.sync()
    case.stop()
    case.server.stop()
    case.server.data = case.server.directory / "backup"
    case.server.start()
    case.sessions.clear()
    case.verb(3, ["doctor", "--source", case.luge.source], ["restore|ends at|never had"])
    case.run(3, ["restore|ends at|never had"])
    case.luge.options += ["--on-gap", "resync"]
    case.run(0)


@python_case
def restored_source_that_moved_on(case):
    """As a file-system or VM snapshot does it: same identity, same timeline, and by now more WAL than luge has seen."""
    case.own_server()
    mirrored_then_stopped(case, None)
    case.server.stop()
    PostgresServer.copy_data(case.server.data, case.server.directory / "backup")
    case.server.start()
    case.sessions.clear()
    case.sql("INSERT INTO t SELECT i, 'lost by the restore' FROM generate_series(1000, 1100) i; DELETE FROM t WHERE id = 7;")
    case.sync()
    case.stop()
    [(followed,)] = case.execute("SELECT pg_current_wal_lsn()")
    case.server.stop()
    case.server.data = case.server.directory / "backup"
    case.server.start()
    case.sessions.clear()
    for i in range(200):
        case.sql(f"INSERT INTO t VALUES ({2000 + i}, repeat('another history ', 100)); UPDATE t SET v = 'kept' WHERE id = 7;")
    [(beyond,)] = case.execute("SELECT pg_current_wal_lsn() > %s::pg_lsn", [followed])
    if not beyond:
        raise CaseFailed("the restored server has not written past what luge followed")
    gap_is_found_and_repaired(case, "older copy|not the one luge followed", foreseen=False)  # only the stream can tell


@python_case
def another_cluster(case):
    mirrored_then_stopped(case, None)
    case.own_servers.append(PostgresServer(parent=case.servers_directory))
    other = case.own_servers[-1].start()
    other.execute("postgres", f'CREATE DATABASE "{case.database}"')
    home = case.luge.source
    case.luge.source = other.url(case.database)
    case.verb(3, ["doctor", "--source", case.luge.source], ["cluster"])
    case.run(3, ["cluster|system identifier|identity"])
    if other.execute(case.database, "SELECT 1 FROM pg_replication_slots"):
        raise CaseFailed("luge created a slot on a server it does not know")
    case.luge.source = home


@python_case
def another_database(case):
    mirrored_then_stopped(case, None)
    home = case.luge.source
    case.luge.source = case.server.url("postgres")
    case.run("1|3", ["database|identity"])
    case.luge.source = home


@python_case
def server_stops_and_comes_back(case):
    case.own_server()
    case.sql(DATA)
    case.sync()
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGINT):
        started = time.monotonic()
        case.server.stop(number)
        if time.monotonic() - started > 15:
            raise CaseFailed("luge held the server's shutdown up")
        time.sleep(0.3)
        case.server.start()
        case.sessions.clear()
        case.sql("INSERT INTO t SELECT coalesce(max(id), 0) + 1, 'x' FROM t; UPDATE t SET v = 'y' WHERE id = 1;")
        case.sync()


@python_case
def a_held_table_does_not_hold_the_server(case):
    """With --on-quarantine hold nothing is acknowledged any more, and a walsender waits for that before it ends."""
    case.own_server()
    case.luge.options += ["--on-quarantine", "hold"]
    case.sql("CREATE TABLE bad (id int PRIMARY KEY, n numeric(10,2)); CREATE TABLE good (id int PRIMARY KEY);")
    case.sync()
    case.sql("INSERT INTO bad VALUES (2, 'NaN'); INSERT INTO good VALUES (1);")
    case.expect_state("public.bad", "quarantined")
    time.sleep(8)
    if (reconnects := case.luge.status()["totals"]["reconnects"]) != 0:
        raise CaseFailed(f"luge left a server that was at its ease {reconnects} times")
    stop_in_time(case)
    case.sql("INSERT INTO good VALUES (2); UPDATE bad SET n = 2;")
    case.luge.wait_until(lambda status: status["state"] == "live", "luge to be back")
    case.verb(0, ["resync", "public.bad"])
    case.expect_state("public.bad", "live")


@python_case
def a_paused_pipeline_does_not_hold_the_server(case):
    """Its stream is not read, so that only refused sessions tell that the server stops."""
    case.own_server()
    case.sql(DATA)
    case.sync()
    case.verb(0, ["pause"])
    for i in range(1, 5):  # the more attempts have failed lately, the longer luge waits before the next one
        case.sql(f"INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series({i} * 10000, {i} * 10000 + 8000) i")  # more than the buffers of a socket
        stop_in_time(case, seconds=20)
        case.luge.wait_until(lambda status: status["state"] == "paused", "luge to be back", seconds=90)
    case.verb(0, ["resume"])


def stop_in_time(case, seconds=20):
    """A fast shutdown, and the server is there again."""
    started = time.monotonic()
    case.server.stop(signal.SIGINT)
    if (took := time.monotonic() - started) > seconds:
        raise CaseFailed(f"luge held the server's shutdown up for {took:.0f} s")
    case.server.start()
    case.sessions.clear()


@python_case
def walsender_is_terminated(case):
    case.sql(DATA)
    case.sync()
    for i in range(5):
        case.sql(f"INSERT INTO t SELECT {1000 * (i + 1)} + i, 'x' FROM generate_series(1, 500) i")
        case.execute("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s AND active", [slot(case)])
        time.sleep(0.2)
    case.sync()


@python_case
def idle_slot_moves_on(case):
    """WAL that is not for luge must not pile up behind its slot."""
    case.sql(DATA)
    case.sync()
    before = case.execute("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", [slot(case)])[0][0]
    for _ in range(3):
        case.execute("SELECT pg_logical_emit_message(false, 'e2e', repeat('x', 1000000))")
    case.execute("SELECT pg_switch_wal()")
    for _ in range(200):
        behind, moved = case.execute("SELECT pg_current_wal_flush_lsn() - confirmed_flush_lsn, confirmed_flush_lsn - %s::pg_lsn FROM pg_replication_slots "
                                     "WHERE slot_name = %s", [before, slot(case)])[0]
        if moved > 3000000 and behind < 1000000:
            return
        time.sleep(0.1)
    raise CaseFailed(f"an idle luge leaves {behind} bytes unacknowledged (moved {moved})")
