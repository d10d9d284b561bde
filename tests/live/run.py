#!/usr/bin/env python3
"""Against a Snowflake account of your own: copies, follows under load, is killed with -9, goes on, and `luge verify` compares both sides. The
last line is "N passed, N failed".

    export LUGE_LIVE_ACCOUNT=MYORG-MYACCOUNT LUGE_LIVE_USER=LUGE LUGE_LIVE_ROLE=LUGE LUGE_LIVE_PRIVATE_KEY_FILE=luge_rsa_key.p8
    export LUGE_LIVE_DATABASE=SHOP LUGE_LIVE_WAREHOUSE=LUGE            (as `luge snowflake init` makes them; each LUGE_LIVE_<KEY> is a key of the section)
    tests/live/run.py --luge build/release/luge
    tests/live/run.py --luge build/dev/luge --emulator                 the same test, tried on the emulator

Everything is made in a schema of its own, LUGE_LIVE_<number>, which is left for you to look at; the statement that removes it is printed. It costs
a few minutes of the warehouse. The source is a PostgreSQL that the test starts on this machine.
"""
import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "crash")]

from support import environment  # noqa: E402

environment.enter()

from support import child_process  # noqa: E402
from support.luge_process import Luge  # noqa: E402
from support.postgres_server import PostgresServer  # noqa: E402
from support.snowflake_emulator import SnowflakeEmulator  # noqa: E402
from workload import Writers, prepare  # noqa: E402

DATABASE = "live"
PREFIX = "LUGE_LIVE_"
NEEDED = ("account", "user", "private_key_file", "database", "warehouse")


class Failed(Exception):
    pass


def try_transport(binary, directory, section, seed, kills, patience):
    """The whole story through one transport; one line about it."""
    directory.mkdir(mode=0o755)
    server = PostgresServer(parent=directory)
    luge = None
    try:
        server.start()
        server.execute("postgres", f"CREATE DATABASE {DATABASE}")
        schema = f"luge_live_{seed}"  # luge makes its namesake in Snowflake
        server.execute(DATABASE, f"CREATE SCHEMA {schema}")
        server.execute("postgres", f"ALTER DATABASE {DATABASE} SET search_path = {schema}")
        with server.connect(DATABASE) as connection:
            prepare(connection, 2000)
        luge = Luge(binary, directory, server.url(DATABASE), "snowflake:", f"live_{seed}")
        luge.environment = {"XDG_STATE_HOME": str(directory / "state-home")}
        luge.config = directory / "luge.yaml"
        luge.config.write_text(json.dumps({"snowflake": section}))
        luge.config.chmod(0o600)
        expect(luge, luge.run_until("caught-up", patience), "the first copy")
        chance = random.Random(seed)
        with Writers(server.url(DATABASE), 2, seed, pause=0.5) as writers:
            for _ in range(kills):
                luge.start()
                time.sleep(chance.uniform(2, 15))
                luge.kill()
            transactions = writers.transactions()
        expect(luge, luge.run_until("caught-up", patience), "catching up")
        expect(luge, luge.verb("verify", "--source", luge.source, "--json", seconds=patience), "verify")
        compared = json.loads(luge.output)["tables"]
        if not compared:
            raise Failed("verify compared no table")
        expect(luge, luge.verb("drop", "--source", luge.source, seconds=patience), "drop")
        return f"{transactions} transactions, {kills} kills, {len(compared)} tables equal"
    finally:
        if luge and luge.process:
            luge.kill()
        server.remove()


def expect(luge, code, what):
    if code != 0:
        raise Failed(f"{what}: exit {code}\n{luge.output}\n{luge.errors[-3000:]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--luge", required=True, type=pathlib.Path)
    parser.add_argument("--emulator", action="store_true")
    parser.add_argument("--transport", action="append", choices=["rest", "sdk"])
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    account = {name.removeprefix(PREFIX).lower(): value for name, value in os.environ.items() if name.startswith(PREFIX)}
    missing = [PREFIX + key.upper() for key in NEEDED if key not in account]
    if missing and not options.emulator:
        parser.error(f"no account: set {', '.join(missing)}, or give --emulator")
    if "private_key_file" in account:
        account["private_key_file"] = str(pathlib.Path(account["private_key_file"]).resolve())
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-live-"))
    directory.chmod(0o755)
    emulator = None
    outcomes = []
    try:
        if options.emulator:
            emulator = SnowflakeEmulator(directory / "emulator").start()
            emulator.new_database("LIVE")
        for transport in options.transport or ["rest", "sdk"]:
            section = emulator.settings("LIVE", transport=transport) if emulator else account | {"transport": transport}
            seed = int(time.time() * 10) % 10**8
            section |= {"merge_interval": "5s"}
            try:
                told = try_transport(options.luge, directory / transport, section, seed, options.kills, 900)
                print(f"{transport}: {told}", flush=True)
                outcomes.append(True)
            except Exception as failure:  # noqa: BLE001: whatever it was, the other transport has its turn
                print(f"--- {transport} failed: {type(failure).__name__}\n{failure}\n", flush=True)
                outcomes.append(False)
            if not emulator:
                print(f'to remove what it made: DROP SCHEMA "{section["database"]}"."LUGE_LIVE_{seed}";')
    finally:
        if emulator:
            emulator.kill()
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{outcomes.count(True)} passed, {outcomes.count(False)} failed")
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
