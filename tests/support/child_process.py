"""Children that end with the process that started them, however that one ends."""
import ctypes
import os
import pwd
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def clean_environment(**extra):
    """This process's environment without what would steer libpq."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | extra


def unprivileged_user():
    """PostgreSQL refuses root: the user to run servers as, or None when this process is nobody special."""
    return pwd.getpwnam("postgres") if os.geteuid() == 0 else None


def end_with_parent(death_signal=signal.SIGKILL):
    """This process gets `death_signal` when the one that forked it ends."""
    _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))


def spawn(command, *, death_signal=signal.SIGKILL, user=None, **options):
    """subprocess.Popen whose child gets `death_signal` when the thread that called this ends. Call it from the main thread."""
    parent = os.getpid()

    def before_exec():  # runs after the change of user, which would reset the signal
        if _libc.prctl(PR_SET_PDEATHSIG, int(death_signal)) != 0 or os.getppid() != parent:
            os._exit(127)

    if user is not None:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    options.setdefault("env", clean_environment())
    return subprocess.Popen([str(word) for word in command], preexec_fn=before_exec, **options)


def end(process, number=signal.SIGTERM, patience=20):
    """Signals a child, waits, and uses force when patience is over. Its exit code."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def exit_on_signals():
    """SIGTERM and SIGINT become SystemExit, so that `finally` blocks stop what was started."""
    def leave(number, _frame):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, leave)
