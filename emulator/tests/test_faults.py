"""Faults on order, and the request log that shows what a client did about them."""
from __future__ import annotations

import time

import pytest
import requests

PIPE = "F-STREAMING"


@pytest.fixture(autouse=True)
def table(emulator):
    emulator.sql("CREATE OR REPLACE TABLE F (ID NUMBER(38,0))")


def append(client, token, number):
    return client.append(PIPE, "f", token, [{"ID": number}], str(number))


@pytest.mark.parametrize("status, code", [(429, "390701"), (500, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST"), (503, "ERR_GENERAL_EXCEPTION_RETRY_REQUEST"), (401, "390144")])
def test_the_next_n_answers(emulator, client, status, code):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="status", status=status, count=2, path="/rows$")
    for _ in range(2):
        answer = append(client, token, 1)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert append(client, token, 1).status_code == 200


def test_shapes_of_answers(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="status", status=503, shape="bare", path="/rows$")
    assert append(client, token, 1).text == '"ERR_GENERAL_EXCEPTION_RETRY_REQUEST"'
    emulator.control("faults", kind="status", status=410, path="/rows$")
    answer = append(client, token, 1)
    assert (answer.status_code, answer.text) == (410, "Gone")


def test_a_reply_lost_after_the_rows_were_taken(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="drop", path="/rows$")
    with pytest.raises(requests.ConnectionError):
        append(client, token, 1)
    assert append(client, token, 1).status_code == 200, "the same request again is harmless"
    emulator.control("commit")
    assert emulator.sql("SELECT COUNT(*) FROM F") == [["1"]]


def test_a_connection_lost_before(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="drop", after=False, path="/rows$")
    with pytest.raises(requests.ConnectionError):
        append(client, token, 1)
    emulator.control("commit")
    assert emulator.sql("SELECT COUNT(*) FROM F") == [["0"]]


def test_a_silent_accept_keeps_nothing(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="silent", path="/rows$")
    assert append(client, token, 1).status_code == 200
    emulator.control("commit")
    assert client.statuses(PIPE, "f")["f"]["last_committed_offset_token"] is None


def test_latency_and_skip(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    emulator.control("faults", kind="latency", seconds=0.4, skip=1, path="/rows$")
    begin = time.monotonic()
    token = append(client, token, 1).json()["next_continuation_token"]
    quick = time.monotonic() - begin
    append(client, token, 2)
    assert quick < 0.4 <= time.monotonic() - begin - quick


def test_a_ghost_and_a_failover_fence_the_owner(emulator, client):
    for verb in ("reopen", "invalidate"):
        token = client.open(PIPE, "f")["next_continuation_token"]
        emulator.control(verb, channel="f", channels=["f"])
        assert append(client, token, 1).json()["code"] == "STALE_CONTINUATION_TOKEN_SEQUENCER"


def test_the_log_has_requests_in_order_with_their_rows(emulator, client):
    token = client.open(PIPE, "f")["next_continuation_token"]
    since = emulator.look("requests")[-1]["n"]
    client.append(PIPE, "f", token, [{"ID": 1}, {"ID": 2}], "2", "1")
    (entry,) = emulator.look("requests", since=since)
    assert entry["method"] == "POST" and entry["path"].endswith("/channels/f/rows") and entry["status"] == 200
    assert entry["rows"] == 2 and entry["taken"] and entry["body_bytes"] > 0 and entry["decoded_bytes"] == 20
    assert entry["query"]["startOffsetToken"] == "1" and entry["query"]["continuationToken"] == token and entry["query"]["requestId"]
    assert {name.lower(): value for name, value in entry["headers"].items()}["content-encoding"] == "zstd"


def test_stale_pipe_cache_after_a_drop(start):
    from rest_client import RestClient
    emulator = start("--stale-pipe-cache=600")
    client = RestClient(emulator.url, emulator.key_file)
    emulator.sql("CREATE TABLE F (ID NUMBER(38,0)); DROP TABLE F; CREATE TABLE F (ID NUMBER(38,0))")
    refused = client.call("PUT", client.channel_path(PIPE, "f"), {})
    assert refused.json()["code"] == "STALE_PIPE_CACHE"
    time.sleep(0.7)
    assert client.call("PUT", client.channel_path(PIPE, "f"), {}).status_code == 200
