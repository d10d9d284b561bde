"""Snowflake's column types, what DuckDB keeps them as, and how drivers are told about them."""
from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from sqlglot import exp

from luge_emulator.errors import unsupported

VARCHAR_LIMIT = 16_777_216
BINARY_LIMIT = 8_388_608
_T = exp.DataType.Type
_NAMES = {
    **dict.fromkeys((_T.DECIMAL, _T.BIGDECIMAL), "NUMBER"),
    **dict.fromkeys((_T.INT, _T.BIGINT, _T.SMALLINT, _T.TINYINT, _T.INT128, _T.UBIGINT, _T.UINT), "NUMBER"),
    **dict.fromkeys((_T.FLOAT, _T.DOUBLE), "FLOAT"),
    **dict.fromkeys((_T.VARCHAR, _T.TEXT, _T.CHAR, _T.NCHAR, _T.NVARCHAR), "VARCHAR"),
    **dict.fromkeys((_T.BINARY, _T.VARBINARY), "BINARY"),
    _T.BOOLEAN: "BOOLEAN", _T.DATE: "DATE", _T.TIME: "TIME", _T.DATETIME: "TIMESTAMP_NTZ", _T.TIMESTAMP: "TIMESTAMP_NTZ",
    _T.TIMESTAMPNTZ: "TIMESTAMP_NTZ", _T.TIMESTAMPTZ: "TIMESTAMP_TZ", _T.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
    _T.VARIANT: "VARIANT", _T.JSON: "VARIANT", _T.OBJECT: "OBJECT", _T.STRUCT: "OBJECT", _T.MAP: "OBJECT", _T.ARRAY: "ARRAY", _T.LIST: "ARRAY",
}
_DUCKDB = {"FLOAT": "DOUBLE", "VARCHAR": "VARCHAR", "BINARY": "BLOB", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "TIMESTAMP_NTZ": "TIMESTAMP",
           "TIMESTAMP_TZ": "TIMESTAMPTZ", "TIMESTAMP_LTZ": "TIMESTAMPTZ", "VARIANT": "JSON", "OBJECT": "JSON", "ARRAY": "JSON"}
SEMI_STRUCTURED = ("VARIANT", "OBJECT", "ARRAY")


@dataclass(frozen=True)
class ColumnType:
    """A declared type. `precision` and `scale` are NUMBER's; of TIME and TIMESTAMP only `scale` (digits of a second) is set."""

    name: str
    precision: int | None = None
    scale: int | None = None
    length: int | None = None

    @property
    def duckdb(self) -> str:
        """Times hold microseconds, and TIMESTAMP_TZ an instant without its offset: see docs/reference/emulator.md."""
        return f"DECIMAL({self.precision},{self.scale})" if self.name == "NUMBER" else _DUCKDB[self.name]

    @property
    def declared(self) -> str:
        """As DESCRIBE prints it."""
        if self.name == "NUMBER":
            return f"NUMBER({self.precision},{self.scale})"
        if self.length is not None:
            return f"{self.name}({self.length})"
        return f"{self.name}({self.scale})" if self.scale is not None else self.name

    def widens(self, old: ColumnType) -> bool:
        """Whether ALTER COLUMN may turn `old` into this: longer text, more integer digits at the same scale."""
        if self.name != old.name:
            return False
        if self.name == "NUMBER":
            return self.scale == old.scale and (self.precision or 0) >= (old.precision or 0)
        return (self.length or 0) >= (old.length or 0) and (self.scale or 0) >= (old.scale or 0)

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if value is not None}

    def rowtype(self) -> dict[str, Any]:
        """The fields of a driver's row type."""
        kinds = {"NUMBER": "fixed", "FLOAT": "real", "VARCHAR": "text"}
        return {"type": kinds.get(self.name, self.name.lower()), "precision": self.precision, "scale": self.scale,
                "length": self.length, "byteLength": self.length if self.name == "BINARY" else min((self.length or 0) * 4, VARCHAR_LIMIT) or None}


def plain(name: str) -> ColumnType:
    """A type without parameters, with Snowflake's defaults."""
    if name == "NUMBER":
        return ColumnType(name, 38, 0)
    if name in ("TIME",) or name.startswith("TIMESTAMP"):
        return ColumnType(name, scale=9)
    return ColumnType(name, length={"VARCHAR": VARCHAR_LIMIT, "BINARY": BINARY_LIMIT}.get(name))


def of_expression(kind: exp.DataType) -> ColumnType:
    """The type of a parsed declaration."""
    name = _NAMES.get(kind.this)
    if name is None:
        raise unsupported(f"type {kind.sql(dialect='snowflake')}")
    sizes = [int(param.name) for param in kind.expressions if param.name.isdigit()]
    base = plain(name)
    if name == "NUMBER" and kind.this == _T.DECIMAL and sizes:
        return ColumnType(name, sizes[0], sizes[1] if len(sizes) > 1 else 0)
    if name in ("VARCHAR", "BINARY"):
        return ColumnType(name, length=sizes[0] if sizes else 1 if kind.this == _T.CHAR else base.length)
    if base.scale is not None and name != "NUMBER":
        return ColumnType(name, scale=sizes[0] if sizes else 9)
    return base


def of_duckdb(text: str) -> ColumnType:
    """The nearest type of a result column that was declared nowhere."""
    if match := re.match(r"DECIMAL\((\d+),\s*(\d+)\)", text):
        return ColumnType("NUMBER", int(match[1]), int(match[2]))
    if text in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"):
        return plain("NUMBER")
    names = {"DOUBLE": "FLOAT", "FLOAT": "FLOAT", "BLOB": "BINARY", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "TIME": "TIME", "TIMESTAMP": "TIMESTAMP_NTZ",
             "TIMESTAMP_NS": "TIMESTAMP_NTZ", "TIMESTAMP_MS": "TIMESTAMP_NTZ", "TIMESTAMP_S": "TIMESTAMP_NTZ", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ", "JSON": "VARIANT"}
    if text.endswith("[]"):
        return plain("ARRAY")
    if text.startswith(("STRUCT", "MAP")):
        return plain("OBJECT")
    return plain(names.get(text, "VARCHAR"))
