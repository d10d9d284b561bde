"""The verbs: what they print, how they exit, and what they leave alone."""
import json
import os
import re
import signal
import socket
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
def status_says_only_what_it_knows(case):
    """What only the source can tell is null while nobody asks it, and right when it is asked."""
    case.sql(DATA)
    case.sync()
    live = case.luge.status()
    if live["slot"]["exists"] is not True or live["slot"]["active"] is not True or live["lag"]["bytes"] is None or live["lag"]["seconds"] is None:
        raise CaseFailed(f"status of a live luge: {live}")
    case.stop()
    case.sql("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1000, 1200) i")
    unasked = case.luge.status()
    facts = [unasked["lsn"]["server"], unasked["lag"]["bytes"], unasked["lag"]["seconds"],
             *(value for name, value in unasked["slot"].items() if name != "name")]
    if any(fact is not None for fact in facts) or unasked["slot"]["name"] != f"luge_{case.pipeline}":
        raise CaseFailed(f"status claims to know what nobody told it: {unasked}")
    case.verb(0, ["status"], [r"slot luge_\w+  not asked for"])
    if re.search(r"\blag\b|server", case.luge.output):
        raise CaseFailed(f"status tells of a lag that it does not know: {case.luge.output}")
    case.verb(0, ["status", "--json", "--source", case.luge.source])
    asked = json.loads(case.luge.output)
    if asked["slot"]["exists"] is not True or asked["slot"]["active"] is not False or asked["lag"]["bytes"] < 200000 or asked["lag"]["seconds"] is not None:
        raise CaseFailed(f"status --source: {asked}")
    behind = lsn_number(asked["lsn"]["server"]) - lsn_number(asked["lsn"]["durable"])
    if behind != asked["lag"]["bytes"]:
        raise CaseFailed(f"status --source: {behind} bytes are missing, {asked['lag']}")
    case.verb(0, ["status", "--source", case.luge.source], [r"lag 2\d\d.* KiB", "reserved"])
    case.verb(0, ["status", "--json", "--source", "postgres://nobody@127.0.0.1:9/none?sslmode=disable"], ["source_not_asked"])
    if json.loads(case.luge.output)["slot"]["exists"] is not None:
        raise CaseFailed(case.luge.output)
    case.luge.environment["LUGE_SOURCE"] = case.luge.source
    case.execute("SELECT pg_drop_replication_slot(%s)", [f"luge_{case.pipeline}"])
    without = case.luge.status()
    if without["slot"]["exists"] is not False:
        raise CaseFailed(f"the slot is gone: {without['slot']}")
    case.verb(0, ["status"], ["slot .*there is none"])
    case.final_comparison = False


@python_case
def a_table_dropped_and_made_again_is_logged_once(case):
    case.sql(DATA)
    case.sync()
    case.sql("DROP TABLE t")
    case.expect_state("public.t", "dropped")
    case.sql(DATA)
    both = case.luge.wait_until(lambda status: [table["state"] for table in status["tables"]].count("live") == 1, "the new table to be live")
    time.sleep(2)  # several rounds of the display
    lines = [line for line in case.luge.log_tail(100000).splitlines() if "table_state" in line]
    if len(lines) > 10:
        raise CaseFailed("\n".join(lines))
    if [table["state"] for table in both["tables"]] not in (["dropped", "live"], ["live", "dropped"]):
        raise CaseFailed(f"status: {both['tables']}")
    case.stop()
    case.same()
    case.final_comparison = False


@python_case
def json_is_one_document(case):
    """Whatever happens: with --json stdout is one JSON document."""
    case.sql(DATA)
    source, to = case.luge.source, case.luge.addressed()
    for words in (["run", "--nonsense"], ["status", "--json=on", "--to", "ftp:somewhere"], ["nosuchverb"], ["query"], ["run", "--batch-max-size", "zero"]):
        if document(case, 2, *words)["error"]["exit_code"] != 2:
            raise CaseFailed(f"{words}: no exit code in the error")
    if document(case, 1, "status", *to)["error"]["code"] != "no_mirror":
        raise CaseFailed("status before the first run")
    arrived = document(case, 0, "run", "--source", source, *to, "--until", "caught-up")
    if arrived["error"] is not None or not arrived["tables"]:
        raise CaseFailed(f"run --json: {arrived}")
    breaking = "SELECT CASE WHEN range < 1900000 THEN '1' ELSE 'x' || range END::int AS n FROM range(2000000)"
    for running in (False, True):
        if running:
            case.start()
            case.luge.wait_until_listening()
        broken = document(case, 2, "query", *to, breaking)
        if broken["columns"] != ["n"] or not broken["rows"] or broken["error"]["exit_code"] != 2:
            raise CaseFailed(f"a query that fails on the way: {broken['columns']} {len(broken['rows'])} {broken.get('error')}")
        if "error" in document(case, 0, "query", *to, "SELECT 1"):
            raise CaseFailed("an error in the document of a good query")
        if document(case, 2, "query", *to, "SELEC 1")["error"]["exit_code"] != 2:
            raise CaseFailed("a statement that is none")
    if document(case, 1, "run", "--source", source, *to)["error"]["code"] != "running":
        raise CaseFailed("a second run")
    case.stop()
    begun = subprocess.Popen([case.luge.binary, "run", "--json", "--source", source, *map(str, to)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             cwd=case.directory)
    while document(case, 0, "status", *to)["state"] != "live":
        time.sleep(0.05)
    case.sql(f"DROP PUBLICATION luge_{case.pipeline}; INSERT INTO t VALUES (1000, 'in the hole')")
    gap = json.loads(begun.communicate(timeout=60)[0])
    if begun.returncode != 3 or gap["error"]["exit_code"] != 3 or gap["error"]["code"] != "gap" or gap["state"] != "failed":
        raise CaseFailed(f"run --json that ends with a gap: exit {begun.returncode}, {gap}")
    after = document(case, 0, "status", *to)["error"]
    if after != gap["error"]:
        raise CaseFailed(f"status tells another end: {after}")
    gap = document(case, 3, "run", "--source", source, *to)  # seen before it begins
    if set(gap) != {"error"} or gap["error"]["exit_code"] != 3 or gap["error"]["code"] != "gap":
        raise CaseFailed(f"run --json with a gap that is there from the start: {gap}")
    after = document(case, 0, "status", *to)["error"]
    if after["code"] != "gap" or after["exit_code"] != 3 or after["what"] not in gap["error"]["what"]:
        raise CaseFailed(f"status tells another end: {after}")
    with socket.create_server(("127.0.0.1", 0)) as silent:  # a server that never answers
        early = subprocess.Popen([case.luge.binary, "run", "--json", "--source", f"postgres://nobody@127.0.0.1:{silent.getsockname()[1]}/none", *map(str, to)],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=case.directory)
        accepted = silent.accept()  # it has come so far that it catches signals
        early.send_signal(signal.SIGTERM)
        stopped = json.loads(early.communicate(timeout=10)[0])
        accepted[0].close()
    if early.returncode != 0 or stopped["error"]["exit_code"] != 0:
        raise CaseFailed(f"run --json that is stopped at once: exit {early.returncode}, {stopped}")
    case.final_comparison = False


def document(case, code, verb, *words):
    """What stdout holds, parsed as a whole."""
    done = subprocess.run([case.luge.binary, verb, "--json", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                          cwd=case.directory)
    try:
        parsed = json.loads(done.stdout)
    except json.JSONDecodeError as broken:
        raise CaseFailed(f"luge {verb} {words}: {broken}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}") from None
    if done.returncode != code:
        raise CaseFailed(f"luge {verb} {words}: exit {done.returncode}, expected {code}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return parsed


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
    """Without a running luge, verify follows the stream itself, and only says what the next run would take in."""
    case.sql(DATA + 'CREATE TABLE "Odd, Name" (id int PRIMARY KEY); INSERT INTO "Odd, Name" VALUES (1); CREATE TABLE renamed (id int PRIMARY KEY);')
    case.sync()
    case.stop()
    case.sql("ALTER TABLE renamed RENAME TO renamed_since; CREATE TABLE later (id int PRIMARY KEY); INSERT INTO t VALUES (100, 'x');")
    case.verb(3, ["verify", "--source", case.luge.source], ["Odd, Name", r"public\.t", r"public\.later.*not taken it in|public\.later.*not in the publication"])
    if {table["state"] for table in case.states().values()} != {"live"} or "public.later" in case.states():
        raise CaseFailed(f"verify changed what is followed: {case.states()}")


@python_case
def verify_names_what_it_does_not_compare(case):
    """A table that the mirror should follow and does not is no equality, whatever the others are."""
    case.sql(DATA + "CREATE TABLE gone (id int PRIMARY KEY); INSERT INTO gone VALUES (1); CREATE TABLE away (id int PRIMARY KEY); "
             "CREATE TABLE ignored (id int PRIMARY KEY);")
    case.options += ["--tables", "public.*,!public.ignored"]
    case.luge.options = list(case.options)
    case.unchecked |= {"public.gone", "public.away", "public.late", "public.ignored"}
    case.sync()
    case.sql(f"ALTER PUBLICATION luge_{case.pipeline} DROP TABLE gone; INSERT INTO gone VALUES (2); DROP TABLE away;")
    case.expect_state("public.gone", "dropped")
    case.expect_state("public.away", "dropped")
    for running in (True, False):
        if not running:
            case.stop()
            case.sql("CREATE TABLE late (id int PRIMARY KEY)")
        found = verified(case, 3)
        wanted = {"public.t": "equal", "public.gone": "not_compared"} | ({} if running else {"public.late": "not_compared"})
        outcomes = {f"{table['schema']}.{table['name']}": table["outcome"] for table in found["tables"]}
        if found["equal"] or outcomes != wanted:
            raise CaseFailed(f"verify, luge {'running' if running else 'stopped'}: {found}")
        gone = next(table for table in found["tables"] if table["name"] == "gone")
        if "dropped" not in gone["note"] or "ALTER PUBLICATION" not in gone["note"]:
            raise CaseFailed(f"no reason: {gone}")
    case.verb(3, ["verify", "--source", case.luge.source, "public.late"], ["late", "not every table was compared"])
    case.verb(3, ["verify", "--source", case.luge.source, "public.away"], ["no such table any more"])
    case.verb(0, ["verify", "--source", case.luge.source, "public.t"], ["are equal"])
    case.verb(2, ["verify", "--source", case.luge.source, "public.ignored"], ["ignored"])
    case.sql("CREATE TABLE nokey (id int)")
    case.verb(3, ["verify", "--source", case.luge.source, "public.nokey"], [r"no usable replica identity.*First: ALTER TABLE.*Then: ALTER PUBLICATION"])
    case.sql("DROP TABLE nokey")
    case.start()
    case.expect_state("public.late", "live")  # nothing waits for it otherwise: it is none of the checked tables
    case.abnormal |= {"public.gone": "dropped", "public.away": "dropped"}


def verified(case, code):
    case.verb(code, ["verify", "--json", "--source", case.luge.source])
    return json.loads(case.luge.output)


@python_case
def resync_while_nobody_runs(case):
    case.sql("CREATE TABLE bad (id int PRIMARY KEY, n numeric(10,2)); INSERT INTO bad VALUES (1, 1); CREATE TABLE good (id int PRIMARY KEY);")
    case.sync()
    case.sql("INSERT INTO bad VALUES (2, 'NaN')")
    case.sync()
    case.expect_state("public.bad", "quarantined")
    case.stop()
    case.sql("UPDATE bad SET n = 2 WHERE id = 2")
    case.verb(2, ["resync", "public.nosuch"], ["nosuch"])
    case.run(3)
    case.verb(0, ["resync", "bad"], ["public.bad", "next luge run"])
    if case.states()["public.bad"]["state"] != "resyncing" or case.query("SELECT id FROM public.bad") != [("1",)]:
        raise CaseFailed(f"the old rows should stay until the copy: {case.states()}")
    case.verb(0, ["resync", "--json", "public.*"])
    document = json.loads(case.luge.output)
    if document != {"resync": ["public.bad", "public.good"], "running": False}:
        raise CaseFailed(f"resync --json: {document}")
    case.run(0)
    case.expect_state("public.bad", "live")
    case.abnormal.clear()


@python_case
def pause_and_resume(case):
    case.sql(DATA)
    case.sync()
    case.verb(0, ["pause"], ["paused"])
    case.sql("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1000, 2000) i; CREATE TABLE late (id int PRIMARY KEY)")
    time.sleep(2.5)  # the catalog is looked at meanwhile, too
    held = case.luge.status()
    if held["state"] != "paused" or not held["paused"] or held["lag"]["bytes"] < 1000000 or len(held["tables"]) != 1:
        raise CaseFailed(f"paused: {held}")
    if case.query("SELECT count(*) FROM public.t") != [("50",)]:
        raise CaseFailed("the mirror moved while luge was paused")
    case.verb(1, ["verify", "--source", case.luge.source], ["luge resume"])
    case.verb(0, ["pause"])
    case.stop()
    if not case.luge.status()["paused"]:
        raise CaseFailed("the pause was forgotten")
    case.verb(0, ["status"], ["not_running, paused"])
    case.run(3, ["luge resume"])
    case.start()
    held = case.luge.wait_until(lambda status: status["state"] == "paused", "luge to begin paused")
    case.luge.kill()
    case.start()
    case.luge.wait_until(lambda status: status["state"] == "paused", "luge to begin paused after a kill")
    if case.query("SELECT count(*) FROM public.t") != [("50",)]:
        raise CaseFailed("the mirror moved over a restart")
    case.verb(0, ["resume", "--json"])
    if json.loads(case.luge.output) != {"pipeline": case.pipeline, "paused": False, "running": True}:
        raise CaseFailed(case.luge.output)
    case.sync()
    case.stop()
    case.verb(0, ["pause", "--json"])
    if json.loads(case.luge.output) != {"pipeline": case.pipeline, "paused": True, "running": False}:
        raise CaseFailed(case.luge.output)
    case.verb(1, ["verify", "--source", case.luge.source], ["luge resume"])
    case.verb(0, ["resume"], ["next luge run"])
    case.run(0)


@python_case
def pause_goes_on_acknowledging(case):
    """A paused luge is connected for longer than the server waits for a sign of life."""
    case.own_server(wal_sender_timeout="2s")
    case.sql(DATA)
    case.sync()
    case.verb(0, ["pause"])
    case.sql("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1000, 9000) i")  # more than the buffers of a socket
    pid = case.execute("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"])[0][0]
    time.sleep(7)
    if case.execute("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"])[0][0] != pid or not pid:
        raise CaseFailed("the server dropped the paused luge")
    if case.luge.status()["totals"]["reconnects"] != 0:
        raise CaseFailed("luge reconnected")
    case.verb(0, ["resume"])


@python_case
def pause_before_the_first_run(case):
    case.sql(DATA)
    for verb in ("pause", "resume"):
        case.verb(1, [verb], ["no state"])
    if (case.directory / "app.duckdb.luge").exists():
        raise CaseFailed("a verb left a directory behind")
    case.final_comparison = False


@python_case
def giving_up_a_quarantined_table(case):
    case.sql("CREATE TABLE bad (id int PRIMARY KEY, n numeric(10,2)); INSERT INTO bad VALUES (1, 1); CREATE TABLE good (id int PRIMARY KEY);")
    case.sync()
    case.sql("INSERT INTO bad VALUES (2, 'NaN')")
    case.sync()
    case.expect_state("public.bad", "quarantined")
    case.sql(f"ALTER PUBLICATION luge_{case.pipeline} DROP TABLE bad")
    case.expect_state("public.bad", "dropped", "numeric")
    case.run(0)
    if case.query("SELECT id FROM public.bad") != [("1",)]:
        raise CaseFailed("its rows should stay")
    case.unchecked.add("public.bad")


@python_case
def top_follows_the_running_luge(case):
    case.sql(DATA)
    case.verb(1, ["top"], ["does not run"])
    case.sync()
    top = asking(case, "top")
    time.sleep(2.5)
    top.send_signal(signal.SIGINT)
    output, _ = top.communicate(timeout=10)
    if top.returncode != 0 or output.count("public.t") < 2 or "\x1b" in output:
        raise CaseFailed(f"top: exit {top.returncode}: {output}")
    top = asking(case, "top")
    time.sleep(0.5)
    case.stop()
    output, _ = top.communicate(timeout=10)
    if top.returncode != 0 or "luge has ended" not in output:
        raise CaseFailed(f"top: exit {top.returncode}: {output}")
    case.start()
    case.luge.wait_until_listening()
    screen, keys = os.openpty()
    top = subprocess.Popen([case.luge.binary, "top", *case.luge.addressed()], stdin=keys, stdout=keys, stderr=keys, cwd=case.directory)
    time.sleep(1.5)
    os.write(screen, b"q")
    if top.wait(10) != 0 or b"public.t" not in os.read(screen, 100000):
        raise CaseFailed("q does not end top")
    os.close(keys)
    os.close(screen)


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
