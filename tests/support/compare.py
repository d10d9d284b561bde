"""Full comparison of source tables and a DuckDB mirror, row by row, as multisets. Shares nothing with `luge verify`."""
import collections
import dataclasses
import re

import duckdb
from support import canonical

PINNED = ("-c datestyle=ISO -c intervalstyle=postgres -c timezone=UTC -c extra_float_digits=3 -c bytea_output=hex -c client_encoding=UTF8 "
          "-c search_path=pg_catalog -c lc_monetary=C -c row_security=off -c quote_all_identifiers=off")

COLUMNS = """
WITH RECURSIVE chain AS (
  SELECT a.attnum, a.attname, a.atttypid AS typid, a.atttypmod AS typmod FROM pg_attribute a
  WHERE a.attrelid = %s::text::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  UNION ALL
  SELECT c.attnum, c.attname, t.typbasetype, CASE WHEN c.typmod = -1 THEN t.typtypmod ELSE c.typmod END
  FROM chain c JOIN pg_type t ON t.oid = c.typid WHERE t.typtype = 'd'
)
SELECT c.attnum, c.attname, t.typname, t.typtype, CASE WHEN e.typtype = 'd' AND c.typmod = -1 THEN e.typtypmod ELSE c.typmod END,
  coalesce(b.typname, e.typname, ''), coalesce(b.typtype, e.typtype, ' ')
FROM chain c JOIN pg_type t ON t.oid = c.typid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' LEFT JOIN pg_type b ON b.oid = e.typbasetype
WHERE t.typtype <> 'd' ORDER BY c.attnum"""

SIMPLE_TYPES = {
    "bool": "BOOLEAN", "int2": "SMALLINT", "int4": "INTEGER", "int8": "BIGINT", "oid": "UINTEGER", "xid": "UINTEGER", "cid": "UINTEGER",
    "xid8": "UBIGINT", "float4": "FLOAT", "float8": "DOUBLE", "bytea": "BLOB", "date": "DATE", "time": "TIME",
    "timetz": "TIME WITH TIME ZONE", "timestamp": "TIMESTAMP", "timestamptz": "TIMESTAMP WITH TIME ZONE", "interval": "INTERVAL",
    "uuid": "UUID", "json": "JSON", "jsonb": "JSON",
}

# Element types whose arrays become lists; an array of anything else is its text.
LISTED = SIMPLE_TYPES.keys() | {"numeric", "money", "text", "varchar", "bpchar", "name", "citext", "xml", "char"}


@dataclasses.dataclass
class Column:
    name: str
    expected_type: str
    attnum: int


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def qualified(schema, table):
    return f"{quoted(schema)}.{quoted(table)}"


def expected_type(name, kind, typmod, element, element_kind):
    """The DuckDB type that the types reference promises."""
    if element and (element in LISTED or element_kind in "ed"):
        inner = expected_type(element, element_kind, typmod, "", " ")
        return f"{inner}[]"
    if name == "numeric" and typmod != -1:
        precision, scale = (typmod - 4) >> 16, ((typmod - 4) & 0x7FF ^ 1024) - 1024
        if scale < 0:
            precision, scale = precision - scale, 0
        precision = max(precision, scale)
        return f"DECIMAL({precision},{scale})" if precision <= 38 else "VARCHAR"
    return SIMPLE_TYPES.get(name, "VARCHAR") if kind != "e" else "VARCHAR"


def source_columns(connection, relation):
    """The columns a mirror of the relation has, in order (generated ones are not published before PostgreSQL 18)."""
    rows = connection.execute(COLUMNS, [relation]).fetchall()
    return [Column(name, expected_type(*rest), attnum) for attnum, name, *rest in rows]


UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def copy_fields(line):
    """The fields of one line of COPY's text format."""
    for field in line.split("\t"):
        if field == "\\N":
            yield None
        elif "\\" in field:
            yield re.sub(r"\\(.)", lambda match: UNESCAPED.get(match[1], match[1]), field, flags=re.DOTALL)
        else:
            yield field


def source_rows(connection, relation, names, where=None):
    """Every row as a tuple of PostgreSQL's own texts."""
    columns = ", ".join(map(quoted, names))
    partitioned = connection.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = %s::text::regclass", [relation]).fetchone()[0]
    only = "" if partitioned else "ONLY "  # children of plain inheritance are tables of their own
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT {columns} FROM {only}{relation} WHERE {where or 'true'}) TO STDOUT") as copy:
        text = b"".join(copy).decode()
    return [tuple(copy_fields(line)) for line in text.split("\n")[:-1]] if names else []


def canonical_source_rows(connection, relation, columns, kinds, where=None):
    """Every row of the source as a tuple of canonical values, for DuckDB columns of these types."""
    return [tuple(map(canonical.from_postgres, row, kinds)) for row in source_rows(connection, relation, [c.name for c in columns], where)]


def mirror_columns(mirror, relation):
    return [(row[0], row[1]) for row in mirror.execute(f"DESCRIBE {relation}").fetchall()]


def mirror_rows(mirror, relation, columns):
    """Every row of a DuckDB table as a tuple of canonical values."""
    expressions = ", ".join(f"{canonical.select_expression(quoted(name), kind)} AS c{i}" for i, (name, kind) in enumerate(columns))
    table = mirror.sql(f"SELECT {expressions} FROM {relation}").to_arrow_table().combine_chunks()
    if table.num_rows == 0:
        return []
    values = [canonical.from_arrow(table.column(i).chunk(0), kind) for i, (_, kind) in enumerate(columns)]
    return list(zip(*values))


def differences(connection, mirror, schema, table, *, target=None, names=None, where=None, as_text=(), limit=5):
    """What differs between a source table and its mirror, as lines for people; empty when they are equal."""
    source, copy = qualified(schema, table), target or qualified(schema, table)
    wanted = [column for column in source_columns(connection, source) if names is None or column.name in names]
    try:
        found = mirror_columns(mirror, copy)
    except duckdb.CatalogException:
        return [f"{copy} is not in the mirror"]
    if [name for name, _ in found] != [column.name for column in wanted]:
        return [f"{copy} has the columns {[name for name, _ in found]}, the source has {[column.name for column in wanted]}"]
    problems = [f"{copy}.{name} is {kind}, expected {column.expected_type}" for (name, kind), column in zip(found, wanted)
                if kind != column.expected_type and not (kind == "VARCHAR" and name in as_text)]
    left = collections.Counter(canonical_source_rows(connection, source, wanted, [kind for _, kind in found], where))
    right = collections.Counter(mirror_rows(mirror, copy, found))
    for only, where_it_is in ((left - right, "only in the source"), (right - left, "only in the mirror")):
        rows = list(only.elements())
        if rows:
            problems.append(f"{copy}: {len(rows)} rows {where_it_is} (of {left.total()} and {right.total()}):")
            problems += [f"    {shortened(row)}" for row in sorted(rows, key=repr)[:limit]]
    return problems


def shortened(row, width=60):
    return "(" + ", ".join(text if len(text) <= width else f"{text[:width]}… ({len(text)})" for text in map(repr, row)) + ")"


def user_tables(connection):
    """(schema, table) of all ordinary tables and partition roots."""
    return connection.execute("""
        SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
          AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%%' ORDER BY 1, 2""", []).fetchall()
