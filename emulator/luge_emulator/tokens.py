"""Key-pair JWTs are verified here, scoped tokens are made and verified here."""
from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from luge_emulator.errors import ApiError
from luge_emulator.users import User, Users

_CLOCK_SKEW_SECONDS = 60
_LIFETIME_LIMIT_SECONDS = 3600
_SIGNING = "HS256"


def normalise_account(account: str) -> str:
    """As drivers do it: `.global` accounts end at the first `-`, others at the first `.`."""
    cut = "-" if ".global" in account else "."
    return account.split(cut)[0].upper()


def _seconds(moment: Any) -> float:
    """The SDK's core (1.4.0, 1.9.1) counts milliseconds, against the standard; the service takes it, so both are taken here."""
    if not isinstance(moment, (int, float)):
        raise invalid("iat or exp is no number")
    return moment / 1000 if moment > 1e11 else float(moment)


def invalid(reason: str) -> ApiError:
    return ApiError(401, "390144", f"JWT token is invalid. [{reason}]")


@dataclass
class Caller:
    """Who sent a request. `scope` is the host that a scoped token is for."""

    user: str
    role: str
    scope: str | None = None


class Tokens:
    """Stateless but for the signing secret, which is kept so that a restart does not end sessions, and `generation`, which a test raises
    to expire every token that is out."""

    def __init__(self, users: Users, account: str, lifetime_seconds: int, accept_any: bool, secret_file: Path) -> None:
        self._users, self._account, self._accept_any = users, normalise_account(account), accept_any
        self.lifetime_seconds = lifetime_seconds
        self.generation = 0
        self.clock_offset_seconds = 0  # how far the service's clock is ahead of this machine's
        if not secret_file.exists():
            secret_file.touch(mode=0o600)
            secret_file.write_text(secrets.token_hex(32))
        self._secret = secret_file.read_text()

    def now(self) -> float:
        return time.time() + self.clock_offset_seconds

    def verify_key_pair(self, token: str) -> Caller:
        """Checks signature, issuer fingerprint, account, subject, lifetime and clock."""
        try:
            head = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError as error:
            raise invalid("malformed") from error
        account, _, rest = str(claims.get("iss", "")).partition(".")
        name, _, printed = rest.rpartition(".SHA256:")
        if not name or claims.get("sub") != f"{account}.{name}":
            raise invalid("issuer or subject")
        role = str(claims.get("scp", "")).removeprefix("session:role:")
        if self._accept_any:
            return Caller(name, role or "PUBLIC")
        user = self._users.find(name)
        if head.get("alg") != "RS256":
            raise invalid("algorithm")
        if account != self._account or name != name.upper():
            raise invalid("account or user is not in its normal form")
        if user is None or f"SHA256:{printed}" not in user.keys:
            raise invalid("no such user or key")
        try:
            claims = jwt.decode(token, user.keys[f"SHA256:{printed}"], algorithms=["RS256"],
                                options={"require": ["iat", "exp"], "verify_exp": False, "verify_iat": False})
        except jwt.PyJWTError as error:
            raise invalid("signature") from error
        now, issued, expires = self.now(), _seconds(claims["iat"]), _seconds(claims["exp"])
        if issued > now + _CLOCK_SKEW_SECONDS:
            raise invalid("issued in the future")
        if expires < now - _CLOCK_SKEW_SECONDS:
            raise invalid("expired")
        if expires - issued > _LIFETIME_LIMIT_SECONDS:
            raise invalid("lives longer than an hour")
        return Caller(name, role or user.role)

    def issue(self, caller: Caller, scope: str | None) -> str:
        now = int(self.now())
        claims = {"iss": "luge-emulator", "sub": caller.user, "role": caller.role, "scope": scope, "iat": now, "exp": now + self.lifetime_seconds,
                  "generation": self.generation, "jti": secrets.token_hex(8)}
        return jwt.encode({key: value for key, value in claims.items() if value is not None}, self._secret, algorithm=_SIGNING)

    def verify_scoped(self, token: str) -> Caller:
        try:
            claims = jwt.decode(token, self._secret, algorithms=[_SIGNING], options={"verify_exp": False, "verify_iat": False})
        except jwt.PyJWTError as error:
            raise ApiError(401, "390303", "Invalid OAuth access token.") from error
        if claims.get("generation") != self.generation or claims["exp"] <= self.now():
            raise ApiError(401, "390318", "OAuth access token expired.")
        return Caller(claims["sub"], claims["role"], claims.get("scope"))

    def verify_bearer(self, authorization: str | None, kind: str | None) -> Caller:
        """The Authorization header of a REST request; `kind` is X-Snowflake-Authorization-Token-Type."""
        if not authorization or not authorization.lower().startswith("bearer "):
            raise ApiError(401, "390101", "Authorization header not found in the request data.")
        token = authorization[7:].strip()
        if kind == "PROGRAMMATIC_ACCESS_TOKEN" or token.count(".") != 2:
            user = self._users.by_token(token)
            if user is None and not self._accept_any:
                raise ApiError(401, "394400", "Programmatic access token is invalid.")
            return Caller(user.name, user.role) if user else Caller("ANY", "PUBLIC")
        if kind == "OAUTH" or (kind is None and _issued_here(token)):
            return self.verify_scoped(token)
        return self.verify_key_pair(token)

    def login(self, name: str, password: str | None, authenticator: str, token: str | None) -> Caller:
        """A driver's login: a password, a key-pair JWT, or an access token."""
        if authenticator.upper() == "SNOWFLAKE_JWT":
            return self.verify_key_pair(token or "")
        if authenticator.upper() in ("OAUTH", "PROGRAMMATIC_ACCESS_TOKEN"):
            return self.verify_bearer(f"Bearer {token}", authenticator.upper())
        user: User | None = self._users.find(name)
        if not self._accept_any and (user is None or user.password is None or not secrets.compare_digest(user.password, password or "")):
            raise ApiError(200, "390100", "Incorrect username or password was specified.")
        return Caller(name.upper(), user.role if user else "PUBLIC")


def _issued_here(token: str) -> bool:
    try:
        return bool(jwt.decode(token, options={"verify_signature": False}).get("iss") == "luge-emulator")
    except jwt.PyJWTError:
        return False
