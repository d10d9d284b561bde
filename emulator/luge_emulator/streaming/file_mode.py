"""File mode: the SDK puts an encrypted file on the stage (S3's PutObject), then names it to the channel."""
from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from luge_emulator.errors import ApiError
from luge_emulator.streaming.row_reader import count_rows

BUCKET = "luge-emulator"
PREFIX = "stage"


def unchunk(body: bytes) -> bytes:
    """The payload of an aws-chunked body: hex length, data, …, then a checksum trailer."""
    parts, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(parts)
        parts.append(body[end + 2:end + 2 + size])
        at = end + 2 + size + 2


@dataclass
class Fragment:
    """Rows of one named file."""

    data: bytes
    rows: int
    end_token: str | None


class Stage:
    """Uploaded files until they are named. The key is the pipes' own, made once and kept with the data."""

    def __init__(self, key_file: Path) -> None:
        if not key_file.exists():
            key_file.touch(mode=0o600)
            key_file.write_bytes(secrets.token_bytes(32))
        self._key = key_file.read_bytes()
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._clients = 0

    def put(self, path: str, body: bytes, chunked: bool) -> str:
        """Stores a file; returns its ETag."""
        data = unchunk(body) if chunked else body
        with self._lock:
            self._files[path.lstrip("/")] = data
        return hashlib.md5(data).hexdigest()

    def info(self, endpoint: str, expires_ms: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """(stage location, encryption info) of a pipe-info answer. Each asker gets a directory of its own: file names start at 0 again for each."""
        with self._lock:
            self._clients += 1
            prefix = f"{PREFIX}/{self._clients}-{secrets.token_hex(4)}/"
        location = {"expiry_time_ms": expires_ms, "location_type": "S3", "location": f"{BUCKET}/{prefix}", "bucket_name": BUCKET, "path_prefix": prefix,
                    "region": "us-east-1", "storage_account": "", "storage_endpoint": endpoint, "use_s3_regional_url": False, "url_override": None,
                    "creds": {"AWS_KEY_ID": "emulator", "AWS_SECRET_KEY": "emulator", "AWS_TOKEN": "emulator"}}
        return location, {"pipe_key": base64.b64encode(self._key).decode(), "pipe_key_id": "1", "diversifier": base64.b64encode(b"luge-emulator-01").decode()}

    def read(self, description: dict[str, Any]) -> Fragment:
        """Decrypts (AES-256-CTR, first counter block `iv_base64`) and decompresses a fragment; everything said about it must be true."""
        path = str(description["file_path"]).lstrip("/")
        with self._lock:
            file = self._files.get(path)
        if file is None:
            raise ApiError(400, "ERR_FILE_NOT_FOUND", f"File {path} was not uploaded.")
        if hashlib.md5(file).hexdigest() != description["file_etag"] or len(file) != description["file_length_bytes"]:
            raise ApiError(400, "ERR_FILE_MISMATCH", f"File {path} is not the one that was announced.")
        start = description["fragment_start_byte_offset"]
        part = file[start:start + description["fragment_length_bytes"]]
        decryptor = Cipher(algorithms.AES(self._key), modes.CTR(base64.b64decode(description["iv_base64"]))).decryptor()
        try:
            data = zstandard.ZstdDecompressor().decompressobj().decompress(decryptor.update(part) + decryptor.finalize())
        except zstandard.ZstdError as error:
            raise ApiError(400, "ERR_FILE_MISMATCH", f"File {path} cannot be decrypted.") from error
        rows = count_rows(data)
        if rows != description["fragment_row_count"]:
            raise ApiError(400, "ERR_FILE_MISMATCH", f"File {path} does not hold the announced number of rows.")
        return Fragment(data, rows, description.get("fragment_end_offset_token"))

    def forget(self, description: dict[str, Any]) -> None:
        """After its rows were taken; a repeated request is answered by the sequencer and needs no file."""
        with self._lock:
            self._files.pop(str(description["file_path"]).lstrip("/"), None)
