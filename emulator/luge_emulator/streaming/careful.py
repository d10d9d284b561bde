"""Reads single rows exactly and strictly in Python: those that DuckDB's JSON reader would take too easily or too coarsely."""
from __future__ import annotations

import json
from typing import Any

from luge_emulator.streaming.shapes import ColumnMatcher

# RE2: a number with more digits than a double holds; bare NaN or Infinity; a comma before a closing bracket
SUSPICIOUS = r"""[:,\[]\s*-?(\d+\.\d{10,}|\d{6,}\.\d{6,}|\d{11,}\.\d)|[:,\[]\s*-?(NaN|Infinity|inf|nan)|,\s*[\]}]"""


class _Number(str):
    """A number's own text."""


class _Duplicate(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Duplicate
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _text(value: Any) -> str:
    """JSON text with numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def read_row(line: str, matcher: ColumnMatcher) -> tuple[dict[str, str | None], str | None]:
    """(text by column name, error). The error tells what is wrong with the row as a whole; values are judged later, by type."""
    try:
        row = json.loads(line, parse_float=_Number, parse_int=_Number, parse_constant=_refuse, object_pairs_hook=_pairs)
        line.encode()
        _text(row).encode()
    except _Duplicate:
        return {}, "The row holds a key twice"
    except (ValueError, RecursionError):
        return {}, "The row is not valid JSON"
    if not isinstance(row, dict):
        return {}, "The row is not a JSON object"
    values: dict[str, str | None] = {}
    for key, value in row.items():
        column = matcher.column(key)
        if column is None:
            if matcher.ignore_unknown:
                continue
            return {}, f"The row holds a column that the table has not: {key}"
        if column.name in values:
            return {}, f"The row holds a column twice: {column.name}"
        if value is None:
            values[column.name] = None
        elif matcher.is_json(column):
            values[column.name] = _text(value)
        else:
            values[column.name] = str(value) if isinstance(value, str) else _text(value)
    return values, None
