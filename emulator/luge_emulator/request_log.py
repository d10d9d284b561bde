"""Every request, for tests to look at. Headers that carry secrets are replaced; bodies are not kept."""
from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any

_SECRET = ("authorization", "cookie", "x-amz-security-token")


def public_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): "…" if name.decode("latin-1").lower() in _SECRET else value.decode("latin-1") for name, value in headers}


class RequestLog:
    """The last `limit` entries in memory; each also goes to a file if there is one."""

    def __init__(self, limit: int, file: Path | None) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=limit)
        self._lock = threading.Lock()
        self._file = file.open("a", buffering=1) if file else None
        self._count = 0

    def add(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._count += 1
            entry["n"] = self._count
            self._entries.append(entry)
            if self._file:
                self._file.write(json.dumps(entry) + "\n")

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        with self._lock:
            return [entry for entry in self._entries if entry["n"] > since]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
