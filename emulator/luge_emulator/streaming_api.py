"""The Snowpipe Streaming v2 REST API."""
from __future__ import annotations

import gzip
import json
import re
import time
import zlib
from typing import Any
from urllib.parse import parse_qs, unquote

import zstandard
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError
from luge_emulator.naming import fold
from luge_emulator.streaming.channels import Chunk
from luge_emulator.streaming.row_reader import count_rows
from luge_emulator.tokens import Caller

_RESOURCE = re.compile(r"/v2/streaming/(?:data/)?(?:org/[^/]+/accounts/[^/]+/)?databases/(?P<database>[^/]+)/schemas/(?P<schema>[^/]+)/pipes/"
                       r"(?P<pipe>%22(?:%22%22|(?!%22)[^/])+%22|(?:(?!%3A)[^/:])+)(?:(?::|%3A)(?P<verb>[a-z-]+)|/channels/(?P<channel>[^/]+)(?:/(?P<part>rows|filebuffer))?)?$", re.IGNORECASE)
_JWT_BEARER, _TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"
# What the SDK calls the token that it gives up for a scoped one, and the kind of its header.
_SUBJECTS = {"urn:ietf:params:oauth:token-type:access_token": "OAUTH", "programmatic_access_token": "PROGRAMMATIC_ACCESS_TOKEN"}
# The ten numbers that the SDK's core reads; max_buffered_kb_for_rowset_mode must fit 16 bits.
_PARAMETERS = {"max_client_lag_seconds": 1, "rowset_flush_threshold_kb": 1024, "max_buffered_kb_for_rowset_mode": 10240, "rowset_threshold_lookback_seconds": 60,
               "rowset_threshold_ewma_weight": 50, "target_file_size_compressed_mb": 16, "cpu_throttle_high_watermark_percent": 90,
               "cpu_throttle_low_watermark_percent": 50, "mem_throttle_high_watermark_percent": 90, "mem_throttle_low_watermark_percent": 50}
_DECODE_INLINE_BYTES = 64 * 1024


def decompress(body: bytes, encoding: str) -> bytes:
    """The rows of a body; what cannot be decoded is a bad request as a whole."""
    try:
        if encoding == "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(body)
        if encoding == "gzip":
            return gzip.decompress(body)
    except (zstandard.ZstdError, zlib.error, OSError, EOFError) as error:
        raise ApiError(400, "ERR_INVALID_REQUEST", f"The body is not {encoding}.") from error
    if encoding not in ("", "identity"):
        raise ApiError(415, "ERR_UNSUPPORTED_ENCODING", f"Content-Encoding {encoding} is not supported.")
    return body


def _decode(body: bytes, encoding: str) -> tuple[bytes, int]:
    data = decompress(body, encoding)
    if not data.endswith(b"\n"):
        raise ApiError(400, "ERR_INVALID_REQUEST", "Every row ends with a newline.")
    return data, count_rows(data)


class StreamingApi:
    """Handlers; `request.state.entry` is the log's entry, to which they add what only they know."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [Route("/v2/streaming/hostname", self.hostname, methods=["GET"]), Route("/oauth/token", self.exchange, methods=["POST"]),
                Route("/telemetry/{rest:path}", self.telemetry, methods=["POST"]),
                Route("/v2/streaming/{rest:path}", self.resource, methods=["GET", "POST", "PUT", "DELETE"]),
                Route("/luge-emulator/{rest:path}", self.put_object, methods=["PUT"])]

    async def hostname(self, request: Request) -> Response:
        """Bare text, without a port: clients keep the configured one."""
        self._caller(request)
        return PlainTextResponse(self._host(request))

    async def exchange(self, request: Request) -> Response:
        """A key-pair JWT as bearer with a scope, or as `assertion` without one; an access token as bearer. The answer is the bare token."""
        fields = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        grant = fields.get("grant_type")
        if grant not in (_JWT_BEARER, _TOKEN_EXCHANGE):
            raise ApiError(400, "390302", "Unsupported grant type.")
        if grant == _TOKEN_EXCHANGE and _SUBJECTS.get(fields.get("subject_token_type", "")) != request.headers.get("x-snowflake-authorization-token-type"):
            raise ApiError(400, "390302", "The subject token is of another type.")
        if grant == _JWT_BEARER and "assertion" in fields:
            return PlainTextResponse(self._emulator.tokens.issue(self._emulator.tokens.verify_key_pair(fields["assertion"]), None))
        caller = self._caller(request)
        scope, _, role = fields.get("scope", "").partition(" session:role:")
        if scope.lower() != self._host(request).lower():
            raise ApiError(400, "390302", "The scope is not the ingest host.")
        return PlainTextResponse(self._emulator.tokens.issue(Caller(caller.user, role or caller.role), scope.lower()))

    async def telemetry(self, request: Request) -> Response:
        await request.body()
        return JSONResponse({"success": True, "message": "", "code": None, "data": "Log Received"})

    async def put_object(self, request: Request) -> Response:
        """S3's PutObject in path style. No signature is checked."""
        body = await request.body()
        etag = self._emulator.stage.put(request.url.path, body, "x-amz-decoded-content-length" in request.headers)
        return Response(b"", headers={"ETag": f'"{etag}"'}, media_type="application/xml")

    async def resource(self, request: Request) -> Response:
        match = _RESOURCE.match(request.scope["raw_path"].decode("latin-1").split("?")[0])
        if not match:
            raise ApiError(404, "404", "No such resource.")
        self._caller(request)
        if not request.headers.get("accept"):
            raise ApiError(400, "391902", "Unsupported Accept header null is specified.")
        database, schema, pipe = (fold(unquote(match[name])) for name in ("database", "schema", "pipe"))
        verb, channel, part = match["verb"], match["channel"] and unquote(match["channel"]), match["part"]
        body = await request.body()
        method = request.method
        if verb == "pipe-info" and method == "POST":
            return await run_in_threadpool(self._pipe_info, request, database, schema, pipe)
        if verb == "bulk-channel-status" and method == "POST":
            return self._statuses(database, schema, pipe, _json(body))
        if verb == "validate-credentials":
            return JSONResponse({"status_code": 0, "message": "OK"})
        if channel and part is None and method == "PUT":
            return await run_in_threadpool(self._open, database, schema, pipe, channel, _json(body))
        if channel and part is None and method == "DELETE":
            token = await run_in_threadpool(self._emulator.channels.drop, (database, schema, pipe, channel), bool(_json(body).get("fail_on_uncommitted_rows")))
            return JSONResponse({"status_code": 0, "message": "OK", "last_committed_offset_token": token})
        if channel and part == "rows" and method == "POST":
            return await self._append(request, (database, schema, pipe, channel), body)
        if channel and part == "filebuffer" and method == "POST":
            return await run_in_threadpool(self._append_files, request, (database, schema, pipe, channel), _json(body))
        raise ApiError(405, "405", "Method not allowed.")

    # -----------------------------------------------------------------------------------------------------------

    def _host(self, request: Request) -> str:
        return self._emulator.settings.ingest_host or request.headers.get("host", "localhost").rsplit(":", 1)[0]

    def _caller(self, request: Request) -> Caller:
        caller = self._emulator.tokens.verify_bearer(request.headers.get("authorization"), request.headers.get("x-snowflake-authorization-token-type"))
        if caller.scope and request.url.path.startswith("/v2/") and caller.scope != self._host(request).lower():
            raise ApiError(401, "390303", "The token is for another host.")
        return caller

    def _pipe_info(self, request: Request, database: str, schema: str, pipe: str) -> Response:
        self._emulator.pipes.resolve(database, schema, pipe)
        endpoint = request.headers.get("host", "").replace("localhost", "127.0.0.1")
        location, encryption = self._emulator.stage.info(endpoint, int((time.time() + 3600) * 1000))
        location["parameters"] = _PARAMETERS
        return JSONResponse({"database": database, "schema": schema, "pipe": pipe, "owner": "LUGE", "valid": True, "rowset_stage_location": location,
                             "durable_stage_location": location, "encryption_info": encryption, "parameter_overrides": _PARAMETERS})

    def _open(self, database: str, schema: str, pipe: str, channel: str, fields: dict[str, Any]) -> Response:
        found, table = self._emulator.pipes.resolve(database, schema, pipe)
        token, status = self._emulator.channels.open(found, table, channel, bool(fields.get("fail_on_uncommitted_rows")), fields.get("offset_token"))
        return JSONResponse({"status_code": 0, "message": "OK", "next_continuation_token": token, "channel_status": status})

    def _statuses(self, database: str, schema: str, pipe: str, fields: dict[str, Any]) -> Response:
        self._emulator.pipes.resolve(database, schema, pipe)
        found = self._emulator.channels.statuses((database, schema, pipe), [str(name) for name in fields.get("channel_names", [])])
        return JSONResponse({"status_code": 0, "message": "OK", "channel_statuses": found})

    async def _append(self, request: Request, key: tuple[str, str, str, str], body: bytes) -> Response:
        if len(body) > self._emulator.settings.body_limit_bytes:
            raise ApiError(413, "ERR_REQUEST_BODY_TOO_LARGE", f"The body is larger than {self._emulator.settings.body_limit_bytes} bytes.")
        encoding = request.headers.get("content-encoding", "").lower()
        data, rows = _decode(body, encoding) if len(body) <= _DECODE_INLINE_BYTES else await run_in_threadpool(_decode, body, encoding)
        query = request.query_params
        return self._take(request, key, data, rows, query.get("endOffsetToken") or query.get("offsetToken"))

    def _append_files(self, request: Request, key: tuple[str, str, str, str], descriptions: list[dict[str, Any]]) -> Response:
        token = request.query_params.get("continuationToken")
        channel = self._emulator.channels.find(key)
        if token != channel.continuation_token:  # stale or consumed: the files may be gone, and their rows are not wanted
            return self._take(request, key, b"", 0, None)
        fragments = [self._emulator.stage.read(description) for description in descriptions]
        data, rows = b"".join(fragment.data for fragment in fragments), sum(fragment.rows for fragment in fragments)
        answer = self._take(request, key, data, rows, fragments[-1].end_token if fragments else None)
        for description in descriptions:
            self._emulator.stage.forget(description)
        return answer

    def _take(self, request: Request, key: tuple[str, str, str, str], data: bytes, rows: int, end_token: str | None) -> Response:
        entry = request.state.entry
        channel = self._emulator.channels.find(key)
        if self._emulator.pipes.resolve(*key[:3])[1].id != channel.table_id:
            raise ApiError(404, "ERR_CHANNEL_NO_LONGER_EXISTS", f"The table of channel {key[3]} was replaced.")
        entry.update(rows=rows, decoded_bytes=len(data))
        chunk = Chunk(b"" if self._emulator.settings.sink else data, rows, end_token, time.monotonic())
        token, taken = self._emulator.channels.append(key, request.query_params.get("continuationToken"), len(data), chunk, entry.get("fault") == "silent")
        entry["taken"] = taken
        return JSONResponse({"status_code": 0, "message": "OK", "next_continuation_token": token})


def _json(body: bytes) -> Any:
    try:
        return json.loads(body) if body.strip() else {}
    except ValueError as error:
        raise ApiError(400, "ERR_INVALID_REQUEST", "The body is not JSON.") from error
