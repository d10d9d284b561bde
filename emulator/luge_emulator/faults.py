"""Faults that a test orders through the control port."""
from __future__ import annotations

import json
import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from luge_emulator.errors import ApiError

_ANSWERS: dict[int, tuple[str, str]] = {
    401: ("390144", "JWT token is invalid."), 403: ("390403", "Forbidden."), 404: ("ERR_PIPE_DOES_NOT_EXIST_OR_NOT_AUTHORIZED", "injected"),
    408: ("000408", "Request timed out."), 409: ("ERR_OPEN_CHANNEL_IN_PROGRESS", "injected"), 429: ("390701", "Request rate exceeds max. Try later."),
    500: ("ERR_GENERAL_EXCEPTION_RETRY_REQUEST", "injected"), 503: ("ERR_GENERAL_EXCEPTION_RETRY_REQUEST", "injected"),
}


@dataclass
class Fault:
    """What happens to the next `count` requests whose method and path match, after `skip` of them.

    kind: `status` (answer `status` without doing anything; `shape` bare: a JSON string, text: no JSON, json), `latency` (wait `seconds` first),
    `drop` (close the connection, before doing it unless `after`), `silent` (accept an append, say 200, keep nothing), `hang` (never answer)."""

    kind: str
    count: int = 1
    skip: int = 0
    method: str = "*"
    path: str = ""          # a regular expression, searched in the decoded path
    status: int = 503
    code: str | None = None
    shape: str = "json"
    after: bool = True
    seconds: float = 0.0
    id: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        return self.count > 0 and self.method in ("*", method) and re.search(self.path, path) is not None

    def answer(self) -> tuple[int, str, str]:
        """(status, content type, body)"""
        code, message = _ANSWERS.get(self.status, ("ERR_INJECTED", "injected"))
        if self.status == 410 or self.shape == "text":
            return self.status, "text/plain", "Gone" if self.status == 410 else message
        if self.shape == "bare":
            return self.status, "application/json", json.dumps(self.code or code)
        return self.status, "application/json", json.dumps(ApiError(self.status, self.code or code, message).body())


@dataclass
class Faults:
    """The ordered list; the first that matches is taken."""

    _faults: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_id: int = 1

    def add(self, description: dict[str, Any]) -> Fault:
        fault = Fault(**description)
        if fault.kind not in ("status", "latency", "drop", "silent", "hang"):
            raise ValueError(f"no such kind of fault: {fault.kind}")
        with self._lock:
            fault.id, self._next_id = self._next_id, self._next_id + 1
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def list(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.matches(method, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.count -= 1
                    fault.hits += 1
                    return fault
        return None
