#!/usr/bin/env python3
"""Runs every planted bug until an invariant of the simulator catches it; exit 1 if one survives.

What counts is an invariant of correctness.md §7 by its name. An ENSURE of the product that guards one says so (broken_invariant.cpp); any other
end of the run is a bug of the bug. A bug that only a rare history shows may ask for more histories than the others: `seeds: N` in its file.

    tests/sim/run_mutants.py [BUILD_DIRECTORY] [--seeds 2000] [NAME…]     builds the target `mutants` first
"""
import argparse
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default=str(HERE.parent.parent / "build" / "dev"), type=pathlib.Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--jobs", default="2")
    options = parser.parse_args()
    names = options.names or sorted(path.stem for path in (HERE / "mutants").glob("*.mutant"))
    targets = [f"luge_sim_mutant_{name}" for name in names]
    built = subprocess.run(["cmake", "--build", str(options.build), "-j", options.jobs, "--target", *targets], capture_output=True, text=True)
    if built.returncode != 0:
        print(built.stdout + built.stderr)
        return 1
    survivors = []
    for name in names:
        program = pathlib.Path(options.build) / "mutants" / f"luge_sim_mutant_{name}"
        asked = re.search(r"^seeds: (\d+)$", (HERE / "mutants" / f"{name}.mutant").read_text(), re.M)
        seeds = max(options.seeds, int(asked.group(1))) if asked else options.seeds
        run = subprocess.run([str(program), "--seeds", str(seeds)], capture_output=True, text=True)
        caught = re.search(r"^seed (\d+): (\S+)\n\s*(.*)", run.stdout, re.M)
        if run.returncode == 1 and caught and re.fullmatch(r"I\d+", caught.group(2)):
            print(f"{name:<36} caught at seed {caught.group(1):>5} by {caught.group(2):<6} {caught.group(3)[:110]}", flush=True)
        else:
            end = f"ended by {caught.group(2)}, which is no invariant: {caught.group(3)[:110]}" if caught else f"SURVIVED {seeds} seeds"
            print(f"{name:<36} {end} (exit {run.returncode})", flush=True)
            survivors.append(name)
    print(f"{len(names) - len(survivors)} passed, {len(survivors)} failed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
