"""What a statement gives back, and how the SQL API writes values."""
from __future__ import annotations

import datetime
import json
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from luge_emulator.column_types import ColumnType, of_duckdb, plain
from luge_emulator.naming import demangle

_PLAIN = (pa.types.is_primitive, pa.types.is_decimal, pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)


@dataclass
class Result:
    """Columns (a driver's row type each, with its ColumnType) and rows. `changed`: DML's counts by their column's name."""

    types: list[tuple[str, ColumnType]]
    table: pa.Table
    statement_type: int = 0x1000
    changed: dict[str, int] = field(default_factory=dict)

    @property
    def rowtype(self) -> list[dict[str, Any]]:
        return [{"name": name, "database": "", "schema": "", "table": "", "nullable": True, "collation": None, **kind.rowtype()} for name, kind in self.types]

    def text_rows(self, start: int = 0, count: int | None = None) -> list[list[str | None]]:
        """Rows of strings and nulls, as jsonv2 has them."""
        part = self.table.slice(start, count)
        columns = [[None if value is None else encode(value, kind) for value in part.column(at).to_pylist()] for at, (_, kind) in enumerate(self.types)]
        return [list(row) for row in zip(*columns, strict=True)]


def of_cursor(cursor) -> Result:  # noqa: ANN001
    """The result of what a DuckDB cursor has executed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # DuckDB prefers relations, which do not fit a cursor that also has transactions
        table = cursor.to_arrow_table()
    types = [(demangle(name), of_duckdb(str(kind))) for name, kind, *_ in cursor.description or []]
    return Result(types, _nested_as_json(table))


def of_rows(names: dict[str, str], rows: Iterator[tuple] | list[tuple]) -> Result:
    """A result made here; `names` are column names and Snowflake types."""
    rows = list(rows)
    arrow = {"NUMBER": pa.int64(), "BOOLEAN": pa.bool_(), "TIMESTAMP_LTZ": pa.timestamp("us", "UTC"), "FLOAT": pa.float64()}
    arrays = [pa.array([row[at] for row in rows], arrow.get(kind, pa.string())) for at, kind in enumerate(names.values())]
    return Result([(name, plain(kind)) for name, kind in names.items()], pa.Table.from_arrays(arrays, names=list(names)))


def status(text: str, statement_type: int = 0x6000) -> Result:
    result = of_rows({"status": "VARCHAR"}, [(text,)])
    result.statement_type = statement_type
    return result


def changes(counts: dict[str, int], statement_type: int) -> Result:
    """What DML answers: one row of counts."""
    result = of_rows(dict.fromkeys(counts, "NUMBER"), [tuple(counts.values())])
    result.statement_type, result.changed = statement_type, counts
    return result


def _nested_as_json(table: pa.Table) -> pa.Table:
    """Lists and structs leave as the JSON text of an ARRAY or OBJECT; intervals and the like as text. Names may repeat, so all goes by position."""
    arrays, names = [], []
    for at, name in enumerate(table.column_names):
        column = table.column(at)
        if pa.types.is_nested(column.type):
            column = pa.array([None if value is None else json.dumps(value, default=str) for value in column.to_pylist()], pa.string())
        elif pa.types.is_null(column.type):
            column = column.cast(pa.string())
        elif not any(known(column.type) for known in _PLAIN):
            column = pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
        arrays.append(column)
        names.append(name)
    return pa.Table.from_arrays(arrays, names=names)


def _seconds(delta: datetime.timedelta) -> str:
    micros = (delta.days * 86400 + delta.seconds) * 1_000_000 + delta.microseconds
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // 1_000_000}.{micros % 1_000_000:06d}000"


def encode(value: Any, kind: ColumnType) -> str:
    """One value as jsonv2 has it: dates in days, times in seconds, binary in hex."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value) or math.isinf(value):
            return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            return _seconds(value - _EPOCH)
        return _seconds(value.astimezone(datetime.UTC) - _EPOCH_UTC) + (" 1440" if kind.name == "TIMESTAMP_TZ" else "")
    if isinstance(value, datetime.date):
        return str((value - _EPOCH.date()).days)
    if isinstance(value, datetime.time):
        return _seconds(datetime.timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond))
    return str(value)
