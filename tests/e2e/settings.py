"""The ways every case is run: what must not change the outcome."""
import dataclasses
import random


@dataclasses.dataclass(frozen=True)
class Settings:
    name: str
    options: tuple = ()
    database: dict = dataclasses.field(default_factory=dict)  # ALTER DATABASE … SET; walsenders obey it too
    live: bool = True          # one luge for the whole case, or `run --until caught-up` at every sync
    kill_after: object = None  # gives the seconds after which a first luge is killed at every sync
    snowflake: tuple = None    # (key, value) pairs of the section `snowflake`: the destination is the emulator

    def names(self):
        """What `only` and `not` know it by."""
        return {self.name} | ({"snowflake"} if self.snowflake is not None else set())


_chance = random.Random(20250101)

ALL = {settings.name: settings for settings in (
    Settings("default"),
    Settings("one-row", options=("--batch-max-size", "1", "--batch-max-fill-ms", "1ms")),
    Settings("tiny-memory", options=("--batch-max-bytes", "64KiB", "--memory-limit", "96MB"), database={"logical_decoding_work_mem": "64kB"}),
    Settings("restart", live=False),
    Settings("kill", live=False, kill_after=lambda: _chance.uniform(0.02, 0.5)),
    Settings("text", options=("--binary", "off")),
    Settings("log", options=("--mode", "log")),  # the comparison replays the log
    Settings("streaming", database={"logical_decoding_work_mem": "64kB"}),
)}

# Not among those of `--settings all`: they need the emulator.
SNOWFLAKE = {settings.name: settings for settings in (
    Settings("snowflake-rest", snowflake=()),
    Settings("snowflake-sdk", snowflake=(("transport", "sdk"),)),
    Settings("snowflake-one-row", options=("--batch-max-size", "1", "--batch-max-fill-ms", "1ms"), snowflake=(("shards_per_table", 2),)),
    Settings("snowflake-restart", live=False, snowflake=(("shards_per_table", 1), ("actors", 1))),
    Settings("snowflake-kill", live=False, kill_after=lambda: _chance.uniform(0.02, 0.8), snowflake=()),
    Settings("snowflake-streaming", database={"logical_decoding_work_mem": "64kB"}, snowflake=()),
)}
