"""One actor's way into Snowpipe Streaming: a client per table (its default pipe), a channel object per open channel.

Embedded in libluge_python.so, which calls it from the actor's thread. Nothing is left to __del__: the SDK's finalisers flush and block.
"""
import datetime
import logging
import os
import re
import socket
import ssl
import time

from snowflake.ingest.streaming import StreamingIngestClient, StreamingIngestError, StreamingIngestErrorCode as Code

import _luge_failure as failure

BACK_PRESSURE = {Code.RECEIVER_SATURATED, Code.MEMORY_THRESHOLD_EXCEEDED, Code.MEMORY_THRESHOLD_EXCEEDED_IN_CONTAINER}
# After these the client object is of no use any more; the next open makes a new one.
BEYOND_HELP = {Code.INVALID_CLIENT_ERROR, Code.SF_API_PIPE_FAILED_OVER_ERROR, Code.CLOSED_CLIENT_ERROR, Code.CHANNEL_ALREADY_EXISTS,
               Code.FATAL, Code.MUTEX_LOCK_FAILED}
FIRST_PAUSE_US, LONGEST_PAUSE_US = 2_000, 50_000
STATUS_SECONDS, ALONE_SECONDS = 5, 30
NO_TIME, SURELY_REFRESHED = datetime.timedelta(0), datetime.timedelta(seconds=3)
LINES_CALL_KNOWN_IN = {"1.9.1"}
PLAIN = re.compile(r"[A-Z_][A-Z0-9_$]*\Z")

if "SS_LOG_LEVEL" not in os.environ or os.environ["SS_LOG_LEVEL"] == "error":  # a reopened channel is no news
    logging.getLogger("snowflake.ingest.streaming").addHandler(logging.NullHandler())
    logging.getLogger("snowflake.ingest.streaming").propagate = False


def quoted(name, suffix=""):
    """As the SDK wants it in paths: unquoted names fold to upper case."""
    return name + suffix if PLAIN.match(name) else '"' + (name + suffix).replace('"', '""') + '"'


def lines_call():
    """What append_rows() does with its rows once they are lines. A private call whose arguments changed between versions: None where nobody has
    read it."""
    try:
        from snowflake.ingest.streaming._utils import _rethrow_ffi_errors
        from snowflake.ingest.streaming._version import __version__
    except ImportError:
        return None
    if __version__ not in LINES_CALL_KNOWN_IN:
        return None
    return _rethrow_ffi_errors(lambda channel, lines, count, first, last: channel._channel.append_rows(lines, count, None, first, last))


class OpenChannel:
    def __init__(self, channel, status):
        self.channel = channel
        self.created_on, self.refreshed_on = status.created_on, status.last_refreshed_on
        self.pause_us = 0  # back-pressure: what was asked for last; 0: none


class Session:
    def __init__(self, client_name, database, properties, may_take_lines):
        self.client_name, self.database, self.properties = client_name, database, properties
        self.clients = {}   # (schema, table) -> StreamingIngestClient
        self.settles = {}   # (schema, table) -> what its client was made with
        self.channels = {}  # (schema, table, channel) -> OpenChannel
        self.append_lines = lines_call() if may_take_lines else None
        self.takes_lines = self.append_lines is not None

    def open(self, schema, table, name, settle_seconds):
        self.close_channel((schema, table, name))  # else the SDK says ChannelAlreadyExists
        try:
            channel, status = self.client(schema, table, settle_seconds).open_channel(name)
        except StreamingIngestError as error:
            if error.error_code in BEYOND_HELP:
                self.close_client(schema, table)
            raise
        self.channels[schema, table, name] = OpenChannel(channel, status)
        return facts(name, status)

    def append(self, key, rows, count, first, last, alone):
        """`rows`: a list, or bytes when takes_lines. 0: taken; else nothing was, and asking again makes sense in so many microseconds. `alone`: too large to share a request with others."""
        entry = self.channels.get(key)
        if entry is None:
            raise failure.NotOpen
        try:
            if alone:
                entry.channel.initiate_flush()
                entry.channel.wait_for_flush(ALONE_SECONDS)
            if self.append_lines is not None:
                self.append_lines(entry.channel, rows, count, first, last)
            else:
                entry.channel.append_rows(rows, first, last)
        except StreamingIngestError as error:
            if error.error_code not in BACK_PRESSURE:
                raise
            if entry.pause_us == 0:
                entry.channel.initiate_flush()  # else the SDK waits for its own lag before it sends
            entry.pause_us = min(entry.pause_us * 3 // 2, LONGEST_PAUSE_US) if entry.pause_us else FIRST_PAUSE_US
            return entry.pause_us
        entry.pause_us = 0
        return 0

    def statuses(self, schema, table, names):
        client, end = self.client(schema, table, 0), time.monotonic() + STATUS_SECONDS
        while True:
            found = client.get_channel_statuses(names)
            if not any(self.is_stale((schema, table, name), status) for name, status in found.items()):
                return [facts(name, status) for name, status in found.items() if exists(status)]
            if time.monotonic() > end:
                raise failure.Stale
            time.sleep(0.05)

    def is_stale(self, key, status):
        """The SDK answers from a cache, refreshed each second, that outlives a channel: right after a reopening it may tell the token of a
        channel that was dropped in between."""
        entry = self.channels.get(key)
        if entry is None or not exists(status):
            return False
        age = status.last_refreshed_on - entry.refreshed_on
        # Another creation time may also mean that somebody replaced the table since: what was asked well after the opening is the truth.
        return age < NO_TIME or (status.created_on != entry.created_on and age < SURELY_REFRESHED)

    def drop(self, schema, table, name):
        self.close_channel((schema, table, name))
        try:
            self.client(schema, table, 0).drop_channel(name)
        except StreamingIngestError as error:
            code = failure.server_code(error)
            if not (code.startswith("ERR_CHANNEL_DOES_NOT_EXIST") or code.startswith("ERR_TABLE_DOES_NOT_EXIST")
                    or code.startswith("ERR_PIPE_DOES_NOT_EXIST") or error.error_code is Code.CHANNEL_NOT_FOUND):
                raise
        if not self.has_channels(schema, table):
            self.close_client(schema, table)

    def flush(self, timeout_seconds):
        end, first_error = time.monotonic() + timeout_seconds, None
        for step in (lambda channel: channel.initiate_flush(), lambda channel: channel.wait_for_flush(max(1, int(end - time.monotonic())))):
            for entry in list(self.channels.values()):
                try:
                    step(entry.channel)
                except Exception as error:  # the others are flushed all the same
                    first_error = first_error or error
        if first_error:
            raise first_error

    def close(self):
        for schema, table in list(self.clients):
            self.close_client(schema, table)

    def client(self, schema, table, settle_seconds):
        """`settle_seconds`: how long its openings wait for an older opener's rows; 0: nothing is opened now."""
        if settle_seconds and self.settles.get((schema, table)) != settle_seconds and not self.has_channels(schema, table):
            self.close_client(schema, table)  # a property of the client, so that takes a new one
        found = self.clients.get((schema, table))
        if found is None:
            settle = {"open_channel_409_retry_total_backoff_seconds": str(settle_seconds)} if settle_seconds > 0 else {}
            try:
                found = StreamingIngestClient(self.client_name, quoted(self.database), quoted(schema), quoted(table, "-STREAMING"),
                                              properties=self.properties | settle)
            except StreamingIngestError as error:
                if error.error_code is Code.HTTP_RETRIES_EXHAUSTED_ERROR:
                    self.look_at_the_network()
                raise
            self.clients[schema, table], self.settles[schema, table] = found, settle_seconds
        return found

    def look_at_the_network(self):
        """The SDK does not tell a name that nobody knows from a certificate that nobody trusts."""
        if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
            return
        host, port = self.properties["host"], int(self.properties["port"])
        try:
            with socket.create_connection((host, port), timeout=5) as plain:
                with ssl.create_default_context().wrap_socket(plain, server_hostname=host):
                    pass
        except socket.gaierror:
            raise failure.Unreachable("unresolved") from None
        except ssl.SSLError:
            raise failure.Unreachable("tls") from None
        except OSError:
            raise failure.Unreachable("unreachable") from None

    def has_channels(self, schema, table):
        return any(key[:2] == (schema, table) for key in self.channels)

    def close_channel(self, key):
        entry = self.channels.pop(key, None)
        if entry is not None:
            quietly(lambda: entry.channel.close(wait_for_flush=False, timeout_seconds=0))
            entry.channel._channel = None  # its __del__ would close again, and block

    def close_client(self, schema, table):
        for key in [key for key in self.channels if key[:2] == (schema, table)]:
            self.close_channel(key)
        client = self.clients.pop((schema, table), None)
        if client is not None:
            quietly(lambda: client.close(wait_for_flush=False, timeout_seconds=0))
            client._client = None


def quietly(call):
    try:
        call()
    except Exception:
        pass


def exists(status):
    return not status.status_code.startswith("ERR_CHANNEL_DOES_NOT_EXIST")


def facts(name, status):
    return (name, status.status_code, status.latest_committed_offset_token, status.last_error_offset_token_upper_bound, status.last_error_message,
            status.rows_inserted_count, status.rows_error_count)
