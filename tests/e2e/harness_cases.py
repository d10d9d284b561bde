"""The harness itself: a comparison that cannot fail proves nothing."""
import duckdb
from case import CaseFailed, python_case
from support import compare

# column type in PostgreSQL, in DuckDB, a value in PostgreSQL's spelling, in DuckDB's spelling, another value in DuckDB's spelling
VALUES = [
    ("bool", "BOOLEAN", "true", "true", "false"),
    ("int8", "BIGINT", "'-9223372036854775808'", "'-9223372036854775808'", "'-9223372036854775807'"),
    ("float4", "FLOAT", "'0.1'", "'0.1'", "'0.10000001'"),
    ("float8", "DOUBLE", "'NaN'", "'NaN'", "'Infinity'"),
    ("numeric(10,2)", "DECIMAL(10,2)", "1.5", "1.50", "1.51"),
    ("numeric", "VARCHAR", "1.50", "'1.50'", "'1.5'"),
    ("text", "VARCHAR", r"E'tab\t line\n back\\slash \\N'", r"E'tab\t line\n back\\slash \\N'", "''"),
    ("char(4)", "VARCHAR", "'a'", "'a   '", "'a'"),
    ("bytea", "BLOB", r"'\x00ff'", r"'\x00\xFF'::BLOB", r"'\x00\xFE'::BLOB"),
    ("date", "DATE", "'infinity'", "'infinity'", "'-infinity'"),
    ("date", "DATE", "'0044-03-15 BC'", "make_date(-43, 3, 15)", "make_date(-44, 3, 15)"),
    ("time", "TIME", "'24:00'", "'24:00:00'", "'00:00:00'"),
    ("timetz", "TIME WITH TIME ZONE", "'01:02:03.000004+05:30'", "'01:02:03.000004+05:30'", "'01:02:03.000004+05'"),
    ("timestamp", "TIMESTAMP", "'2024-02-29 12:34:56.000001'", "'2024-02-29 12:34:56.000001'", "'2024-02-29 12:34:56'"),
    ("timestamp", "TIMESTAMP", "'-infinity'", "'-infinity'", "'infinity'"),
    ("timestamptz", "TIMESTAMP WITH TIME ZONE", "'2024-02-29 12:34:56+02'", "'2024-02-29 10:34:56+00'", "'2024-02-29 12:34:56+00'"),
    ("interval", "INTERVAL", "'1 year 2 mons -3 days 04:05:06.789'", "'14 months -3 days 04:05:06.789'", "'1 year 2 months -2 days -19:54:53.211'"),
    ("uuid", "UUID", "'12345678-9abc-def0-1234-56789abcdef0'", "'12345678-9abc-def0-1234-56789abcdef0'", "'12345678-9abc-def0-1234-56789abcdef1'"),
    ("json", "JSON", "'{\"a\":1,  \"a\":2}'", "'{\"a\":1,  \"a\":2}'", "'{\"a\":1, \"a\":2}'"),
    ("int[]", "INTEGER[]", "'{1,NULL}'", "[1, NULL]", "[1]"),
    ("text[]", "VARCHAR[]", r"""'{"a,b","q\"q",NULL,"NULL",""}'""", """['a,b', 'q"q', NULL, 'NULL', '']""", """['a,b', 'q"q', 'NULL', 'NULL', '']"""),
    ("timestamptz[]", "TIMESTAMP WITH TIME ZONE[]", "'{infinity,\"2024-01-01 00:00:00+01\"}'", "['infinity', '2023-12-31 23:00:00+00']", "['infinity', '2023-12-31 23:00:01+00']"),
    ("interval[]", "INTERVAL[]", "'{\"1 mon\"}'", "['1 month'::INTERVAL]", "['30 days'::INTERVAL]"),
    ("inet", "VARCHAR", "'10.0.0.1'", "'10.0.0.1'", "'10.0.0.1/32'"),
]


@python_case
def comparison_finds_every_difference(case):
    columns = [f"c{i}" for i in range(len(VALUES))]
    case.execute(f"CREATE TABLE t (id int, {', '.join(f'{name} {value[0]}' for name, value in zip(columns, VALUES))})")
    case.execute(f"INSERT INTO t VALUES (1, {', '.join(value[2] for value in VALUES)}), (1, {', '.join(value[2] for value in VALUES)})")
    case.execute("INSERT INTO t (id) VALUES (2)")
    case.final_comparison = False
    with case.server.connect(case.database, options=compare.PINNED) as connection, duckdb.connect() as mirror:

        def fill(values, copies=2, nulls=1):
            mirror.execute("CREATE SCHEMA IF NOT EXISTS public")
            mirror.execute(f"CREATE OR REPLACE TABLE public.t (id INTEGER, {', '.join(f'{name} {value[1]}' for name, value in zip(columns, VALUES))})")
            for _ in range(copies):
                mirror.execute(f"INSERT INTO public.t VALUES (1, {', '.join(values)})")
            for _ in range(nulls):
                mirror.execute("INSERT INTO public.t (id) VALUES (2)")
            return compare.differences(connection, mirror, "public", "t")

        right = [value[3] for value in VALUES]
        if problems := fill(right):
            raise CaseFailed("equal rows differ:\n" + "\n".join(problems))
        for i, value in enumerate(VALUES):
            for wrong in (value[4], "NULL"):
                if not fill([*right[:i], wrong, *right[i + 1:]]):
                    raise CaseFailed(f"{value[0]}: {wrong} passes for {value[2]}")
        for copies, nulls in ((1, 1), (3, 1), (2, 0), (2, 2), (0, 0)):
            if not fill(right, copies, nulls):
                raise CaseFailed(f"{copies} and {nulls} rows pass for 2 and 1")
        fill(right)
        for change in ("ALTER TABLE public.t RENAME c0 TO d0", "ALTER TABLE public.t DROP c0", "ALTER TABLE public.t ALTER c1 TYPE HUGEINT",
                       "ALTER TABLE public.t ADD extra INTEGER", "DROP TABLE public.t"):
            fill(right)
            mirror.execute(change)
            if not compare.differences(connection, mirror, "public", "t"):
                raise CaseFailed(f"not noticed: {change}")
