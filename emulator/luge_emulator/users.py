"""Who may come in: users with public keys, passwords or access tokens, from a small YAML file."""
from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey


def fingerprint(key: RSAPublicKey) -> str:
    """As in RSA_PUBLIC_KEY_FP: SHA256 of the DER form of the public key."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def read_public_key(text: str) -> RSAPublicKey:
    """PEM, or the bare Base64 that ALTER USER … SET RSA_PUBLIC_KEY takes."""
    if "BEGIN" in text:
        key = serialization.load_pem_public_key(text.encode())
    else:
        key = serialization.load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA public key")
    return key


@dataclass
class OauthClient:
    """`user` is whom its tokens sign in."""

    id: str
    user: str
    secret: str
    refresh_token: str | None = None


@dataclass
class User:
    name: str
    keys: dict[str, RSAPublicKey] = field(default_factory=dict)  # by fingerprint
    password: str | None = None
    tokens: list[str] = field(default_factory=list)
    role: str = "PUBLIC"


class Users:
    """The registered users. SQL (CREATE USER, ALTER USER) adds to them; such additions last as long as the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._users: dict[str, User] = {}
        self._oauth_clients: dict[str, OauthClient] = {}
        if file:
            for entry in (yaml.safe_load(file.read_text()) or {}).get("users", []):
                user = self.add(entry["name"])
                user.password, user.role = entry.get("password"), entry.get("role", "PUBLIC").upper()
                user.tokens = list(entry.get("tokens", []))
                for text in entry.get("public_keys", []):
                    self.add_key(user.name, text)
                for name in entry.get("public_key_files", []):
                    self.add_key(user.name, (file.parent / name).read_text())
                for client in entry.get("oauth_clients", []):
                    texts = {key: client[key] if key in client else (file.parent / client[f"{key}_file"]).read_text().strip()
                             for key in ("secret", "refresh_token") if key in client or f"{key}_file" in client}
                    self._oauth_clients[client["id"]] = OauthClient(client["id"], user.name, **texts)

    def add(self, name: str) -> User:
        return self._users.setdefault(name.upper(), User(name.upper()))

    def add_key(self, name: str, text: str) -> None:
        key = read_public_key(text)
        self.add(name).keys[fingerprint(key)] = key

    def find(self, name: str) -> User | None:
        return self._users.get(name.upper())

    def by_token(self, token: str) -> User | None:
        return next((user for user in self._users.values() if token in user.tokens), None)

    def oauth_client(self, client_id: str) -> OauthClient | None:
        return self._oauth_clients.get(client_id)

    def names(self) -> list[str]:
        return sorted(self._users)
