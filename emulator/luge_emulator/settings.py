"""What the emulator is told at its start."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Settings:
    """Times are milliseconds unless the name says otherwise. `strict` turns on the service's rate limits."""

    directory: Path
    host: str = "127.0.0.1"
    http_port: int | None = 0        # None: no listener, 0: any free port
    https_port: int | None = None
    control_port: int | None = 0
    ingest_host: str | None = None   # what /v2/streaming/hostname answers; default: the host that was asked
    account: str = "LUGE"
    users_file: Path | None = None
    accept_any: bool = False         # any user, any key, any password
    token_lifetime_seconds: int = 600
    rotate_refresh_tokens: bool = False  # each use of an OAuth refresh token ends it and brings the next
    commit_delay_ms: int = 50        # from an accepted append to its commit; the service takes about 5,000
    manual_commit: bool = False      # nothing commits until the control port says so
    sink: bool = False               # limits are checked, rows counted and thrown away
    strict: bool = False
    body_limit_bytes: int = 4 * 1024 * 1024
    requests_per_second: float = 10.0
    bytes_per_second: float = 20e6
    pending_limit_bytes: int = 512 * 1024 * 1024
    stale_pipe_cache_ms: int = 0     # after DROP TABLE or DROP PIPE, how long the name answers STALE_PIPE_CACHE
    ignore_unknown_columns: bool = False
    time_zone: str = "America/Los_Angeles"  # of timestamps without offset; Snowflake's default for TIMEZONE
    sync_seconds: float = 45.0       # a statement that takes longer answers 202
    partition_rows: int = 50_000
    memory_limit: str = "2GB"
    threads: int = 2
    log_requests: int = 20_000       # kept in memory; all go to requests.jsonl in `directory` when log_file is set
    log_file: Path | None = None
    databases: list[str] = field(default_factory=list)  # created at the start, as DATABASE.SCHEMA
