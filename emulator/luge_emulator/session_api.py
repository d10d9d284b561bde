"""The session API, which drivers speak: login, query, heartbeat, logout. Arrow results go out in fakesnow's encoding."""
from __future__ import annotations

import base64
import gzip
import json
import secrets
import threading
import uuid
from typing import Any

import pyarrow as pa
from fakesnow.arrow import to_ipc, to_sf
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError, SqlError
from luge_emulator.naming import fold
from luge_emulator.sql import result
from luge_emulator.sql.result import Result
from luge_emulator.sql.session import Session
from luge_emulator.sql.statements import set_parameter

_DML = range(0x3000, 0x4000)
_PARAMETERS = [{"name": "TIMEZONE", "value": "Etc/UTC"}, {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
               {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600}]


def failure(code: str, message: str, sqlstate: str | None = None, query_id: str | None = None) -> Response:
    return JSONResponse({"data": {"errorCode": code, "sqlState": sqlstate, "queryId": query_id}, "code": code, "message": message, "success": False})


class SessionApi:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._sessions: dict[str, tuple[Session, threading.Lock]] = {}
        self._results: dict[str, Result] = {}

    def routes(self) -> list[Route]:
        return [Route("/session/v1/login-request", self.login, methods=["POST"]), Route("/session", self.end, methods=["POST"]),
                Route("/session/heartbeat", self.heartbeat, methods=["POST"]), Route("/session/token-request", self.renew, methods=["POST"]),
                Route("/queries/v1/query-request", self.query, methods=["POST"]), Route("/queries/v1/abort-request", self.abort, methods=["POST"]),
                Route("/monitoring/queries/{query}", self.monitor, methods=["GET"])]

    async def login(self, request: Request) -> Response:
        data = (await _body(request)).get("data", {})
        query = request.query_params
        try:
            caller = self._emulator.tokens.login(data.get("LOGIN_NAME", ""), data.get("PASSWORD"), data.get("AUTHENTICATOR", "SNOWFLAKE"), data.get("TOKEN"))
        except ApiError as error:
            return failure(error.code, error.message, "08001")
        named = {key: fold(query[parameter]) if query.get(parameter) else None
                 for key, parameter in (("database", "databaseName"), ("schema", "schemaName"), ("warehouse", "warehouse"), ("role", "roleName"))}
        session = await run_in_threadpool(self._emulator.engine.session, caller, named["database"], named["schema"], named["warehouse"])
        session.role = named["role"] or session.role
        for name, value in (data.get("SESSION_PARAMETERS") or {}).items():
            set_parameter(session, name, value)
        token = secrets.token_urlsafe(32)
        self._sessions[token] = session, threading.Lock()
        return JSONResponse({"success": True, "code": None, "message": None, "data": {
            "token": token, "masterToken": secrets.token_urlsafe(32), "validityInSeconds": 3600, "masterValidityInSeconds": 14400, "serverVersion": "9.0.0",
            "sessionId": int(session.id), "displayUserName": caller.user,
            "parameters": [{"name": "AUTOCOMMIT", "value": session.parameters["AUTOCOMMIT"]}, *_PARAMETERS],
            "sessionInfo": {"databaseName": session.database, "schemaName": session.schema, "warehouseName": session.warehouse, "roleName": session.role}}})

    async def query(self, request: Request) -> Response:
        session, lock = self._session(request)
        fields = await _body(request)
        query_id = str(uuid.uuid4())
        tag = (fields.get("parameters") or {}).get("QUERY_TAG")
        try:
            answer = await run_in_threadpool(self._execute, session, lock, fields, query_id, tag)
        except SqlError as error:
            return failure(error.code, error.message, error.sqlstate, query_id)
        self._results[query_id] = answer
        while len(self._results) > 500:
            self._results.pop(next(iter(self._results)))
        data: dict[str, Any] = {"parameters": _PARAMETERS, "rowtype": answer.rowtype, "total": answer.table.num_rows, "returned": answer.table.num_rows, "queryId": query_id,
                                "statementTypeId": answer.statement_type, "finalDatabaseName": session.database, "finalSchemaName": session.schema,
                                "finalWarehouseName": session.warehouse, "finalRoleName": session.role}
        if answer.statement_type in _DML:
            data |= {"queryResultFormat": "json", "rowset": answer.text_rows()}
        else:
            data |= {"queryResultFormat": "arrow", "rowsetBase64": await run_in_threadpool(_arrow, answer)}
        return JSONResponse({"data": data, "success": True, "code": None, "message": None})

    def _execute(self, session: Session, lock: threading.Lock, fields: dict[str, Any], query_id: str, tag: str | None) -> Result:
        text, bindings = fields["sqlText"], fields.get("bindings") or {}
        with lock:
            if fields.get("describeOnly"):
                answer = session.execute(text, bindings, query_id, tag) if text.lstrip()[:6].upper() in ("SELECT", "WITH") else result.status("described")
                answer.table = answer.table.slice(0, 0)
                return answer
            if any(isinstance(binding.get("value"), list) for binding in bindings.values()):
                return self._execute_rows(session, text, bindings, query_id, tag)
            return session.execute(text, bindings, query_id, tag)

    @staticmethod
    def _execute_rows(session: Session, text: str, bindings: dict[str, Any], query_id: str, tag: str | None) -> Result:
        """An array binding: one statement for each row, all of them one transaction."""
        count = len(next(iter(bindings.values()))["value"])
        outer = session.in_transaction
        total: dict[str, int] = {}
        session.begin()
        try:
            answer = None
            for at in range(count):
                answer = session.execute(text, {name: {**binding, "value": binding["value"][at]} for name, binding in bindings.items()}, query_id, tag)
                for name, changed in answer.changed.items():
                    total[name] = total.get(name, 0) + changed
            if not outer:
                session.commit()
        except BaseException:
            if not outer:
                session.rollback()
            raise
        assert answer
        return result.changes(total, answer.statement_type) if total else answer

    async def end(self, request: Request) -> Response:
        token = _token(request)
        if request.query_params.get("delete") == "true" and token in self._sessions:
            session, _ = self._sessions.pop(token)
            await run_in_threadpool(session.close)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def heartbeat(self, request: Request) -> Response:
        self._session(request)
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def renew(self, request: Request) -> Response:
        return failure("390114", "Authentication token has expired. The user must authenticate again.")

    async def abort(self, request: Request) -> Response:
        session, _ = self._session(request)
        session.cancel()
        return JSONResponse({"data": None, "code": None, "message": None, "success": True})

    async def monitor(self, request: Request) -> Response:
        self._session(request)
        known = request.path_params["query"] in self._results
        return JSONResponse({"data": {"queries": [{"status": "SUCCESS"}] if known else []}, "success": True})

    def _session(self, request: Request) -> tuple[Session, threading.Lock]:
        found = self._sessions.get(_token(request))
        if found is None:
            raise ApiError(401, "390104", "User must login again to access the service.")
        return found


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix('Snowflake Token="').removesuffix('"')


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if body else {}


def _arrow(answer: Result) -> str:
    if answer.table.num_rows == 0:
        return ""
    table = answer.table
    arrays, fields = [], []
    for at, field in enumerate(table.schema):
        column = table.column(at)
        if pa.types.is_large_string(column.type):
            column = column.cast(pa.string())
        elif pa.types.is_timestamp(column.type) and column.type.unit != "us":
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            # an instant: with its offset for TIMESTAMP_TZ, without for TIMESTAMP_LTZ
            column = column.cast(pa.timestamp("us", "UTC" if answer.types[at][1].name == "TIMESTAMP_TZ" else None))
        arrays.append(column)
        fields.append(pa.field(field.name, column.type))
    return base64.b64encode(to_ipc(to_sf(pa.Table.from_arrays(arrays, schema=pa.schema(fields)), answer.rowtype))).decode()  # type: ignore[arg-type]
