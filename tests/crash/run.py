#!/usr/bin/env python3
"""The crash tests. The last line is "N passed, N failed".

    tests/crash/run.py --luge build/dev/luge                  30 kills, server crashes, hand-overs, the oldest and the newest server
    tests/crash/run.py --luge … --seconds 3600                the same with new seeds until the time is up
    tests/crash/run.py --luge … --only hand-over --seed 17    one of them, as it failed
    tests/crash/run.py --luge … --only snowflake              30 kills of luge and of the Snowflake emulator
"""
import argparse
import itertools
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from support import environment  # noqa: E402

environment.enter()

from hand_over import hand_over  # noqa: E402
from kill_loop import kill_under_load  # noqa: E402
from snowflake_kill import snowflake_kill  # noqa: E402
from support import child_process  # noqa: E402

# name -> (function, options, how often in `make test`; 0: only when asked for by name)
TESTS = {
    "kill": (kill_under_load, {"kills": 30}, 1),
    "server-crash": (kill_under_load, {"kills": 6, "crashes": 4, "rows": 2000}, 1),
    "hand-over": (hand_over, {}, 3),
    "oldest-server": (kill_under_load, {"kills": 4, "crashes": 1, "rows": 1000, "major": 13}, 1),
    "newest-server": (kill_under_load, {"kills": 4, "crashes": 1, "rows": 1000, "major": 18}, 1),
    "snowflake": (snowflake_kill, {"kills": 30}, 0),
    "snowflake-short": (snowflake_kill, {"kills": 10, "rows": 500}, 0),
}


def run_one(options, name, seed):
    function, arguments, _ = TESTS[name]
    directory = pathlib.Path(tempfile.mkdtemp(prefix=f"luge-crash-{name}-"))
    directory.chmod(0o755)
    started = time.monotonic()
    kept = False
    try:
        told = function(options.luge, directory, seed, **arguments)
        print(f"{name}, seed {seed}: {told}, {time.monotonic() - started:.0f} s", flush=True)
        return True
    except Exception as failure:
        kept = options.keep
        print(f"--- {name}, seed {seed}, failed after {time.monotonic() - started:.0f} s: {type(failure).__name__}\n{failure}\n"
              f"again: {sys.argv[0]} --luge {options.luge} --only {name} --seed {seed}\n", flush=True)
        return False
    finally:
        if kept:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def plan(options):
    """(name, seed) pairs: once through, or until the time is up."""
    names = options.only or [name for name, (_, _, times) in TESTS.items() if times]
    if options.seed is not None:
        yield from ((name, options.seed) for name in names)
        return
    until = time.monotonic() + (options.seconds or 0)
    for seed in itertools.count(1):
        for name in names:
            if options.seconds or seed <= max(TESTS[name][2], 1):
                yield name, seed if not options.seconds else int(time.time() * 1000) % 10**9
            if options.seconds and time.monotonic() > until:
                return
        if not options.seconds and seed >= max(1, *(TESTS[name][2] for name in names)):
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--luge", required=True, type=pathlib.Path)
    parser.add_argument("--only", action="append", choices=list(TESTS))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--seconds", type=int, help="go on with new seeds for so long")
    parser.add_argument("--keep", action="store_true", help="keep the directory of a failed test")
    options = parser.parse_args()
    if not options.luge.exists():
        parser.error(f"there is no {options.luge}")
    child_process.exit_on_signals()
    results = [run_one(options, name, seed) for name, seed in plan(options)]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
