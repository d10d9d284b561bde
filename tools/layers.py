#!/usr/bin/env python3
"""Who may include whom under src/, which folder is the home of a heavy header, and what the deterministic core may not touch.

    tools/layers.py [src]      prints one line per violation, each with what to do instead; exit 1 if there is any

The rules are the tables below; layers_test.py plants a violation of each.
"""
import pathlib
import re
import sys

FOUNDATIONS = {"base", "model", "http", "postgres"}
STAGES = {"source", "decode", "batch", "destination", "acknowledge", "state"}

# A unit is a folder that others include as a whole; a file belongs to the longest unit that contains it. Value: the other units it may include.
UNITS = {
    "base": set(),
    "model": {"base"},
    "http": {"base"},
    "postgres": {"base"},
    **{stage: FOUNDATIONS for stage in STAGES},  # stages are blind to each other; they meet in model/
    # Implementations of an interface see the interface, not each other. Parquet files are written by DuckDB.
    "destination/duckdb": FOUNDATIONS | {"destination"},
    "destination/null": FOUNDATIONS | {"destination"},
    "destination/parquet": FOUNDATIONS | {"destination", "destination/duckdb"},
    "destination/snowflake": FOUNDATIONS | {"destination", "destination/snowflake/python"},  # of the bridge only bridge_abi.h; CMake links nothing of it
    "destination/snowflake/python": {"model"},  # a shared object of its own, without luge's libraries
    "state/sqlite": FOUNDATIONS | {"state"},
    "state/redis": FOUNDATIONS | {"state"},
    "pipeline": FOUNDATIONS | STAGES,
    "service": FOUNDATIONS | {"pipeline", "state", "destination", "state/redis"},  # Redis holds leases too: its connection is shared
}
UNITS["app"] = set(UNITS)  # the only one that names concrete destinations and stores

# A third-party header (or a folder of them) -> the places that may include it, as regular expressions on the path under src/.
JSON_USERS = r"(app|service|state|destination/(duckdb|parquet|snowflake))/.*\.cpp$|^model/schema_codec\.cpp$|^source/catalog_fingerprint_codec\.cpp$"
HOMES = {
    "libpq-fe.h": r"postgres/",
    "duckdb.h": r"destination/duckdb/",
    "Python.h": r"destination/snowflake/python/",
    "pybind11/": r"destination/snowflake/python/",
    "sqlite3.h": r"state/sqlite/|service/catalog/sqlite_\w+\.cpp$",
    "hiredis/": r"state/redis/",
    "curl/": r"http/",
    "openssl/": r"(destination/snowflake/auth|service/alert)/|service/catalog/catalog_keyring\.cpp$",
    "zstd.h": r"destination/snowflake/rest/",
    "httplib.h": r"service/.*\.cpp$|http/.*_test\.cpp$",
    "prometheus/": r"service/.*\.cpp$",
    "spdlog/": r"base/log\w*\.cpp$",
    "fmt/": r".*\.cpp$",
    "CLI/": r"app/.*\.cpp$",
    "yaml-cpp/": r"app/.*\.cpp$",
    "nlohmann/": JSON_USERS + r"|destination/snowflake/.*_test_support\.h$",
    "gtest/": r".*_test(\.cpp|_support\.h)$",
    "gmock/": r".*_test\.cpp$",
    "support/": r".*_test(\.cpp|_support\.h)$",  # tests/support
}

# The core is stepped by a driver or by the simulator, so time, chance and threads come in through interfaces.
CORE = re.compile(r"^(pipeline|decode|batch|acknowledge|model)/")
CORE_EXEMPT = re.compile(r"driver|table_copier|_system\.|_test\.cpp$")
BANNED = {
    r"\b(steady|system|high_resolution)_clock\b|\btime\s*\(\s*(nullptr|NULL|0)\s*\)|\bgettimeofday\b|\bclock_gettime\b": "take a Clock (base/clock.h)",
    r"\brandom_device\b|\bmt19937|\bs?rand\s*\(": "take a Random (base/random.h)",
    r"\bsleep_(for|until)\b|\bu?sleep\s*\(": "return a Wait and let the driver sleep",
    r"\bstd::j?thread\b|\.detach\(\)|\bstd::async\b": "threads live in *driver* files and in table_copier",
    r"\bgetenv\b": "take an option",
}
VAGUE = re.compile(r"^(utils?|common|misc|helpers?)(_|\.|$)")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def unit_of(path):
    """The longest unit that contains `path` (a path under src/), or None."""
    parts = path.split("/")
    for length in range(len(parts) - 1, 0, -1):
        if "/".join(parts[:length]) in UNITS:
            return "/".join(parts[:length])
    return None


def check_include(path, unit, target):
    for header, home in HOMES.items():
        if (target.startswith(header) if header.endswith("/") else target == header) and not re.match(home, path):
            yield f"{target} may be included only in {home}"
    other = unit_of(target)
    if other is not None and other != unit and other not in UNITS[unit]:
        yield f"{unit}/ may not include {target}"
    elif other is None and target.startswith("../"):
        yield f"{target}: write the path from src/"


def check_file(path, text):
    """Violations of one file as (line number, message); `path` is under src/, with slashes."""
    unit = unit_of(path)
    if unit is None:
        yield 1, "this folder is not in tools/layers.py: give it a place in the layers"
        return
    if any(VAGUE.match(part) for part in path.split("/")):
        yield 1, "name it after its noun, not utils, common, misc or helper"
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "a header begins with #pragma once"
    core = CORE.match(path) and not CORE_EXEMPT.search(path)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            for message in check_include(path, unit, match.group(1)):
                yield number, message
        elif core:
            code = line.split("//")[0]
            for pattern, advice in BANNED.items():
                if re.search(pattern, code):
                    yield number, f"the deterministic core may not do this: {advice}"


def check_tree(root):
    for path in sorted(root.rglob("*")):
        if path.suffix in {".h", ".cpp", ".hpp", ".cc", ".c"}:
            relative = path.relative_to(root).as_posix()
            for number, message in check_file(relative, path.read_text(encoding="utf-8")):
                yield f"{path}:{number}: {message}"


if __name__ == "__main__":
    violations = list(check_tree(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "src")))
    print("\n".join(violations) or "layers: clean")
    sys.exit(bool(violations))
