"""NDJSON into a table: vectorised through DuckDB, with the careful reader for rows that need it."""
from __future__ import annotations

import json
from dataclasses import dataclass

import duckdb
import numpy
import pyarrow as pa

from luge_emulator.catalog import Table
from luge_emulator.errors import SqlError
from luge_emulator.naming import literal, quote
from luge_emulator.streaming.careful import SUSPICIOUS, read_row
from luge_emulator.streaming.coercion import coerce, json_kind
from luge_emulator.streaming.pipes import Pipe
from luge_emulator.streaming.shapes import ColumnMatcher


@dataclass
class RowError:
    ordinal: int
    message: str
    line: str


@dataclass
class Loaded:
    parsed: int
    inserted: int
    errors: list[RowError]


def _line_ends(data: bytes) -> tuple[numpy.ndarray, numpy.ndarray]:
    """(offsets, which lines count): the SDK puts an empty line between two appends, and an empty line is no row."""
    ends = numpy.flatnonzero(numpy.frombuffer(data, dtype=numpy.uint8) == 10).astype(numpy.int64)
    offsets = numpy.concatenate([[0], ends + 1]).astype(numpy.int64)
    lengths = numpy.diff(offsets)
    keep = lengths > 2
    for at in numpy.flatnonzero(lengths == 2):  # "\r\n" is an empty line, "5\n" is a row
        keep[at] = data[offsets[at]] not in b"\r \t"
    return offsets, keep


def count_rows(data: bytes) -> int:
    return int(_line_ends(data)[1].sum())


def split_lines(data: bytes) -> tuple[pa.Table, list[RowError]]:
    """(ord, line) of the lines that are not empty; `ord` is the row's number in the data. Lines that are no UTF-8 are row errors already."""
    if data and not data.endswith(b"\n"):
        data += b"\n"
    offsets, keep = _line_ends(data)
    lines = pa.Array.from_buffers(pa.large_binary(), len(keep), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
    lines = lines.filter(pa.array(keep))
    errors: list[RowError] = []
    try:
        text = lines.cast(pa.large_string())
        ordinals = pa.array(numpy.arange(len(lines)))
    except pa.ArrowInvalid:
        texts, numbers = [], []
        for at, line in enumerate(lines.to_pylist()):
            try:
                texts.append(line.decode())
                numbers.append(at)
            except UnicodeDecodeError:
                errors.append(RowError(at, "The row is not valid UTF-8", line.decode(errors="replace")))
        text, ordinals = pa.array(texts, pa.large_string()), pa.array(numbers, pa.int64())
    return pa.table({"ord": ordinals, "line": text}), errors


class RowReader:
    """Loads into one table through one pipe, inside the caller's transaction. What may fail (JSON that is none) is asked on `probe`, a connection
    without a transaction: an error would end the caller's."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, probe: duckdb.DuckDBPyConnection, table: Table, pipe: Pipe, ignore_unknown: bool, time_zone: str) -> None:
        self._cursor, self._probe, self._table, self._pipe, self._time_zone = cursor, probe, table, pipe, time_zone
        self._matcher = ColumnMatcher(table, pipe.case_sensitive, ignore_unknown)

    def load(self, data: bytes) -> Loaded:
        lines, errors = split_lines(data)
        parsed = lines.num_rows + len(errors)
        for connection in (self._cursor, self._probe):
            connection.register("_lines", lines)
        try:
            if self._pipe.select is not None:
                inserted = self._load_select(errors)
            else:
                inserted = self._load_by_name(errors)
        finally:
            for connection in (self._cursor, self._probe):
                connection.unregister("_lines")
        errors.sort(key=lambda error: error.ordinal)
        return Loaded(parsed, inserted, errors)

    def wanted_evolution(self, data: bytes) -> tuple[dict[str, str], list[str]]:
        """For schema evolution: {key: a JSON type} of what the table has no column for, and NOT NULL columns that some row leaves empty."""
        lines, _ = split_lines(data)
        self._probe.register("_lines", lines)
        found: dict[str, str] = {}
        empty: list[str] = []
        try:
            good = "(SELECT line FROM _lines WHERE json_valid(line))"
            for (keys,) in self._probe.execute(f"SELECT DISTINCT json_keys(line) FROM {good}").fetchall():
                for key in keys or []:
                    if self._matcher.column(key) is None and key not in found:
                        kinds = {row[0] for row in self._probe.execute(
                            f"SELECT DISTINCT json_type(json_extract(line, ?)) FROM {good}", [f'$."{key}"']).fetchall() if row[0] not in (None, "NULL")}
                        found[key] = kinds.pop() if len(kinds) == 1 else "UBIGINT" if kinds == {"UBIGINT", "BIGINT"} else "MIXED" if kinds else "VARCHAR"
            for column in self._table.columns:
                if not column.nullable and self._probe.execute(
                        f"SELECT 1 FROM (SELECT unnest(json_keys(line)) AS key, line FROM {good}) WHERE upper(key) = upper(?) "
                        "AND json_type(json_extract(line, '$.\"' || key || '\"')) <> 'NULL' HAVING count(*) < (SELECT count(*) FROM _lines)", [column.name]).fetchall():
                    empty.append(column.name)
        finally:
            self._probe.unregister("_lines")
        return found, empty

    # Columns by name ---------------------------------------------------------------------------------------------

    def _load_by_name(self, errors: list[RowError]) -> int:
        careful = {row[0] for row in self._probe.execute(f"SELECT ord FROM _lines WHERE regexp_matches(line, {literal(SUSPICIOUS)})").fetchall()}
        try:
            shapes = self._shapes(careful)
        except duckdb.InvalidInputException:
            careful |= {row[0] for row in self._probe.execute("SELECT ord FROM _lines WHERE NOT json_valid(line)").fetchall()}
            shapes = self._shapes(careful)
        plans, odd = [], []
        for keys in shapes:
            plan = self._matcher.plan(keys)
            if plan is None:
                odd.append(keys)
            else:
                plans.append(plan)
        if odd:
            self._probe.register("_odd", pa.table({"keys": pa.array(odd, pa.list_(pa.string()))}))
            careful |= {row[0] for row in self._probe.execute(f"SELECT ord FROM {self._fast_lines(careful)} WHERE json_keys(line) IN (SELECT keys FROM _odd)").fetchall()}
            self._probe.unregister("_odd")
        sources = [self._fast_source(plans, careful)]
        if careful:
            self._cursor.register("_careful", self._read_carefully(careful))
            sources.append("SELECT * FROM _careful")
        try:
            return self._convert_and_insert(" UNION ALL BY NAME ".join(sources), errors, ordered=bool(careful))
        finally:
            if careful:
                self._cursor.unregister("_careful")

    def _fast_lines(self, careful: set[int]) -> str:
        if not careful:
            return "_lines"
        for connection in (self._cursor, self._probe):
            connection.register("_careful_ords", pa.table({"ord": pa.array(sorted(careful), pa.int64())}))
        return "(SELECT * FROM _lines WHERE ord NOT IN (SELECT ord FROM _careful_ords))"

    def _shapes(self, careful: set[int]) -> list[list[str]]:
        return [row[0] for row in self._probe.execute(f"SELECT json_keys(line) AS keys FROM {self._fast_lines(careful)} GROUP BY ALL").fetchall()]

    def _fast_source(self, plans: list[dict[str, str]], careful: set[int]) -> str:
        """r0, r1, … of every column, and has0, … of those with a default."""
        specification: dict[str, str] = {}
        picks = []
        for number, column in enumerate(self._table.columns):
            keys = list(dict.fromkeys(plan[column.name] for plan in plans if column.name in plan))
            for key in keys:
                specification[key] = json_kind(column)
            raw = ", ".join('s."' + key.replace('"', '""') + '"' for key in keys)
            picks.append(f"{f'coalesce({raw})' if len(keys) > 1 else raw or 'NULL::' + json_kind(column)} AS r{number}")
            if column.default is not None:
                present = " OR ".join(f"list_contains(json_keys(line), {literal(key)})" for key in keys)
                picks.append(f"{f'({present})' if keys else 'FALSE'} AS has{number}")
        # two keys of one letter case each: DuckDB's struct cannot hold both, so the reader takes the slower way for all but the first
        if len({key.lower() for key in specification}) < len(specification):
            return self._extract_source(plans, careful)
        struct = f"json_transform(line, {literal(json.dumps(specification, ensure_ascii=False))})" if specification else "NULL"
        return f"SELECT ord, NULL::VARCHAR AS problem, {', '.join(picks)} FROM (SELECT ord, line, {struct} AS s FROM {self._fast_lines(careful)})"

    def _extract_source(self, plans: list[dict[str, str]], careful: set[int]) -> str:
        picks = []
        for number, column in enumerate(self._table.columns):
            keys = list(dict.fromkeys(plan[column.name] for plan in plans if column.name in plan))
            paths = [literal('$."' + key + '"') for key in keys]
            parts = [f"nullif(json_extract(line, {path}), 'null'::JSON)" if json_kind(column) == "JSON" else f"json_extract_string(line, {path})" for path in paths]
            picks.append(f"{'coalesce(' + ', '.join(parts) + ')' if parts else 'NULL::' + json_kind(column)} AS r{number}")
            if column.default is not None:
                present = " OR ".join(f"list_contains(json_keys(line), {literal(key)})" for key in keys)
                picks.append(f"{f'({present})' if keys else 'FALSE'} AS has{number}")
        return f"SELECT ord, NULL::VARCHAR AS problem, {', '.join(picks)} FROM {self._fast_lines(careful)}"

    def _read_carefully(self, careful: set[int]) -> pa.Table:
        rows = self._cursor.execute("SELECT ord, line FROM _lines WHERE ord IN (SELECT unnest(?))", [sorted(careful)]).fetchall()
        columns: dict[str, list] = {"ord": [], "problem": []}
        for number, column in enumerate(self._table.columns):
            columns[f"r{number}"] = []
            if column.default is not None:
                columns[f"has{number}"] = []
        for ordinal, line in rows:
            values, problem = read_row(line, self._matcher)
            columns["ord"].append(ordinal)
            columns["problem"].append(problem)
            for number, column in enumerate(self._table.columns):
                columns[f"r{number}"].append(values.get(column.name))
                if column.default is not None:
                    columns[f"has{number}"].append(column.name in values)
        kinds = {"ord": pa.int64()}
        return pa.table({name: pa.array(values, kinds.get(name) or (pa.bool_() if name.startswith("has") else pa.string())) for name, values in columns.items()})

    def _convert_and_insert(self, source: str, errors: list[RowError], ordered: bool) -> int:
        values, failures, raws = [], [], []
        for number, column in enumerate(self._table.columns):
            raw = f"r{number}"
            coercion = coerce(column, raw, f"v{number}", self._pipe.binary_format, self._time_zone)
            value = coercion.value
            if column.default is not None:
                value = f"CASE WHEN has{number} THEN {value} ELSE {column.default} END"
            values.append(f"{value} AS v{number}")
            raws.append(raw)
            failures.append(f"WHEN {coercion.fails} THEN {number + 1}")
        self._cursor.execute(f"CREATE OR REPLACE TEMP TABLE _staged AS SELECT ord, problem, CASE WHEN problem IS NOT NULL THEN -1 {' '.join(failures)} ELSE 0 END AS bad, "
                             f"* EXCLUDE (ord, problem, {', '.join(raws)}) FROM (SELECT *, {', '.join(values)} FROM ({source}))")
        return self._insert_staged(errors, [column.name for column in self._table.columns], [f"v{number}" for number in range(len(self._table.columns))], ordered)

    def _insert_staged(self, errors: list[RowError], names: list[str], values: list[str], ordered: bool) -> int:
        for ordinal, bad, problem, line in self._cursor.execute(
                "SELECT s.ord, bad, problem, line FROM _staged s JOIN _lines USING (ord) WHERE bad <> 0").fetchall():
            column = self._table.column(names[bad - 1]) if bad > 0 else None
            errors.append(RowError(ordinal, problem or f"The value of column {names[bad - 1]} cannot be stored as {column.type.declared if column else '?'}"
                                   f"{'' if column is None or column.nullable else ' NOT NULL'}", line))
        order = " ORDER BY ord" if ordered else ""
        inserted = self._cursor.execute(f"INSERT INTO {self._table.path} ({', '.join(map(quote, names))}) "
                                        f"SELECT {', '.join(values)} FROM _staged WHERE bad = 0{order}").fetchall()[0][0]
        self._cursor.execute("DROP TABLE _staged")
        return inserted

    # A pipe's own SELECT -----------------------------------------------------------------------------------------

    def _load_select(self, errors: list[RowError]) -> int:
        """Each expression is tried; an operand of a cast that is there while the cast's result is not makes a row error."""
        from luge_emulator.sql.pipe_select import translate  # the dialect is heavy and only custom pipes need it
        invalid = {row[0]: row[1] for row in self._probe.execute("SELECT ord, line FROM _lines WHERE NOT json_valid(line)").fetchall()}
        errors.extend(RowError(ordinal, "The row is not valid JSON", line) for ordinal, line in invalid.items())
        expressions, condition = translate(self._pipe.select or "", self._pipe.where)
        names = list(self._pipe.columns) or [column.name for column in self._table.columns][: len(expressions)]
        if len(names) != len(expressions):
            raise SqlError("002020", "21S01", "SQL compilation error:\nInsert value list does not match column list.")
        columns = [self._table.column(name) for name in names]
        values, failures = [], []
        for number, (column, expression) in enumerate(zip(columns, expressions, strict=True)):
            if column is None:
                raise SqlError("000904", "42000", f"SQL compilation error: error line 1\ninvalid identifier '{names[number]}'")
            target = f"TRY({expression.value})"
            values.append(f"TRY_CAST({target} AS {column.type.duckdb}) AS v{number}" if expression.value != "NULL" else f"NULL::{column.type.duckdb} AS v{number}")
            tests = [f"({expression.operand} IS NOT NULL AND v{number} IS NULL)"] + ([] if column.nullable else [f"v{number} IS NULL"])
            failures.append(f"WHEN {' OR '.join(tests)} THEN {number + 1}")
        where = f" WHERE TRY({condition})" if condition else ""
        self._cursor.execute(f"CREATE OR REPLACE TEMP TABLE _staged AS SELECT ord, NULL::VARCHAR AS problem, CASE {' '.join(failures)} ELSE 0 END AS bad, "
                             f"* EXCLUDE (ord, j) FROM (SELECT *, {', '.join(values)} FROM (SELECT ord, line::JSON AS j FROM _lines WHERE json_valid(line)){where})")
        return self._insert_staged(errors, names, [f"v{number}" for number in range(len(names))], ordered=False)
