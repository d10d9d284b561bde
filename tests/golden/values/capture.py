#!/usr/bin/env python3
"""Captures how real PostgreSQL servers write values, in text and in binary, into tests/golden/values/*.golden.

    tests/golden/values/capture.py [major …]       default: 13 15 18

Run it by hand when a type or a value is added; the files are committed. A `type` line holds a table shape of one column, as
model/chunk_codec.h stores it; each `value` line below it has the text (escaped as COPY does) and the send format in hexadecimal
("-": the type has none). The reader of the text and the reader of the bytes must build the same column.
"""
import json
import pathlib
import random
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from support import environment  # noqa: E402

environment.enter()

import psycopg  # noqa: E402
import psycopg.sql  # noqa: E402
from support.postgres_server import PostgresServer  # noqa: E402

PINNED = {"datestyle": "ISO", "intervalstyle": "postgres", "timezone": "UTC", "extra_float_digits": "3", "bytea_output": "hex", "lc_monetary": "C",
          "client_encoding": "UTF8"}
PREPARE = """
    create extension if not exists citext;
    create extension if not exists hstore;
    create type mood as enum ('sad', 'happy', 'très content', 'a "quoted", one', '');
    create type pair as (a int, b text);
    create domain posint as int check (value > 0);
    create domain price as numeric(10,2);
    create domain dear_price as price check (value > 100);
    create domain words as text[];"""

random.seed(15)
DAYS = ["2000-01-01", "1970-01-01", "1999-12-31", "2024-02-29", "1900-02-28", "1900-03-01", "0001-01-01", "0001-12-31 BC", "0004-02-29", "0005-02-28 BC",
        "0044-03-15 BC", "4713-11-24 BC", "9999-12-31", "10000-01-01", "99999-06-15", "1582-10-15", "2400-02-29"]
TIMES = ["00:00:00", "23:59:59.999999", "12:34:56.7", "00:00:00.000001", "04:05:06.789", "23:59:59"]
TEXTS = ["", " ", "plain", "ünï ☃ 🎈", "quote \" and ' and \\ back", "tab\there", "line\nbreak", "NULL", "null", "{}", "{a,b}", "a,b", "7 bytes", "8 bytes.", "9 bytes..",
         "seven b\u00e9", "\u0800\uffff\U00010000\U0010ffff", "x" * 3000, "é" * 500, "trailing  ", "\\N", "\\x00", "[0:1]={1,2}"]
NUMBERS = ["0", "1", "-1", "0.5", "-0.01", "9999", "10000", "10001", "99999999", "100000000", "1234.5678", "0.0001", "0.00001", "-12345678.9", "100000000000000000000"]
WIDE = ["99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "12345678901234567890123456789012345678", "10000000000000000000000000000000000000"]


def random_numbers(precision, scale, count=60):
    for _ in range(count):
        digits = random.randint(1, precision)
        yield f"{random.choice(['', '-'])}{random.randint(0, 10 ** digits - 1)}e{-scale}"


def types(major):
    """SQL type -> literals of it."""
    yield "bool", ["t", "f"]
    yield "int2", ["0", "1", "-1", "32767", "-32768"]
    yield "int4", ["0", "1", "-1", "2147483647", "-2147483648"]
    yield "int8", ["0", "1", "-1", "9223372036854775807", "-9223372036854775808"]
    yield "oid", ["0", "1", "2147483648", "4294967295"]
    yield "xid", ["0", "3", "4294967295"]
    yield "cid", ["0", "4294967295"]
    yield "xid8", ["0", "3", "9223372036854775808", "18446744073709551615"]
    floats = ["0", "-0", "1", "-1.5", "0.1", "0.3", "1e10", "1e-10", "NaN", "Infinity", "-Infinity", "3.4028235e38", "1.1754944e-38", "1e-45", "-1e-45", "16777217", "123456.79"]
    yield "float4", floats + [repr(random.uniform(-1, 1) * 10 ** random.randint(-30, 30)) for _ in range(60)]
    yield "float8", [f for f in floats if f != "1e-45"] + ["1.7976931348623157e308", "2.2250738585072014e-308", "5e-324", "-5e-324", "9007199254740993"] + [
        repr(random.uniform(-1, 1) * 10 ** random.randint(-300, 300)) for _ in range(60)]
    yield "numeric", NUMBERS + WIDE + ["NaN", "1e131071", "-1e-16383", "0.00", "1.500", "0e-10", "1e20", "-0.000", "12345e-30", "1e-4", "1e-5", "0.1234567890123456789"] + (
        ["Infinity", "-Infinity"] if major >= 14 else []) + list(random_numbers(60, 25)) + list(random_numbers(9, 4))
    yield "numeric(18,2)", ["0", "-0.01", "9999999999999999.99", "-9999999999999999.99", "NaN", "1", "100", "10000", "12345678.9"] + list(random_numbers(18, 2))
    yield "numeric(38,0)", WIDE + ["0", "1", "NaN"] + list(random_numbers(38, 0))
    yield "numeric(38,38)", ["0", "0.99999999999999999999999999999999999999", "-0.00000000000000000000000000000000000001"] + list(random_numbers(38, 38))
    yield "numeric(38,1)", ["9999999999999999999999999999999999999.9", "-0.1"] + list(random_numbers(38, 1))
    yield "numeric(38,19)", list(random_numbers(38, 19))
    yield "numeric(38,37)", list(random_numbers(38, 37))
    yield "numeric(1,0)", ["9", "-9", "0"]
    yield "numeric(39,2)", ["1234567890123456789012345678901234567.89", "NaN", "0", "-0.10"]
    yield "numeric(1000,500)", ["1", "-1e-400", "1e400"]
    if major >= 15:
        yield "numeric(5,-2)", ["0", "100", "-9999900", "123456", "1e6", "NaN"]
        yield "numeric(3,5)", ["0", "0.00999", "-0.00001", "0.001"]
        yield "numeric(37,-1)", ["1e37", "-9e37", "12345678901234567890123456789012345670"]
        yield "numeric(37,-2)", ["1e38", "1e2"]
    yield "money", ["0", "1.23", "-92233720368547758.08", "92233720368547758.07"]
    yield "text", TEXTS
    yield "varchar(4000)", TEXTS
    yield "char(7)", ["", "abc", "ünï ☃", "1234567"]
    # Before 15 a byte with the high bit is printed as it is, which is no UTF-8.
    yield '"char"', ["", "a", " "] + (["é"] if major >= 15 else []) + ([f"\\{n:o}" for n in (128, 195, 255, 200)] if major >= 16 else [])
    yield "name", ["", "pg_class", "ünï", "x" * 63]
    yield "citext", TEXTS
    yield "xml", ["<a/>", "<?xml version=\"1.0\" encoding=\"UTF-8\"?><a b='1'>é</a>", "<?xml version=\"1.1\" standalone='yes'?><a/>", "text only"]
    yield "bytea", ["", "\\x00", "\\xdeadBEEF", "\\x" + bytes(range(256)).hex(), "\\x" + "5c78" * 900]
    yield "date", DAYS + ["infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "4713-12-31 BC", "12024-02-29", "294277-01-01", "100000-01-01", "1000000-01-01"] + [
        f"{random.randint(1, 20000):04}-{random.randint(1, 12):02}-{random.randint(1, 28):02}{random.choice(['', ' BC'][:2 if i % 4 == 0 else 1])}" if i % 4 else
        f"{random.randint(1, 4000):04}-{random.randint(1, 12):02}-{random.randint(1, 28):02} BC" for i in range(60)]
    yield "time", TIMES + ["24:00:00", "23:59:60"]
    yield "time(2)", ["12:34:56.78", "23:59:59.999"]
    yield "timetz", [t + z for t in TIMES + ["24:00:00"] for z in ("+00", "-07:52", "+05:30", "+01:02:03", "-15:59:59", "+15:59:59", "-00:00:01")]
    moments = ["infinity", "-infinity", "294276-12-31 23:59:59.999999", "294247-01-10 04:00:54.775806", "294247-01-10 04:00:54.775807", "294247-01-10 04:00:54.775808",
               "294246-12-31 00:00:00", "4714-11-24 00:00:00 BC", "0001-01-01 00:00:00.5 BC", "1969-12-31 23:59:59.999999"]
    moments += [f"{d[:-3]} {t} BC" if d.endswith("BC") else f"{d} {t}" for d in DAYS for t in TIMES[:4]]
    yield "timestamp", moments
    yield "timestamptz", moments
    yield "timestamp(3)", ["2024-02-29 12:34:56.789", "2024-02-29 12:34:56.700"]
    yield "interval", ["0", "1 year", "-1 year", "1 mon", "2 years -1 mon", "-13 mons +1 day", "1 day", "-1 day 04:05:06", "1 year 2 mons 3 days 04:05:06.789",
                       "-1 year -2 mons +3 days -04:05:06.789", "100:00:00", "-00:00:00.000001", "178956970 years 7 mons", "-178956970 years -8 mons", "2147483647 days",
                       "-2147483648 days", "2562047:47:16.854775", "-2562047:47:16.854775", "2562047:47:16.854776", "-2562047:47:16.854776",
                       "2562047788:00:54.775807", "-2562047788:00:54.775807", "1 mon -1 day 00:00:01", "12 mons", "-11 mons", "23 mons 29 days 23:59:59.999999",
                       "3 days -00:00:01", "-3 days 00:00:01", "0.1 sec"] + (["infinity", "-infinity"] if major >= 17 else [])
    yield "interval day to second", ["3 days 04:05:06"]
    yield "uuid", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]
    jsons = ["null", "true", "\"é \\u00e9 \\\" \\\\\"", "{\"a\": 1, \"a\": 2}", "[1, 2, {\"b\": null}]", "1e400", "12345678901234567890.123456789012345678901234567890", "{}", "[]", "  {\"spaced\" :  1 }"]
    yield "json", jsons
    yield "jsonb", jsons
    yield "mood", ["sad", "happy", "très content", "a \"quoted\", one", ""]
    yield "posint", ["1", "2147483647"]
    yield "price", ["1.25", "-99999999.99", "NaN"]
    yield "dear_price", ["100.01"]
    yield "words", ["{}", "{a,NULL,\"b c\"}"]
    yield "hstore", ["", "a=>1, b=>NULL", "\"a b\"=>\"c\\\"d\""]
    yield "pair", ["(1,a)", "(,)", "(1,\"a b\")"]
    yield "int4range", ["empty", "[1,5)", "(,)"]
    yield "bit(5)", ["10110"]
    yield "varbit", ["", "1", "10110"]
    yield "inet", ["192.168.0.1", "192.168.0.0/24", "::1", "2001:db8::/32"]
    yield "cidr", ["192.168.0.0/24"]
    yield "macaddr", ["08:00:2b:01:02:03"]
    yield "pg_lsn", ["0/0", "FFFFFFFF/FFFFFFFF"]
    yield "tsvector", ["", "'a' 'cat':1A,2"]
    yield "point", ["(1,2)", "(-0.1,1e300)"]
    yield "box", ["(3,4),(1,2)"]
    yield "regclass", ["pg_class", "-"]
    yield "regtype", ["integer", "mood"]
    yield "int2vector", ["1 2 3", ""]
    yield "oidvector", ["1 2"]
    # One-dimensional arrays, and those that a list cannot hold.
    yield "bool[]", ["{}", "{t,f,NULL}", "{NULL}"]
    yield "int4[]", ["{}", "{1}", "{1,NULL,-2147483648}", "[0:1]={1,2}", "{{1,2},{3,4}}", "[2:3]={7,8}", "[1:2]={7,8}", "[-1:0][1:1]={{1},{2}}"]
    yield "int8[]", ["{9223372036854775807,NULL}"]
    yield "float8[]", ["{NaN,Infinity,-0,1.5}"]
    yield "numeric[]", ["{1.50,NaN,NULL,1e30}"]
    yield "numeric(10,2)[]", ["{1.5,-0.01,NULL}", "{NaN}"]
    as_array = lambda values: "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + ",NULL}"
    yield "text[]", ["{}", as_array(TEXTS), "{NULL,\"NULL\",\"\"}", "{a}"]
    yield "varchar(5)[]", ["{abc,\"d e\"}"]
    yield "citext[]", ["{abc,\"d e\"}"]
    yield "bytea[]", ["{\"\\\\x00ff\",\"\\\\x\",NULL}"]
    yield "date[]", ["{2024-02-29,infinity,\"0044-03-15 BC\",NULL}"]
    yield "time[]", ["{24:00:00,12:34:56.7}"]
    yield "timetz[]", ["{12:34:56.7+01:02:03,NULL,24:00:00-15:59}"]
    yield "timestamp[]", ["{\"2024-02-29 12:34:56.789\",infinity,NULL}", "{\"294276-12-31 23:59:59.999999\"}"]
    yield "timestamptz[]", ["{\"2024-02-29 12:34:56.789+02\",-infinity}"]
    yield "interval[]", ["{\"1 year -3 days\",04:05:06.789,NULL}"]
    yield "uuid[]", ["{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"]
    yield "json[]", ["{\"{\\\"a\\\": [1, 2]}\",null,NULL}"]
    yield "jsonb[]", ["{\"{\\\"a\\\": [1, 2]}\",null,NULL}"]
    yield "mood[]", ["{sad,\"très content\",NULL,\"\"}"]
    yield "posint[]", ["{1,NULL}"]
    yield "price[]", ["{1.25,NULL}"]
    yield "box[]", ["{(3,4),(1,2);(0,0),(0,0)}"]
    yield "inet[]", ["{192.168.0.1/24,::1}"]
    yield "money[]", ["{\"$1,000.00\",-$0.50}"]
    if major >= 14:
        yield "int4multirange", ["{}", "{[1,5),[7,8)}"]


def pg_type(connection, oid):
    is_array = "typelem <> 0 and typlen = -1" + (" and typsubscript = 'array_subscript_handler'::regproc" if connection.info.server_version >= 140000 else "")
    row = connection.execute(f"""select n.nspname, t.typname, t.typtype::text, t.typdelim::text, t.typsend <> 0, {is_array}, t.typtypmod, t.typbasetype, t.typelem
                                 from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid = %s""", [oid]).fetchone()
    schema, name, kind, delimiter, has_send, true_array, typmod, base, element = row
    found = {"oid": oid, "schema": schema, "name": name, "kind": kind, "delimiter": ord(delimiter), "has_send": has_send, "is_array": true_array, "domain_typmod": typmod}
    if base:
        found["base"] = pg_type(connection, base)
    if true_array:
        found["element"] = pg_type(connection, element)
    return found


def binary_fields(data):
    """The one field of each tuple of COPY BINARY."""
    at, fields = 19, []
    while struct.unpack_from(">h", data, at)[0] != -1:
        (length,) = struct.unpack_from(">i", data, at + 2)
        at += 6
        fields.append(data[at:at + length])
        at += length
    return fields


def copied(connection, query):
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return b"".join(bytes(piece) for piece in copy)


def capture_type(connection, sql_type, values):
    connection.execute("drop table if exists v")
    connection.execute(f"create table v (n serial, v {sql_type})")
    for value in values:
        try:
            connection.execute(psycopg.sql.SQL("insert into v (v) values ({})").format(value))  # an unknown literal takes the column's type
        except psycopg.Error as error:
            print(f"  {sql_type}: {value[:40]!r} refused: {str(error).splitlines()[0]}")
    oid, typmod = connection.execute("select atttypid, atttypmod from pg_attribute where attrelid = 'v'::regclass and attname = 'v'").fetchone()
    column = {"name": "v", "attnum": 2, "typmod": typmod, "value": "text", "in_identity": False, "type": pg_type(connection, oid)}
    shape = {"version": 1, "oid": 1, "schema": "public", "table": sql_type, "identity": "n", "columns": [column], "key_columns": []}
    texts = copied(connection, "copy (select v from v order by n) to stdout").decode().split("\n")[:-1]
    try:
        fields = [field.hex() for field in binary_fields(copied(connection, "copy (select v from v order by n) to stdout (format binary)"))]
    except psycopg.Error:
        fields = ["-"] * len(texts)
    assert len(fields) == len(texts)
    return [f"type\t{json.dumps(shape)}"] + [f"value\t{text}\t{field}" for text, field in zip(texts, fields)]


def main(majors):
    for major in majors:
        with PostgresServer(major) as server, server.connect("postgres") as connection:
            for setting, value in PINNED.items():
                connection.execute(f"set {setting} = '{value}'")
            connection.execute(PREPARE)
            version = connection.execute("show server_version").fetchone()[0].split()[0]
            lines = [f"# Values of PostgreSQL {version}, made by capture.py"]
            for sql_type, values in types(major):
                lines += capture_type(connection, sql_type, values)
            path = HERE / f"{major}.golden"
            path.write_text("\n".join(lines) + "\n")
            print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main([int(major) for major in sys.argv[1:]] or [13, 15, 18])
