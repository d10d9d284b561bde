"""The real snowflake-connector-python over the session API."""
from __future__ import annotations

import datetime
import decimal

import pytest
import snowflake.connector


@pytest.fixture
def connection(emulator):
    found = snowflake.connector.connect(user="LUGE", account="LUGE", host="127.0.0.1", port=emulator.facts["http_port"], protocol="http", authenticator="SNOWFLAKE_JWT",
                                        private_key_file=str(emulator.key_file), database="DB", schema="PUBLIC", session_parameters={"QUERY_TAG": "driver"})
    yield found
    found.close()


def test_types_come_through(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE OR REPLACE TABLE TYPES (N NUMBER(38,0), D NUMBER(10,2), F FLOAT, B BOOLEAN, T VARCHAR, BY BINARY, DT DATE, TM TIME, TN TIMESTAMP_NTZ, TT TIMESTAMP_TZ, V VARIANT)")
    cursor.execute("INSERT INTO TYPES SELECT 12345678901234567890123456789012345678, 1.25, 'NaN'::FLOAT, TRUE, 'ä', TO_BINARY('00ff', 'HEX'), '2024-02-29'::DATE, '12:13:14.5'::TIME, "
                   "'2024-02-29 01:02:03.123456'::TIMESTAMP_NTZ, '2024-02-29 01:02:03.5+00:00'::TIMESTAMP_TZ, PARSE_JSON('{\"a\":1}')")
    assert cursor.rowcount == 1
    row = cursor.execute("SELECT * FROM TYPES").fetchone()
    assert row[:2] == (12345678901234567890123456789012345678, decimal.Decimal("1.25")) and row[2] != row[2]
    assert row[3:] == (True, "ä", bytearray(b"\x00\xff"), datetime.date(2024, 2, 29), datetime.time(12, 13, 14, 500000), datetime.datetime(2024, 2, 29, 1, 2, 3, 123456),
                       datetime.datetime(2024, 2, 29, 1, 2, 3, 500000, datetime.timezone.utc), '{"a":1}')


def test_transactions_and_counts(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE OR REPLACE TABLE TX (ID INT, V VARCHAR)")
    assert cursor.execute("INSERT INTO TX VALUES (1,'a'),(2,'b'),(3,'c')").rowcount == 3
    cursor.execute("BEGIN")
    assert cursor.execute("DELETE FROM TX WHERE ID < 3").rowcount == 2
    cursor.execute("ROLLBACK")
    assert cursor.execute("SELECT COUNT(*) FROM TX").fetchone() == (3,)
    cursor.execute("MERGE INTO TX t USING (SELECT 1 AS ID, 'z' AS V UNION ALL SELECT 9, 'n') s ON t.ID = s.ID WHEN MATCHED THEN UPDATE SET V = s.V WHEN NOT MATCHED THEN INSERT (ID, V) VALUES (s.ID, s.V)")
    assert cursor.fetchone() == (1, 1)
    assert cursor.execute("SELECT V FROM TX WHERE ID = %s", (9,)).fetchall() == [("n",)]


def test_errors_have_snowflakes_numbers(connection):
    with pytest.raises(snowflake.connector.errors.ProgrammingError) as caught:
        connection.cursor().execute("SELECT * FROM nowhere")
    assert (caught.value.errno, caught.value.sqlstate) == (2003, "42S02")


def test_show_and_the_tag(connection, emulator):
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS SHOWN (A INT)")
    assert "SHOWN" in [row[1] for row in connection.cursor().execute("SHOW TABLES").fetchall()]
    assert [entry["query_tag"] for entry in emulator.look("queries") if entry["text"] == "SHOW TABLES"][-1] == "driver"


def test_an_unknown_key_does_not_log_in(emulator, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    file = tmp_path / "k.p8"
    file.write_bytes(rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    with pytest.raises(snowflake.connector.errors.Error):
        snowflake.connector.connect(user="LUGE", account="LUGE", host="127.0.0.1", port=emulator.facts["http_port"], protocol="http", authenticator="SNOWFLAKE_JWT",
                                    private_key_file=str(file), login_timeout=5, network_timeout=5)


def test_streamed_rows_are_what_the_driver_reads(connection, client, emulator):
    connection.cursor().execute("CREATE OR REPLACE TABLE STREAMED (ID NUMBER(38,0), DOC VARIANT)")
    token = client.open("STREAMED-STREAMING", "s")["next_continuation_token"]
    client.append("STREAMED-STREAMING", "s", token, [{"ID": number, "DOC": {"n": number}} for number in range(1000)], "x")
    emulator.wait_committed("s", "x")
    assert connection.cursor().execute("SELECT COUNT(*), SUM(DOC:n::INT) FROM STREAMED").fetchone() == (1000, 499500)
