"""What can happen to the mirror's file and to luge's state."""
import ctypes
import os
import resource
import shutil
import subprocess
import time

import duckdb
from case import CaseFailed, Skipped, python_case
from source_cases import DATA, gap_is_found_and_repaired, mirrored_then_stopped
from support import child_process

LIBC = ctypes.CDLL(None, use_errno=True)


def file_of(case):
    return case.directory / "app.duckdb"


def state_of(case):
    return case.directory / "app.duckdb.luge"


@python_case
def mirror_replaced_by_an_older_copy(case):
    mirrored_then_stopped(case, None)
    shutil.copy(file_of(case), case.directory / "older")
    case.sql("INSERT INTO t VALUES (100, 'hushhush')")
    case.sync()
    case.stop()
    shutil.copy(case.directory / "older", file_of(case))
    case.sql("INSERT INTO t VALUES (101, 'hushhush')")
    gap_is_found_and_repaired(case, "older|restored|behind|stands at", foreseen=False)


@python_case
def mirror_deleted(case):
    mirrored_then_stopped(case)
    file_of(case).unlink()
    case.verb(3, ["doctor", "--source", case.luge.source], ["mirror", "resync"])
    case.run(3, ["app.duckdb|mirror|destination", "resync"])
    if file_of(case).exists():
        raise CaseFailed("the refused run made a new mirror")
    case.luge.options += ["--on-gap", "resync"]
    case.run(0)


@python_case
def mirror_of_another_pipeline(case):
    mirrored_then_stopped(case)
    other = case.new_luge(pipeline=f"{case.pipeline}_other")
    other.directory = case.directory / "other"
    other.directory.mkdir()
    code = other.run_until()
    if code not in (1, 3) or case.pipeline not in other.errors:
        raise CaseFailed(f"another pipeline on the same file gave exit {code}: {other.errors[-1000:]}")


@python_case
def mirror_locked_by_another_process(case):
    case.sql(DATA)
    holder = child_process.spawn([os.sys.executable, "-c", f"import duckdb, time; c = duckdb.connect({str(file_of(case))!r}); print('held', flush=True); time.sleep(60)"],
                                 stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        case.run(1, ["lock|in use|another process", str(holder.pid)])
    finally:
        child_process.end(holder)
    case.run("0|1|3")  # an empty DuckDB file by somebody else: taken or refused, but said clearly
    if case.luge.exit_code != 0:
        file_of(case).unlink()


@python_case
def mirror_is_not_a_duckdb_file(case):
    case.sql(DATA)
    file_of(case).write_bytes(os.urandom(100000))
    before = file_of(case).read_bytes()
    case.run("1|3", [r"app\.duckdb"])
    if file_of(case).read_bytes() != before:
        raise CaseFailed("luge wrote into a file that is not its own")
    file_of(case).unlink()


@python_case
def mirror_holds_somebody_elses_tables(case):
    """A DuckDB file with a table of the same name that luge did not make must never be overwritten."""
    case.sql(DATA)
    with duckdb.connect(str(file_of(case))) as mirror:
        mirror.execute("CREATE SCHEMA IF NOT EXISTS public; CREATE TABLE public.t AS SELECT 42 AS answer")
    case.run("1|3", ["app.duckdb|foreign|public"])
    if case.query("SELECT answer FROM public.t") != [("42",)]:
        raise CaseFailed("luge overwrote a table it did not make")
    case.final_comparison = False


@python_case
def mirror_is_corrupt(case):
    """luge says which file and what to do, writes nothing into it and acknowledges nothing; a new copy then has everything."""
    mirrored_then_stopped(case)
    data = bytearray(file_of(case).read_bytes())
    for i in range(4096 * 3, len(data), 97):
        data[i] ^= 0xFF
    file_of(case).write_bytes(data)
    case.sql("INSERT INTO t VALUES (200, 'hushhush')")
    confirmed = confirmed_flush(case)
    case.run(3, [r"app\.duckdb: .*corrupt", r"\(corrupt\)", "restore the file, or move it and its .wal away"])
    if file_of(case).read_bytes() != bytes(data):
        raise CaseFailed("luge wrote into a corrupt file")
    if confirmed_flush(case) != confirmed:
        raise CaseFailed("luge acknowledged what no mirror holds")
    file_of(case).unlink()
    for leftover in case.directory.glob("app.duckdb.wal"):
        leftover.unlink()
    case.luge.options += ["--on-gap", "resync"]
    case.run(0)
    if case.query("SELECT count(*) FROM public.t WHERE id = 200") != [("1",)]:
        raise CaseFailed("the row that was waiting is lost")


def confirmed_flush(case):
    [(position,)] = case.execute("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"])
    return position


@python_case
def mirror_log_is_torn(case):
    """DuckDB drops a torn tail of its log in silence. What luge acknowledged must not vanish with it."""
    case.sql(DATA)
    case.sync()
    case.sql("INSERT INTO t SELECT i, 'one' FROM generate_series(1000, 1200) i")
    case.sync()
    case.sql("UPDATE t SET v = 'two' WHERE id > 1100; DELETE FROM t WHERE id < 20;")
    case.sync()
    time.sleep(1.5)  # acknowledged
    case.luge.kill()
    log = case.directory / "app.duckdb.wal"
    if not log.exists():
        return  # a checkpoint after every batch leaves nothing to tear
    slot, kept = f"luge_{case.pipeline}", f"kept_{os.getpid()}"
    case.execute("SELECT pg_copy_logical_replication_slot(%s, %s)", [slot, kept])
    shutil.copy(file_of(case), case.directory / "kept")
    shutil.copy(log, case.directory / "kept.wal")
    shutil.copytree(state_of(case), case.directory / "kept.luge", ignore=shutil.ignore_patterns("control.sock"))
    size = log.stat().st_size
    for length in sorted({0, 1, size // 4, size // 2, size * 3 // 4, size - 200, size - 9, size - 1}):
        shutil.copy(case.directory / "kept", file_of(case))
        log.write_bytes((case.directory / "kept.wal").read_bytes()[:max(0, length)])
        shutil.rmtree(state_of(case))
        shutil.copytree(case.directory / "kept.luge", state_of(case))
        case.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        case.execute("SELECT pg_copy_logical_replication_slot(%s, %s)", [kept, slot])
        code = case.luge.run_until()
        if code == 0:
            case.same()
        elif code not in (1, 3):
            raise CaseFailed(f"log cut at {length} of {size}: exit {code}: {case.luge.errors[-1500:]}")
    case.luge.options += ["--on-gap", "resync"]
    if code == 1:
        file_of(case).unlink()
        log.unlink(missing_ok=True)
    case.run(0)


@python_case
def mirror_directory_is_missing(case):
    case.sql(DATA)
    case.luge.to = f"duckdb:{case.directory / 'no' / 'such' / 'app.duckdb'}"
    case.run("1|2", ["no/such"])
    case.final_comparison = False


@python_case
def state_lost(case):
    """The mirror itself knows enough to go on."""
    mirrored_then_stopped(case)
    shutil.rmtree(state_of(case))
    case.run(0)


@python_case
def state_lost_keeps_the_publication_luges_own(case):
    """A publication that luge made stays luge's own without the state: new tables are taken in, and drop takes it away."""
    mirrored_then_stopped(case)
    shutil.rmtree(state_of(case))
    case.sync()
    case.sql("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (1);")
    case.sync()
    case.stop()
    case.same()
    shutil.rmtree(state_of(case))
    case.verb(0, ["drop", "--source", case.luge.source])
    if case.execute("SELECT pubname FROM pg_publication"):
        raise CaseFailed("drop kept the publication that luge made")
    case.final_comparison = False


@python_case
def state_lost_and_publication_recreated(case):
    """The mirror remembers which publication it was."""
    mirrored_then_stopped(case, None)
    shutil.rmtree(state_of(case))
    publication = f"luge_{case.pipeline}"
    case.execute(f"DROP PUBLICATION {publication}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.execute(f"CREATE PUBLICATION {publication} FOR TABLE t")
    gap_is_found_and_repaired(case, "publication", foreseen=False)


@python_case
def publication_recreated_and_nothing_remembers_it(case):
    """Servers before 18 refuse to send what was written without the publication, for ever."""
    if case.server.major >= 18:
        raise Skipped("18 says nothing")
    case.sql(DATA)
    case.luge.to = "null:"
    case.run(0)
    for path in (case.directory / "state-home").rglob("state.db*"):
        path.unlink()
    publication = f"luge_{case.pipeline}"
    case.execute(f"DROP PUBLICATION {publication}")
    case.sql("INSERT INTO t VALUES (200, 'in the hole')")
    case.execute(f"CREATE PUBLICATION {publication} FOR TABLE t")
    case.run(3, ["publication", "made again", "resync"])
    case.luge.options += ["--on-gap", "resync"]
    case.run(0)
    case.final_comparison = False


@python_case
def state_lost_and_slot_advanced(case):
    mirrored_then_stopped(case)
    shutil.rmtree(state_of(case))
    case.execute("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", [f"luge_{case.pipeline}"])
    case.run(3)
    case.luge.options += ["--on-gap", "resync"]
    case.run(0)


@python_case
def state_replaced_by_an_older_copy(case):
    mirrored_then_stopped(case, None)
    shutil.copytree(state_of(case), case.directory / "older", ignore=shutil.ignore_patterns("control.sock"))
    case.sql("INSERT INTO t SELECT i, 'x' FROM generate_series(1000, 1010) i")
    case.sync()
    case.stop()
    shutil.rmtree(state_of(case))
    shutil.copytree(case.directory / "older", state_of(case))
    case.sql("INSERT INTO t VALUES (101, 'y')")
    code = case.luge.run_until()
    if code not in (0, 3):
        raise CaseFailed(f"an older state gave exit {code}: {case.luge.errors[-1000:]}")
    if code == 3:
        case.luge.options += ["--on-gap", "resync"]
        case.run(0)


@python_case
def state_is_corrupt(case):
    mirrored_then_stopped(case)
    for path in state_of(case).glob("state.db*"):
        path.write_bytes(b"hushhush" * 1000)
    case.run("1|3", [r"state\.db"])
    case.final_comparison = False


@python_case
def second_luge_on_the_same_mirror(case):
    case.sql(DATA)
    case.sync()
    second = case.new_luge()
    second.directory = case.directory / "second"
    second.directory.mkdir()
    code = second.run_until(seconds=30)
    if code not in (1, 3):
        raise CaseFailed(f"a second luge gave exit {code}: {second.errors[-1000:]}")
    if not case.luge.alive():
        raise CaseFailed(f"the first luge ended because of the second: {case.luge.log_tail()}")
    case.sql("INSERT INTO t VALUES (100, 'x')")
    case.sync()


@python_case
def disk_full(case):
    """A small file system for the mirror; as root a tmpfs, else a limit on the size of a file."""
    room = case.directory / "small"
    room.mkdir()
    mounted = os.geteuid() == 0 and LIBC.mount(b"tmpfs", bytes(room), b"tmpfs", 0, b"size=6m") == 0
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'hushhush ' || md5(i::text) FROM generate_series(1, 200) i;")
    case.luge.to = f"duckdb:{room / 'app.duckdb'}"
    case.mirror = lambda: duckdb.connect(str(room / "app.duckdb"), read_only=True)
    try:
        case.run(0)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        if not mounted:
            resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, before[1]))
        case.sql("INSERT INTO t SELECT i, (SELECT string_agg(md5((i * 100 + k)::text), '') FROM generate_series(1, 30) k) FROM generate_series(1000, 21000) i")
        case.luge.start("--until", "caught-up")
        try:
            code = case.luge.wait(15)
        except Exception:  # waiting for room is an answer too, if it says so
            code = case.luge.exit_code
        if code == 0:
            raise CaseFailed("20 MB fitted into 6 MB")
        if code not in (1, 3, -9):
            raise CaseFailed(f"a full disk gave exit {code}: {case.luge.errors[-1500:]}")
        case.expect_end("run", code, code, ["space|disk|full|too large"], case.luge.errors)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        if mounted:
            LIBC.mount(b"tmpfs", bytes(room), b"tmpfs", 32, b"size=400m")  # MS_REMOUNT
        case.run(0)
        case.same()
    finally:
        if mounted:
            time.sleep(0.1)
            LIBC.umount2(bytes(room), 2)
    case.final_comparison = False


@python_case
def snapshot_file_for_other_readers(case):
    case.sql(DATA)
    case.luge.options += ["--snapshot", str(case.directory / "read.duckdb")]
    case.sync()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with duckdb.connect(str(case.directory / "read.duckdb"), read_only=True) as mirror:
                if mirror.execute("SELECT count(*) FROM public.t").fetchone() == (50,):
                    return
        except duckdb.Error:
            pass
        time.sleep(0.2)
    raise CaseFailed("no snapshot with the rows appeared")
