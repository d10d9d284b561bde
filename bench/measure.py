"""Runs one process and says what it cost."""
import dataclasses
import os
import pathlib
import subprocess
import threading
import time

from support import child_process

TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Cost:
    seconds: float      # from start to exit
    cpu: float          # user and system, of the process alone
    server_cpu: float   # of the server processes that ended meanwhile, the walsender among them
    memory_mb: float    # peak resident set
    output: str


class RunFailed(Exception):
    pass


def ended_children_cpu(pid):
    """CPU seconds of the children of `pid` that have ended and were waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


class MemoryWatch(threading.Thread):
    """Follows the peak resident set of a process. getrusage cannot tell: it counts the interpreter that forked the process."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.peak_kb = 0

    def run(self):
        while True:
            try:
                lines = self.status.read_text().splitlines()
            except OSError:
                return
            peak = [line for line in lines if line.startswith("VmHWM:")]
            if not peak:
                return  # it has ended
            self.peak_kb = int(peak[0].split()[1])
            time.sleep(0.02)


def run(command, server, **environment):
    """Runs to the end; RunFailed unless it exits with 0."""
    before = ended_children_cpu(server.process.pid)
    started = time.monotonic()
    child = child_process.spawn(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=child_process.clean_environment(**environment))
    watch = MemoryWatch(child.pid)
    watch.start()
    output, errors = child.stdout.read(), child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    if child.returncode != 0:
        raise RunFailed(f"exit {child.returncode}: {' '.join(map(str, command))}\n{errors[-3000:]}")
    time.sleep(0.2)  # the walsender ends a moment later
    return Cost(seconds, usage.ru_utime + usage.ru_stime, ended_children_cpu(server.process.pid) - before, watch.peak_kb / 1024, output)
