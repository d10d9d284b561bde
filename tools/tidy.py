#!/usr/bin/env python3
"""Layout and static analysis.

    tools/tidy.py check  [--all | files…]    clang-format agrees with the files, or says which differ; exit 1
    tools/tidy.py format [--all | files…]    lets clang-format lay them out
    tools/tidy.py tidy   [--all | files…]    clang-tidy with the checks of .clang-tidy (needs build/clang, made when missing)

Without files: those that differ from HEAD or are new; `check` takes all files.
"""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "bench")


def tool(name):
    """The pinned version: another one lays out differently."""
    path = shutil.which(f"{name}-16")
    if path is None:
        sys.exit(f"{name}-16 is missing: run tools/setup")
    return path


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")


def select(every):
    if every:  # without git: the tree may have come as an archive, or belong to somebody else
        names = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    else:
        names = git("diff", "--name-only", "--relative", "HEAD", "--", *FOLDERS) + git("ls-files", "--others", "--exclude-standard", "--", *FOLDERS)
    return sorted({name for name in names if name.endswith((".h", ".cpp")) and (ROOT / name).is_file()})


def run_format(files, *, write):
    if not files:
        return 0
    command = [tool("clang-format"), "-i"] if write else [tool("clang-format"), "--dry-run", "-Werror"]
    outcome = subprocess.run([*command, *files], cwd=ROOT, capture_output=True, text=True)
    if outcome.returncode == 0:
        return 0
    differing = sorted({line.split(":")[0] for line in outcome.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    print("\n".join(differing) if differing else outcome.stderr)
    print(f"format: {len(differing)} files differ; `make format ALL=1` or tools/tidy.py format FILES")
    return 1


def run_tidy(files):
    files = [name for name in files if name.endswith(".cpp")]
    build = ROOT / "build" / "clang"
    subprocess.run(["cmake", "--preset", "clang"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    command = [tool("clang-tidy"), "-p", str(build), "--quiet"]
    known = (build / "compile_commands.json").read_text()
    files = [name for name in files if str(ROOT / name) in known]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(subprocess.run, [*command, name], cwd=ROOT, capture_output=True, text=True) for name in files]
        for job in jobs:
            outcome = job.result()
            if outcome.returncode != 0:
                failed += 1
                print(outcome.stdout, end="")
    print(f"tidy: {len(files)} files, {failed} with findings")
    return failed > 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["check", "format", "tidy"])
    parser.add_argument("files", nargs="*")
    parser.add_argument("--all", action="store_true")
    options = parser.parse_args()
    # clang-format would take any text for C++.
    chosen = [name for name in options.files if name.endswith((".h", ".cpp"))] if options.files else select(options.all or options.what == "check")
    sys.exit(run_tidy(chosen) if options.what == "tidy" else run_format(chosen, write=options.what == "format"))
