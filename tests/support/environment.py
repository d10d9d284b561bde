"""Where the tests find what tools/setup installed; and the way into the tests' Python environment."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_MAJOR = 15  # Debian's
MAJORS = range(13, 19)  # what luge supports


def dependencies():
    """The directory tools/setup downloads into."""
    if "LUGE_DEPS" not in os.environ:
        where = subprocess.run([ROOT / "tools" / "setup", "--where"], check=True, capture_output=True, text=True).stdout.strip()
        os.environ["LUGE_DEPS"] = where
    return pathlib.Path(os.environ["LUGE_DEPS"])


def enter():
    """Runs the script again with the interpreter that has duckdb, pyarrow and psycopg, unless that one is running."""
    home = dependencies() / "test-venv"
    if pathlib.Path(sys.prefix) == home:
        return
    if not (home / "bin" / "python").exists():
        sys.exit("the Python environment of the tests is not there: run `make setup`")
    os.execv(home / "bin" / "python", [str(home / "bin" / "python"), *sys.orig_argv[1:]])


def server_binaries(major):
    """The bin/ directory of a PostgreSQL server: Debian's own where there is one, else a downloaded one."""
    for directory in (pathlib.Path(f"/usr/lib/postgresql/{major}/bin"), dependencies() / f"postgres-{major}" / "bin"):
        if (directory / "postgres").exists():
            return directory
    raise FileNotFoundError(f"no PostgreSQL {major} here: run `make setup`, or `tools/setup --matrix` for 14, 16 and 17")
