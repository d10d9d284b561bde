"""The two ways a request fails: an HTTP answer of the streaming API, or a SQL error."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class ApiError(Exception):
    """An answer of the REST APIs. `code` is what clients classify by."""

    status: int
    code: str
    message: str = ""

    def body(self) -> dict[str, object]:
        """Both spellings that clients know; documents say `code`, older servers and the SDK's core `error_code`."""
        return {"code": self.code, "error_code": self.code, "message": self.message}


@dataclass
class SqlError(Exception):
    """A failed statement: Snowflake's six-digit code and an SQLSTATE."""

    code: str
    sqlstate: str
    message: str

    def __str__(self) -> str:
        return f"{self.code} ({self.sqlstate}): {self.message}"


def object_missing(name: str, kind: str = "Object") -> SqlError:
    """002003: Snowflake does not tell a missing object from a forbidden one."""
    return SqlError("002003", "42S02", f"SQL compilation error:\n{kind} '{name}' does not exist or not authorized.")


def object_exists(name: str) -> SqlError:
    return SqlError("002002", "42710", f"SQL compilation error:\nObject '{name}' already exists.")


def unsupported(what: str) -> SqlError:
    """Snowflake may know it; this emulator does not, and says so instead of pretending."""
    return SqlError("000002", "0A000", f"Unsupported feature '{what}' (of the emulator).")
