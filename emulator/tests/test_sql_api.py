"""The SQL API: its envelopes, and the statements that a change-data pipeline needs."""
from __future__ import annotations

import time

import pytest


def rows(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def code(answer):
    assert answer.status_code == 422, answer.text
    return answer.json()["code"]


def test_the_envelope(client):
    body = client.sql("SELECT 1::NUMBER(10,2) AS a, 'x' AS \"b\"").json()
    assert (body["code"], body["sqlState"], body["data"]) == ("090001", "00000", [["1.00", "x"]])
    first, second = body["resultSetMetaData"]["rowType"]
    assert (first["name"], first["type"], first["precision"], first["scale"]) == ("A", "fixed", 10, 2)
    assert (second["name"], second["type"]) == ("b", "text")
    assert client.get_statement(body["statementHandle"]).json()["data"] == body["data"]


def test_bindings(client):
    bindings = {"1": {"type": "FIXED", "value": "12345678901234567890123456789012345678"}, "2": {"type": "TEXT", "value": "it's ?"}, "3": {"type": "REAL", "value": "1.5"},
                "4": {"type": "BOOLEAN", "value": "true"}, "5": {"type": "DATE", "value": "1709164800000"}, "6": {"type": "BINARY", "value": "00ff"}, "7": {"type": "TEXT", "value": None}}
    assert rows(client.sql("SELECT ?, ?, ?, ?, ?, ?, ?, '?'", bindings=bindings)) == [
        ["12345678901234567890123456789012345678", "it's ?", "1.5", "true", "19782", "00FF", None, "?"]]


@pytest.mark.parametrize("statement, wanted", [
    ("SELECT * FROM missing", "002003"), ("SELECT missing FROM (SELECT 1 AS a)", "000904"), ("SELEKT 1", "001003"), ("SELECT * FROM", "001003"), ("DROP TABLE missing", "002003"),
    ("CREATE TABLE DB.NOWHERE.T (A INT)", "002003"), ("USE SCHEMA nowhere", "002003"), ("SELECT ?", "002049"), ("CREATE TASK t AS SELECT 1", "000002")])
def test_codes_of_failures(client, statement, wanted):
    assert code(client.sql(statement)) == wanted


def test_quoted_names_keep_their_case(client):
    rows(client.sql('CREATE OR REPLACE TABLE "Case" ("a" INT, A INT)'))
    rows(client.sql('INSERT INTO "Case" ("a", a) VALUES (1, 2)'))
    answer = client.sql('SELECT "a", "A", a FROM "Case"')
    assert rows(answer) == [["1", "2", "2"]]
    assert [column["name"] for column in answer.json()["resultSetMetaData"]["rowType"]] == ["a", "A", "A"]
    assert code(client.sql("SELECT * FROM CASE_")) == "002003"
    assert code(client.sql('SELECT * FROM "case"')) == "002003"


def test_202_and_polling(emulator, client):
    answer = client.sql("SELECT COUNT(*) FROM (SELECT seq4() FROM TABLE(GENERATOR(ROWCOUNT => 10)))", "?async=true")
    if answer.status_code == 202:
        body = answer.json()
        assert body["code"] == "333334"
    emulator.control("settings", sync_seconds=0)
    try:
        answer = client.sql("SELECT 7 AS n")
        assert (answer.status_code, answer.json()["code"]) == (202, "333334")
        handle = answer.json()["statementHandle"]
        end = time.monotonic() + 10
        while (answer := client.get_statement(handle)).status_code == 202 and time.monotonic() < end:
            time.sleep(0.02)
        assert rows(answer) == [["7"]]
    finally:
        emulator.control("settings", sync_seconds=45)
    assert client.get_statement("00000000-0000-0000-0000-000000000000").status_code == 404


TEN = "(SELECT value FROM TABLE(FLATTEN(PARSE_JSON('[1,2,3,4,5,6,7,8,9,10]'))))"
SLOW = f"SELECT COUNT(*) FROM {TEN} a, " + ", ".join(f"{TEN} t{at}" for at in range(10)) + " WHERE a.value::INT + t1.value::INT * t9.value::INT > 3"


def test_a_statement_that_takes_longer_than_its_timeout(client):
    answer = client.sql(SLOW, timeout=1)
    assert (answer.status_code, answer.json()["code"]) == (408, "000630")


def test_cancel(emulator, client):
    emulator.control("settings", sync_seconds=0.2)
    try:
        slow = client.sql(SLOW)
        assert slow.status_code == 202, slow.text
        handle = slow.json()["statementHandle"]
        cancelled = client.http.post(f"{client.url}/api/v2/statements/{handle}/cancel", headers=client.jwt_headers())
        assert (cancelled.status_code, cancelled.json()["code"]) == (200, "000604")
        end = time.monotonic() + 20
        while (answer := client.get_statement(handle)).status_code == 202 and time.monotonic() < end:
            time.sleep(0.05)
        assert code(answer) == "000604"
    finally:
        emulator.control("settings", sync_seconds=45)


def test_many_statements_are_one_transaction_if_they_say_so(client):
    rows(client.sql("CREATE OR REPLACE TABLE M (ID INT)"))
    answer = client.sql("BEGIN; INSERT INTO M VALUES (1); INSERT INTO M SELECT ID + 1 FROM M; SELECT COUNT(*) FROM M; COMMIT", parameters={"MULTI_STATEMENT_COUNT": "0"})
    assert rows(answer) == [["Multiple statements executed successfully."]]
    handles = answer.json()["statementHandles"]
    assert len(handles) == 5 and rows(client.get_statement(handles[3])) == [["2"]]
    failed = client.sql("BEGIN; INSERT INTO M VALUES (9); INSERT INTO nowhere VALUES (1); COMMIT", parameters={"MULTI_STATEMENT_COUNT": "4"})
    assert code(failed) == "002003"
    assert rows(client.sql("SELECT COUNT(*) FROM M")) == [["2"]], "what was not committed is rolled back"
    assert code(client.sql("SELECT 1; SELECT 2")) == "000008"


def test_partitions(emulator, client):
    emulator.control("settings", partition_rows=10)
    try:
        emulator.sql("CREATE OR REPLACE TABLE PARTS AS SELECT value::INT AS n FROM TABLE(FLATTEN(PARSE_JSON('[" + ",".join(map(str, range(25))) + "]')))")
        body = client.sql("SELECT n FROM PARTS ORDER BY n").json()
        assert [part["rowCount"] for part in body["resultSetMetaData"]["partitionInfo"]] == [10, 10, 5]
        rest = [client.get_statement(body["statementHandle"], f"?partition={at}").json()["data"] for at in (1, 2)]
        assert [row[0] for part in (body["data"], *rest) for row in part] == [str(number) for number in range(25)]
    finally:
        emulator.control("settings", partition_rows=50_000)


def test_the_query_tag_is_in_the_history(emulator, client):
    rows(client.sql("SELECT 'tagged'", parameters={"QUERY_TAG": "luge:merge"}, warehouse="WH", role="R1"))
    entry = [entry for entry in emulator.look("queries") if "tagged" in entry["text"]][-1]
    assert (entry["query_tag"], entry["warehouse"], entry["role"], entry["user"], entry["status"]) == ("luge:merge", "WH", "R1", "LUGE", "SUCCESS")


MERGE = """MERGE INTO "DB"."PUBLIC"."CUR" t USING (
  SELECT * FROM "DB"."PUBLIC"."CUR__LOG" WHERE "_LUGE_POSITION" > ? AND "_LUGE_POSITION" <= ?
  QUALIFY ROW_NUMBER() OVER (PARTITION BY "ID" ORDER BY "_LUGE_POSITION" DESC) = 1) s
ON t."ID" = s."ID"
WHEN MATCHED AND s."_LUGE_OP" = 'd' AND s."_LUGE_POSITION" > t."_LUGE_POSITION" THEN DELETE
WHEN MATCHED AND s."_LUGE_POSITION" > t."_LUGE_POSITION" THEN UPDATE SET t."V" = IFF(ARRAY_CONTAINS('V'::VARIANT, s."_ABSENT"), t."V", s."V"), t."_LUGE_POSITION" = s."_LUGE_POSITION"
WHEN NOT MATCHED AND s."_LUGE_OP" <> 'd' THEN INSERT ("ID", "V", "_LUGE_POSITION") VALUES (s."ID", s."V", s."_LUGE_POSITION")"""


def test_merge_of_a_window(emulator, client):
    emulator.sql('CREATE OR REPLACE TABLE CUR (ID NUMBER(38,0), V VARCHAR, "_LUGE_POSITION" VARCHAR)')
    emulator.sql('CREATE OR REPLACE TABLE CUR__LOG (ID NUMBER(38,0), V VARCHAR, "_LUGE_OP" VARCHAR, "_LUGE_POSITION" VARCHAR, "_ABSENT" ARRAY)')
    emulator.sql("INSERT INTO CUR__LOG SELECT ID, V, OP, P, ARRAY_CONSTRUCT() FROM VALUES (1,'a','i','01'),(1,'b','u','02'),(2,'c','i','03'),(3,'d','i','04'),(3,NULL,'d','05') AS v(ID, V, OP, P)")
    window = lambda first, last: {"1": {"type": "TEXT", "value": first}, "2": {"type": "TEXT", "value": last}}  # noqa: E731
    answer = client.sql(MERGE, bindings=window("00", "05"))
    assert rows(answer) == [["2", "0", "0"]] and answer.json()["stats"]["numRowsInserted"] == 2
    emulator.sql("INSERT INTO CUR__LOG SELECT 1, NULL, 'u', '06', ARRAY_CONSTRUCT('V') UNION ALL SELECT 2, NULL, 'd', '07', ARRAY_CONSTRUCT()")
    assert rows(client.sql(MERGE, bindings=window("05", "07"))) == [["0", "1", "1"]]
    assert rows(client.sql("SELECT * FROM CUR")) == [["1", "b", "06"]]
    assert rows(client.sql(MERGE, bindings=window("05", "07"))) == [["0", "0", "0"]], "again is harmless"


def test_what_folding_a_log_needs(emulator, client):
    """Aggregates that take the last value present, old keys out of a VARIANT, queries with names inside MERGE, recursion in a view."""
    emulator.sql("CREATE OR REPLACE TABLE F (K INT, V VARCHAR, J VARIANT, A ARRAY, P VARCHAR); INSERT INTO F SELECT 1, 'x', PARSE_JSON('{\"b\":1,\"a\":null}'), PARSE_JSON('[1]')::ARRAY, '1' "
                 "UNION ALL SELECT 1, NULL, NULL, NULL, '2' UNION ALL SELECT 1, 'z', NULL, NULL, NULL")
    assert rows(client.sql("SELECT MAX_BY(V, P), MAX_BY(V, IFF(P = '1', P, NULL)), TO_JSON(MAX_BY(J, IFF(P = '1', P, NULL))), MAX_BY(A, IFF(P < '2', P, NULL)), BOOLOR_AGG(P > '1'), "
                           "COUNT_IF(P = '1'), MAX_BY(V, IFF(P > '9', P, NULL)) FROM F")) == [[None, "x", '{"b":1,"a":null}', "[1]", "true", "1", None]]
    old = """PARSE_JSON('{"I D":"12.50","b":"AP8=","f":"NaN","v":{"x":null},"a":[1],"t":"2024-02-29T12:00:00.5+00:00"}')"""
    assert rows(client.sql(f"SELECT GET(k, 'I D')::NUMBER(10,2), TO_BINARY(GET(k, 'b')::VARCHAR, 'BASE64'), GET(k, 'f')::FLOAT, TO_JSON(GET(k, 'v')), GET(k, 'a')::ARRAY, GET(k, 'none')::VARCHAR, "
                           f"GET(k, 't')::TIMESTAMP_TZ(6) FROM (SELECT {old} AS k)")) == [["12.50", "00FF", "NaN", '{"x":null}', "[1]", None, "1709208000.500000000 1440"]]
    assert rows(client.sql("MERGE INTO F t USING (WITH E AS (SELECT K, V, P FROM F WHERE P IS NOT NULL QUALIFY P >= COALESCE(MAX(IFF(V IS NULL, P, NULL)) OVER (PARTITION BY K), '')) "
                           "SELECT K, MAX(P) AS P FROM E WHERE EXISTS (SELECT 1 FROM F WHERE P = '1') GROUP BY K) s ON t.K = s.K AND t.P = s.P WHEN MATCHED THEN UPDATE SET V = s.P")) == [["1"]]
    rows(client.sql("CREATE OR REPLACE VIEW FV COPY GRANTS AS WITH RECURSIVE N AS (SELECT 1 AS A UNION ALL SELECT A + 1 FROM N WHERE A < 4) SELECT SUM(A) AS S FROM N"))
    assert rows(client.sql("SELECT S FROM FV")) == [["10"]]


def test_a_merge_that_matches_a_row_twice_is_refused(emulator, client):
    emulator.sql("CREATE OR REPLACE TABLE TWICE (ID INT, V INT); INSERT INTO TWICE VALUES (1, 1)")
    assert code(client.sql("MERGE INTO TWICE t USING (SELECT 1 AS ID, 2 AS V UNION ALL SELECT 1, 3) s ON t.ID = s.ID WHEN MATCHED THEN UPDATE SET V = s.V")) == "100090"
    assert rows(client.sql("SELECT V FROM TWICE")) == [["1"]]


def test_ddl_that_a_log_table_goes_through(emulator, client):
    rows(client.sql("CREATE OR REPLACE TABLE L (ID NUMBER(10,0) NOT NULL, N NUMBER(10,2), T VARCHAR(10), TS TIMESTAMP_TZ(6), PRIMARY KEY (ID)) ENABLE_SCHEMA_EVOLUTION = FALSE COMMENT = 'c'"))
    assert rows(client.sql("CREATE TABLE IF NOT EXISTS L (X INT)")) == [["L already exists, statement succeeded."]]
    for statement in ("ALTER TABLE L ADD COLUMN A INT", "ALTER TABLE L ADD COLUMN IF NOT EXISTS A INT, B VARCHAR DEFAULT 'b'", "ALTER TABLE L ALTER COLUMN N SET DATA TYPE NUMBER(38,2)",
                      "ALTER TABLE L ALTER COLUMN T SET DATA TYPE VARCHAR(100)", "ALTER TABLE L RENAME COLUMN A TO \"a2\"", "ALTER TABLE L ALTER COLUMN ID DROP NOT NULL", "ALTER TABLE L DROP COLUMN B"):
        rows(client.sql(statement))
    assert [row[:4] for row in rows(client.sql("DESCRIBE TABLE L"))] == [
        ["ID", "NUMBER(10,0)", "COLUMN", "Y"], ["N", "NUMBER(38,2)", "COLUMN", "Y"], ["T", "VARCHAR(100)", "COLUMN", "Y"], ["TS", "TIMESTAMP_TZ(6)", "COLUMN", "Y"], ["a2", "NUMBER(38,0)", "COLUMN", "Y"]]
    assert code(client.sql("ALTER TABLE L ALTER COLUMN N SET DATA TYPE NUMBER(5,2)")) == "002108"
    assert code(client.sql("ALTER TABLE L ADD COLUMN A3 INT, N INT")) == "001430"
    columns = "SELECT column_name, data_type, numeric_precision, numeric_scale, is_nullable FROM INFORMATION_SCHEMA.COLUMNS WHERE table_schema = 'PUBLIC' AND table_name = 'L' ORDER BY ordinal_position LIMIT 2"
    assert rows(client.sql(columns)) == [["ID", "NUMBER", "10", "0", "YES"], ["N", "NUMBER", "38", "2", "YES"]]


def test_swap_rename_clone_and_like(emulator, client):
    emulator.sql("CREATE OR REPLACE TABLE S1 (A INT); CREATE OR REPLACE TABLE S2 (B INT); INSERT INTO S1 VALUES (1); INSERT INTO S2 VALUES (2), (3)")
    rows(client.sql("ALTER TABLE S1 SWAP WITH S2"))
    assert rows(client.sql("SELECT B FROM S1 ORDER BY B")) == [["2"], ["3"]]
    rows(client.sql("CREATE OR REPLACE TABLE S3 CLONE S1"))
    rows(client.sql("CREATE OR REPLACE TABLE S4 LIKE S1"))
    rows(client.sql("DROP TABLE IF EXISTS S5"))
    rows(client.sql("ALTER TABLE S3 RENAME TO S5"))
    assert rows(client.sql("SELECT (SELECT COUNT(*) FROM S5), (SELECT COUNT(*) FROM S4)")) == [["2", "0"]]
    assert [row[1] for row in rows(client.sql("SHOW TERSE TABLES LIKE 's%' IN SCHEMA DB.PUBLIC STARTS WITH 'S'"))] == ["S1", "S2", "S4", "S5"]
    assert rows(client.sql("TRUNCATE TABLE S5")) and rows(client.sql("SELECT COUNT(*) FROM S5")) == [["0"]]


def test_sums_that_two_sides_can_compare(client, emulator):
    emulator.sql("CREATE OR REPLACE TABLE H (ID INT, T VARCHAR, TS TIMESTAMP_TZ, B BINARY); INSERT INTO H SELECT 1, 'x', '2024-02-29 12:00:00.5+00:00', TO_BINARY('00ff','HEX')")
    one = rows(client.sql("SELECT HASH_AGG(*), HASH_AGG(ID, T) FROM H"))
    emulator.sql("INSERT INTO H SELECT 2, NULL, NULL, NULL")
    both = rows(client.sql("SELECT HASH_AGG(*), HASH_AGG(ID, T) FROM H"))
    assert one != both
    text = "SELECT SUM(MD5_NUMBER_LOWER64(ID || '|' || COALESCE(T, '') || '|' || COALESCE(TO_VARCHAR(TS, 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6'), '') || '|' || COALESCE(HEX_ENCODE(B), ''))) FROM H"
    import hashlib
    wanted = sum(int(hashlib.md5(line.encode()).hexdigest()[16:], 16) for line in ("1|x|2024-02-29T12:00:00.500000|00FF", "2|||"))
    assert rows(client.sql(text)) == [[str(wanted)]]


def test_what_comparing_values_needs(emulator, client):
    emulator.sql("CREATE OR REPLACE TABLE SEEN (ID NUMBER(38,0), N NUMBER(5,5), F FLOAT, J VARIANT, A ARRAY, B BINARY)")
    emulator.sql("""INSERT INTO SEEN SELECT 1, 0.5, 1.5e-300, PARSE_JSON('{"b": [1, 2.5, {"c d": null}], "a": "x\\\\"é", "t": true, "e": {}, "n": 12345678901234567890123456789}'),
                    PARSE_JSON('[1, null, "x"]')::ARRAY, TO_BINARY('DEADBEEF', 'HEX')""")
    assert emulator.sql("SELECT TO_VARCHAR(N, 'TM9'), TO_VARCHAR(ID), OCTET_LENGTH('aé'), HEX_ENCODE(B, 0) FROM SEEN") == [["0.50000", "1", "3", "deadbeef"]]
    assert emulator.sql("SELECT ARRAY_TO_STRING(TRANSFORM(A, x -> IFF(x IS NULL OR IS_NULL_VALUE(x), 'N', '<' || TO_VARCHAR(x) || '>')), '') FROM SEEN") == [["<1>N<x>"]]
    assert emulator.sql("SELECT f.PATH, f.KEY, f.INDEX, TYPEOF(f.VALUE), TO_VARCHAR(f.VALUE) FROM SEEN, LATERAL FLATTEN(INPUT => SEEN.J, RECURSIVE => TRUE) f ORDER BY 1") == [
        ["a", "a", None, "VARCHAR", 'x"é'], ["b", "b", None, "ARRAY", '[1,2.5,{"c d":null}]'], ["b[0]", None, "0", "INTEGER", "1"], ["b[1]", None, "1", "DECIMAL", "2.5"],
        ["b[2]", None, "2", "OBJECT", '{"c d":null}'], ["b[2]['c d']", "c d", None, "NULL_VALUE", None], ["e", "e", None, "OBJECT", "{}"],
        ["n", "n", None, "INTEGER", "12345678901234567890123456789"], ["t", "t", None, "BOOLEAN", "true"]]
    assert emulator.sql("SELECT (SELECT COUNT(*) FROM TABLE(FLATTEN(INPUT => SEEN.J, RECURSIVE => TRUE)) AS f) FROM SEEN") == [["9"]]
    # A double taken apart: scaling by powers of two is exact.
    assert emulator.sql("SELECT FLOOR(LOG(2, ABS(F))), (F * POWER(2, 537) * POWER(2, 537))::NUMBER(38,0) FROM SEEN") == [["-996.0", str(int(1.5e-300 * 2.0**537 * 2.0**537))]]


def test_views_pipes_channels_and_show(client, emulator):
    emulator.sql('CREATE OR REPLACE TABLE BASE (ID INT, "low" VARCHAR); INSERT INTO BASE VALUES (1, \'x\')')
    rows(client.sql('CREATE OR REPLACE VIEW LATEST AS SELECT ID, "low" AS "Low" FROM BASE QUALIFY ROW_NUMBER() OVER (PARTITION BY ID ORDER BY "low") = 1'))
    assert rows(client.sql('SELECT "Low" FROM LATEST')) == [["x"]]
    rows(client.sql("CREATE PIPE IF NOT EXISTS BP AS COPY INTO BASE FROM TABLE(DATA_SOURCE(TYPE => 'STREAMING')) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE"))
    client.open("BP", "shown")
    assert [row[1] for row in rows(client.sql("SHOW PIPES LIKE 'B%'"))] == ["BP"]
    assert [row[1] for row in rows(client.sql("SHOW CHANNELS LIKE 'shown'"))] == ["shown"]
    assert "BASE" in rows(client.sql("DESC PIPE BP"))[0][4]
    rows(client.sql("DROP PIPE BP"))
    assert rows(client.sql("SHOW CHANNELS LIKE 'shown'")) == []


def test_truncate_and_delete_can_be_rolled_back(client, emulator):
    emulator.sql("CREATE OR REPLACE TABLE R (ID INT); INSERT INTO R VALUES (1), (2)")
    client.sql("BEGIN; TRUNCATE TABLE R; INSERT INTO R VALUES (9); ROLLBACK", parameters={"MULTI_STATEMENT_COUNT": "0"})
    assert rows(client.sql("SELECT SUM(ID) FROM R")) == [["3"]]


def test_rows_arrive_while_merges_run(client, emulator):
    """A MERGE in an open transaction holds up neither appends nor commits, and none is lost."""
    emulator.sql("CREATE OR REPLACE TABLE BUSY (ID NUMBER(38,0), V VARCHAR)")
    token = client.open("BUSY-STREAMING", "busy")["next_continuation_token"]
    for number in range(30):
        token = client.append("BUSY-STREAMING", "busy", token, [{"ID": number * 10 + at, "V": "x"} for at in range(10)], f"{number:04}").json()["next_continuation_token"]
        answer = client.sql("BEGIN; UPDATE BUSY SET V = 'y' WHERE V = 'x'; DELETE FROM BUSY WHERE MOD(ID, 10) = 9; COMMIT", parameters={"MULTI_STATEMENT_COUNT": "0"})
        assert answer.status_code == 200, answer.text
    emulator.wait_committed("busy", "0029")
    emulator.sql("DELETE FROM BUSY WHERE MOD(ID, 10) = 9")
    assert emulator.sql("SELECT COUNT(*), COUNT(DISTINCT ID) FROM BUSY") == [["270", "270"]]
