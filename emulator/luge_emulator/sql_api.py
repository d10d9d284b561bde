"""The SQL API: /api/v2/statements."""
from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
import uuid
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from luge_emulator.emulator import Emulator
from luge_emulator.errors import ApiError, SqlError
from luge_emulator.naming import fold
from luge_emulator.sql.result import Result
from luge_emulator.sql.session import Session

_KEPT_STATEMENTS = 2000
_MULTIPLE = "Multiple statements executed successfully."


@dataclass
class Statement:
    """One handle. `children` are those of a multi-statement request."""

    handle: str
    created_ms: int
    done: Future[Result] = field(default_factory=Future)
    session: Session | None = None
    children: list[str] = field(default_factory=list)
    cancelled: bool = False
    expired: bool = False


class SqlApi:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._statements: OrderedDict[str, Statement] = OrderedDict()
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="statement")

    def routes(self) -> list[Route]:
        return [Route("/api/v2/statements", self.submit, methods=["POST"]), Route("/api/v2/statements/", self.submit, methods=["POST"]),
                Route("/api/v2/statements/{handle}", self.fetch, methods=["GET"]), Route("/api/v2/statements/{handle}/cancel", self.cancel, methods=["POST"])]

    async def submit(self, request: Request) -> Response:
        caller = self._caller(request)
        if "application/json" not in request.headers.get("content-type", ""):
            raise ApiError(415, "391903", "Unsupported Content-Type.")
        try:
            fields = json.loads(await request.body())
        except ValueError as error:
            raise ApiError(400, "390130", "The body is not JSON.") from error
        if not isinstance(fields, dict) or not str(fields.get("statement") or "").strip():
            raise ApiError(400, "391911", "SQL statement is missing.")
        session = await run_in_threadpool(self._session, caller, fields)
        parameters = {str(name).upper(): value for name, value in (fields.get("parameters") or {}).items()}
        for name, value in parameters.items():
            session.parameters[name] = value
        session.parameters["AUTOCOMMIT"] = True
        statement = self._new(session)
        wanted = int(parameters.get("MULTI_STATEMENT_COUNT", 1))
        texts = self._emulator.engine.split(fields["statement"])
        children = [self._new(session) for _ in texts] if wanted != 1 and len(texts) > 1 else []
        statement.children = [child.handle for child in children]
        self._workers.submit(self._work, statement, session, texts, wanted, children, fields.get("bindings"))
        seconds = 0.0 if request.query_params.get("async", "").lower() == "true" else self._emulator.settings.sync_seconds
        limit = float(fields.get("timeout") or 0)
        if limit:
            timer = threading.Timer(limit, self._expire, [statement])
            timer.daemon = True
            timer.start()
            statement.done.add_done_callback(lambda _: timer.cancel())
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(statement.done)), seconds)
        except TimeoutError:
            return self._running(statement)
        except SqlError:
            pass
        return await run_in_threadpool(self._answer, statement, 0)

    async def fetch(self, request: Request) -> Response:
        self._caller(request)
        statement = self._find(request.path_params["handle"])
        if not statement.done.done():
            return self._running(statement)
        return await run_in_threadpool(self._answer, statement, int(request.query_params.get("partition", 0)))

    async def cancel(self, request: Request) -> Response:
        self._caller(request)
        statement = self._find(request.path_params["handle"])
        if statement.done.done():
            return JSONResponse({"code": "000709", "message": "Statement not found, or it has ended.", "sqlState": "02000", "statementHandle": statement.handle}, 422)
        statement.cancelled = True
        if statement.session:
            statement.session.cancel()
        return JSONResponse({"code": "000604", "message": "successfully canceled statement", "sqlState": "57014", "statementHandle": statement.handle,
                             "statementStatusUrl": f"/api/v2/statements/{statement.handle}"})

    # ---------------------------------------------------------------------------------------------------------------

    def _caller(self, request: Request):  # noqa: ANN202
        caller = self._emulator.tokens.verify_bearer(request.headers.get("authorization"), request.headers.get("x-snowflake-authorization-token-type"))
        accept = request.headers.get("accept", "")
        if not accept:
            raise ApiError(400, "391902", "Unsupported Accept header null is specified.")
        if "application/json" not in accept and "*/*" not in accept:
            raise ApiError(400, "391902", "Unsupported Accept header is specified.")
        return caller

    def _session(self, caller, fields: dict[str, Any]) -> Session:  # noqa: ANN001
        """Names in the body are case-sensitive, as documents say: they are taken as they stand; quoted ones lose their quotes."""
        named = {key: (str(fields[key]) if not str(fields[key]).startswith('"') else fold(str(fields[key]))) if fields.get(key) else None
                 for key in ("database", "schema", "warehouse", "role")}
        session = self._emulator.engine.session(caller, named["database"], named["schema"], named["warehouse"])
        session.role = named["role"] or session.role
        return session

    def _new(self, session: Session | None) -> Statement:
        statement = Statement(str(uuid.uuid4()), int(time.time() * 1000), session=session)
        with self._lock:
            self._statements[statement.handle] = statement
            while len(self._statements) > _KEPT_STATEMENTS:
                self._statements.popitem(last=False)
        return statement

    def _find(self, handle: str) -> Statement:
        with self._lock:
            statement = self._statements.get(handle)
        if statement is None:
            raise ApiError(404, "391404", "Statement handle not found.")
        return statement

    def _work(self, statement: Statement, session: Session, texts: list[str], wanted: int, children: list[Statement], bindings: Any) -> None:
        try:
            if wanted != 0 and len(texts) != wanted:
                raise SqlError("000008", "0A000", f"Actual statement count {len(texts)} did not match the desired statement count {wanted}.")
            answer: Result | None = None
            for text, target in zip(texts, children or [statement], strict=True):
                if statement.cancelled:
                    raise SqlError("000604", "57014", "SQL execution canceled")
                try:
                    answer = session.execute(text, bindings, target.handle)
                except BaseException as error:
                    target.done.set_exception(error) if target is not statement else None
                    raise
                if target is not statement:
                    target.done.set_result(answer)
            outcome: Result | BaseException | None = answer
        except BaseException as error:
            outcome = error
        try:
            session.close()
        finally:
            for child in children:
                if not child.done.done():
                    child.done.set_exception(SqlError("000605", "02000", "An earlier statement failed."))
            if isinstance(outcome, BaseException):
                statement.done.set_exception(outcome)
            else:
                statement.done.set_result(outcome)  # type: ignore[arg-type]

    def _expire(self, statement: Statement) -> None:
        if not statement.done.done() and statement.session:
            statement.cancelled = statement.expired = True
            statement.session.cancel()

    def _running(self, statement: Statement) -> Response:
        return JSONResponse({"code": "333334", "message": "Asynchronous execution in progress. Use provided query id to perform query monitoring and management.",
                             "statementHandle": statement.handle, "statementStatusUrl": f"/api/v2/statements/{statement.handle}", "sqlState": "00000"}, 202)

    def _answer(self, statement: Statement, partition: int) -> Response:
        error = statement.done.exception()
        if isinstance(error, SqlError) and statement.expired:
            error = SqlError("000630", "57014", "Statement reached its statement or warehouse timeout and was canceled.")
        if isinstance(error, SqlError):
            return JSONResponse({"code": error.code, "message": error.message, "sqlState": error.sqlstate, "statementHandle": statement.handle,
                                 "createdOn": statement.created_ms}, 408 if error.code == "000630" else 422)
        if error is not None:
            raise error
        answer = statement.done.result()
        rows, step = answer.table.num_rows, self._emulator.settings.partition_rows
        parts = [{"rowCount": min(step, rows - start)} for start in range(0, rows, step)] or [{"rowCount": 0}]
        if not 0 <= partition < len(parts):
            raise ApiError(400, "391920", "No such partition.")
        data = answer.text_rows(partition * step, step) if not statement.children else [[_MULTIPLE]]
        if partition > 0:
            packed = gzip.compress(json.dumps({"data": data}).encode(), 1)
            return Response(packed, media_type="application/json", headers={"Content-Encoding": "gzip"})
        body: dict[str, Any] = {
            "code": "090001", "sqlState": "00000", "message": "Statement executed successfully.", "statementHandle": statement.handle, "createdOn": statement.created_ms,
            "statementStatusUrl": f"/api/v2/statements/{statement.handle}",
            "resultSetMetaData": {"numRows": rows, "format": "jsonv2", "rowType": answer.rowtype,
                                  "partitionInfo": [part | {"uncompressedSize": len(json.dumps(data)) if at == 0 else 0} for at, part in enumerate(parts)]},
            "data": data}
        if statement.children:
            body["statementHandles"] = statement.children
            body["message"] = _MULTIPLE
            body["resultSetMetaData"] = {"numRows": 1, "format": "jsonv2", "partitionInfo": [{"rowCount": 1, "uncompressedSize": 0}],
                                         "rowType": [{"name": "multiple statement execution", "type": "text", "nullable": False, "length": None, "byteLength": None,
                                                      "precision": None, "scale": None, "database": "", "schema": "", "table": "", "collation": None}]}
        if answer.changed:
            names = {"number of rows inserted": "numRowsInserted", "number of rows updated": "numRowsUpdated", "number of rows deleted": "numRowsDeleted"}
            body["stats"] = {"numRowsInserted": 0, "numRowsUpdated": 0, "numRowsDeleted": 0, "numDuplicateRowsUpdated": 0} | {
                names[name]: count for name, count in answer.changed.items() if name in names}
        return JSONResponse(body)
