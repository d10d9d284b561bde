"""Full comparison of source tables and Snowflake's current-state tables, row by row, as multisets. Shares nothing with `luge verify`."""
import base64
import collections
import decimal
import json
import re
import struct

from support import canonical, compare
from support.snowflake_emulator import EmulatorFailed, plain, quoted

OWN_COLUMNS = ("_LUGE_POSITION", "_LUGE_DELETED")

# The DuckDB type that a source type becomes says what a value is; this is what holds it in Snowflake.
TYPES = {
    "BOOLEAN": "BOOLEAN", "SMALLINT": "NUMBER(38,0)", "INTEGER": "NUMBER(38,0)", "BIGINT": "NUMBER(38,0)", "UINTEGER": "NUMBER(38,0)", "UBIGINT": "NUMBER(38,0)",
    "FLOAT": "FLOAT", "DOUBLE": "FLOAT", "BLOB": "BINARY", "DATE": "DATE", "TIME": "TIME(6)", "TIME WITH TIME ZONE": "VARCHAR", "TIMESTAMP": "TIMESTAMP_NTZ(6)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_TZ(6)", "INTERVAL": "VARCHAR", "UUID": "VARCHAR(36)", "JSON": "VARIANT", "VARCHAR": "VARCHAR",
}
LONGEST = re.compile(r"(VARCHAR|BINARY)\((16777216|134217728|8388608|67108864)\)")


def snowflake_type(kind):
    if kind.endswith("[]"):
        return "ARRAY"
    if kind.startswith("DECIMAL"):
        return "VARCHAR" if kind.endswith(",38)") else kind.replace("DECIMAL", "NUMBER")
    return TYPES[kind]


def select_expression(name, kind):
    """What to select so that a value comes as a text that holds all of it."""
    return {
        "BINARY": f"HEX_ENCODE({name}, 0)",
        "DATE": f"TO_VARCHAR({name}, 'YYYY-MM-DD')",
        "TIME(6)": f"TO_VARCHAR(DATEDIFF('microsecond', '00:00:00'::TIME, {name}))",
        "TIMESTAMP_NTZ(6)": f"TO_VARCHAR({name}, 'YYYY-MM-DD HH24:MI:SS.FF6')",
        "TIMESTAMP_TZ(6)": f"TO_VARCHAR(CONVERT_TIMEZONE('UTC', {name})::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF6')",
        "VARIANT": f"TO_JSON({name})",
        "ARRAY": f"TO_JSON({name})",
    }.get(kind, name)


def json_value(text):
    """A JSON document whose numbers are compared by value, exactly; objects without regard to the order of keys."""
    def freeze(value):
        if isinstance(value, dict):
            return ("object", frozenset((key, freeze(one)) for key, one in value.items()))
        if isinstance(value, list):
            return ("array", tuple(freeze(one) for one in value))
        if isinstance(value, decimal.Decimal):
            return ("number", f"{value.normalize(decimal.Context(prec=100)):E}" if value else "0")
        return (type(value).__name__, value)

    return freeze(json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal))


def real(text):
    return float({"inf": "Infinity", "-inf": "-Infinity"}.get(text, text))


def from_text(text, kind):
    """A value of Snowflake's side, or an element of one of its arrays, in canonical form; `kind` is the DuckDB type it stands for."""
    if text is None:
        return None
    if kind == "BOOLEAN":
        return text.lower() in ("true", "1")
    if kind in ("SMALLINT", "INTEGER", "BIGINT", "UINTEGER", "UBIGINT"):
        return int(text)
    if kind == "FLOAT":
        return canonical.number(struct.unpack("<f", struct.pack("<f", real(text)))[0])
    if kind == "DOUBLE":
        return canonical.number(real(text))
    if kind.startswith("DECIMAL"):
        return decimal.Decimal(text)
    if kind == "BLOB":
        return bytes.fromhex(text)
    if kind == "DATE":
        return canonical.parse_date(text)
    if kind == "TIME":
        return canonical.parse_time(text)
    if kind.startswith("TIMESTAMP"):
        return canonical.parse_timestamp(text.replace("T", " ").removesuffix("Z").removesuffix("+00:00"))
    return text


def from_snowflake(text, kind):
    if text is None:
        return None
    if kind == "JSON":
        return json_value(text)
    if kind == "TIME":
        return int(text)
    if not kind.endswith("[]"):
        return from_text(text, kind)
    inner = kind[:-2]
    if inner == "JSON":
        return tuple(json_elements(text))
    elements = json.loads(text, parse_float=str, parse_int=str)
    return tuple(None if element is None else element if inner == "BOOLEAN" else base64.b64decode(element, validate=True) if inner == "BLOB" else from_text(element, inner)
                 for element in elements)


def json_elements(text):
    """An element that is null is an SQL NULL: a JSON null of its own stops the table."""
    kind, elements = json_value(text)
    assert kind == "array"
    return [None if element == ("NoneType", None) else element for element in elements]


def from_postgres(text, kind):
    if text is None:
        return None
    if kind == "JSON":
        return json_value(text)
    if kind == "JSON[]":
        return tuple(None if one is None else json_value(one) for one in canonical.parse_array(text))
    if kind.endswith("[]"):
        return tuple(from_postgres(element, kind[:-2]) for element in canonical.parse_array(text))
    if kind in ("TIME WITH TIME ZONE", "INTERVAL"):
        return text
    if kind.startswith("DECIMAL"):
        return decimal.Decimal(text)
    return canonical.from_postgres(text, kind)


def described(control, database, schema, table):
    """(name, type) of a table's columns; None when there is no such table."""
    try:
        rows = control.sql(f"DESCRIBE TABLE {quoted(schema)}.{quoted(table)}", database)
    except EmulatorFailed as failure:
        if "does not exist" in str(failure):
            return None
        raise
    return [(row[0], LONGEST.sub(r"\1", row[1]).replace(", ", ",")) for row in rows]


def snowflake_rows(control, database, relation, columns, kinds, where=None):
    """Every row as a tuple of canonical values; `columns` are (name, type) in Snowflake, `kinds` what they stand for."""
    expressions = ", ".join(select_expression(quoted(name), kind) for name, kind in columns)
    if not columns:
        return []
    rows = control.sql(f"SELECT {expressions} FROM {relation} WHERE {where or 'TRUE'}", database)
    return [tuple(from_snowflake(value, kind) for value, kind in zip(row, kinds)) for row in rows]


def differences(connection, control, database, schema, table, *, names=None, where=None, target=None, as_text=(), name_of=plain, limit=5):
    """What differs between a source table and its current state in Snowflake, as lines for people; empty when they are equal."""
    source = compare.qualified(schema, table)
    target_schema, target_table = target or (name_of(schema), name_of(table))
    copy = f"{quoted(target_schema)}.{quoted(target_table)}"
    wanted = [column for column in compare.source_columns(connection, source) if names is None or column.name in names]
    kinds = ["VARCHAR" if column.name in as_text else column.expected_type for column in wanted]
    found = described(control, database, target_schema, target_table)
    if found is None:
        return [f"{copy} is not in Snowflake"]
    held = {name: kind for name, kind in found if name not in OWN_COLUMNS}
    if "_LUGE_POSITION" not in dict(found):
        return [f"{copy} lacks _LUGE_POSITION"]
    columns = [(name_of(column.name), snowflake_type(kind)) for column, kind in zip(wanted, kinds)]
    if held != dict(columns):  # a column that was added stands at the end, so order is not looked at
        return [f"{copy} has the columns {held}, expected {dict(columns)}"]
    rows = compare.source_rows(connection, source, [column.name for column in wanted], where)
    left = collections.Counter(tuple(map(from_postgres, row, kinds)) for row in rows)
    right = collections.Counter(snowflake_rows(control, database, copy, columns, kinds))
    problems = []
    for only, where_it_is in ((left - right, "only in the source"), (right - left, "only in Snowflake")):
        rows = list(only.elements())
        if rows:
            problems.append(f"{copy}: {len(rows)} rows {where_it_is} (of {left.total()} and {right.total()}):")
            problems += [f"    {str(row)[:300]}" for row in rows[:limit]]
    return problems


def log_problems(control, database, schema, table):
    """What is wrong with a change log by itself: a position that stands there twice."""
    log = f"{quoted(plain(schema))}.{quoted(plain(table) + '__LOG')}"
    if described(control, database, plain(schema), plain(table) + "__LOG") is None:
        return []
    twice = control.sql(f'SELECT COUNT(*), COUNT(DISTINCT "_LUGE_POSITION") FROM {log}', database)[0]
    return [] if twice[0] == twice[1] else [f"{log} has {twice[0]} rows at {twice[1]} positions"]
