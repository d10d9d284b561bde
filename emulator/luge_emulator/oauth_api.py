"""Snowflake's OAuth token endpoint, which is the identity provider's too: `grant_type` client_credentials is granted as well."""
from __future__ import annotations

from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from luge_emulator.emulator import Emulator
from luge_emulator.oauth_clients import OauthError


class OauthApi:
    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def routes(self) -> list[Route]:
        return [Route("/oauth/token-request", self.token, methods=["POST"])]

    async def token(self, request: Request) -> Response:
        fields = {key: values[0] for key, values in parse_qs((await request.body()).decode()).items()}
        entry = request.state.entry
        entry["grant_type"] = fields.get("grant_type")
        try:
            answer = self._emulator.oauth_clients.grant(request.headers.get("authorization"), fields)
        except OauthError as error:
            entry["code"] = error.error
            return JSONResponse({"data": None, "error": error.error, "message": error.message, "code": None, "success": False}, error.status)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})
