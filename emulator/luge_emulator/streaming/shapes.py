"""Which key of a row goes to which column."""
from __future__ import annotations

from luge_emulator.catalog import Column, Table
from luge_emulator.naming import fold
from luge_emulator.streaming.coercion import json_kind


class ColumnMatcher:
    """Keys match by their exact name first, then (unless `case_sensitive`) without regard to case, if only one column can be meant."""

    def __init__(self, table: Table, case_sensitive: bool, ignore_unknown: bool) -> None:
        self.table, self.ignore_unknown = table, ignore_unknown
        self._exact = {column.name: column for column in table.columns}
        self._folded: dict[str, list[Column]] = {}
        if not case_sensitive:
            for column in table.columns:
                self._folded.setdefault(column.name.upper(), []).append(column)

    def column(self, key: str) -> Column | None:
        if found := self._exact.get(key):
            return found
        candidates = self._folded.get(fold(key).upper(), [])
        return candidates[0] if len(candidates) == 1 else None

    def is_json(self, column: Column) -> bool:
        return json_kind(column) == "JSON"

    def plan(self, keys: list[str]) -> dict[str, str] | None:
        """{column name: key} for rows with these keys, or None if such rows need the careful reader (which also finds what is wrong with them)."""
        plan: dict[str, str] = {}
        for key in keys:
            column = self.column(key)
            if column is None:
                if self.ignore_unknown:
                    continue
                return None
            if column.name in plan:
                return None
            plan[column.name] = key
        return plan if keys else None
