"""Drives the real snowpipe-streaming SDK. Runs in the SDK's own environment: `python sdk_driver.py '<json>'`; what it found goes into the order's `found`
as JSON, because the SDK logs into the same output at any time."""
import json
import sys
import time
from pathlib import Path

import msgspec
from snowflake.ingest.streaming import StreamingIngestClient

order = json.loads(sys.argv[1])
properties = {"account": "LUGE", "user": "LUGE", "private_key": open(order["key_file"]).read(), "scheme": order["scheme"], "host": "localhost", "port": str(order["port"]),
              "mgmt_retry_total_backoff_seconds": "20", **order.get("properties", {})}
pipe = order["pipe"]


def client(name):
    return StreamingIngestClient(name, "DB", "PUBLIC", pipe, properties=properties)


def append(channel, rows, first, last):
    """Repeats what back-pressure refuses."""
    kicked = False
    while True:
        try:
            channel.append_rows(rows, first, last)
            return
        except Exception as error:
            if "ReceiverSaturated" not in repr(error) + str(error):
                raise
            if not kicked:
                channel.initiate_flush()
                kicked = True
            time.sleep(0.005)


one = client("driver")
channel, status = one.open_channel(order["channel"])
opened = status.latest_committed_offset_token
begin = int(opened or 0)
total, batch = order["rows"], order.get("batch", 1000)
for start in range(begin + 1, total + 1, batch):
    end = min(start + batch - 1, total)
    lines = [msgspec.Raw(b'{"ID":%d,"NAME":"customer-%06d","AMOUNT":"%d.%02d","NOTE":"%060d"}' % (i, i % 1000, i, i % 100, i)) for i in range(start, end + 1)]
    append(channel, lines, "%012d" % start, "%012d" % end)
channel.initiate_flush()
channel.wait_for_flush(timeout_seconds=60)
channel.wait_for_commit(lambda token: token is not None and token >= "%012d" % total, timeout_seconds=60)
status = channel.get_channel_status()
found = {"opened": opened, "token": status.latest_committed_offset_token, "inserted": status.rows_inserted_count, "errors": status.rows_error_count,
         "tokens": one.get_latest_committed_offset_tokens([order["channel"], "nobody"])}
if order.get("fence"):
    two = client("ghost")
    other, status = two.open_channel(order["channel"])
    found["reopened"] = status.latest_committed_offset_token
    try:
        channel.append_rows([{"ID": 0}], "x", "x")
        channel.initiate_flush()
        channel.wait_for_flush(timeout_seconds=10)
        found["fenced"] = "still accepted"
    except Exception as error:
        found["fenced"] = f"{type(error).__name__} {getattr(error, 'error_code', '')}"
    other.close()
    two.drop_channel(order["channel"])
    two.close()
    one.close(wait_for_flush=False)
else:
    channel.close()
    one.close()
Path(order["found"]).write_text(json.dumps(found))
