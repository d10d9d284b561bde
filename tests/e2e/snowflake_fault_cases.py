"""What Snowflake, its network and its other users do to a running luge. Each case has an emulator of its own, and each ends with the full comparison:
current state equals the source, and no position stands twice in a log."""
import threading
import time

from case import CaseFailed, python_case
from source_cases import stop_in_time
from support.luge_process import lsn_number

ROWS = r"/v2/streaming/.*/rows$"
STATUSES = "bulk-channel-status$"
SQL = "/api/v2/statements"

TABLES = """
CREATE TABLE keyed (id int PRIMARY KEY, v text, big text);
ALTER TABLE keyed ALTER big SET STORAGE EXTERNAL;
CREATE TABLE composite (a int, b text, v int, PRIMARY KEY (b, a));
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
INSERT INTO keyed SELECT i, 'v' || i, repeat(md5(i::text), 100) FROM generate_series(1, 50) i;
INSERT INTO composite SELECT i % 7, 'b' || i, i FROM generate_series(1, 50) i;
INSERT INTO keyless SELECT i % 5, 'same' FROM generate_series(1, 20) i;
"""


def fault_case(function):
    """A case on an emulator that nobody shares, with tables that are live when it begins."""
    def case_with_emulator(case):
        case.own_emulator()
        case.execute(TABLES)
        case.sync()
        case.same()
        function(case)

    case_with_emulator.__name__ = function.__name__
    case_with_emulator.settings = ("snowflake-rest", "snowflake-sdk")
    return python_case(case_with_emulator)


def change(case, rounds=12, pause=0.05):
    """Transactions of all kinds, one after the other."""
    for i in range(rounds):
        number = case.rounds = getattr(case, "rounds", 1000) + 10
        case.execute(f"""
            INSERT INTO keyed SELECT {number} + g, 'new', repeat(md5(g::text), 100) FROM generate_series(1, 5) g;
            UPDATE keyed SET v = v || '.' WHERE id % 10 = {i % 10};
            UPDATE keyed SET id = -{number} WHERE id = {number} + 1;
            DELETE FROM keyed WHERE id = {number} + 2;
            INSERT INTO composite VALUES ({number}, 'x', {i});
            UPDATE composite SET v = v + 1 WHERE a = {i % 7};
            INSERT INTO keyless VALUES ({i % 5}, 'same'), (NULL, NULL);
            DELETE FROM keyless WHERE ctid = (SELECT min(ctid) FROM keyless WHERE a = {i % 5});
        """)
        time.sleep(pause)


def survives(case, kind, path, **more):
    """The fault is met, and everything arrives."""
    case.control.fault(kind, path, **more)
    change(case)
    case.sync()
    if not case.control.hits():
        raise CaseFailed(f"the fault was not met: {case.control.ask('faults')}")
    case.control.clear_faults()
    change(case, rounds=3)


# Answers ----------------------------------------------------------------------------------------------------------------------------


@fault_case
def too_many_requests(case):
    survives(case, "status", ROWS, status=429, count=12)


@fault_case
def internal_errors(case):
    survives(case, "status", ROWS, status=500, count=8)


@fault_case
def a_bare_string_as_answer(case):
    survives(case, "status", "/v2/streaming/", status=503, shape="bare", count=10)


@fault_case
def statuses_fail(case):
    survives(case, "status", STATUSES, status=503, count=10)


@fault_case
def statements_fail(case):
    survives(case, "status", SQL, status=503, count=8)


@fault_case
def a_pipe_that_failed_over(case):
    case.control.fault("status", ROWS, status=410, count=2)
    change(case, rounds=4)
    case.control.post("invalidate")
    change(case)


@fault_case
def replies_that_are_lost(case):
    survives(case, "drop", ROWS, count=10, after=True)


@fault_case
def requests_that_are_lost(case):
    survives(case, "drop", ROWS, count=10, after=False)


@fault_case
def replies_of_statements_that_are_lost(case):
    """The commit of a merge, too: the watermark tells whether it happened."""
    survives(case, "drop", SQL, count=8, after=True)


@fault_case
def merges_that_are_refused(case):
    """A suspended warehouse: who asks for a consistent reader hears it; luge goes on, and so does acknowledgement."""
    case.control.fault("status", SQL, status=422, code="000606", count=100000)
    change(case, rounds=2)
    if case.luge.verb("verify", "--source", case.luge.source) != 1 or "000606" not in case.luge.output + case.luge.errors:
        raise CaseFailed(f"verify does not say why: {case.luge.output}\n{case.luge.errors}")
    if not case.luge.alive():
        raise CaseFailed("luge ended because somebody asked")
    change(case, rounds=2)
    case.sync()
    case.control.clear_faults()


@fault_case
def slow_answers(case):
    survives(case, "latency", "/v2/streaming/", seconds=0.7, count=12)


@fault_case
def tokens_that_expire(case):
    for _ in range(4):
        case.control.post("expire-tokens")
        change(case, rounds=3)


@python_case
def oauth_tokens_of_seconds(case):
    """Every way to Snowflake takes several access tokens, and nobody notices."""
    case.own_emulator("--token-lifetime", "6")
    case.sign_in = case.control.oauth_settings()
    case.luge.config = case.write_config("")
    case.execute(TABLES)
    case.sync()
    before = granted(case)
    deadline = time.monotonic() + 14
    while time.monotonic() < deadline:
        change(case, rounds=2)
    case.sync()
    if granted(case) < before + 3:
        raise CaseFailed(f"{granted(case) - before} tokens were fetched")


def granted(case):
    return sum(request["path"] == "/oauth/token-request" and request["status"] == 200 for request in case.control.ask("requests"))


oauth_tokens_of_seconds.settings = ("snowflake-rest", "snowflake-sdk")


@fault_case
def a_clock_that_is_wrong_for_a_while(case):
    """Keys and tokens count as expired: nothing is acknowledged, and it goes on by itself once the clocks agree again."""
    case.control.post("settings", clock_offset_seconds=7200)
    change(case, rounds=3)
    case.luge.wait_until(lambda status: link_of(status)["last_error"], "the refusal to be told")
    case.control.post("settings", clock_offset_seconds=0)
    change(case)


@fault_case
def an_outage_opens_the_breaker(case):
    """Acknowledgement stops, nothing is lost, and status says what is going on."""
    case.control.fault("status", "/v2/streaming/", status=503, count=100000)
    change(case, rounds=3)
    behind = lsn_number(case.flushed())
    seen = case.luge.wait_until(lambda status: link_of(status)["breaker"] != "closed", "the breaker to open")
    if not link_of(seen)["last_error"]:
        raise CaseFailed(f"status does not say what is wrong: {link_of(seen)}")
    if lsn_number(seen["lsn"]["acknowledged"]) >= behind:
        raise CaseFailed("acknowledged what is not durable")
    case.control.clear_faults()
    case.luge.wait_until(lambda status: link_of(status)["breaker"] == "closed", "the breaker to close")


def link_of(status):
    return status.get("link") or {"breaker": "closed", "last_error": None}


@python_case
def a_server_that_accepts_and_never_answers(case):
    """Requests hang for longer than PostgreSQL waits for a sign of life: it goes on hearing of luge, and nothing is acknowledged that is not durable."""
    case.own_server(wal_sender_timeout="2s")
    case.own_emulator()
    case.execute(TABLES)
    case.sync()
    walsender = pid_of_walsender(case)
    case.control.fault("hang", "/v2/streaming/", count=1_000_000)
    change(case, rounds=3)
    behind = lsn_number(case.flushed())
    time.sleep(7)
    if not walsender or pid_of_walsender(case) != walsender or case.luge.status()["totals"]["reconnects"] != 0:
        raise CaseFailed("the server dropped luge, or luge reconnected")
    if lsn_number(case.luge.status()["lsn"]["acknowledged"]) >= behind:
        raise CaseFailed("acknowledged what is not durable")
    if not case.control.hits():
        raise CaseFailed("nothing hung")
    case.emulator.kill()  # what hangs ends with its connection, and not only when luge has waited long enough
    case.emulator.start()
    change(case, rounds=3)


a_server_that_accepts_and_never_answers.settings = ("snowflake-rest",)


def pid_of_walsender(case):
    return case.execute("SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [f"luge_{case.pipeline}"])[0][0]


# Others who open, drop and change things -------------------------------------------------------------------------------------------


@fault_case
def a_ghost_opens_the_channels(case):
    change(case, rounds=2)
    stop = threading.Event()

    def haunt():
        while not stop.wait(0.4):
            for name in [channel["channel_name"] for channel in case.control.channels()]:
                case.control.post("reopen", channel=name)

    ghost = threading.Thread(target=haunt)
    ghost.start()
    try:
        change(case, rounds=10, pause=0.2)
    finally:
        stop.set()
        ghost.join()


@fault_case
def channels_dropped_while_idle(case):
    change(case, rounds=2)
    merged(case)
    case.control.post("drop-channel")
    change(case)


@fault_case
def the_logs_are_dropped_while_idle(case):
    change(case, rounds=2)
    merged(case)
    case.control.sql('DROP TABLE PUBLIC.KEYED__LOG; DROP TABLE PUBLIC.KEYLESS__LOG', case.target_database)
    change(case)


@fault_case
def a_log_is_replaced_while_idle(case):
    change(case, rounds=2)
    merged(case)
    case.control.sql('CREATE OR REPLACE TABLE PUBLIC.COMPOSITE__LOG LIKE PUBLIC.COMPOSITE__LOG', case.target_database)
    change(case)


@fault_case
def a_column_of_a_log_is_dropped(case):
    change(case, rounds=2)
    merged(case)
    case.control.sql('ALTER TABLE PUBLIC.KEYED__LOG DROP COLUMN V', case.target_database)
    change(case)


@fault_case
def a_column_of_a_log_is_narrowed(case):
    change(case, rounds=2)
    merged(case)
    case.control.sql('ALTER TABLE PUBLIC.KEYED__LOG DROP COLUMN BIG; ALTER TABLE PUBLIC.KEYED__LOG ADD COLUMN BIG VARCHAR(10)', case.target_database)
    change(case)


@fault_case
def current_state_is_dropped(case):
    """It cannot be made from the log, which does not hold the copy: the table stops, and a new copy helps."""
    change(case, rounds=2)
    merged(case)
    case.control.sql('DROP TABLE PUBLIC.COMPOSITE', case.target_database)
    change(case, rounds=8, pause=0.5)  # a merge fails; the next batch brings it up
    case.expect_state("public.composite", "quarantined", "state_lost|dropped")
    case.sync()
    case.verb(0, ["resync", "public.composite"])
    case.expect_state("public.composite", "live")
    change(case, rounds=2)


@fault_case
def current_state_is_dropped_before_the_last_change(case):
    """The merge fails after everything was answered, and nothing comes behind it."""
    change(case, rounds=2)
    merged(case)
    case.control.sql('DROP TABLE PUBLIC.COMPOSITE', case.target_database)
    case.execute("INSERT INTO composite VALUES (5000, 'last', 1)")
    case.expect_state("public.composite", "quarantined", "state_lost|dropped")
    case.verb(0, ["resync", "public.composite"])
    case.expect_state("public.composite", "live")


@fault_case
def a_log_is_dropped_under_the_last_rows(case):
    """They were taken and not committed, and nothing comes behind them."""
    change(case, rounds=2)
    merged(case)
    case.control.post("hold")
    case.execute("INSERT INTO composite VALUES (5000, 'last', 1)")
    deadline = time.monotonic() + 30
    while not any(channel["pending_rows"] for channel in case.control.channels() if channel["pipe_name"].startswith("COMPOSITE__LOG")):
        if time.monotonic() > deadline:
            raise CaseFailed("the row was not taken")
        time.sleep(0.02)
    case.control.sql('DROP TABLE PUBLIC.COMPOSITE__LOG', case.target_database)
    case.control.post("release")


@fault_case
def rows_are_refused(case):
    """A constraint of somebody else's: the table stops with Snowflake's reason, the others go on, and so does acknowledgement."""
    change(case, rounds=2)
    merged(case)
    case.control.sql('ALTER TABLE PUBLIC.COMPOSITE__LOG ALTER COLUMN V SET NOT NULL', case.target_database)
    case.execute("INSERT INTO composite VALUES (1, 'null', NULL)")
    change(case, rounds=3)
    case.expect_state("public.composite", "quarantined", "rejected")
    case.sync()  # waits for acknowledgement's place, too
    case.same()
    case.control.sql('ALTER TABLE PUBLIC.COMPOSITE__LOG ALTER COLUMN V DROP NOT NULL', case.target_database)
    case.verb(0, ["resync", "public.composite"])
    case.expect_state("public.composite", "live")
    change(case, rounds=2)


@fault_case
def a_table_of_somebody_else(case):
    """It is neither replaced nor changed; its namesake stops, until there is room."""
    case.control.sql("CREATE TABLE PUBLIC.LATER (ID NUMBER(38,0), OWN VARCHAR); INSERT INTO PUBLIC.LATER VALUES (7, 'kept')", case.target_database)
    case.execute("CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later VALUES (1, 'x')")
    case.expect_state("public.later", "quarantined", "foreign_table")
    change(case, rounds=2)
    case.execute("INSERT INTO later VALUES (2, 'y')")
    case.sync()
    if case.control.sql("SELECT * FROM PUBLIC.LATER", case.target_database) != [["7", "kept"]]:
        raise CaseFailed("the table of somebody else was changed")
    case.control.sql("ALTER TABLE PUBLIC.LATER RENAME TO PUBLIC.THEIRS", case.target_database)
    case.verb(0, ["resync", "public.later"])
    case.expect_state("public.later", "live")
    case.execute("INSERT INTO later VALUES (3, 'z')")


@python_case
def tables_of_somebody_else_are_foretold(case):
    """plan and doctor say what run says, and none of them makes anything."""
    objects = "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES ORDER BY 1"
    schemas = "SELECT SCHEMA_NAME FROM INFORMATION_SCHEMA.SCHEMATA WHERE SCHEMA_NAME <> 'INFORMATION_SCHEMA' ORDER BY 1"

    def refused(code, pattern):
        before = case.control.sql(objects, case.target_database), case.control.sql(schemas, case.target_database)
        for verb in ("doctor", "plan"):
            case.verb(code, [verb, "--source", case.luge.source], [pattern])
        if code != 0:
            case.run(code, [pattern])
        if before != (case.control.sql(objects, case.target_database), case.control.sql(schemas, case.target_database)):
            raise CaseFailed("something was made")

    case.execute("CREATE TABLE mine (id int PRIMARY KEY, v text); CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later VALUES (1, 'x')")
    case.control.sql("CREATE SCHEMA IF NOT EXISTS PUBLIC; CREATE TABLE PUBLIC.MINE (ID NUMBER(38,0))", case.target_database)
    refused(1, "PUBLIC.*MINE.* already, and luge did not make it")
    case.control.sql("DROP TABLE PUBLIC.MINE", case.target_database)
    control = f'_LUGE."_LUGE_CONTROL_{case.pipeline.upper()}"'
    case.control.sql(f"CREATE SCHEMA _LUGE; CREATE TABLE {control} (ID NUMBER(38,0))", case.target_database)
    refused(1, "_LUGE_CONTROL_.* is not luge's")
    case.control.sql(f"DROP TABLE {control}", case.target_database)
    case.verb(0, ["doctor", "--source", case.luge.source])
    case.sync()
    # A pipeline that follows others already goes on with them.
    case.control.sql("CREATE TABLE PUBLIC.THIRD__LOG (ID NUMBER(38,0))", case.target_database)
    case.stop()
    case.execute("CREATE TABLE third (id int PRIMARY KEY)")
    refused(0, "THIRD__LOG.* its comment does not say")
    case.sync()
    case.expect_state("public.third", "quarantined", "foreign")
    case.control.sql("DROP TABLE PUBLIC.THIRD__LOG", case.target_database)
    case.verb(0, ["resync", "public.third"])
    case.expect_state("public.third", "live")


tables_of_somebody_else_are_foretold.settings = ("snowflake-rest",)


def merged(case):
    """Everything committed is in current state, and the pipeline is quiet."""
    case.sync()
    case.same()
    time.sleep(0.5)


# The source while Snowflake is down ----------------------------------------------------------------------------------------------


@python_case
def an_outage_does_not_hold_the_servers_shutdown(case):
    """Nothing can be acknowledged while Snowflake does not answer, and a walsender waits for that before it ends."""
    case.own_server()
    case.own_emulator()
    case.execute(TABLES)
    case.sync()
    case.control.fault("status", "/v2/streaming/", status=503, count=1_000_000)
    case.execute("INSERT INTO keyed SELECT 100 + g, 'new', NULL FROM generate_series(1, 10) g")
    time.sleep(5)
    stop_in_time(case)
    case.control.clear_faults()
    case.sync()


an_outage_does_not_hold_the_servers_shutdown.settings = ("snowflake-rest",)
