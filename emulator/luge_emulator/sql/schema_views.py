"""INFORMATION_SCHEMA, and other tables that are made when they are asked."""
from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa

from luge_emulator.catalog import Table
from luge_emulator.column_types import ColumnType
from luge_emulator.errors import object_missing


def moment(milliseconds: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.UTC)


def type_name(kind: ColumnType) -> str:
    """DATA_TYPE of INFORMATION_SCHEMA.COLUMNS."""
    return {"VARCHAR": "TEXT"}.get(kind.name, kind.name)


def build(view: str, database: str, schemas: list[str], tables: list[Table]) -> pa.Table:
    """One view of one database's INFORMATION_SCHEMA."""
    if view == "SCHEMATA":
        rows: list[dict[str, Any]] = [{"CATALOG_NAME": database, "SCHEMA_NAME": name, "SCHEMA_OWNER": "LUGE"} for name in schemas]
        return _table(rows, {"CATALOG_NAME": pa.string(), "SCHEMA_NAME": pa.string(), "SCHEMA_OWNER": pa.string()})
    if view in ("TABLES", "VIEWS"):
        chosen = [table for table in tables if view == "TABLES" or table.kind == "VIEW"]
        rows = [{"TABLE_CATALOG": database, "TABLE_SCHEMA": table.schema, "TABLE_NAME": table.name, "TABLE_OWNER": "LUGE",
                 "TABLE_TYPE": "BASE TABLE" if table.kind == "TABLE" else "VIEW", "ROW_COUNT": table.rows, "CREATED": moment(table.created_ms), "COMMENT": table.comment,
                 "VIEW_DEFINITION": table.text} for table in chosen]
        return _table(rows, {"TABLE_CATALOG": pa.string(), "TABLE_SCHEMA": pa.string(), "TABLE_NAME": pa.string(), "TABLE_OWNER": pa.string(), "TABLE_TYPE": pa.string(),
                             "ROW_COUNT": pa.int64(), "CREATED": pa.timestamp("us", "UTC"), "COMMENT": pa.string(), "VIEW_DEFINITION": pa.string()})
    if view == "COLUMNS":
        rows = [{"TABLE_CATALOG": database, "TABLE_SCHEMA": table.schema, "TABLE_NAME": table.name, "COLUMN_NAME": column.name, "ORDINAL_POSITION": at + 1,
                 "COLUMN_DEFAULT": column.default, "IS_NULLABLE": "YES" if column.nullable else "NO", "DATA_TYPE": type_name(column.type),
                 "CHARACTER_MAXIMUM_LENGTH": column.type.length if column.type.name in ("VARCHAR",) else None,
                 "NUMERIC_PRECISION": column.type.precision, "NUMERIC_SCALE": column.type.scale if column.type.name == "NUMBER" else None,
                 "DATETIME_PRECISION": column.type.scale if column.type.name.startswith("TIME") else None, "COMMENT": column.comment}
                for table in tables for at, column in enumerate(table.columns)]
        numbers = ("ORDINAL_POSITION", "CHARACTER_MAXIMUM_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE", "DATETIME_PRECISION")
        names = ["TABLE_CATALOG", "TABLE_SCHEMA", "TABLE_NAME", "COLUMN_NAME", "ORDINAL_POSITION", "COLUMN_DEFAULT", "IS_NULLABLE", "DATA_TYPE",
                 "CHARACTER_MAXIMUM_LENGTH", "NUMERIC_PRECISION", "NUMERIC_SCALE", "DATETIME_PRECISION", "COMMENT"]
        return _table(rows, {name: pa.int64() if name in numbers else pa.string() for name in names})
    raise object_missing(f"{database}.INFORMATION_SCHEMA.{view}")


def _table(rows: list[dict[str, Any]], schema: dict[str, pa.DataType]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema(list(schema.items())))
