"""What went wrong, without a word of anybody's message: those quote values and secrets."""
import re

# The server's own code, as the SDK's text carries it: a word of capitals, or digits.
SERVER_CODE = re.compile(r"\berror_code=([A-Z][A-Z0-9_]{2,79}|[0-9]{4,9})\b")


class NotOpen(Exception):
    """The channel was never opened in this session, or its client was closed since."""


class Stale(Exception):
    """The SDK's status cache did not catch up with a reopened channel."""


class Unreachable(Exception):
    """Its argument: unresolved, unreachable or tls."""


class Refused(Exception):
    """A transform's result is not taken; its argument is luge's own sentence."""


def server_code(error):
    found = SERVER_CODE.search(str(getattr(error, "message", "")))
    return found.group(1) if found else ""


def where(error):
    """The deepest line of the user's own code, or failing that of anybody's but luge: "rules.py:12 in mask"."""
    place, of_user, entry = "", False, error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        file = code.co_filename
        is_user = file.startswith("/") and "/site-packages/" not in file  # compiled extensions name relative files
        if not file.startswith("<") and (is_user or not of_user):
            place, of_user = f"{file.rsplit('/', 1)[-1]}:{entry.tb_lineno} in {code.co_name}", is_user
        entry = entry.tb_next
    if not place and isinstance(error, SyntaxError):
        place = f"{str(error.filename).rsplit('/', 1)[-1]}:{error.lineno}"
    return place


def describe(error):
    """(kind, http status, code, detail) of PythonFailure."""
    if isinstance(error, NotOpen):
        return "not_open", 0, "", ""
    if isinstance(error, Stale):
        return "stale", 0, "", ""
    if isinstance(error, Unreachable):
        return "network", 0, error.args[0], ""
    if isinstance(error, Refused):
        return "refused", 0, "", error.args[0]
    if hasattr(error, "error_code") and hasattr(error, "http_status_code"):
        return "sdk", int(error.http_status_code or 0), str(getattr(error.error_code, "value", error.error_code)), server_code(error)
    if isinstance(error, TimeoutError):
        return "timeout", 0, type(error).__name__, ""
    return "exception", 0, type(error).__name__, where(error)
