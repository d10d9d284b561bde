"""Temporary PostgreSQL servers, and psql sessions on them."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg
from support import child_process, environment

SETTINGS = {
    "wal_level": "logical", "max_replication_slots": 20, "max_wal_senders": 20, "max_connections": 80, "fsync": "off",
    "max_prepared_transactions": 10, "shared_buffers": "64MB", "max_wal_size": "2GB", "min_wal_size": "80MB", "log_min_messages": "warning",
    "autovacuum_naptime": "10min", "jit": "off", "lc_messages": "C", "timezone": "Europe/Berlin",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class PostgresServer:
    """One server in a directory of its own, on a free loopback port and a unix socket; ends with this process.

    Everybody may connect without a password, except the role `with_password` over TCP.
    """

    def __init__(self, major=None, *, parent=None, data_from=None, **settings):
        self.major = major or environment.DEFAULT_MAJOR
        self.binaries = environment.server_binaries(self.major)
        self.settings = SETTINGS | settings
        self.user = child_process.unprivileged_user()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="luge-pg-", dir=parent))
        self.data = self.directory / "data"
        self.port = None
        self.process = None
        self.directory.chmod(0o755)
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        if data_from:
            self.copy_data(data_from, self.data)
        else:
            self.initialise()

    def initialise(self):
        child = child_process.spawn([self.binaries / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8",
                                     "-N"], user=self.user, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output, _ = child.communicate()
        if child.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{output}")
        access = ("host all with_password all scram-sha-256\nlocal all all trust\nhost all all 127.0.0.1/32 trust\n"
                  "local replication all trust\nhost replication all 127.0.0.1/32 trust\n")
        (self.data / "pg_hba.conf").write_text(access)

    @staticmethod
    def copy_data(source, target):
        """Copies a data directory with its owner and modes. The server must be stopped."""
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)

    def start(self):
        """Starts the server and returns when it accepts connections. The port stays the same through restarts."""
        for attempt in range(5):
            self.port = self.port if self.port and attempt == 0 else free_port()
            options = [f"-c{name}={value}" for name, value in self.settings.items()]
            log = open(self.directory / "server.log", "ab")
            # SIGQUIT is the immediate shutdown: the whole server ends, not only the postmaster.
            self.process = child_process.spawn(
                [self.binaries / "postgres", "-D", self.data, "-p", self.port, "-k", self.directory, "-c", "listen_addresses=127.0.0.1", *options],
                death_signal=signal.SIGQUIT, user=self.user, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=child_process.clean_environment(LC_ALL="C.UTF-8"))
            log.close()
            if self.wait_until_up():
                return self
        raise RuntimeError(f"PostgreSQL {self.major} did not start:\n{self.log_tail()}")

    def wait_until_up(self, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.connect("postgres").close()
                return True
            except psycopg.OperationalError:
                time.sleep(0.02)
        return False

    def stop(self, number=signal.SIGINT):
        """SIGINT: fast. SIGQUIT: immediate, like a crash. SIGTERM: waits for the clients."""
        if self.process:
            child_process.end(self.process, number, patience=60)
            self.process = None

    def log_tail(self, characters=4000):
        return (self.directory / "server.log").read_text(errors="replace")[-characters:]

    def restart(self, number=signal.SIGINT):
        self.stop(number)
        self.start()

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.remove()

    # Connecting ---------------------------------------------------------------------------------------------------------------

    def url(self, database, user="postgres", tcp=False, password=None):
        """A libpq URL; over the unix socket unless `tcp`."""
        host = "127.0.0.1" if tcp else self.directory
        secret = f"&password={password}" if password else ""
        return f"postgresql:///{database}?host={host}&port={self.port}&user={user}{secret}"

    def connect(self, database, user="postgres", **options):
        return psycopg.connect(self.url(database, user), autocommit=True, client_encoding="utf8", **options)

    def execute(self, database, sql, parameters=None):
        """Runs one statement (or several without parameters, then as one transaction); its rows, if it has any."""
        with self.connect(database) as connection:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []


class SqlError(Exception):
    pass


class Psql:
    """A psql session that stays open, so that transactions can span several pieces of a script."""

    def __init__(self, url, **variables):
        settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        self.process = child_process.spawn(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *settings, url], stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.pieces = 0

    def run(self, script):
        """Runs a script as psql would read it from a file; its output. A failing statement raises SqlError and ends the session."""
        self.pieces += 1
        if not script.rstrip().endswith((";", "\\gexec", "\\.")):
            script += ";"
        mark = f"--- end of piece {self.pieces} ---"
        try:
            self.process.stdin.write(f"{script}\n\\echo '{mark}'\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        lines = []
        for line in self.process.stdout:
            if line.rstrip("\n") == mark:
                return "".join(lines)
            lines.append(line)
        raise SqlError("".join(lines))

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait()
