"""A temporary Redis server that loses nothing it has acknowledged."""
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from support import child_process
from support.postgres_server import free_port


class RedisServer:
    """One server on a free loopback port, its append-only file in `directory`; ends with this process."""

    def __init__(self, directory, **settings):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.settings = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"} | settings
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def start(self):
        """Starts it, on the same port and data as before, and returns when it answers."""
        program = shutil.which("redis-server") or "/usr/bin/redis-check-rdb"  # Debian's redis-tools carries the server under that name
        options = [word for name, value in self.settings.items() for word in (f"--{name}", value)]
        self.process = child_process.spawn(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.directory, *options],
                                           executable=program, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if self.command("PING") == b"+PONG\r\n":
                    return self
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"Redis did not start on port {self.port}")

    def command(self, *words):
        """One command; the first bytes of its answer, as they come."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"*{len(words)}\r\n".encode() + b"".join(f"${len(word.encode())}\r\n{word}\r\n".encode() for word in words))
            return connection.recv(4096)

    def kill(self):
        """kill -9."""
        self.stop(signal.SIGKILL)

    def stop(self, number=signal.SIGTERM):
        if self.process:
            child_process.end(self.process, number)
            self.process = None

    def freeze(self):
        """It accepts connections, as the kernel does that, and never answers."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def forget(self):
        """Its data is gone. It must not run."""
        shutil.rmtree(self.directory)
        self.directory.mkdir()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
