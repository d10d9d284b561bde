"""A user with a key pair and an OAuth client of its own, and the luge.yaml section that connects with it."""
from __future__ import annotations

import secrets
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from luge_emulator.settings import Settings

OAUTH_CLIENT = "luge-oauth="  # Snowflake's client ids end so, too
OAUTH_SECRET_FILE, OAUTH_REFRESH_TOKEN_FILE = "oauth_client_secret", "oauth_refresh_token"


def make(settings: Settings, name: str) -> None:
    """Writes keys, OAuth secrets and users.yaml into the emulator's directory, once, and has the users read from there."""
    private, public, users = (settings.directory / file for file in ("rsa_key.p8", "rsa_key.pub", "users.yaml"))
    if not private.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private.touch(mode=0o600)
        private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    for file in (OAUTH_SECRET_FILE, OAUTH_REFRESH_TOKEN_FILE):
        if not (settings.directory / file).exists():
            (settings.directory / file).touch(mode=0o600)
            (settings.directory / file).write_text(secrets.token_urlsafe(32))
    if settings.users_file is None:
        client = {"id": OAUTH_CLIENT, "secret_file": OAUTH_SECRET_FILE, "refresh_token_file": OAUTH_REFRESH_TOKEN_FILE}
        users.write_text(yaml.safe_dump({"users": [{"name": name, "public_key_files": [public.name], "role": "LUGE", "oauth_clients": [client]}]}))
        settings.users_file = users


def describe(settings: Settings, facts: dict[str, Any]) -> str:
    """What to put into luge.yaml, and where the rest is."""
    secure = "https_port" in facts and "http_port" not in facts
    url = f"{'https' if secure else 'http'}://{'localhost' if secure else facts['host']}:{facts['https_port' if secure else 'http_port']}"
    database, _, schema = (settings.databases[0] if settings.databases else "LUGE.PUBLIC").partition(".")
    lines = ["snowflake:", f"  url: {url}", f"  account: {settings.account}"]
    if "private_key_file" in facts:
        lines += [f"  user: {facts['user']}", f"  private_key_file: {facts['private_key_file']}"]
        lines += [f"  # or instead of the key:  oauth_client_id: {facts['oauth_client_id']}", f"  #   oauth_client_secret: file:{facts['oauth_client_secret_file']}",
                  f"  #   oauth_refresh_token: file:{facts['oauth_refresh_token_file']}"]
    lines += [f"  database: {database.upper()}", f"  schema: {(schema or 'PUBLIC').upper()}", "  warehouse: LUGE", "  role: LUGE"]
    if not secure:
        lines.append("  transport: rest")  # Snowflake's SDK speaks https only
    if "ca_file" in facts:
        lines += [f"  {'' if secure else '# '}ca_file: {facts['ca_file']}"]
    notes = [f"# data: {facts['directory']}"]
    if "https_port" in facts and not secure:
        notes.append(f"# TLS: https://localhost:{facts['https_port']}")
    if "control_port" in facts:
        notes.append(f"# control: http://{facts['host']}:{facts['control_port']} (see docs/reference/emulator.md)")
    return "\n".join([*lines, *notes])
