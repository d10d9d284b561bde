"""Moves accepted rows into tables: rows, error rows and the channels' tokens in one DuckDB transaction."""
from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from dataclasses import replace

import duckdb
import pyarrow as pa

from luge_emulator.catalog import Column, Table, TableCache, write_column_note
from luge_emulator.column_types import plain
from luge_emulator.errors import ApiError, SqlError
from luge_emulator.naming import fold, mangle, quote
from luge_emulator.settings import Settings
from luge_emulator.storage import Storage
from luge_emulator.streaming.channels import Channel, ChannelKey, Channels, Chunk
from luge_emulator.streaming.pipes import Pipe, Pipes
from luge_emulator.streaming.row_reader import Loaded, RowReader

_BATCH_BYTES = 64 * 1024 * 1024  # of one transaction, about
_NEW_COLUMNS_LIMIT = 100         # that one batch may add by schema evolution
_log = logging.getLogger("luge_emulator.committer")


class Committer:
    """One thread. A commit that fails changes nothing and is tried again."""

    def __init__(self, storage: Storage, channels: Channels, pipes: Pipes, tables: TableCache, settings: Settings) -> None:
        self._storage, self._channels, self._pipes, self._tables, self._settings = storage, channels, pipes, tables, settings
        self._held = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._evolved = False
        self._probe = storage.cursor()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; what is accepted and not committed is lost, as with any end of the process."""
        self._stop.set()
        with self._channels.lock:
            self._channels.changed.notify_all()
        self._thread.join()

    def hold(self, held: bool) -> None:
        (self._held.set if held else self._held.clear)()
        with self._channels.lock:
            self._channels.changed.notify_all()

    def commit_now(self) -> int:
        """Commits everything accepted so far, hold or not. Returns the number of rows."""
        return sum(self._commit(database, time.monotonic(), None) for database in self._storage.databases())

    def _run(self) -> None:
        while not self._stop.is_set():
            manual = self._held.is_set() or self._settings.manual_commit
            due = None if manual else min((channel.pending[0].accepted_at for channel in self._channels.all() if channel.pending), default=None)
            delay = self._settings.commit_delay_ms / 1000
            if due is None or time.monotonic() < due + delay:
                with self._channels.lock:
                    self._channels.changed.wait(0.25 if due is None else max(0.001, due + delay - time.monotonic()))
                continue
            try:
                for database in self._storage.databases():
                    self._commit(database, time.monotonic() - delay, _BATCH_BYTES)
            except Exception:
                _log.exception("a commit failed; it is tried again")
                time.sleep(0.1)

    def _commit(self, database: str, before: float, limit: int | None) -> int:
        """Returns the rows it moved. All channels in one transaction; if that fails, each in one of its own, so that one cannot hold up the others."""
        locks = self._storage.locks(database)
        with locks.shape.shared(), locks.channels:
            due = self._channels.take_due(database, before)
            try:
                return self._commit_together(due, limit) if due else 0
            except Exception:
                if len(due) == 1:
                    raise
                _log.exception("a commit failed; its channels are tried one by one")
            moved, failure = 0, None
            for key, chunks in due.items():
                try:
                    moved += self._commit_together({key: chunks}, limit)
                except Exception as error:
                    failure = error
            if failure:
                raise failure
            return moved

    def _commit_together(self, due: dict[ChannelKey, list[Chunk]], limit: int | None) -> int:
        """One transaction; the first `limit` bytes of what is due, whole chunks and at least one."""
        cursor = self._storage.cursor()
        done: list[tuple[Channel, Channel, int]] = []
        size = 0
        cursor.execute("BEGIN")
        try:
            for key, chunks in due.items():
                taken: list[Chunk] = []
                for chunk in chunks:
                    if limit is not None and size > limit:
                        break
                    taken.append(chunk)
                    size += len(chunk.data)
                if taken:
                    channel = self._channels.find(key)
                    after = self._load(cursor, channel, taken)
                    after.store(cursor)
                    done.append((channel, after, len(taken)))
            cursor.execute("COMMIT")
        except BaseException:
            _rollback(cursor)
            raise
        finally:
            cursor.close()
        if self._evolved:
            self._evolved = False
            self._storage.changed()
        rows = sum(after.rows_parsed - channel.rows_parsed for channel, after, _ in done)
        with self._channels.lock:
            for channel, after, count in done:
                for name in ("committed_token", "rows_inserted", "rows_parsed", "rows_error_count", "last_error_offset", "last_error_message", "last_error_ms"):
                    setattr(channel, name, getattr(after, name))
                self._channels.finish(channel, count)
        return rows

    def _load(self, cursor: duckdb.DuckDBPyConnection, channel: Channel, chunks: list[Chunk]) -> Channel:
        """The channel as it will be when the transaction commits."""
        tokens = [chunk.end_token for chunk in chunks if chunk.end_token is not None]
        after = replace(channel, committed_token=tokens[-1] if tokens else channel.committed_token)
        if self._settings.sink:
            count = sum(chunk.rows for chunk in chunks)
            after.rows_inserted += count
            after.rows_parsed += count
            return after
        database, schema, pipe_name, _ = channel.key
        try:
            pipe, table = self._pipes.resolve(database, schema, pipe_name)
        except ApiError:
            return replace(channel)  # the table went between the append and now; the channel goes with it
        if table.id != channel.table_id:
            return replace(channel)
        data = chunks[0].data if len(chunks) == 1 else b"".join(chunk.data for chunk in chunks)
        reader = RowReader(cursor, self._probe, table, pipe, self._settings.ignore_unknown_columns, self._settings.time_zone)
        if table.evolve and pipe.select is None:
            table = self._evolve(cursor, table, *reader.wanted_evolution(data))
            reader = RowReader(cursor, self._probe, table, pipe, self._settings.ignore_unknown_columns, self._settings.time_zone)
        loaded = reader.load(data)
        after.rows_inserted += loaded.inserted
        after.rows_parsed += loaded.parsed
        after.rows_error_count += len(loaded.errors)
        if loaded.errors:
            self._record_errors(cursor, channel, after, table, chunks, loaded)
        return after

    def _record_errors(self, cursor: duckdb.DuckDBPyConnection, channel: Channel, after: Channel, table: Table, chunks: list[Chunk], loaded: Loaded) -> None:
        ends: list[int] = []
        for chunk in chunks:
            ends.append((ends[-1] if ends else 0) + chunk.rows)
        places = [next((at for at, end in enumerate(ends) if error.ordinal < end), len(ends) - 1) for error in loaded.errors]
        after.last_error_offset = chunks[places[-1]].end_token
        after.last_error_message = loaded.errors[-1].message
        after.last_error_ms = int(time.time() * 1000)
        if not table.log_errors:
            return
        query = str(uuid.uuid4())
        notes, contents = [], []
        for error, place in zip(loaded.errors, places, strict=True):
            before = chunks[place - 1].end_token if place else channel.committed_token
            notes.append(json.dumps({"service": "SNOWPIPE_STREAMING", "error_message": error.message, "error_source": "STREAMING", "details": {
                "pipe_name": channel.key[2], "channel_name": channel.key[3], "offset_token_lower_bound": before,
                "offset_token_upper_bound": chunks[place].end_token, "error_data_truncated": False, "error_data_content_type": "application/json"}}))
            contents.append(json.dumps({"$1": error.line}))
        cursor.register("_errors", pa.table({"note": notes, "content": contents}))
        cursor.execute(f'INSERT INTO "{mangle(channel.key[0])}"."_EMULATOR".error_rows SELECT ?, now(), ?, \'100069\', note, content FROM _errors', [table.id, query])
        cursor.unregister("_errors")

    def _evolve(self, cursor: duckdb.DuckDBPyConnection, table: Table, unknown: dict[str, str], empty: list[str]) -> Table:
        """Adds columns for unknown keys and drops NOT NULL where a row leaves it empty; in the rows' own transaction."""
        wanted = {fold(key): kind for key, kind in unknown.items()}
        strict = [column for column in table.columns if column.name in empty]
        if (not wanted and not strict) or len(wanted) > _NEW_COLUMNS_LIMIT:
            return table
        kinds = {"VARCHAR": "VARCHAR", "BOOLEAN": "BOOLEAN", "UBIGINT": "NUMBER", "BIGINT": "NUMBER", "HUGEINT": "NUMBER", "DOUBLE": "FLOAT", "ARRAY": "ARRAY", "OBJECT": "OBJECT"}
        added = [Column(name, plain(kinds.get(kind, "VARIANT"))) for name, kind in wanted.items() if table.column(name) is None]
        for column in added:
            cursor.execute(f"ALTER TABLE {table.path} ADD COLUMN {column.definition()}")
            write_column_note(cursor, table, column)
        for column in strict:
            cursor.execute(f"ALTER TABLE {table.path} ALTER COLUMN {quote(column.name)} DROP NOT NULL")
        self._evolved = True
        columns = [replace(column, nullable=True) if column in strict else column for column in table.columns] + added
        return replace(table, columns=columns)


def _rollback(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:
        pass  # DuckDB has ended it already
