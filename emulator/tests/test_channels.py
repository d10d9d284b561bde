"""Sequencers, fencing, the uncommitted buffer, commits, and what survives kill -9."""
from __future__ import annotations

import threading

import pytest
from rest_client import RestClient

PIPE = "T-STREAMING"


@pytest.fixture(autouse=True)
def table(emulator):
    emulator.sql("CREATE OR REPLACE TABLE T (ID NUMBER(38,0), NAME VARCHAR)")


def rows(first, last):
    return [{"ID": number, "NAME": f"n{number}"} for number in range(first, last + 1)]


def test_the_hostname_is_bare_text_without_a_port(client):
    answer = client.http.get(f"{client.url}/v2/streaming/hostname", headers=client.jwt_headers())
    assert answer.text == "127.0.0.1"


def test_open_append_commit(emulator, client):
    opened = client.open(PIPE, "a")
    assert opened["channel_status"]["channel_status_code"] == "SUCCESS"
    assert opened["channel_status"]["last_committed_offset_token"] is None
    token = opened["next_continuation_token"]
    for first in (1, 11, 21):
        answer = client.append(PIPE, "a", token, rows(first, first + 9), f"{first + 9:04}")
        assert answer.status_code == 200
        token = answer.json()["next_continuation_token"]
    status = emulator.wait_committed("a", "0030")
    assert (status["rows_inserted"], status["rows_parsed"], status["rows_error_count"]) == (30, 30, 0)
    assert emulator.sql("SELECT COUNT(*), COUNT(DISTINCT ID), SUM(ID) FROM T") == [["30", "30", "465"]]


def test_databases_that_come_and_go_disturb_no_channel_of_another(emulator, client):
    done, gone = threading.Event(), []

    def come_and_go():
        while not done.is_set():
            emulator.sql(f"CREATE DATABASE PASSING{len(gone)}")
            emulator.sql(f"DROP DATABASE PASSING{len(gone)}")
            gone.append(len(gone))

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        codes = {client.open(PIPE, f"beside{number}")["channel_status"]["channel_status_code"] for number in range(150)}
    finally:
        done.set()
        other.join()
    assert codes == {"SUCCESS"}
    assert len(gone) > 5


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_every_encoding(emulator, client, encoding):
    token = client.open(PIPE, "enc")["next_continuation_token"]
    assert client.append(PIPE, "enc", token, rows(1, 3), "3", encoding=encoding).status_code == 200
    emulator.wait_committed("enc", "3")
    assert emulator.sql("SELECT COUNT(*) FROM T") == [["3"]]


def test_a_consumed_token_is_answered_with_the_newest_and_its_rows_are_dropped(emulator, client):
    first = client.open(PIPE, "a")["next_continuation_token"]
    second = client.append(PIPE, "a", first, rows(1, 5), "5").json()["next_continuation_token"]
    repeated = client.append(PIPE, "a", first, rows(1, 5), "5")
    assert (repeated.status_code, repeated.json()["next_continuation_token"]) == (200, second)
    emulator.control("commit")
    lost = client.append(PIPE, "a", first, rows(6, 9), "9")  # a new batch under an old token: said to be fine, and gone
    assert lost.status_code == 200
    emulator.control("commit")
    assert emulator.sql("SELECT COUNT(*) FROM T") == [["5"]]
    assert client.statuses(PIPE, "a")["a"]["last_committed_offset_token"] == "5"


def test_reopening_fences_the_one_before(client):
    old = client.open(PIPE, "a")["next_continuation_token"]
    new = client.open(PIPE, "a")["next_continuation_token"]
    refused = client.append(PIPE, "a", old, rows(1, 1), "1")
    assert (refused.status_code, refused.json()["code"]) == (400, "STALE_CONTINUATION_TOKEN_SEQUENCER")
    assert client.append(PIPE, "a", new, rows(1, 1), "1").status_code == 200


def test_a_row_sequencer_that_was_never_given_out(client):
    client_part = client.open(PIPE, "a")["next_continuation_token"].split("_")[0]
    assert client.append(PIPE, "a", f"{client_part}_9", rows(1, 1), "1").json()["code"] == "ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER"


def test_open_discards_what_is_uncommitted_unless_told_to_fail(emulator, client):
    emulator.control("hold")
    token = client.open(PIPE, "a")["next_continuation_token"]
    client.append(PIPE, "a", token, rows(1, 4), "4")
    assert client.statuses(PIPE, "a")["a"]["last_committed_offset_token"] is None
    refused = client.call("PUT", client.channel_path(PIPE, "a"), {"fail_on_uncommitted_rows": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA")
    emulator.control("commit")
    assert client.open(PIPE, "a", fail_on_uncommitted_rows=True)["channel_status"]["last_committed_offset_token"] == "4"
    token = client.open(PIPE, "a")["next_continuation_token"]
    client.append(PIPE, "a", token, rows(5, 6), "6")
    assert client.open(PIPE, "a")["channel_status"]["last_committed_offset_token"] == "4"
    emulator.control("commit")
    assert emulator.sql("SELECT COUNT(*) FROM T") == [["4"]]


def test_drop_forgets_the_token(emulator, client):
    token = client.open(PIPE, "gone")["next_continuation_token"]
    client.append(PIPE, "gone", token, rows(1, 1), "1")
    emulator.control("commit")
    assert client.call("DELETE", client.channel_path(PIPE, "gone")).status_code == 200
    assert client.statuses(PIPE, "gone") == {}
    assert client.append(PIPE, "gone", token, rows(1, 1), "1").status_code == 404
    assert client.call("DELETE", client.channel_path(PIPE, "gone")).status_code == 404
    assert client.open(PIPE, "gone")["channel_status"]["last_committed_offset_token"] is None


def test_bodies_that_are_refused(emulator, client):
    token = client.open(PIPE, "a")["next_continuation_token"]
    assert client.append(PIPE, "a", token, b'{"ID":1}', "1").status_code == 400, "the last row must end with a newline"
    big = b'{"ID":1,"NAME":"' + b"x" * (4 * 1024 * 1024) + b'"}\n'
    assert client.append(PIPE, "a", token, big, "1", encoding="identity").status_code == 413
    assert client.append(PIPE, "a", token, b"\n\n" + b'{"ID":1}\n\n{"ID":2}\r\n', "2").status_code == 200, "empty lines are no rows"
    emulator.control("commit")
    assert client.statuses(PIPE, "a")["a"]["rows_parsed"] == 2


def test_a_recreated_table_ends_its_channels(emulator, client):
    token = client.open(PIPE, "a")["next_continuation_token"]
    client.append(PIPE, "a", token, rows(1, 1), "1")
    emulator.control("commit")
    emulator.sql("DROP TABLE T")
    assert client.append(PIPE, "a", token, rows(2, 2), "2").json()["code"] == "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED"
    refused = client.call("PUT", client.channel_path(PIPE, "a"), {})
    assert (refused.status_code, refused.json()["code"]) == (404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED")
    asked = client.call("POST", f"/v2/streaming/databases/DB/schemas/PUBLIC/pipes/{PIPE}:bulk-channel-status", {"channel_names": ["a"]})
    assert (asked.status_code, asked.json()["code"]) == (404, "ERR_TABLE_DOES_NOT_EXIST_NOT_AUTHORIZED")
    emulator.sql("CREATE TABLE T (ID NUMBER(38,0))")
    assert client.open(PIPE, "a")["channel_status"]["last_committed_offset_token"] is None


def test_rows_and_tokens_survive_kill_9_together_and_the_buffer_does_not(start):
    emulator = start("--commit-delay=20")
    emulator.sql("CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR)")
    client = RestClient(emulator.url, emulator.key_file)
    token = client.open(PIPE, "a")["next_continuation_token"]
    token = client.append(PIPE, "a", token, rows(1, 100), "0100").json()["next_continuation_token"]
    emulator.wait_committed("a", "0100")
    emulator.control("hold")
    stale = client.append(PIPE, "a", token, rows(101, 200), "0200").json()["next_continuation_token"]
    emulator.kill()
    emulator.start()
    assert emulator.sql("SELECT COUNT(*) FROM T") == [["100"]]
    assert client.append(PIPE, "a", stale, rows(201, 202), "0202").json()["code"] == "STALE_CONTINUATION_TOKEN_SEQUENCER", "a hole would follow otherwise"
    assert client.open(PIPE, "a", fail_on_uncommitted_rows=True)["channel_status"]["last_committed_offset_token"] == "0100"


def test_strict_limits_ten_requests_a_second(start):
    emulator = start("--strict")
    emulator.sql("CREATE TABLE T (ID NUMBER(38,0))")
    client = RestClient(emulator.url, emulator.key_file)
    token = client.open(PIPE, "a")["next_continuation_token"]
    answers = []
    for number in range(25):
        answer = client.append(PIPE, "a", token, [{"ID": number}], str(number))
        answers.append(answer.status_code)
        token = answer.json().get("next_continuation_token", token)
    assert answers[:10] == [200] * 10 and 429 in answers
    assert client.append(PIPE, "a", token, [{"ID": 99}], "99").json().get("code") in ("390701", None)
    emulator.control("commit")
    assert emulator.sql("SELECT COUNT(*) FROM T")[0][0] == str(emulator.status("a")["rows_inserted"])


def test_a_sink_counts_and_keeps_nothing(start):
    emulator = start("--sink")
    emulator.sql("CREATE TABLE T (ID NUMBER(38,0), NAME VARCHAR)")
    client = RestClient(emulator.url, emulator.key_file)
    token = client.open(PIPE, "a")["next_continuation_token"]
    client.append(PIPE, "a", token, rows(1, 1000), "1000")
    assert emulator.wait_committed("a", "1000")["rows_inserted"] == 1000
    assert emulator.look("counters")["rows_inserted"] == 1000
    assert emulator.sql("SELECT COUNT(*) FROM T") == [["0"]]
