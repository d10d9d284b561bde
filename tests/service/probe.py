"""Starts luge_admin_probe: the console, the API and the metrics of invented pipelines."""
import contextlib
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("LUGE_BUILD", ROOT / "build" / "dev"))
TOKEN = "a-token-for-tests-only"


class Probe:
    def __init__(self, process):
        self.process = process
        self.url = process.stdout.readline().strip()

    def change(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@contextlib.contextmanager
def probe(pipelines=2, tables=3):
    program = next(path for path in (BUILD / "tests" / "service" / "luge_admin_probe", BUILD / "luge_admin_probe") if path.exists())
    process = subprocess.Popen([program, str(pipelines), str(tables), TOKEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Probe(process)
    finally:
        process.stdin.close()
        process.wait(timeout=20)
