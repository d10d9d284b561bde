"""OAuth clients with their secrets and refresh tokens, as a security integration or an identity provider would know them."""
from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass

from luge_emulator.tokens import Caller, Tokens
from luge_emulator.users import OauthClient, Users

_ROLE = "session:role:"


@dataclass
class OauthError(Exception):
    """RFC 6749 §5.2."""

    status: int
    error: str
    message: str


class OauthClients:
    """Grants access tokens. With `rotate` every use of a refresh token brings the next one and ends the one before, until the process ends."""

    def __init__(self, users: Users, tokens: Tokens, rotate: bool) -> None:
        self._users, self._tokens, self.rotate = users, tokens, rotate
        self._current: dict[str, str] = {}  # the refresh token that a client was given -> the one that is good now
        self._lock = threading.Lock()

    def grant(self, authorization: str | None, fields: dict[str, str]) -> dict[str, object]:
        """The answer to a token request."""
        client = self._client(authorization, fields)
        answer: dict[str, object] = {"token_type": "Bearer", "expires_in": self._tokens.lifetime_seconds}
        match fields.get("grant_type"):
            case "refresh_token":
                if rotated := self._use(client, fields.get("refresh_token", "")):
                    answer["refresh_token"] = rotated
            case "client_credentials":
                pass
            case _:
                raise OauthError(400, "unsupported_grant_type", "The grant type is not supported.")
        user = self._users.add(client.user)
        role = user.role
        if scope := fields.get("scope"):
            if not scope.startswith(_ROLE) or len(scope) == len(_ROLE):
                raise OauthError(400, "invalid_scope", "The scope is no session:role:ROLE.")
            role = scope.removeprefix(_ROLE).upper()
            answer["scope"] = scope
        return answer | {"access_token": self._tokens.issue(Caller(user.name, role), None)}

    def _client(self, authorization: str | None, fields: dict[str, str]) -> OauthClient:
        """Basic authorization; in the body too where the client is all there is, as the SDK (1.9.1) and many identity providers have it."""
        kind, _, text = (authorization or "").partition(" ")
        name = secret = ""
        if kind.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(text, validate=True).decode().partition(":")
            except ValueError:
                pass
        elif authorization is None and fields.get("grant_type") == "client_credentials":
            name, secret = fields.get("client_id", ""), fields.get("client_secret", "")
        client = self._users.oauth_client(name)
        if client is None or not secrets.compare_digest(client.secret.encode(), secret.encode()):
            raise OauthError(401, "invalid_client", "This is an invalid client.")
        return client

    def _use(self, client: OauthClient, token: str) -> str | None:
        """The next refresh token, if this one was the last use of it."""
        with self._lock:
            given = client.refresh_token
            if not given or not secrets.compare_digest(self._current.get(given, given).encode(), token.encode()):
                raise OauthError(400, "invalid_grant", "The refresh token is invalid or was used before.")
            if not self.rotate:
                return None
            self._current[given] = secrets.token_urlsafe(32)
            return self._current[given]
