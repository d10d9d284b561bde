"""The luge binary as a test sees it: a process with options, a control socket, an exit code and two output files."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from support import child_process


class LugeFailed(Exception):
    """luge ended, or said something, that the test did not ask for."""


class Luge:
    """One pipeline. `options` go to every `run`; the other verbs get what they need to find the pipeline."""

    def __init__(self, binary, directory, source, to, pipeline, options=()):
        self.binary = pathlib.Path(binary).resolve()
        self.directory = pathlib.Path(directory)
        self.source = source
        self.to = to
        self.pipeline = pipeline
        self.options = list(options)
        self.config = None
        self.environment = {}
        self.process = None
        self.starts = 0
        self.exit_code = None  # of the last run
        self.output = ""       # of the last verb
        self.errors = ""       # what the last verb or finished run wrote to stderr

    # Where it is ----------------------------------------------------------------------------------------------------------------

    def addressed(self):
        words = ["--pipeline", self.pipeline, "--to", self.to]
        return words + (["--config", self.config] if self.config else [])

    def run_command(self, *more):
        return [self.binary, "run", "--source", self.source, *self.addressed(), *self.options, *more]

    def log_file(self):
        return self.directory / f"luge-{self.starts}.log"

    def all_logs(self):
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("luge-*.log")))

    # The long-running process -----------------------------------------------------------------------------------------------------

    def start(self, *more):
        """Starts `luge run` and returns at once."""
        assert not self.alive(), "it runs already"
        self.starts += 1
        self.exit_code = None
        with open(self.log_file(), "wb") as log:
            self.process = child_process.spawn(self.run_command(*more), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                                               env=child_process.clean_environment(**self.environment))

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def wait(self, seconds=60):
        """Waits for the process to end by itself; its exit code."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise LugeFailed(f"luge did not end within {seconds} s; its log ends:\n{self.log_tail()}") from None
        return self.finished()

    def finished(self):
        self.exit_code = self.process.returncode
        self.errors = self.log_file().read_text(errors="replace")
        return self.exit_code

    def kill(self):
        """SIGKILL: no chance to tidy up."""
        if self.process is not None:
            child_process.end(self.process, signal.SIGKILL)
            self.finished()

    def terminate(self, seconds=60):
        """SIGTERM, once luge listens to it; the exit code."""
        self.wait_until_it_catches(signal.SIGTERM)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait_until_it_catches(self, number, seconds=10):
        """A process that is still being loaded dies of the signal, as any program would."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.MULTILINE)
            if caught and int(caught.group(1), 16) >> (number - 1) & 1:
                return
            time.sleep(0.01)

    def log_tail(self, characters=3000):
        path = self.log_file()
        return path.read_text(errors="replace")[-characters:] if path.exists() else ""

    def run_until(self, until="caught-up", seconds=60):
        """`luge run --until …` in the foreground; the exit code."""
        self.start("--until", until)
        return self.wait(seconds)

    # Verbs ------------------------------------------------------------------------------------------------------------------------

    def listening(self):
        """Whether a luge answers on the control socket."""
        if self.to.startswith("duckdb:"):
            directory = f"{self.to.removeprefix('duckdb:')}.luge"
        elif "XDG_STATE_HOME" in self.environment:
            directory = f"{self.environment['XDG_STATE_HOME']}/luge/{self.pipeline}"
        else:
            return self.alive()
        try:
            short = os.open(directory, os.O_PATH)  # a socket's path has 107 bytes
        except OSError:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(f"/proc/self/fd/{short}/control.sock")
                return True
            except OSError:
                return False
            finally:
                os.close(short)

    def wait_until_listening(self, seconds=20):
        """Returns when the running luge can be asked, or when it has ended."""
        deadline = time.monotonic() + seconds
        while self.alive() and not self.listening() and time.monotonic() < deadline:
            time.sleep(0.01)

    def verb(self, name, *words, seconds=60):
        """Any other verb; its exit code. What it printed is in `output` and `errors`. If luge runs, it is asked when it can be."""
        self.wait_until_listening()
        command = [self.binary, name, *self.addressed(), *words]
        try:
            done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False,
                                  cwd=self.directory, env=child_process.clean_environment(**self.environment))
        except subprocess.TimeoutExpired:
            raise LugeFailed(f"luge {name} did not end within {seconds} s") from None
        self.output, self.errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        with open(self.directory / "luge-verbs.log", "a", encoding="utf-8") as log:
            log.write(f"$ {name} -> {done.returncode}\n{self.errors}\n")
        return done.returncode

    def status(self):
        """The document of `status --json`; its exit code says how the pipeline fares."""
        code = self.verb("status", "--json")
        try:
            document = json.loads(self.output)
        except json.JSONDecodeError:
            document = {}
        if "tables" not in document:
            raise LugeFailed(f"status --json gave exit {code}\n{self.output}\n{self.errors}")
        return document

    def query(self, sql):
        """Rows of `query --json` as tuples. Cast to VARCHAR what must be exact."""
        code = self.verb("query", "--json", sql)
        if code != 0:
            raise LugeFailed(f"query gave exit {code}: {self.errors}")
        return rows_of(json.loads(self.output))

    def wait_until(self, condition, what, seconds=40):
        """Polls status until condition(status) holds; returns that status. Less and less often: each poll is a process of its own."""
        deadline, pause = time.monotonic() + seconds, 0.04
        while True:
            if not self.alive():
                code = self.finished()
                raise LugeFailed(f"luge ended with exit {code} while the test waited for {what}; its log ends:\n{self.log_tail()}")
            try:
                status = self.status()
                if condition(status):
                    return status
            except LugeFailed as failure:
                status = failure  # not listening yet
            if time.monotonic() > deadline:
                raise LugeFailed(f"waited {seconds} s for {what}; status: {status}; its log ends:\n{self.log_tail()}")
            time.sleep(pause)
            pause = min(pause * 1.3, 0.25)


def rows_of(document):
    """Rows of a `query --json` document as tuples in column order."""
    rows = document["rows"]
    return [tuple(row.values()) if isinstance(row, dict) else tuple(row) for row in rows]


def lsn_number(text):
    """'0/16B3748' as a number."""
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)
