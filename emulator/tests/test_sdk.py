"""The real Snowpipe Streaming SDKs: 1.9.1 over TLS in both modes, 1.4.0 over plain HTTP."""
from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("sdk_driver.py")
ROWS_MODE = {"max_inflight_megabytes_per_channel": "32", "max_buffered_kb_for_rowset_mode": "65535", "target_rowset_payload_size_mb": "4", "max_rowset_payload_size_mb": "16"}
FILE_MODE = {"max_buffered_kb_for_rowset_mode": "1", "target_rowset_payload_size_mb": "1", "max_rowset_payload_size_mb": "1"}


@pytest.fixture(autouse=True)
def table(emulator):
    emulator.sql("CREATE OR REPLACE TABLE ORDERS (ID NUMBER(38,0), NAME VARCHAR, AMOUNT NUMBER(12,2), NOTE VARCHAR)")
    emulator.control("faults", "DELETE")
    emulator.control("requests", "DELETE")


def begin(emulator, version, **order):
    environment = "sdk-venv" if version == "1.9.1" else "sdk-1.4.0-venv"
    secure = version == "1.9.1"
    order = {"key_file": str(emulator.key_file), "scheme": "https" if secure else "http", "port": emulator.facts["https_port" if secure else "http_port"],
             "pipe": "ORDERS-STREAMING", "found": os.devnull, "channel": "c", "rows": 20_000, **order}
    return subprocess.Popen([f"{os.environ['LUGE_DEPS']}/{environment}/bin/python", str(DRIVER), json.dumps(order)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env=os.environ | ({"SSL_CERT_FILE": emulator.facts["ca_file"]} if secure else {}))


def drive(emulator, version, **order):
    found = emulator.key_file.with_name("found.json")
    process = begin(emulator, version, found=str(found), **order)
    try:
        output, _ = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert process.returncode == 0, output[-3000:]
    return json.loads(found.read_text())


def check_rows(emulator, count):
    assert emulator.sql("SELECT COUNT(*), COUNT(DISTINCT ID), MIN(ID), MAX(ID), SUM(AMOUNT) FROM ORDERS") == [
        [str(count), str(count), "1", str(count), f"{sum(number * 100 + number % 100 for number in range(1, count + 1)) / 100:.2f}"]]


@pytest.mark.parametrize("version", ["1.9.1", "1.4.0"])
def test_open_append_commit_fence_drop(emulator, version):
    """Small: 1.4.0 sends more than this as files, which it puts on Amazon's own hosts whatever it is told."""
    found = drive(emulator, version, rows=5000, fence=True)
    assert found["opened"] is None and found["token"] == "000000005000" and found["inserted"] == 5000 and found["errors"] == 0
    assert found["tokens"] == {"c": "000000005000", "nobody": None}
    assert found["reopened"] == "000000005000" and "INVALID_CHANNEL" in found["fenced"]
    check_rows(emulator, 5000)


def test_rows_mode_sends_no_file(emulator):
    drive(emulator, "1.9.1", rows=200_000, batch=5000, properties=ROWS_MODE)
    check_rows(emulator, 200_000)
    assert not [entry for entry in emulator.look("requests") if entry["path"].endswith("/filebuffer")]


def test_file_mode(emulator):
    drive(emulator, "1.9.1", rows=200_000, batch=10_000, properties=FILE_MODE)
    check_rows(emulator, 200_000)
    requests = emulator.look("requests")
    assert [entry for entry in requests if entry["path"].endswith("/filebuffer")] and [entry for entry in requests if entry["method"] == "PUT" and "/luge-emulator/" in entry["path"]]


def test_the_sdk_gets_through_429_503_and_a_lost_reply(emulator):
    emulator.control("faults", kind="status", status=429, count=1, path="/rows$")
    emulator.control("faults", kind="drop", count=1, path="/rows$")
    emulator.control("faults", kind="status", status=503, shape="bare", count=1, path="/rows$")
    drive(emulator, "1.9.1", rows=60_000, batch=5000, properties=ROWS_MODE)
    check_rows(emulator, 60_000)
    assert all(fault["hits"] == 1 for fault in emulator.look("faults"))


def test_kill_9_under_load_and_a_client_that_resumes_from_the_token(start, tmp_path):
    emulator = start("--https-port=0", "--commit-delay=30")
    emulator.sql("CREATE TABLE ORDERS (ID NUMBER(38,0), NAME VARCHAR, AMOUNT NUMBER(12,2), NOTE VARCHAR)")
    total, kills = 400_000, 0
    for _ in range(12):
        process = begin(emulator, "1.9.1", rows=total, batch=1000, properties=ROWS_MODE | {"data_retry_total_backoff_seconds": "3"})
        if kills < 3:
            end = time.monotonic() + 20
            before = int(emulator.sql("SELECT COUNT(*) FROM ORDERS")[0][0])
            while process.poll() is None and time.monotonic() < end and int(emulator.sql("SELECT COUNT(*) FROM ORDERS")[0][0]) <= before:
                time.sleep(0.02)
            emulator.kill()
            kills += 1
            process.kill()
            process.wait()
            emulator.start()
            count, largest = emulator.sql("SELECT COUNT(*), MAX(ID) FROM ORDERS")[0]
            tokens = [entry["last_committed_offset_token"] for entry in emulator.look("channels")]
            assert (tokens[0] is None and count == "0") or int(tokens[0]) == int(count) == int(largest), "rows and token were committed together"
            continue
        output, _ = process.communicate(timeout=150)
        assert process.returncode == 0, output[-3000:]
        break
    assert kills == 3
    check_rows(emulator, total)
