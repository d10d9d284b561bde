"""Looks into a mirror that a killed luge has left behind, without touching it."""
import pathlib
import shutil
import tempfile

import duckdb
from workload import broken_invariants


def look(path, across_tables):
    """Broken invariants of a copy of the file and of its log (luge must not run)."""
    path = pathlib.Path(path)
    if not path.exists():
        return []
    with tempfile.TemporaryDirectory(prefix="luge-look-") as directory:
        for suffix in ("", ".wal"):
            if path.with_name(path.name + suffix).exists():
                shutil.copy(path.with_name(path.name + suffix), pathlib.Path(directory) / f"look.duckdb{suffix}")
        with duckdb.connect(f"{directory}/look.duckdb") as mirror:
            return broken_invariants(mirror, across_tables)
