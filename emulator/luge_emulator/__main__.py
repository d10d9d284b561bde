"""Starts the emulator: `python -m luge_emulator --help`."""
from __future__ import annotations

import argparse
import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from luge_emulator import demo_user, server
from luge_emulator.settings import Settings


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="luge_emulator", description="A Snowflake emulator: Snowpipe Streaming v2, SQL API, session API.")
    parser.add_argument("--dir", type=Path, help="where data, keys and certificates live (default: a new temporary directory)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=8085, help="0: any free port, -1: no plain HTTP")
    parser.add_argument("--https-port", type=int, default=-1, help="0: any free port, -1: no TLS")
    parser.add_argument("--control-port", type=int, default=8086, help="0: any free port, -1: none")
    parser.add_argument("--ingest-host", help="what the hostname endpoint answers (default: the host that was asked)")
    parser.add_argument("--account", default="LUGE")
    parser.add_argument("--users", type=Path, help="YAML file: users: [{name, public_keys, public_key_files, password, tokens, role, oauth_clients}]")
    parser.add_argument("--accept-any", action="store_true", help="any user and key")
    parser.add_argument("--demo-user", metavar="NAME", help="register this user with a key pair and an OAuth client made in --dir, and print a luge.yaml")
    parser.add_argument("--database", action="append", default=[], metavar="DATABASE.SCHEMA", help="created if it is not there; may be repeated")
    parser.add_argument("--token-lifetime", type=int, default=600, metavar="SECONDS", help="of scoped tokens and OAuth access tokens")
    parser.add_argument("--rotate-refresh-tokens", action="store_true", help="an OAuth refresh token serves once and brings the next")
    parser.add_argument("--commit-delay", type=int, default=50, metavar="MS", help="from accepted to committed (Snowflake: about 5000)")
    parser.add_argument("--manual-commit", action="store_true", help="commits only when the control port says so")
    parser.add_argument("--sink", action="store_true", help="check limits, count rows, keep nothing")
    parser.add_argument("--strict", action="store_true", help="10 requests and 20 MB a second and channel, else 429")
    parser.add_argument("--stale-pipe-cache", type=int, default=0, metavar="MS", help="how long a dropped name answers STALE_PIPE_CACHE")
    parser.add_argument("--ignore-unknown-columns", action="store_true", help="instead of counting such rows as errors")
    parser.add_argument("--sync-seconds", type=float, default=45.0, help="longer statements answer 202")
    parser.add_argument("--partition-rows", type=int, default=50_000)
    parser.add_argument("--memory-limit", default="2GB", help="DuckDB's")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's")
    parser.add_argument("--request-log", type=Path, help="append every request to this file as JSON")
    parser.add_argument("--json", action="store_true", help="print ports and files as one JSON line instead of luge.yaml")
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> Settings:
    directory = (options.dir or Path(tempfile.mkdtemp(prefix="luge-emulator-"))).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    port = lambda number: None if number < 0 else number  # noqa: E731
    return Settings(
        directory=directory, host=options.host, http_port=port(options.http_port), https_port=port(options.https_port), control_port=port(options.control_port),
        ingest_host=options.ingest_host, account=options.account.upper(), users_file=options.users, accept_any=options.accept_any,
        token_lifetime_seconds=options.token_lifetime, rotate_refresh_tokens=options.rotate_refresh_tokens, commit_delay_ms=options.commit_delay, manual_commit=options.manual_commit, sink=options.sink,
        strict=options.strict, stale_pipe_cache_ms=options.stale_pipe_cache, ignore_unknown_columns=options.ignore_unknown_columns,
        sync_seconds=options.sync_seconds, partition_rows=options.partition_rows, memory_limit=options.memory_limit, threads=options.threads,
        log_file=options.request_log, databases=options.database)


def main() -> None:
    options = parse()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = settings_of(options)
    if options.demo_user:
        demo_user.make(settings, options.demo_user)

    def announce(facts: dict[str, Any]) -> None:
        if options.demo_user:
            facts |= {"private_key_file": str(settings.directory / "rsa_key.p8"), "user": options.demo_user.upper(), "oauth_client_id": demo_user.OAUTH_CLIENT,
                      "oauth_client_secret_file": str(settings.directory / demo_user.OAUTH_SECRET_FILE),
                      "oauth_refresh_token_file": str(settings.directory / demo_user.OAUTH_REFRESH_TOKEN_FILE)}
        print(json.dumps(facts) if options.json else demo_user.describe(settings, facts), flush=True)

    server.run(settings, announce)


if __name__ == "__main__":
    main()
