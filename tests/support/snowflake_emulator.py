"""The Snowflake emulator as a test sees it: a process of its own on free loopback ports, with a control port to order trouble with."""
import json
import pathlib
import select
import signal
import subprocess
import urllib.error
import urllib.request

from support import child_process, environment


class EmulatorFailed(Exception):
    pass


def plain(name):
    """An identifier as luge writes it into Snowflake: ASCII letters in upper case."""
    return "".join(letter.upper() if letter.isascii() else letter for letter in name)


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


class SnowflakeControl:
    """What can be asked of a running emulator. Made of its facts, so any process may have one."""

    def __init__(self, facts):
        self.facts = facts

    def ask(self, name, method="GET", **fields):
        request = urllib.request.Request(f"http://127.0.0.1:{self.facts['control_port']}/{name}", method=method,
                                         data=json.dumps(fields).encode() if fields else None)
        try:
            with urllib.request.urlopen(request, timeout=100) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise EmulatorFailed(f"{name} {fields}: {error.code} {error.read().decode(errors='replace')[:2000]}") from None

    def post(self, name, **fields):
        return self.ask(name, "POST", **fields)

    def sql(self, statement, database=None):
        """Rows of the last statement as texts."""
        return self.post("sql", statement=statement, database=database, schema=None).get("rows", [])

    def fault(self, kind, path, **more):
        return self.post("faults", kind=kind, path=path, **more)

    def hits(self):
        """How often all ordered faults were met."""
        found = self.ask("faults")
        return sum(fault["hits"] for fault in (found["faults"] if isinstance(found, dict) else found))

    def clear_faults(self):
        self.ask("faults", "DELETE")

    def channels(self):
        found = self.ask("channels")
        return found["channels"] if isinstance(found, dict) else found

    def settings(self, database, **more):
        """The keys of luge.yaml's section `snowflake` for this emulator."""
        lines = {"url": f"http://127.0.0.1:{self.facts['http_port']}", "account": self.facts["account"], "user": self.facts["user"],
                 "private_key_file": self.facts["private_key_file"], "database": database, "warehouse": "LUGE", "transport": "rest",
                 "merge_interval": "1s"} | more
        if lines["transport"] == "sdk":
            lines |= {"url": f"https://localhost:{self.facts['https_port']}", "ca_file": self.facts["ca_file"],
                      "python": str(environment.dependencies() / "sdk-venv" / "bin" / "python")}
        return {name: value for name, value in lines.items() if value is not None}

    def oauth_settings(self):
        """What changes in settings() to sign in as the emulator's OAuth client."""
        return {"private_key_file": None, "oauth_client_id": self.facts["oauth_client_id"], "oauth_client_secret": "file:" + self.facts["oauth_client_secret_file"],
                "oauth_refresh_token": "file:" + self.facts["oauth_refresh_token_file"]}

    def section(self, database, **more):
        """The section `snowflake` of luge.yaml for this emulator."""
        return "snowflake:\n" + "".join(f"  {name}: {json.dumps(value)}\n" for name, value in self.settings(database, **more).items())

    def new_database(self, name):
        self.sql(f"CREATE DATABASE IF NOT EXISTS {quoted(name)}")

    def drop_database(self, name):
        self.sql(f"DROP DATABASE IF EXISTS {quoted(name)}")


class SnowflakeEmulator(SnowflakeControl):
    """Started on a directory; `kill` is kill -9; `start` again takes the same ports and data. Ends with this process."""

    def __init__(self, directory, *options):
        super().__init__({})
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.options = options
        self.process = None

    def start(self):
        ports = [f"--{name}-port={self.facts.get(f'{name}_port', 0)}" for name in ("http", "https", "control")]
        python = environment.dependencies() / "emulator-venv" / "bin" / "python"
        if not python.exists():
            raise EmulatorFailed("the emulator's Python environment is not there: run tools/setup --with emulator")
        with open(self.directory / "emulator.log", "ab") as log:
            self.process = child_process.spawn([python, "-m", "luge_emulator", "--json", "--dir", self.directory, "--demo-user", "luge",
                                                "--threads", "1", *ports, *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                               env=child_process.clean_environment(PYTHONPATH=str(environment.ROOT / "emulator")))
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        line = self.process.stdout.readline() if ready else b""
        if not line:
            self.kill()
            raise EmulatorFailed(f"the emulator did not start:\n{self.log_tail()}")
        self.facts = json.loads(line)
        self.sql("CREATE WAREHOUSE IF NOT EXISTS LUGE")  # it keeps no warehouses over a restart
        return self

    def log_tail(self, characters=3000):
        return (self.directory / "emulator.log").read_text(errors="replace")[-characters:]

    def kill(self):
        if self.process:
            child_process.end(self.process, signal.SIGKILL)
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()
