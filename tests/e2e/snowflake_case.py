"""A case whose luge writes to Snowflake: a database of its own in the emulator that all cases of a run share."""
import time

from case import Case, CaseFailed, Skipped
from support import compare, snowflake_compare
from support.snowflake_emulator import SnowflakeControl, SnowflakeEmulator

MERGED_AFTER = 20  # seconds; the interval is one


class SnowflakeCase(Case):
    patience = 90  # copies of many tables are many statements

    def __init__(self, *arguments, facts):
        super().__init__(*arguments)
        self.control = SnowflakeControl(facts)
        self.emulator = None
        self.sign_in = {}  # keys of the section, in place of the emulator's key pair
        self.target_database = self.pipeline.upper()

    def own_emulator(self, *options):
        """Moves the case, before it has done anything, to an emulator that nobody shares: for faults and crashes."""
        self.control.drop_database(self.target_database)
        self.emulator = self.control = SnowflakeEmulator(self.directory / "emulator", "--commit-delay", "20", *options).start()
        self.control.new_database(self.target_database)
        self.luge.config = self.write_config("")

    def open(self):
        self.control.new_database(self.target_database)
        super().open()

    def close(self):
        super().close()
        if self.emulator:
            self.emulator.kill()
            return
        self.control.drop_database(self.target_database)

    def new_luge(self, **changes):
        luge = super().new_luge(**{"to": "snowflake:"} | changes)
        luge.config = self.write_config("")
        return luge

    def write_config(self, more):
        path = self.directory / "luge.yaml"
        path.write_text(self.control.section(self.target_database, **dict(self.settings.snowflake), **self.sign_in) + more)
        return path

    def mirror(self):
        raise Skipped("asks the DuckDB file")

    def expect_rows(self, sql, expected):
        """The cases ask in DuckDB's SQL. Here everything is compared at this moment instead."""
        self.same()

    def verb(self, code, words, patterns=()):
        if words[0] in ("query", "verify"):
            raise Skipped("asks in DuckDB's SQL")
        super().verb(code, words, patterns)

    def same(self, tables=None, *, target=None, **narrowing):
        """Current state follows by merges: while luge runs it gets there within some intervals; one that ended in peace has merged."""
        if not self.luge.alive() and self.luge.exit_code not in (0, 3):
            self.sync()  # the last one was killed
        deadline = time.monotonic() + (MERGED_AFTER if self.luge.alive() else 0)
        while problems := self.problems(tables, target, narrowing):
            if time.monotonic() > deadline:
                raise CaseFailed("Snowflake differs\n" + "\n".join(problems))
            time.sleep(0.3)

    def problems(self, tables, target, narrowing):
        problems = []
        with self.server.connect(self.database, options=compare.PINNED) as connection:
            for schema, table in tables or self.comparable_tables(connection):
                as_text = {name.rsplit(".", 1)[1] for name in self.as_text if name.rsplit(".", 1)[0] == f"{schema}.{table}"}
                problems += snowflake_compare.differences(connection, self.control, self.target_database, schema, table, as_text=as_text,
                                                          target=target and self.placed(target), **narrowing)
                problems += snowflake_compare.log_problems(self.control, self.target_database, schema, table)
        return problems

    @staticmethod
    def placed(target):
        """'"public"."t"' as (schema, table)"""
        return tuple(snowflake_compare.plain(part.strip('"')) for part in target.split("."))

