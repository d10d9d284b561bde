"""How a value of a row becomes a value of a column: one SQL expression and one test for each type. A failure is a row error, never a NULL."""
from __future__ import annotations

from dataclasses import dataclass

from luge_emulator.catalog import Column
from luge_emulator.column_types import SEMI_STRUCTURED
from luge_emulator.naming import literal

_DATE = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?"
_OFFSET = r"(Z|[+-]\d{2}(:?\d{2})?)"
_EPOCH = r"-?\d{1,18}"


@dataclass(frozen=True)
class Coercion:
    """`value` is DuckDB SQL, NULL where it cannot be done; `fails` is true for a row that must not get in."""

    value: str
    fails: str


def json_kind(column: Column) -> str:
    """How the row reader extracts: the JSON itself, or the text of a scalar."""
    return "JSON" if column.type.name in SEMI_STRUCTURED else "VARCHAR"


def coerce(column: Column, raw: str, value: str, binary_format: str, time_zone: str) -> Coercion:
    """`raw` is the extracted value's expression, `value` the name under which the converted one can be tested."""
    converted = _convert(column, raw, binary_format, time_zone)
    failures = [f"({raw} IS NOT NULL AND {value} IS NULL)"]
    kind = column.type
    if kind.name == "VARCHAR":
        failures = [f"strlen({raw}) > 16777216", f"length({raw}) > {kind.length}"]
    elif kind.name == "BINARY":
        failures.append(f"octet_length({value}) > {kind.length}")
    elif kind.name in SEMI_STRUCTURED:
        failures = [f"strlen({raw}) > 16777216"]
        if kind.name != "VARIANT":
            failures.append(f"json_type({raw}) <> '{kind.name}'")
    elif kind.name == "FLOAT":
        failures.append(rf"(isinf({value}) AND NOT regexp_full_match(lower({raw}), '[+-]?inf(inity)?'))")
    if not column.nullable:
        failures.append(f"{value} IS NULL")
    return Coercion(converted, f"coalesce({' OR '.join(failures)}, FALSE)")


def _convert(column: Column, raw: str, binary_format: str, time_zone: str) -> str:
    kind = column.type
    plain_number = rf"CASE WHEN NOT contains({raw}, '_') THEN TRY_CAST({raw} AS {kind.duckdb}) END"
    if kind.name == "NUMBER":
        # JSON's true and false are no numbers; TRY_CAST says NULL to them, and to NaN
        return plain_number
    if kind.name == "FLOAT":
        return plain_number
    if kind.name == "VARCHAR" or kind.name in SEMI_STRUCTURED:
        return raw
    if kind.name == "BINARY":
        function = "from_base64" if binary_format == "BASE64" else "unhex"
        return f"TRY({function}({raw}))"
    if kind.name == "BOOLEAN":
        return f"CASE WHEN lower({raw}) IN ('true','t','yes','y','on','1') THEN TRUE WHEN lower({raw}) IN ('false','f','no','n','off','0') THEN FALSE END"
    if kind.name == "DATE":
        return f"CASE WHEN {_matches(raw, _DATE)} AND {raw} >= '0001' THEN TRY_CAST({raw} AS DATE) END"
    if kind.name == "TIME":
        return f"CASE WHEN {_matches(raw, _CLOCK)} THEN {_digits(raw, 'TIME')} END"
    moment = f"{_DATE}([T ]{_CLOCK})?"
    epoch = f"WHEN {_matches(raw, _EPOCH)} THEN TRY(make_timestamp({_micros(raw)}))"
    if kind.name == "TIMESTAMP_NTZ":
        # an offset is read and dropped: the wall clock stays
        wall = f"regexp_replace({raw}, '^({_DATE}[T ][0-9:.]+?) ?{_OFFSET}$', '\\1')"
        return f"CASE WHEN {_matches(raw, f'{moment}( ?{_OFFSET})?')} AND {raw} >= '0001' THEN {_digits(wall, 'TIMESTAMP')} {epoch} END"
    local = f"TRY_CAST({raw} AS TIMESTAMP) AT TIME ZONE {literal(time_zone)}"
    return (f"CASE WHEN {_matches(raw, f'{_DATE}[T ]{_CLOCK} ?{_OFFSET}')} AND {raw} >= '0001' THEN {_digits(raw, 'TIMESTAMPTZ')} "
            f"WHEN {_matches(raw, moment)} AND {raw} >= '0001' THEN {local} {epoch.replace('TRY(make_timestamp(', 'TRY(make_timestamptz(')} END")


def _matches(raw: str, pattern: str) -> str:
    return f"regexp_full_match({raw}, {literal(pattern)})"


def _digits(raw: str, kind: str) -> str:
    """A cast that refuses what microseconds cannot hold instead of cutting it off."""
    return rf"CASE WHEN NOT regexp_matches({raw}, '\.\d{{6}}\d*[1-9]') THEN TRY_CAST({raw} AS {kind}) END"


def _micros(raw: str) -> str:
    """Snowflake's rule for integers: seconds, milliseconds, microseconds or nanoseconds by magnitude."""
    number = f"TRY_CAST({raw} AS BIGINT)"
    return (f"CASE WHEN abs({number}) < 31536000000 THEN {number} * 1000000 WHEN abs({number}) < 31536000000000 THEN {number} * 1000 "
            f"WHEN abs({number}) < 31536000000000000 THEN {number} ELSE {number} // 1000 END")
