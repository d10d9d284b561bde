"""kill -9 of luge and of Snowflake (the emulator) at random moments, under load; then a full comparison of current state and of the logs."""
import random
import time

from kill_loop import Broken
from support import compare, snowflake_compare
from support.luge_process import Luge, LugeFailed
from support.postgres_server import PostgresServer
from support.snowflake_emulator import EmulatorFailed, SnowflakeEmulator
from workload import ACCOUNTS, TOTAL, Writers, prepare

DATABASE = "crash"
TARGET = "CRASH"


class SnowflakeKillLoop:
    """One server, one emulator, one pipeline, one load. Everything random comes from the seed."""

    def __init__(self, binary, directory, seed, *, rows=3000, options=(), section=None):
        self.chance = random.Random(f"snowflake {seed}")
        self.seed = seed
        self.server = PostgresServer(parent=directory)
        self.emulator = SnowflakeEmulator(directory / "emulator", "--commit-delay", str(self.chance.choice([20, 200, 1000])))
        self.kills = self.emulator_kills = self.looks = 0
        try:
            self.server.start()
            self.server.execute("postgres", f"CREATE DATABASE {DATABASE}")
            self.server.execute("postgres", f"ALTER DATABASE {DATABASE} SET logical_decoding_work_mem = '64kB'")
            with self.server.connect(DATABASE) as connection:
                prepare(connection, rows)
            self.emulator.start()
            self.emulator.new_database(TARGET)
            self.luge = Luge(binary, directory, self.server.url(DATABASE), "snowflake:", "crash", ["--batch-max-fill-ms", "50ms", *options])
            self.luge.environment = {"XDG_STATE_HOME": str(directory / "state-home")}
            self.luge.config = directory / "luge.yaml"
            shape = {"shards_per_table": self.chance.choice([1, 2, 4]), "actors": self.chance.choice([1, 2, 4])} | (section or {})
            self.luge.config.write_text(self.emulator.section(TARGET, **shape))
        except BaseException:
            self.close()
            raise

    def close(self):
        if getattr(self, "luge", None) and self.luge.process:
            self.luge.kill()
        self.emulator.kill()
        self.server.remove()

    def writers(self, **options):
        return Writers(self.server.url(DATABASE), 2, self.seed, **options)

    def kill_once(self, longest):
        """Lets luge live for a random moment, then kills it, Snowflake, or both."""
        if not self.luge.alive():
            self.luge.start()
        time.sleep(self.chance.uniform(0.05, longest))
        if not self.luge.alive():
            raise Broken(f"luge ended by itself with exit {self.luge.finished()} (seed {self.seed}):\n{self.luge.log_tail()}")
        victim = self.chance.choice(["luge", "luge", "snowflake", "snowflake", "both"])
        if victim != "luge":
            self.emulator.kill()
            self.emulator_kills += 1
            if victim == "both":
                self.luge.kill()
                self.kills += 1
            time.sleep(self.chance.choice([0, 0, 0.5, 1.5]))
            self.emulator.start()
        else:
            self.luge.kill()
            self.kills += 1
        self.look()

    def look(self):
        """State tables stand at the end of a transaction at every moment, so these hold whatever happened."""
        self.looks += 1
        problems = []
        try:
            rows, total, notes = self.emulator.sql("SELECT COUNT(*), SUM(BALANCE), COUNT(NOTE) FROM PUBLIC.ACCOUNT", TARGET)[0]
            if int(rows) and (int(rows), int(total), int(notes)) != (ACCOUNTS, TOTAL, ACCOUNTS):
                problems.append(f"account: {rows} rows, sum {total}, {notes} notes; expected {ACCOUNTS}, {TOTAL}, {ACCOUNTS}")
            torn = self.emulator.sql("SELECT WORKER, COUNT(*), MAX(SEQ) FROM PUBLIC.JOURNAL GROUP BY WORKER HAVING COUNT(*) <> MAX(SEQ)", TARGET)
            if torn:
                problems.append(f"journal has holes or doubles (worker, rows, last): {torn}")
        except EmulatorFailed as failure:
            if "does not exist" not in str(failure):
                raise
        if problems:
            raise Broken(f"after {self.kills} kills of luge and {self.emulator_kills} of Snowflake (seed {self.seed}):\n" + "\n".join(problems) + self.evidence())

    def evidence(self):
        """What a timing that does not come again has left behind."""
        def told(what, sql):
            try:
                return f"{what}: {self.emulator.sql(sql, TARGET)}"
            except EmulatorFailed as failure:
                return f"{what}: {failure}"
        return "\n" + "\n".join([
            told("in the state (worker, seq, position)", 'SELECT WORKER, SEQ, "_LUGE_POSITION" FROM PUBLIC.JOURNAL ORDER BY 1, 2'),
            told("in the log (worker, seq, position, xid)", 'SELECT WORKER, SEQ, "_LUGE_POSITION", "_LUGE_XID" FROM PUBLIC.JOURNAL__LOG ORDER BY 3'),
            told("watermarks", "SELECT * FROM PUBLIC._LUGE_WATERMARKS"),
            told("tables", "SHOW TABLES"),
            "luge's last words:", self.luge.log_tail(30000)])

    def catch_up(self, seconds=120):
        if self.luge.alive():
            self.luge.terminate()
        code = self.luge.run_until("caught-up", seconds)
        if code != 0:
            raise Broken(f"run --until caught-up gave exit {code} (seed {self.seed}):\n{self.luge.log_tail()}")

    def compare(self):
        problems = []
        with self.server.connect(DATABASE, options=compare.PINNED) as connection:
            for schema, table in compare.user_tables(connection):
                problems += snowflake_compare.differences(connection, self.emulator, TARGET, schema, table)
                problems += snowflake_compare.log_problems(self.emulator, TARGET, schema, table)
        problems += self.log_gaps()
        if problems:
            raise Broken(f"after {self.kills} kills of luge and {self.emulator_kills} of Snowflake, they differ (seed {self.seed}):\n" + "\n".join(problems))

    def log_gaps(self):
        """Every transaction of a writer raises its row in `counter` by one: the log must show each of them, in order."""
        rows = self.emulator.sql('SELECT WORKER, SEQ FROM PUBLIC.COUNTER__LOG WHERE "_LUGE_OP" <> \'d\' ORDER BY WORKER, "_LUGE_POSITION"', TARGET)
        problems = []
        for (worker, sequence), (next_worker, next_sequence) in zip(rows, rows[1:]):
            if worker == next_worker and int(next_sequence) != int(sequence) + 1:
                problems.append(f"counter__log: worker {worker} goes from {sequence} to {next_sequence}")
        if not rows:
            problems.append("counter__log is empty")
        return problems[:5]


def snowflake_kill(binary, directory, seed, kills=30, **options):
    """A third of the kills in the initial copies, the rest while following; returns one line about it."""
    loop = SnowflakeKillLoop(binary, directory, seed, **options)
    try:
        # Not more than the emulator can take: what falls behind in the run is only waited for in the end.
        with loop.writers(large=200, ddl=True, pause=0.25) as writers:
            for _ in range(kills // 3):
                loop.kill_once(longest=1.5)
            loop.catch_up()
            for _ in range(kills - kills // 3):
                loop.kill_once(longest=2.5)
            transactions = writers.transactions()
        loop.catch_up()
        loop.compare()
        return f"{loop.kills} kills of luge, {loop.emulator_kills} of Snowflake, {loop.looks} looks, {transactions} transactions"
    except (LugeFailed, EmulatorFailed) as failure:
        raise Broken(f"{failure} (seed {seed})") from None
    finally:
        loop.close()
