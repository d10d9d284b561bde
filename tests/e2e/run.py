#!/usr/bin/env python3
"""Runs the end-to-end cases: *.test files and the functions of *_cases.py. The last line is "N passed, N failed".

    tests/e2e/run.py --luge build/dev/luge                       every case under the default settings, every second one under another
    tests/e2e/run.py --luge … --settings all                     every case under every setting
    tests/e2e/run.py --luge … --filter toast --settings restart  some cases, other settings
    tests/e2e/run.py --luge … --major 18 --settings default      on another server
    tests/e2e/run.py --luge … --matrix                           a few cases on every server (tools/setup --matrix)
    tests/e2e/run.py --luge … --settings snowflake-rest          against the Snowflake emulator
"""
import argparse
import concurrent.futures
import importlib
import multiprocessing
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from support import environment  # noqa: E402

environment.enter()

import script  # noqa: E402
from case import Case, CaseFailed, Skipped, play  # noqa: E402
from settings import ALL, SNOWFLAKE  # noqa: E402
from snowflake_case import SnowflakeCase  # noqa: E402
from support import child_process  # noqa: E402
from support.luge_process import LugeFailed  # noqa: E402
from support.postgres_server import PostgresServer  # noqa: E402
from support.snowflake_emulator import SnowflakeEmulator  # noqa: E402

# `--settings sample`: every case under the default settings, every second one under one other, in turn; and these on the oldest and the newest
# server. `make torture` takes all of them under all.
SMOKE = ("changes/insert-update-delete", "toast/key-change", "types/numbers", "types/dates-and-times", "transactions/savepoints-in-a-large-transaction",
         "truncate/several", "ddl/in-the-middle-of-a-transaction", "partitions/row-movement", "copy/changes-while-copying", "keyless/one-of-equal-rows",
         "refused/generated-identity-while-running", "refused/full-with-a-generated-column-while-running",
         "partitions/identity-full-of-the-root-only", "ddl/generated-column-becomes-a-plain-one", "ddl/generated-columns-become-published")
SMOKE_MAJORS = (13, 18)
SNOWFLAKE_SMOKE = ("changes/insert-update-delete", "toast/key-change", "types/numbers", "truncate/several", "ddl/in-the-middle-of-a-transaction",
                   "keyless/one-of-equal-rows", "snowflake/types", "snowflake/values-that-do-not-fit-in-the-stream", "keys/identity-changes-while-running",
                   "snowflake_fault/replies-that-are-lost", "snowflake_fault/rows-are-refused")
EVERY = ALL | SNOWFLAKE


def find_cases():
    """name -> function(case)"""
    found = {}
    for path in sorted(HERE.glob("*.test")):
        for parsed in script.parse(path.read_text(encoding="utf-8"), path.stem):
            found[parsed.name] = parsed
    for path in sorted(HERE.glob("*_cases.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if callable(function) and getattr(function, "is_case", False):
                found[f"{path.stem.removesuffix('_cases')}/{name.replace('_', '-')}"] = function
    return found


# In a worker process ----------------------------------------------------------------------------------------------------------------

worker = {"servers": {}, "number": 0}


def begin_worker(options, directory, facts):
    child_process.end_with_parent(signal.SIGTERM)
    child_process.exit_on_signals()
    worker.update(options=options, facts=facts, directory=pathlib.Path(directory), cases=find_cases())


def server_of(major):
    if major not in worker["servers"]:
        worker["servers"][major] = PostgresServer(major, parent=worker["directory"]).start()
    return worker["servers"][major]


def run_case(job):
    """(job, verdict, seconds, report); the verdict is passed, failed or skipped."""
    name, settings, major = job
    started = time.monotonic()
    worker["number"] += 1
    directory = worker["directory"] / f"case-{os.getpid()}-{worker['number']}"  # short: it holds a unix socket
    options, body = worker["options"], worker["cases"][name]
    case, report = None, ""
    try:
        server = server_of(major)
        arguments = (name, worker["number"], options.luge, directory, server, EVERY[settings], worker["directory"])
        case = SnowflakeCase(*arguments, facts=worker["facts"]) if settings in SNOWFLAKE else Case(*arguments)
        case.open()
        play(body, case) if isinstance(body, script.Script) else body(case)
        case.finish()
        case.check_logs()
        verdict, report = "passed", "".join(f"\n             {line}" for line in case.slow)
    except Skipped:
        verdict = "skipped"
    except (CaseFailed, LugeFailed) as failure:
        verdict, report = "failed", str(failure)
    except Exception:
        verdict, report = "failed", traceback.format_exc()
    finally:
        if case:
            try:
                case.close()
            except Exception:
                report += f"\nwhile tidying up: {traceback.format_exc()}"
                worker["servers"].pop(major).remove()
    if options.keep:
        report += f"\n             {directory}"
    else:
        shutil.rmtree(directory, ignore_errors=True)
    return job, verdict, time.monotonic() - started, report


# In the parent ----------------------------------------------------------------------------------------------------------------------


def functions(cases, settings):
    """Cases in Python run under the settings they were written for."""
    return [name for name, body in cases.items() if not isinstance(body, script.Script) and settings in getattr(body, "settings", ("default",))]


def chosen_jobs(options):
    cases = {name: body for name, body in find_cases().items() if all(part in name for part in options.filter)}
    scripts = [name for name, body in cases.items() if isinstance(body, script.Script)]
    if options.matrix:
        return [(name, "default", major) for major in environment.MAJORS for name in cases if name in SMOKE]
    if options.smoke:
        chosen = ["default"] if options.settings == "sample" else options.settings.split(",")
        return [(name, settings, options.major) for settings in chosen for name in [*scripts, *functions(cases, settings)]
                if name in (SNOWFLAKE_SMOKE if settings in SNOWFLAKE else SMOKE)]
    if options.settings != "sample":
        chosen = {"all": ALL, "snowflake": SNOWFLAKE}.get(options.settings) or options.settings.split(",")
        return [(name, settings, options.major) for settings in chosen for name in [*scripts, *functions(cases, settings)]]
    others = [settings for settings in ALL if settings != "default"]
    jobs = [(name, "default", options.major) for name in [*scripts, *functions(cases, "default")]]
    jobs += [(name, others[i % len(others)], options.major) for i, name in enumerate(scripts[::2])]
    return jobs + [(name, "default", major) for major in SMOKE_MAJORS for name in cases if name in SMOKE]


def title(job):
    name, settings, major = job
    return f"{name} [{settings}]" + (f" on {major}" if major != environment.DEFAULT_MAJOR else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--luge", required=True, type=pathlib.Path, help="the binary")
    parser.add_argument("--filter", action="append", default=[], help="only cases whose name holds this; may be repeated")
    parser.add_argument("--settings", default="sample", help=f"sample, all, snowflake (all of it), or some of {', '.join(EVERY)}")
    parser.add_argument("--smoke", action="store_true", help="a few cases only, default settings: for a slow (sanitized) binary")
    parser.add_argument("--matrix", action="store_true", help="the cases of --smoke on every major version of the server")
    parser.add_argument("--major", type=int, default=environment.DEFAULT_MAJOR, help="major version of the server")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the directories of the cases")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--verbose", action="store_true", help="a line for every case")
    options = parser.parse_args()
    jobs = chosen_jobs(options)
    if options.list:
        print("\n".join(map(title, jobs)))
        return 0
    if not options.luge.exists():
        parser.error(f"there is no {options.luge}")
    child_process.exit_on_signals()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-e2e-"))
    directory.chmod(0o755)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    emulator = SnowflakeEmulator(directory / "emulator", "--commit-delay", "20") if any(settings in SNOWFLAKE for _, settings, _ in jobs) else None
    try:
        facts = emulator.start().facts if emulator else None
        # An executor says so when a worker was killed; a multiprocessing.Pool would wait for its case for ever.
        with concurrent.futures.ProcessPoolExecutor(options.jobs, multiprocessing.get_context("fork"), begin_worker,
                                                    (options, str(directory), facts)) as pool:
            for done in concurrent.futures.as_completed([pool.submit(run_case, job) for job in jobs]):
                job, verdict, seconds, report = done.result()
                counts[verdict] += 1
                if verdict == "failed":
                    failures.append(title(job))
                    print(f"--- {title(job)} failed after {seconds:.1f} s\n{report}\n", flush=True)
                elif options.verbose:
                    print(f"{verdict:8} {seconds:6.1f} s  {title(job)}{report}", flush=True)
    finally:
        if emulator:
            emulator.kill()
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    if failures:
        print("failed:", *sorted(failures), sep="\n  ")
    if options.keep:
        print(f"kept: {directory}")
    print(f"{counts['skipped']} do not apply to this server or setting")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] or not counts["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
