"""What every request passes: ordered faults, the request log, and errors turned into answers."""
from __future__ import annotations

import asyncio
import logging
import email.utils
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError
from luge_emulator.request_log import public_headers

_log = logging.getLogger("luge_emulator")
Message = dict[str, Any]


class DroppedConnection(Exception):
    """Ends the connection without an answer."""


class Gate:
    """ASGI middleware around one application."""

    def __init__(self, app: Callable[..., Awaitable[None]], emulator: Emulator) -> None:
        self._app, self._emulator = app, emulator

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = unquote(scope["raw_path"].decode("latin-1").split("?")[0])
        entry: Message = {"t": round(time.time(), 4), "method": scope["method"], "path": path,
                          "query": dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
                          "headers": public_headers(scope["headers"]), "body_bytes": 0, "status": None}
        scope.setdefault("state", {})["entry"] = entry

        async def counted() -> Message:
            message = await receive()
            entry["body_bytes"] += len(message.get("body", b""))
            return message

        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                entry["status"] = message["status"]
                date = email.utils.formatdate(self._emulator.tokens.now(), usegmt=True)
                message = {**message, "headers": [*message.get("headers", []), (b"date", date.encode())]}
            await send(message)

        fault = self._emulator.faults.take(scope["method"], path)
        try:
            if fault:
                entry["fault"] = fault.kind
                if fault.kind == "latency":
                    await asyncio.sleep(fault.seconds)
                elif fault.kind == "hang":
                    await asyncio.sleep(3600)
                elif fault.kind == "drop" and not fault.after:
                    raise DroppedConnection
                elif fault.kind == "status":
                    await _drain(counted)
                    status, kind, body = fault.answer()
                    await Response(body, status, media_type=kind)(scope, receive, noted)
                    return
            if fault and fault.kind == "drop":
                await self._app(scope, counted, _nowhere(entry))
                raise DroppedConnection
            await self._app(scope, counted, noted)
        except DroppedConnection:
            entry["dropped"] = True
            _close(scope, send)
        except Exception:
            _log.exception("a request failed: %s %s", scope["method"], path)
            if not started:
                await JSONResponse({"code": "390000", "message": "Internal error of the emulator; see its log."}, 500)(scope, receive, noted)
        finally:
            self._emulator.log.add(entry)


async def answer_error(request: Request, error: Exception) -> Response:
    """An ApiError as a handler raised it. The rest of the body is read first: some clients break when they are answered before its end."""
    assert isinstance(error, ApiError)
    request.state.entry["code"] = error.code
    request.state.entry["message"] = error.message
    async for _ in request.stream() if not hasattr(request, "_body") else _nothing():
        pass
    return JSONResponse(error.body(), error.status)


async def _nothing() -> AsyncIterator[bytes]:
    for _ in ():
        yield b""


async def _drain(receive: Callable) -> None:
    """Reads the rest of a body."""
    while (message := await receive())["type"] == "http.request" and message.get("more_body"):
        pass


def _nowhere(entry: Message) -> Callable:
    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry["status"] = message["status"]
    return send


def _close(scope: Message, send: Callable) -> None:
    """uvicorn's request cycle is the object behind `send`; its transport is what a lost connection loses."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if transport is not None:
        cycle.response_started = cycle.response_complete = True
        cycle.disconnected = True
        transport.abort()
