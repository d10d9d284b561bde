"""What becomes a value, what becomes a row error, and that the token moves on either way."""
from __future__ import annotations

import base64
import json

import pytest

GOOD = [
    ("NUMBER(38,0)", '"12345678901234567890123456789012345678"', "12345678901234567890123456789012345678"),
    ("NUMBER(38,0)", "-98765432109876543210987654321098765432", "-98765432109876543210987654321098765432"),
    ("NUMBER(38,10)", '"1234567890123456789012345678.0123456789"', "1234567890123456789012345678.0123456789"),
    ("NUMBER(38,10)", "1234567890123456789012345678.0123456789", "1234567890123456789012345678.0123456789"),
    ("NUMBER(10,2)", "12345678.91", "12345678.91"),
    ("NUMBER(10,2)", '"1e3"', "1000.00"),
    ("FLOAT", "0.1", "0.1"),
    ("FLOAT", '"NaN"', "NaN"),
    ("FLOAT", '"inf"', "inf"),
    ("FLOAT", '"-inf"', "-inf"),
    ("FLOAT", "1.7976931348623157e308", "1.7976931348623157e+308"),
    ("BOOLEAN", "true", "true"),
    ("BOOLEAN", '"false"', "false"),
    ("VARCHAR", '"null"', "null"),
    ("VARCHAR", '"ä\\u0001\\"\\\\ 😀"', 'ä\x01"\\ 😀'),
    ("VARCHAR", '""', ""),
    ("VARCHAR", "5", "5"),
    ("VARCHAR(3)", '"äöü"', "äöü"),
    ("BINARY", json.dumps(base64.b64encode(b"\x00\xff\x10").decode()), "00FF10"),
    ("BINARY", '""', ""),
    ("DATE", '"2024-02-29"', "19782"),
    ("DATE", '"0001-01-01"', "-719162"),
    ("TIME", '"23:59:59.999999"', "86399.999999000"),
    ("TIMESTAMP_NTZ(6)", '"2024-02-29T12:34:56.123456"', "1709210096.123456000"),
    ("TIMESTAMP_NTZ(6)", '"2024-02-29 12:34:56"', "1709210096.000000000"),
    ("TIMESTAMP_NTZ(6)", '"1969-12-31 23:59:59.5"', "-0.500000000"),
    ("TIMESTAMP_NTZ(6)", '"2024-02-29 12:34:56+05:00"', "1709210096.000000000"),
    ("TIMESTAMP_TZ(6)", '"2024-02-29 12:34:56.5+00:00"', "1709210096.500000000 1440"),
    ("TIMESTAMP_TZ(6)", '"2024-02-29T14:34:56.5+02:00"', "1709210096.500000000 1440"),
    ("TIMESTAMP_TZ(6)", '"9999-12-31 23:59:59.999999Z"', "253402300799.999999000 1440"),
    ("TIMESTAMP_TZ(6)", '"2024-07-01 12:00:00"', "1719860400.000000000 1440"),  # without offset: the account's zone, Los Angeles
    ("VARIANT", '{"b":[1,null,"x"],"a":1.5}', '{"b":[1,null,"x"],"a":1.5}'),
    ("VARIANT", '"text"', '"text"'),
    ("VARIANT", '{"n":12345678901234567890.123456789}', '{"n":12345678901234567890.123456789}'),
    ("VARIANT", "null", None),
    ("ARRAY", '[1,[2,null],"x"]', '[1,[2,null],"x"]'),
    ("OBJECT", '{"k":1}', '{"k":1}'),
]
BAD = [
    ("NUMBER(38,0)", '"123456789012345678901234567890123456789"'), ("NUMBER(10,2)", '"123456789.00"'), ("NUMBER(10,2)", '"abc"'), ("NUMBER(10,2)", '"NaN"'),
    ("NUMBER(10,2)", "true"), ("NUMBER(10,2)", '""'), ("NUMBER(10,2)", '"1_000"'), ("NUMBER(10,2)", "{}"), ("FLOAT", '"x"'), ("FLOAT", '"1e400"'), ("FLOAT", "1e400"),
    ("BOOLEAN", '"maybe"'), ("VARCHAR(3)", '"abcd"'), ("BINARY", '"*"'), ("BINARY", '"abc"'), ("BINARY(2)", '"AAAA"'), ("DATE", '"2024-02-30"'), ("DATE", '"infinity"'),
    ("DATE", '"10000-01-01"'), ("DATE", '"0000-01-01"'), ("DATE", '"2024-01-01 BC"'), ("TIME", '"24:00:00"'), ("TIME", '"12:60:00"'), ("TIMESTAMP_NTZ", '"infinity"'),
    ("TIMESTAMP_NTZ", '"2024-02-30 00:00:00"'), ("TIMESTAMP_NTZ", '"2024-02-28 24:00:00"'), ("TIMESTAMP_TZ", '"-infinity"'), ("TIMESTAMP_TZ", '"2024-02-29 12:34:56+0x"'),
    ("TIMESTAMP_NTZ", '"2024-02-28 00:00:00.1234567"'), ("ARRAY", '{"a":1}'), ("ARRAY", '"x"'), ("OBJECT", "[1]"), ("VARCHAR NOT NULL", "null"),
]


@pytest.fixture(scope="module")
def channel(emulator):
    """append(table, lines): commits them through a channel of their own and returns its status."""
    from rest_client import RestClient
    client = RestClient(emulator.url, emulator.key_file)
    count = iter(range(10_000))

    def append(table, data, pipe=None):
        name = f"v{next(count)}"
        token = client.open(pipe or f"{table}-STREAMING", name)["next_continuation_token"]
        answer = client.append(pipe or f"{table}-STREAMING", name, token, data, "end", "begin")
        assert answer.status_code == 200, answer.text
        emulator.control("commit")
        return emulator.status(name)
    return append


def test_values_that_fit(emulator, channel):
    """All in one table and one batch, so that one column's rules cannot hide behind another's."""
    columns = ", ".join(f"C{at} {kind}" for at, (kind, _, _) in enumerate(GOOD))
    emulator.sql(f"CREATE OR REPLACE TABLE V (ID NUMBER(38,0), {columns})")
    lines = b"".join(f'{{"ID":{at},"C{at}":{text}}}\n'.encode() for at, (_, text, _) in enumerate(GOOD))
    status = channel("V", lines)
    assert (status["rows_inserted"], status["rows_error_count"], status["last_committed_offset_token"]) == (len(GOOD), 0, "end"), status
    found = emulator.sql("SELECT * FROM V ORDER BY ID")
    assert [(GOOD[at][0], GOOD[at][1], row[at + 1]) for at, row in enumerate(found)] == GOOD


@pytest.mark.parametrize("kind, text", BAD)
def test_a_value_that_does_not_fit_is_a_row_error_and_the_token_moves_on(emulator, channel, kind, text):
    emulator.sql(f"CREATE OR REPLACE TABLE B (ID NUMBER(38,0), C {kind}) ERROR_LOGGING = TRUE")
    status = channel("B", f'{{"ID":1,"C":{text}}}\n'.encode())
    assert (status["rows_inserted"], status["rows_parsed"], status["rows_error_count"]) == (0, 1, 1)
    assert (status["last_committed_offset_token"], status["last_error_offset_upper_bound"]) == ("end", "end")
    assert "C" in status["last_error_message"]
    ((metadata, data),) = emulator.sql("SELECT ERROR_METADATA, ERROR_DATA FROM ERROR_TABLE(B)")
    assert json.loads(metadata)["details"]["offset_token_upper_bound"] == "end"
    assert json.loads(json.loads(data)["$1"]) == {"ID": 1, "C": json.loads(text)}


@pytest.mark.parametrize("line", [b'{"ID":', b"[1]", b"5", b'{"ID":1,}', b'{"ID":NaN}', b'{"ID":1,"ID":2}', b'{"ID":"\xff"}', b'{"ID":"\\ud800"}', b'{"ID":1,"UNKNOWN":2}', b'{"ID":1} x'])
def test_a_broken_line_is_a_row_error_and_its_neighbours_get_in(emulator, channel, line):
    emulator.sql("CREATE OR REPLACE TABLE B (ID NUMBER(38,0))")
    status = channel("B", b'{"ID":10}\n' + line + b'\n{"ID":11}\n')
    assert (status["rows_inserted"], status["rows_error_count"], status["rows_parsed"]) == (2, 1, 3)
    assert emulator.sql("SELECT ID FROM B ORDER BY ID") == [["10"], ["11"]]


def test_names_match_without_regard_to_case_and_exact_names_win(emulator, channel):
    emulator.sql('CREATE OR REPLACE TABLE N ("id" NUMBER(38,0), ID NUMBER(38,0), "Name" VARCHAR)')
    status = channel("N", b'{"id":1,"ID":2,"name":"x"}\n{"Id":3,"NAME":"y"}\n')
    assert (status["rows_inserted"], status["rows_error_count"]) == (1, 1), "Id could be either"
    assert emulator.sql('SELECT "id", ID, "Name" FROM N') == [["1", "2", "x"]]


def test_defaults_fill_what_is_missing_and_not_what_is_null(emulator, channel):
    emulator.sql("CREATE OR REPLACE TABLE D (ID NUMBER(38,0), C VARCHAR DEFAULT 'd')")
    channel("D", b'{"ID":1}\n{"ID":2,"C":null}\n{"ID":3,"C":"x"}\n')
    assert emulator.sql("SELECT ID, C FROM D ORDER BY ID") == [["1", "d"], ["2", None], ["3", "x"]]


def test_schema_evolution_adds_columns_and_drops_not_null(emulator, channel):
    emulator.sql("CREATE OR REPLACE TABLE E (ID NUMBER(38,0), R VARCHAR NOT NULL) ENABLE_SCHEMA_EVOLUTION = TRUE")
    status = channel("E", b'{"ID":1,"R":"x","more":"text","n":5}\n{"ID":2,"flag":true,"doc":{"a":1}}\n')
    assert (status["rows_inserted"], status["rows_error_count"]) == (2, 0)
    assert {row[0]: row[1] for row in emulator.sql("DESCRIBE TABLE E")} == {"ID": "NUMBER(38,0)", "R": "VARCHAR(16777216)", "MORE": "VARCHAR(16777216)", "N": "NUMBER(38,0)", "FLAG": "BOOLEAN", "DOC": "OBJECT"}
    assert emulator.sql("SELECT ID, R, MORE, N, FLAG, DOC FROM E ORDER BY ID") == [["1", "x", "text", "5", None, None], ["2", None, None, None, "true", '{"a":1}']]


def test_a_pipe_with_a_select(emulator, channel):
    emulator.sql("CREATE OR REPLACE TABLE P (ID NUMBER(38,0), NAME VARCHAR, DOC VARIANT, B BINARY)")
    emulator.sql("CREATE OR REPLACE PIPE PP AS COPY INTO P FROM (SELECT $1:id::NUMBER, $1:who.name::VARCHAR, $1:doc, TO_BINARY($1:b::VARCHAR, 'HEX') "
                 "FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) WHERE $1:id::NUMBER > 0)")
    status = channel("P", b'{"id":1,"who":{"name":"x"},"doc":{"a":[1]},"b":"00ff"}\n{"id":0}\n{"id":"z"}\n', "PP")
    assert emulator.sql("SELECT * FROM P") == [["1", "x", '{"a":[1]}', "00FF"]]
    assert (status["rows_parsed"], status["rows_inserted"]) == (3, 1), status


def test_a_case_sensitive_pipe_with_hex_binary(emulator, channel):
    emulator.sql('CREATE OR REPLACE TABLE C (ID NUMBER(38,0), "a" VARCHAR, A VARCHAR, B BINARY)')
    emulator.sql("CREATE OR REPLACE PIPE CP AS COPY INTO C FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME = CASE_SENSITIVE")
    status = channel("C", b'{"ID":1,"a":"x","A":"y","B":"00ff"}\n{"id":2}\n', "CP")
    assert (status["rows_inserted"], status["rows_error_count"]) == (1, 1)
    assert emulator.sql('SELECT ID, "a", A, B FROM C') == [["1", "x", "y", "00FF"]]


def test_a_quoted_table_by_its_quoted_pipe(emulator, channel):
    emulator.sql('CREATE OR REPLACE TABLE "my Table" (ID NUMBER(38,0))')
    status = channel(None, b'{"ID":1}\n', '%22my%20Table-STREAMING%22')
    assert status["rows_inserted"] == 1
    assert emulator.sql('SELECT * FROM "my Table"') == [["1"]]


def test_a_quoted_name_may_hold_what_separates_paths(emulator, channel):
    emulator.sql('CREATE OR REPLACE TABLE "a:b""c/d" (ID NUMBER(38,0))')
    status = channel(None, b'{"ID":1}\n', "%22a%3Ab%22%22c%2Fd-STREAMING%22")
    assert status["rows_inserted"] == 1
