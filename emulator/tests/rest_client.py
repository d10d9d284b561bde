"""A plain REST client of the streaming and SQL APIs, for asking the emulator what a library would not let us ask."""
from __future__ import annotations

import base64
import gzip
import hashlib
import json
import time
import uuid
from pathlib import Path
from typing import Any

import jwt
import requests
import zstandard
from cryptography.hazmat.primitives import serialization


def key_pair_jwt(key_file: Path, account: str = "LUGE", user: str = "LUGE", issued: float | None = None, lifetime: int = 3000, **changes: Any) -> str:
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    printed = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
    now = int(time.time() if issued is None else issued)
    claims = {"iss": f"{account}.{user}.{printed}", "sub": f"{account}.{user}", "iat": now, "exp": now + lifetime} | changes
    return jwt.encode(claims, key, algorithm="RS256")


class RestClient:
    def __init__(self, url: str, key_file: Path, database: str = "DB", schema: str = "PUBLIC") -> None:
        self.url, self.key_file, self._place = url, key_file, f"databases/{database}/schemas/{schema}"
        self.http = requests.Session()
        self.http.headers["Accept"] = "application/json"
        self.scoped = ""

    def jwt_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {key_pair_jwt(self.key_file)}", "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT"}

    def authorize(self) -> None:
        host = self.http.get(f"{self.url}/v2/streaming/hostname", headers=self.jwt_headers(), timeout=30).text
        answer = self.http.post(f"{self.url}/oauth/token", headers=self.jwt_headers(), timeout=30,
                                data={"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": host})
        assert answer.status_code == 200, answer.text
        self.scoped = answer.text

    def call(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        if not self.scoped:
            self.authorize()
        headers = {"Authorization": f"Bearer {self.scoped}", "X-Snowflake-Authorization-Token-Type": "OAUTH"}
        return self.http.request(method, f"{self.url}{path}", params={"requestId": str(uuid.uuid4()), **query}, headers=headers, json=body, timeout=60)

    def channel_path(self, pipe: str, channel: str) -> str:
        return f"/v2/streaming/{self._place}/pipes/{pipe}/channels/{channel}"

    def open(self, pipe: str, channel: str, **fields: Any) -> dict[str, Any]:
        answer = self.call("PUT", self.channel_path(pipe, channel), fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def append(self, pipe: str, channel: str, token: str, rows: list[Any] | bytes, end: str, start: str | None = None, encoding: str = "zstd") -> requests.Response:
        data = rows if isinstance(rows, bytes) else b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        body = zstandard.compress(data) if encoding == "zstd" else gzip.compress(data) if encoding == "gzip" else data
        if not self.scoped:
            self.authorize()
        headers = {"Authorization": f"Bearer {self.scoped}", "X-Snowflake-Authorization-Token-Type": "OAUTH", "Content-Type": "application/x-ndjson"}
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        query = {"continuationToken": token, "startOffsetToken": start or end, "endOffsetToken": end, "requestId": str(uuid.uuid4())}
        path = self.channel_path(pipe, channel).replace("/v2/streaming/", "/v2/streaming/data/") + "/rows"
        return self.http.post(f"{self.url}{path}", params=query, data=body, headers=headers, timeout=60)

    def statuses(self, pipe: str, *channels: str) -> dict[str, Any]:
        answer = self.call("POST", f"/v2/streaming/{self._place}/pipes/{pipe}:bulk-channel-status", {"channel_names": list(channels)})
        assert answer.status_code == 200, answer.text
        return answer.json()["channel_statuses"]

    def sql(self, statement: str, query: str = "", **fields: Any) -> requests.Response:
        body = {"statement": statement, "database": "DB", "schema": "PUBLIC", **fields}
        return self.http.post(f"{self.url}/api/v2/statements{query}", json=body, headers=self.jwt_headers(), timeout=60)

    def get_statement(self, handle: str, query: str = "") -> requests.Response:
        return self.http.get(f"{self.url}/api/v2/statements/{handle}{query}", headers=self.jwt_headers(), timeout=60)
