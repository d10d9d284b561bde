"""The verbs: what they print, how they exit, and what they leave alone."""
import json
import os
import signal
import subprocess
import time

import duckdb
from case import CaseFailed, python_case
from source_cases import DATA
from support.luge_process import lsn_number


@python_case
def unknown_options(case):
    for words in (["run", "--nonsense"], ["nosuchverb"], ["run", "--batch-max-size", "zero"], ["run", "--batch-max-size", "0"],
                  ["run", "--mode", "mirrored"], ["run", "--until", "tomorrow"], ["run", "--binary", "maybe"], ["resync"], ["query"],
                  ["run", "--memory-limit", "12 parsecs"], ["status", "--tables", "x"], ["run", "--pipeline", "no; DROP"]):
        case.verb(2, words)
    case.luge.to = "ftp:somewhere"
    case.verb(2, ["status"], ["ftp"])
    case.final_comparison = False


@python_case
def missing_source(case):
    case.luge.source = ""
    case.run(2, ["--source"])
    case.final_comparison = False


@python_case
def unknown_keys_in_the_configuration(case):
    path = case.directory / "luge.yaml"
    for text in ("batch_max_sice: 5\n", "columns: {\"public.t.a\": {az: text}}\n", "columns: [1, 2]\n", "a: b: c\n", "mode: both\n"):
        path.write_text(text)
        case.luge.config = path
        case.run(2, [r"luge\.yaml"])
    case.luge.config = case.directory / "missing.yaml"
    case.run(2, [r"missing\.yaml"])
    case.final_comparison = False


@python_case
def help_and_version(case):
    for words in (["--help"], ["run", "--help"], ["--version"]):
        done = subprocess.run([case.binary, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0 or not done.stdout.strip():
            raise CaseFailed(f"{words}: exit {done.returncode}")
    case.final_comparison = False


@python_case
def status_document(case):
    case.sql(DATA)
    case.sync()
    for running in (True, False):
        if not running:
            case.stop()
        document = case.luge.status()
        missing = {"pipeline", "source", "destination", "state", "lsn", "lag", "slot", "tables"} - document.keys()
        if missing:
            raise CaseFailed(f"status --json lacks {missing}: {document}")
        if document["pipeline"] != case.pipeline or case.states()["public.t"]["state"] != "live":
            raise CaseFailed(f"status --json: {document}")
        for name in ("server", "received", "durable", "acknowledged"):
            if name not in document["lsn"]:
                raise CaseFailed(f"lsn lacks {name}: {document['lsn']}")
    case.verb(0, ["status"], [r"public\.t"])


@python_case
def status_beside_a_starting_luge(case):
    """A verb that looks at the file while nobody runs must not be in the way of a luge that starts at that moment."""
    case.sql(DATA)
    case.run(0)
    for _ in range(5):
        asking = [subprocess.Popen([case.binary, "status", *case.luge.addressed()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(4)]
        case.run(0)
        for process in asking:
            process.wait()


@python_case
def acknowledged_never_beyond_durable(case):
    case.sql(DATA)
    case.sync()
    for i in range(20):
        case.sql(f"INSERT INTO t VALUES ({1000 + i}, 'x')")
        lsn = case.luge.status()["lsn"]
        if lsn_number(lsn["acknowledged"]) > lsn_number(lsn["durable"]):
            raise CaseFailed(f"acknowledged beyond durable: {lsn}")


@python_case
def query_answers_while_running_and_after(case):
    case.sql(DATA)
    case.sync()
    for _ in range(2):
        case.verb(0, ["query", "SELECT count(*) AS n, NULL AS nothing, 'a|b' AS t FROM public.t"], ["50"])
        case.verb(0, ["query", "--json", "SELECT count(*) AS n FROM public.t"])
        if "50" not in json.dumps(json.loads(case.luge.output)):
            raise CaseFailed(case.luge.output)
        for bad in ("DROP TABLE public.t", "DELETE FROM public.t", "SELECT 1; DROP TABLE public.t", "UPDATE public.t SET v = 1", "CREATE TABLE public.x (a int)",
                    "COPY public.t TO 'out.csv'", "ATTACH 'other.duckdb'", "INSTALL httpfs", "SELECT * FROM read_csv('/etc/passwd')", "SELEC 1", "SELECT * FROM nosuch",
                    "SET memory_limit = '1GB'"):
            case.luge.verb("query", bad)
            code = case.luge.verb("query", bad)
            if code not in (1, 2):
                raise CaseFailed(f"query {bad!r} gave exit {code}: {case.luge.output}")
        case.stop()


@python_case
def verify_finds_equality_and_difference(case):
    case.sql(DATA + "CREATE TABLE u (id int PRIMARY KEY, n numeric(10,2), ts timestamptz, j jsonb, a int[]); "
             "INSERT INTO u SELECT i, i / 4.0, now(), '{\"a\": 1}', ARRAY[i, NULL] FROM generate_series(1, 50) i;")
    case.sync()
    case.sql("UPDATE u SET n = n + 1 WHERE id < 10")
    case.verb(0, ["verify", "--source", case.luge.source], [r"public\.t|equal|2 tables"])
    case.verb(0, ["verify", "--json", "--source", case.luge.source])
    json.loads(case.luge.output)
    case.sync()
    case.stop()
    with duckdb.connect(str(case.directory / "app.duckdb")) as mirror:
        mirror.execute("UPDATE public.u SET n = n + 0.01 WHERE id = 17")
        mirror.execute("DELETE FROM public.t WHERE id = 23")
    for running in (False, True):
        if running:
            case.start()
            case.luge.wait_until(lambda status: status["tables"], "luge to answer")
        case.verb(4, ["verify", "--source", case.luge.source], [r"public\.u", r"\b17\b", r"public\.t", r"\b23\b"])
    case.verb(0, ["resync", "public.u"])
    case.verb(0, ["resync", "public.t"])
    case.expect_state("public.u", "live")
    case.expect_state("public.t", "live")


@python_case
def rules_for_columns_that_are_missing(case):
    """Without the configuration that held `as: text` the next row must not stop its table."""
    case.sql("CREATE TABLE t (id int PRIMARY KEY, n numeric(10,2)); INSERT INTO t SELECT i, i / 4.0 FROM generate_series(1, 50) i; "
             "CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1);")
    config = case.write_config('columns: {"public.t.n": {as: text}}\n')
    case.luge.config = config
    case.as_text.add("public.t.n")
    case.sync()
    case.stop()
    case.sql("INSERT INTO t VALUES (100, 5); INSERT INTO u VALUES (2);")
    case.luge.config = None
    case.run(3, [r"public\.t n \(text, now decimal\(10,2\)\)", "columns", "--config", "--on-retype resync"])
    case.verb(3, ["verify", "--source", case.luge.source], [r"public\.t n", "--config"])
    case.verb(0, ["plan", "--source", case.luge.source], ["columns"])
    if {table["state"] for table in case.states().values()} != {"live"}:
        raise CaseFailed(f"a table was stopped: {case.states()}")
    case.luge.config = config
    case.run(0)
    case.same()
    case.sql("INSERT INTO t VALUES (101, 6)")
    case.luge.config = None
    case.as_text.clear()
    case.luge.options += ["--on-retype", "resync"]
    case.sync()
    case.sql("UPDATE t SET n = n + 1 WHERE id < 10; DELETE FROM t WHERE id = 20;")


@python_case
def verify_neither_takes_in_nor_releases_tables(case):
    """Without a running luge, verify follows the stream itself, under no --tables of its own."""
    case.sql(DATA + 'CREATE TABLE "Odd, Name" (id int PRIMARY KEY); INSERT INTO "Odd, Name" VALUES (1); CREATE TABLE renamed (id int PRIMARY KEY);')
    case.sync()
    case.stop()
    case.sql("ALTER TABLE renamed RENAME TO renamed_since; CREATE TABLE later (id int PRIMARY KEY); INSERT INTO t VALUES (100, 'x');")
    case.verb(0, ["verify", "--source", case.luge.source], ["Odd, Name", r"public\.t"])
    if {table["state"] for table in case.states().values()} != {"live"} or "public.later" in case.states():
        raise CaseFailed(f"verify changed what is followed: {case.states()}")


@python_case
def resync_of_an_unknown_table(case):
    case.sql(DATA)
    case.sync()
    case.verb("1|2", ["resync", "public.nosuch"], ["nosuch"])


@python_case
def drop_removes_what_luge_made(case):
    case.sql(DATA)
    case.sync()
    case.stop()
    case.verb(0, ["drop", "--source", case.luge.source])
    left = case.execute("SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s UNION ALL SELECT pubname FROM pg_publication", [f"luge_{case.pipeline}"])
    if left:
        raise CaseFailed(f"drop left {left}")
    if case.query("SELECT count(*) FROM public.t") != [("50",)]:
        raise CaseFailed("drop touched the mirror")
    case.final_comparison = False


@python_case
def until_an_lsn(case):
    case.sql(DATA)
    target = case.flushed()
    case.luge.start("--until", target)
    if case.luge.wait() != 0:
        raise CaseFailed(case.luge.log_tail())
    case.sql("INSERT INTO t VALUES (100, 'x')")


@python_case
def nothing_is_acknowledged_twice_after_a_clean_stop(case):
    """A drained stop acknowledges everything, so the next start gets nothing again."""
    case.sql(DATA)
    case.sync()
    for i in range(5):
        case.sql(f"INSERT INTO t SELECT {1000 * (i + 1)} + k, 'x' FROM generate_series(1, 100) k")
    target = lsn_number(case.flushed())
    case.stop()
    confirmed = case.execute("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"])[0][0]
    with case.mirror() as mirror:
        rows = mirror.execute("SELECT count(*) FROM public.t").fetchone()[0]
    if rows == 550 and lsn_number(confirmed) < target - 8192:
        raise CaseFailed(f"the slot stands at {confirmed} after a drained stop")


@python_case
def second_signal_ends_at_once(case):
    case.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 100000) i;")
    case.start()
    time.sleep(0.5)
    for _ in range(2):
        if case.luge.alive():
            case.luge.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
    case.luge.wait(10)


ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 <> b.range % 3"


def asking(case, *words):
    """A verb that goes on in the background."""
    case.luge.wait_until_listening()
    return subprocess.Popen([case.binary, words[0], *case.luge.addressed(), *words[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def ends_soon(case, *verbs):
    """SIGTERM ends luge within seconds and with 0, and whoever asked is told why."""
    started = time.monotonic()
    if (code := case.luge.terminate(20)) != 0:
        raise CaseFailed(f"luge ended with exit {code}: {case.luge.log_tail()}")
    if time.monotonic() - started > 8:
        raise CaseFailed(f"luge took {time.monotonic() - started:.1f} s to end")
    for verb in verbs:
        output, _ = verb.communicate(timeout=10)
        if verb.returncode != 1 or "stopping" not in output or "again" not in output:
            raise CaseFailed(f"the verb ended with exit {verb.returncode} and said: {output}")


@python_case
def an_endless_query_does_not_keep_luge_from_stopping(case):
    case.sql(DATA)
    case.sync()
    queries = [asking(case, "query", ENDLESS) for _ in range(2)]
    queries.append(asking(case, "query", "SELECT repeat('x', 1000), a.range FROM range(100000000000) a"))  # its client gathers rows
    time.sleep(1)
    case.sql("INSERT INTO t VALUES (100, 'while they run')")
    case.sync()
    if any(query.poll() is not None for query in queries):
        raise CaseFailed("a query ended before its time")
    ends_soon(case, *queries)
    if case.query("SELECT count(*) FROM public.t") != [("51",)]:  # the file can be opened
        raise CaseFailed("the mirror lacks what was committed before the end")


@python_case
def a_client_that_reads_no_further_does_not_keep_luge_from_stopping(case):
    case.sql(DATA)
    case.sync()
    query = asking(case, "query", "--json", "SELECT repeat('x', 1000), a.range FROM range(100000000000) a")
    time.sleep(1)  # the pipe to here is full, and so is the socket
    ends_soon(case)
    query.kill()
    query.communicate()


@python_case
def a_verification_does_not_keep_luge_from_stopping(case):
    case.sql(DATA)
    case.sync()
    case.sql("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE; INSERT INTO t VALUES (100, 'x');", "locker")
    verification = asking(case, "verify", "--source", case.luge.source)
    time.sleep(1.5)
    if verification.poll() is not None:
        raise CaseFailed(f"verify did not wait: {verification.communicate()[0]}")
    ends_soon(case, verification)
    case.sql("COMMIT;", "locker")


@python_case
def a_query_ends_with_its_client(case):
    case.sql(DATA)
    case.sync()
    for _ in range(2):  # eight clients are answered at a time
        queries = [asking(case, "query", ENDLESS) for _ in range(6)]
        time.sleep(0.5)
        for query in queries:
            query.send_signal(signal.SIGINT)
            query.communicate()
    deadline = time.monotonic() + 10
    busy = 1.0
    while busy > 0.3 and time.monotonic() < deadline:
        before = processor_seconds(case.luge.process.pid)
        time.sleep(1)
        busy = processor_seconds(case.luge.process.pid) - before
    if busy > 0.3:
        raise CaseFailed(f"luge is still busy with queries that nobody waits for: {busy:.2f} s of processor time in a second")
    if case.query("SELECT count(*) FROM public.t") != [("50",)]:
        raise CaseFailed("luge does not answer")


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@python_case
def null_destination(case):
    case.sql(DATA)
    case.luge.to = "null:"
    case.run(0)
    case.sql("INSERT INTO t VALUES (100, 'x')")
    case.run("0|3")  # null: remembers nothing; what counts is that it ends
    case.final_comparison = False


@python_case
def output_is_plain_when_it_is_no_terminal(case):
    case.sql(DATA)
    case.run(0)
    if "\x1b" in case.luge.errors or "\r" in case.luge.errors:
        raise CaseFailed("escape sequences in a log file")
    case.luge.options += ["--log", "json"]
    case.sql("INSERT INTO t VALUES (100, 'x')")
    case.run(0)
    for line in filter(None, case.luge.errors.splitlines()):
        json.loads(line)


@python_case
def plan_and_doctor_create_nothing(case):
    case.sql(DATA)
    for verb in ("plan", "doctor"):
        code = case.luge.verb(verb, "--source", case.luge.source)
        if code == 2 and "not" in case.luge.errors:
            continue  # not built yet
        if code != 0:
            raise CaseFailed(f"{verb}: exit {code}: {case.luge.errors}")
    if case.execute("SELECT 1 FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"]) or case.execute("SELECT 1 FROM pg_publication"):
        raise CaseFailed("plan or doctor created something")
    case.final_comparison = False
