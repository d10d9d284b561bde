"""What was asked, when, by whom, under which QUERY_TAG. For tests; the values in a statement's text are kept as they came."""
from __future__ import annotations

import threading
from collections import deque
from typing import Any


class History:
    """The last statements, oldest first; in memory only."""

    def __init__(self, limit: int = 20_000) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=limit)
        self._lock = threading.Lock()

    def add(self, entry: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
