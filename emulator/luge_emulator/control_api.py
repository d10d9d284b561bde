"""The control port: faults, commits by hand, clocks, and a look inside. For tests; it asks for no password and listens on loopback."""
from __future__ import annotations

import dataclasses
import json
import secrets
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError, SqlError
from luge_emulator.naming import fold
from luge_emulator.settings import Settings
from luge_emulator.tokens import Caller

_CHANGEABLE = ("commit_delay_ms", "manual_commit", "strict", "ignore_unknown_columns", "body_limit_bytes", "sync_seconds", "partition_rows", "pending_limit_bytes")


class ControlApi:
    def __init__(self, emulator: Emulator, facts: dict[str, Any]) -> None:
        self._emulator, self._facts = emulator, facts

    def app(self) -> Starlette:
        handlers = {"faults": self.faults, "commit": self.commit, "hold": self.hold, "release": self.release, "channels": self.channels, "reopen": self.reopen,
                    "invalidate": self.invalidate, "drop-channel": self.drop_channel, "expire-tokens": self.expire_tokens, "requests": self.requests,
                    "queries": self.queries, "settings": self.settings, "sql": self.sql, "counters": self.counters, "facts": self.facts}
        routes = [Route(f"/{name}", self._guard(handler), methods=["GET", "POST", "PUT", "DELETE"]) for name, handler in handlers.items()]
        return Starlette(routes=routes)

    @staticmethod
    def _guard(handler):  # noqa: ANN001, ANN205
        async def guarded(request: Request) -> Response:
            body = await request.body()
            try:
                return JSONResponse(await run_in_threadpool(handler, request, json.loads(body) if body else {}))
            except (ApiError, SqlError, ValueError, TypeError, KeyError) as error:
                return JSONResponse({"error": repr(error)}, 400)
        return guarded

    def facts(self, request: Request, fields: dict[str, Any]) -> Any:
        """Ports, files, settings to connect with."""
        return self._facts

    def faults(self, request: Request, fields: dict[str, Any]) -> Any:
        """POST a fault (see faults.py), GET the list, DELETE all."""
        if request.method == "POST":
            return dataclasses.asdict(self._emulator.faults.add(fields))
        if request.method == "DELETE":
            self._emulator.faults.clear()
        return self._emulator.faults.list()

    def commit(self, request: Request, fields: dict[str, Any]) -> Any:
        """Commits everything accepted, held or not."""
        return {"rows": self._emulator.committer.commit_now()}

    def hold(self, request: Request, fields: dict[str, Any]) -> Any:
        """Accepts go on, commits stop."""
        self._emulator.committer.hold(True)
        return {"held": True}

    def release(self, request: Request, fields: dict[str, Any]) -> Any:
        self._emulator.committer.hold(False)
        return {"held": False}

    def channels(self, request: Request, fields: dict[str, Any]) -> Any:
        return [channel.status(0) | {"continuation_token": channel.continuation_token, "pending_chunks": len(channel.pending), "is_open": channel.is_open,
                                     "pending_rows": sum(chunk.rows for chunk in channel.pending)} for channel in self._emulator.channels.all()]

    def reopen(self, request: Request, fields: dict[str, Any]) -> Any:
        """A ghost: some other client opens the channel (`channel`; `pipe` if several have that name) and fences its owner."""
        found = [channel for channel in self._emulator.channels.all() if channel.key[3] == fields["channel"] and fields.get("pipe", channel.key[2]) == channel.key[2]]
        tokens = {}
        for channel in found:
            pipe, table = self._emulator.pipes.resolve(*channel.key[:3])
            tokens[".".join(channel.key)] = self._emulator.channels.open(pipe, table, channel.key[3], False, None)[0]
        return tokens

    def invalidate(self, request: Request, fields: dict[str, Any]) -> Any:
        """A fail-over: the named channels (default: all) lose their openers and buffers; tokens stay."""
        names = fields.get("channels")
        return {"channels": self._emulator.channels.invalidate(lambda channel: names is None or channel.key[3] in names)}

    def drop_channel(self, request: Request, fields: dict[str, Any]) -> Any:
        """As after 30 idle days: the channel and its token are gone."""
        names = [fields["channel"]] if "channel" in fields else None
        return {"channels": self._emulator.channels.drop_where(lambda channel: names is None or channel.key[3] in names)}

    def expire_tokens(self, request: Request, fields: dict[str, Any]) -> Any:
        """Every scoped token and OAuth access token that is out answers 401 from now on."""
        self._emulator.tokens.generation += 1
        return {"generation": self._emulator.tokens.generation}

    def requests(self, request: Request, fields: dict[str, Any]) -> Any:
        if request.method == "DELETE":
            self._emulator.log.clear()
        return self._emulator.log.entries(int(request.query_params.get("since", 0)))

    def queries(self, request: Request, fields: dict[str, Any]) -> Any:
        """The query history, oldest first."""
        if request.method == "DELETE":
            self._emulator.engine.history.clear()
        return self._emulator.engine.history.entries()

    def settings(self, request: Request, fields: dict[str, Any]) -> Any:
        """GET, or POST some of them; `token_lifetime_seconds`, `rotate_refresh_tokens` and `clock_offset_seconds` too."""
        current: Settings = self._emulator.settings
        tokens = self._emulator.tokens
        for name, value in fields.items():
            if name == "token_lifetime_seconds":
                tokens.lifetime_seconds = int(value)
            elif name == "rotate_refresh_tokens":
                self._emulator.oauth_clients.rotate = bool(value)
            elif name == "clock_offset_seconds":
                tokens.clock_offset_seconds = int(value)
            elif name in _CHANGEABLE:
                setattr(current, name, value)
            else:
                raise ValueError(f"{name} cannot be changed")
        with self._emulator.channels.lock:
            self._emulator.channels.changed.notify_all()
        return {name: getattr(current, name) for name in _CHANGEABLE} | {"token_lifetime_seconds": tokens.lifetime_seconds, "rotate_refresh_tokens": self._emulator.oauth_clients.rotate,
                                                                        "clock_offset_seconds": tokens.clock_offset_seconds}

    def sql(self, request: Request, fields: dict[str, Any]) -> Any:
        """Runs `statement` in Snowflake's SQL as an administrator; `database` and `schema` as in the SQL API. For setting up and for asking."""
        database, schema = fields.get("database"), fields.get("schema")
        session = self._emulator.engine.session(Caller("EMULATOR", "ACCOUNTADMIN"), database and fold(database), schema and fold(schema))
        try:
            result = None
            for statement in self._emulator.engine.split(fields["statement"]):
                result = session.execute(statement)
            return {"columns": [column["name"] for column in result.rowtype], "rows": result.text_rows()} if result else {}
        finally:
            session.close()

    def counters(self, request: Request, fields: dict[str, Any]) -> Any:
        """Sums over all channels; what a bench in sink mode reads."""
        channels = self._emulator.channels.all()
        return {"channels": len(channels), "rows_inserted": sum(channel.rows_inserted for channel in channels), "rows_parsed": sum(channel.rows_parsed for channel in channels),
                "rows_error_count": sum(channel.rows_error_count for channel in channels), "pending_bytes": self._emulator.channels.pending_bytes, "run": _RUN}


_RUN = secrets.token_hex(4)  # tells one process of the emulator from the next
