"""Channels: sequencers, what is accepted and not yet committed, and what is committed."""
from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from luge_emulator.catalog import Table
from luge_emulator.errors import ApiError
from luge_emulator.limits import ChannelLimits
from luge_emulator.naming import mangle
from luge_emulator.settings import Settings
from luge_emulator.storage import Storage
from luge_emulator.streaming.pipes import Pipe

ChannelKey = tuple[str, str, str, str]  # database, schema, pipe, channel; the channel's name is taken as it was written


@dataclass
class Chunk:
    """One accepted append: NDJSON, its end token, and when it came."""

    data: bytes
    rows: int
    end_token: str | None
    accepted_at: float


@dataclass
class Channel:
    key: ChannelKey
    table_id: str
    limits: ChannelLimits
    client_sequencer: int = -1
    row_sequencer: int = 1
    is_open: bool = False
    pending: deque[Chunk] = field(default_factory=deque)
    committed_token: str | None = None
    rows_inserted: int = 0
    rows_parsed: int = 0
    rows_error_count: int = 0
    last_error_offset: str | None = None
    last_error_message: str | None = None
    last_error_ms: int | None = None
    created_ms: int = field(default_factory=lambda: int(time.time() * 1000))

    @property
    def continuation_token(self) -> str:
        return f"{self.client_sequencer}_{self.row_sequencer}"

    def status(self, latency_ms: int) -> dict[str, Any]:
        """As open and bulk-channel-status give it. SUCCESS: the SDK waits for no other word."""
        database, schema, pipe, name = self.key
        return {"database_name": database, "schema_name": schema, "pipe_name": pipe, "channel_name": name, "channel_status_code": "SUCCESS",
                "last_committed_offset_token": self.committed_token, "created_on_ms": self.created_ms, "rows_inserted": self.rows_inserted,
                "rows_parsed": self.rows_parsed, "rows_error_count": self.rows_error_count, "last_error_offset_upper_bound": self.last_error_offset,
                "last_error_message": self.last_error_message, "last_error_timestamp": self.last_error_ms, "last_error_timestamp_ms": self.last_error_ms,
                "snowflake_avg_processing_latency_ms": latency_ms}

    def store(self, cursor) -> None:  # noqa: ANN001
        """Writes the committed side, inside the caller's transaction."""
        database, schema, pipe, name = self.key
        table = f'"{mangle(database)}"."_EMULATOR".channels'
        values = [self.table_id, self.client_sequencer, self.committed_token, self.rows_inserted, self.rows_parsed, self.rows_error_count,
                  self.last_error_offset, self.last_error_message, self.last_error_ms, self.created_ms, schema, pipe, name]
        found = cursor.execute(
            f"UPDATE {table} SET table_id = ?, client_sequencer = ?, offset_token = ?, rows_inserted = ?, rows_parsed = ?, rows_error_count = ?, "
            "last_error_offset = ?, last_error_message = ?, last_error_ms = ?, created_ms = ? WHERE schema_name = ? AND pipe_name = ? AND channel_name = ?",
            values).fetchall()[0][0]
        if not found:
            cursor.execute(f"INSERT INTO {table} (table_id, client_sequencer, offset_token, rows_inserted, rows_parsed, rows_error_count, last_error_offset, "
                           "last_error_message, last_error_ms, created_ms, schema_name, pipe_name, channel_name) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)", values)


class Channels:
    """All channels. `lock` guards memory and is held briefly. Whoever changes a channel in the store holds the database's `channels` lock
    from before the first look until the change is in memory too, so open, drop and commit of one database never interleave."""

    def __init__(self, storage: Storage, settings: Settings) -> None:
        self._storage, self._settings = storage, settings
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self._channels: dict[ChannelKey, Channel] = {}
        self.pending_bytes = 0
        for database in storage.databases():
            self._load(database)

    def _load(self, database: str) -> None:
        """What was committed. The buffers are gone and so is every opener: the client sequencer moves, older tokens are stale."""
        rows = self._storage.cursor().execute(
            "SELECT schema_name, pipe_name, channel_name, table_id, client_sequencer, offset_token, rows_inserted, rows_parsed, rows_error_count, "
            f'last_error_offset, last_error_message, last_error_ms, created_ms FROM "{mangle(database)}"."_EMULATOR".channels').fetchall()
        for schema, pipe, name, table_id, client, token, inserted, parsed, errors, offset, message, error_ms, created in rows:
            key = (database, schema, pipe, name)
            self._channels[key] = Channel(key, table_id, self._limits(), client + 1, 1, False, deque(), token, inserted, parsed, errors, offset, message, error_ms, created)

    def _limits(self) -> ChannelLimits:
        return ChannelLimits(self._settings.requests_per_second, self._settings.bytes_per_second)

    def open(self, pipe: Pipe, table: Table, name: str, fail_on_uncommitted: bool, offset_token: str | None) -> tuple[str, dict[str, Any]]:
        """Opens or reopens: the opener before is fenced, its uncommitted rows are discarded. Returns continuation token and status."""
        key: ChannelKey = (*pipe.key, name)
        with self.lock:
            self._refuse_uncommitted(self._channels.get(key), fail_on_uncommitted)
        with self._storage.locks(pipe.database).channels:
            with self.lock:
                channel = self._channels.get(key)
                self._refuse_uncommitted(channel, fail_on_uncommitted)
                if channel is None or channel.table_id != table.id:
                    channel = Channel(key, table.id, self._limits())
                self._discard(channel)
                channel.client_sequencer += 1
                channel.row_sequencer = 1
                channel.is_open = True
                if offset_token is not None:
                    channel.committed_token = offset_token
                self._channels[key] = channel
            channel.store(self._storage.cursor())
            with self.lock:
                return channel.continuation_token, channel.status(self._settings.commit_delay_ms)

    def append(self, key: ChannelKey, token: str | None, size: int, chunk: Chunk, silent: bool = False) -> tuple[str, bool]:
        """Takes a chunk into the buffer. (next token, whether the rows were taken): a consumed token is answered with the newest one and its
        rows are dropped, which makes a repeated request harmless and a new batch under an old token a loss."""
        with self.lock:
            channel = self.find(key)
            client, _, row = (token or "").partition("_")
            if not client.isdigit() or not row.isdigit():
                raise ApiError(400, "ERR_INVALID_CONTINUATION_TOKEN", "The continuation token is missing or malformed.")
            if int(client) != channel.client_sequencer or not channel.is_open:
                raise ApiError(400, "STALE_CONTINUATION_TOKEN_SEQUENCER", "Channel sequencer in the continuation token is stale. Please reopen the channel")
            if int(row) > channel.row_sequencer:
                raise ApiError(400, "ERR_CHANNEL_HAS_INVALID_ROW_SEQUENCER", "The row sequencer in the continuation token was never given out.")
            if int(row) < channel.row_sequencer:
                return channel.continuation_token, False
            if self._settings.strict:
                channel.limits.check(size)
            if self.pending_bytes + len(chunk.data) > self._settings.pending_limit_bytes:
                raise ApiError(429, "390701", "Request rate exceeds max. Try later.")
            channel.row_sequencer += 1
            if not silent:
                channel.pending.append(chunk)
                self.pending_bytes += len(chunk.data)
                self.changed.notify_all()
            return channel.continuation_token, not silent

    def find(self, key: ChannelKey) -> Channel:
        channel = self._channels.get(key)
        if channel is None:
            raise ApiError(404, "ERR_CHANNEL_DOES_NOT_EXIST_OR_IS_NOT_AUTHORIZED", f"Channel {key[3]} does not exist or is not authorized.")
        return channel

    def drop(self, key: ChannelKey, fail_on_uncommitted: bool) -> str | None:
        """Forgets a channel and its token. Returns the token it had."""
        with self.lock:
            self._refuse_uncommitted(self.find(key), fail_on_uncommitted)
        with self._storage.locks(key[0]).channels:
            with self.lock:
                channel = self.find(key)
                self._refuse_uncommitted(channel, fail_on_uncommitted)
                self._discard(channel)
                del self._channels[key]
            self._storage.cursor().execute(
                f'DELETE FROM "{mangle(key[0])}"."_EMULATOR".channels WHERE schema_name = ? AND pipe_name = ? AND channel_name = ?', list(key[1:]))
            return channel.committed_token

    def statuses(self, pipe: tuple[str, str, str], names: list[str]) -> dict[str, dict[str, Any]]:
        """Of those that exist."""
        with self.lock:
            found = ((name, self._channels.get((*pipe, name))) for name in names)
            return {name: channel.status(self._settings.commit_delay_ms) for name, channel in found if channel}

    def drop_where(self, wanted) -> int:  # noqa: ANN001
        """Drops every channel that `wanted(channel)` names: its table or pipe is gone."""
        with self.lock:
            keys = [key for key, channel in self._channels.items() if wanted(channel)]
        for key in keys:
            try:
                self.drop(key, False)
            except ApiError:
                pass  # its owner was faster
        return len(keys)

    def invalidate(self, wanted) -> int:  # noqa: ANN001
        """Ends the openers of channels, as a fail-over does: tokens stay, buffers go, appends are stale until somebody opens again."""
        count = 0
        for database in self._storage.databases():
            with self._storage.locks(database).channels, self.lock:
                for channel in self._channels.values():
                    if channel.key[0] == database and wanted(channel):
                        self._discard(channel)
                        channel.client_sequencer += 1
                        channel.is_open = False
                        count += 1
        return count

    def all(self) -> list[Channel]:
        with self.lock:
            return list(self._channels.values())

    def take_due(self, database: str, before: float) -> dict[ChannelKey, list[Chunk]]:
        """What was accepted before a moment, left in place: `finish` removes it when it is committed."""
        with self.lock:
            due = {key: [chunk for chunk in channel.pending if chunk.accepted_at <= before]
                   for key, channel in self._channels.items() if key[0] == database and channel.pending}
            return {key: chunks for key, chunks in due.items() if chunks}

    def finish(self, channel: Channel, chunks: int) -> None:
        for _ in range(chunks):
            self.pending_bytes -= len(channel.pending.popleft().data)
        self.changed.notify_all()

    def _discard(self, channel: Channel) -> None:
        self.pending_bytes -= sum(len(chunk.data) for chunk in channel.pending)
        channel.pending.clear()
        self.changed.notify_all()

    @staticmethod
    def _refuse_uncommitted(channel: Channel | None, fail: bool) -> None:
        if fail and channel and channel.pending:
            raise ApiError(409, "ERR_CHANNEL_HAS_UNCOMMITTED_DATA", f"Channel {channel.key[3]} has uncommitted data.")
