"""An emulator in a process of its own: free loopback ports, a temporary directory, ended by its own PID."""
from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent


class EmulatorProcess:
    """Started on a directory; `kill` is kill -9; `start` again takes the same ports and data."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory, self._options = directory, options
        self.facts: dict[str, Any] = {}
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        ports = [f"--{name}-port={self.facts.get(f'{name}_port', 0)}" for name in ("http", "https", "control")]
        command = [sys.executable, "-m", "luge_emulator", "--json", "--dir", str(self.directory), "--demo-user", "luge", "--database", "DB.PUBLIC", *ports, *self._options]
        log = (self.directory / "emulator.log").open("a")
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
        assert self._process.stdout
        ready, _, _ = select.select([self._process.stdout], [], [], 60)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self.kill()
            raise RuntimeError(f"the emulator did not start; see {log.name}: {Path(log.name).read_text()[-2000:]}")
        self.facts = json.loads(line)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process:
            self._process.send_signal(number)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.facts['http_port']}"

    @property
    def key_file(self) -> Path:
        return Path(self.facts["private_key_file"])

    # The control port ------------------------------------------------------------------------------------------

    def control(self, name: str, method: str = "POST", **fields: Any) -> Any:
        answer = requests.request(method, f"http://127.0.0.1:{self.facts['control_port']}/{name}", json=fields or None, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look(self, name: str, **query: Any) -> Any:
        return requests.get(f"http://127.0.0.1:{self.facts['control_port']}/{name}", params=query, timeout=60).json()

    def sql(self, statement: str) -> list[list[str | None]]:
        return self.control("sql", statement=statement, database="DB", schema="PUBLIC").get("rows", [])

    def status(self, channel: str) -> dict[str, Any]:
        return next(entry for entry in self.look("channels") if entry["channel_name"] == channel)

    def wait_committed(self, channel: str, token: str, seconds: float = 20) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while (status := self.status(channel))["last_committed_offset_token"] != token:
            assert time.monotonic() < end, status
            time.sleep(0.01)
        return status
