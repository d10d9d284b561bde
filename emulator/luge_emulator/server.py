"""The listeners: plain HTTP, TLS, and the control port, in one event loop."""
from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from typing import Any

import uvicorn
import uvloop
from starlette.applications import Starlette

from luge_emulator import tls
from luge_emulator.control_api import ControlApi
from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError
from luge_emulator.gate import Gate, answer_error
from luge_emulator.oauth_api import OauthApi
from luge_emulator.session_api import SessionApi
from luge_emulator.settings import Settings
from luge_emulator.sql_api import SqlApi
from luge_emulator.streaming_api import StreamingApi


class _Listener(uvicorn.Server):
    """uvicorn without its signal handlers: one process has three."""

    def capture_signals(self):  # noqa: ANN201
        return contextlib.nullcontext()


def _bind(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


def run(settings: Settings, announce: Any) -> None:
    """Runs until SIGTERM or SIGINT. `announce(facts)` is called when all ports are bound."""
    emulator = Emulator(settings)
    sockets = {name: _bind(settings.host, port) for name, port in (("http", settings.http_port), ("https", settings.https_port), ("control", settings.control_port)) if port is not None}
    facts: dict[str, Any] = {"host": settings.host, "account": settings.account, "directory": str(settings.directory)}
    facts |= {f"{name}_port": bound.getsockname()[1] for name, bound in sockets.items()}
    certificates = tls.make(settings.directory / "tls", settings.host) if "https" in sockets else None
    if certificates:
        facts["ca_file"] = str(certificates.ca)

    routes = StreamingApi(emulator).routes() + OauthApi(emulator).routes() + SqlApi(emulator).routes() + SessionApi(emulator).routes()
    app = Gate(Starlette(routes=routes, exception_handlers={ApiError: answer_error}), emulator)
    control = ControlApi(emulator, facts).app()
    common: dict[str, Any] = {"log_level": "warning", "access_log": False, "lifespan": "off", "loop": "uvloop", "http": "httptools", "timeout_keep_alive": 75,
                              "timeout_graceful_shutdown": 2, "date_header": False}  # the gate says what time it is
    listeners = []
    for name in sockets:
        extra = {"ssl_certfile": str(certificates.server), "ssl_keyfile": str(certificates.key)} if name == "https" and certificates else {}
        listeners.append(_Listener(uvicorn.Config(control if name == "control" else app, **common, **extra)))
    emulator.start()

    async def serve() -> None:
        def stop() -> None:
            for listener in listeners:
                listener.should_exit = True
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        tasks = [asyncio.create_task(listener.serve(sockets=[bound])) for listener, bound in zip(listeners, sockets.values(), strict=True)]
        while not all(listener.started for listener in listeners) and not any(task.done() for task in tasks):
            await asyncio.sleep(0.01)
        announce(facts)
        await asyncio.gather(*tasks)

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())
    finally:
        emulator.close()

