"""Who is let in: signature, issuer, clock, scope, expiry."""
from __future__ import annotations

import email.utils
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from rest_client import RestClient, key_pair_jwt


def ask(emulator, client, token, kind="KEYPAIR_JWT"):
    return client.http.get(f"{emulator.url}/v2/streaming/hostname", headers={"Authorization": f"Bearer {token}", "X-Snowflake-Authorization-Token-Type": kind})


def test_a_registered_key_is_let_in(emulator, client):
    assert ask(emulator, client, key_pair_jwt(emulator.key_file)).status_code == 200


@pytest.mark.parametrize("options", [
    {"user": "NOBODY"}, {"account": "OTHER"}, {"user": "luge"}, {"lifetime": 3700}, {"issued": time.time() - 4000}, {"issued": time.time() + 600}, {"sub": "LUGE.OTHER"},
    {"iss": "LUGE.LUGE.SHA256:AAAA"}, {"iss": "LUGE"}, {"exp": None}], ids=str)
def test_what_is_wrong_about_a_token_is_401(emulator, client, options):
    answer = ask(emulator, client, key_pair_jwt(emulator.key_file, **options))
    assert (answer.status_code, answer.json()["code"]) == (401, "390144")


def test_the_service_has_a_clock_of_its_own(start):
    emulator = start()
    client = RestClient(emulator.url, emulator.key_file)
    client.authorize()
    emulator.control("settings", clock_offset_seconds=7200)
    answer = ask(emulator, client, key_pair_jwt(emulator.key_file))
    assert (answer.status_code, answer.json()["code"]) == (401, "390144")
    ahead = email.utils.parsedate_to_datetime(answer.headers["date"]).timestamp() - time.time()
    assert 7190 < ahead < 7210
    assert client.call("PUT", client.channel_path("T-STREAMING", "a"), {}).status_code == 401  # a scoped token grows old by it too
    assert ask(emulator, client, key_pair_jwt(emulator.key_file, issued=time.time() + 7200)).status_code == 200
    emulator.control("settings", clock_offset_seconds=0)
    assert ask(emulator, client, key_pair_jwt(emulator.key_file)).status_code == 200


def test_another_key_under_a_known_fingerprint_is_401(emulator, client, tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "other.p8"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    import jwt
    issuer = jwt.decode(key_pair_jwt(emulator.key_file), options={"verify_signature": False})["iss"]
    assert ask(emulator, client, key_pair_jwt(file, iss=issuer)).status_code == 401
    assert ask(emulator, client, key_pair_jwt(file)).status_code == 401


def test_no_header_and_nonsense_are_401(emulator, client):
    assert client.http.get(f"{emulator.url}/v2/streaming/hostname").status_code == 401
    assert ask(emulator, client, "a.b.c").status_code == 401
    assert ask(emulator, client, "a.b.c", "OAUTH").status_code == 401


def test_the_exchange_wants_the_ingest_host_as_scope(emulator, client):
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "scope": "elsewhere.example"}
    assert client.http.post(f"{emulator.url}/oauth/token", headers=client.jwt_headers(), data=form).status_code == 400
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": key_pair_jwt(emulator.key_file)}
    answer = client.http.post(f"{emulator.url}/oauth/token", data=form)
    assert answer.status_code == 200 and answer.text.count(".") == 2 and not answer.text.startswith('"')


def test_scoped_tokens_expire_when_told_to_and_when_old(start):
    emulator = start("--token-lifetime=1")
    emulator.sql("CREATE TABLE T (ID NUMBER(38,0))")
    client = RestClient(emulator.url, emulator.key_file)
    client.authorize()
    assert client.call("PUT", client.channel_path("T-STREAMING", "a"), {}).status_code == 200
    emulator.control("settings", token_lifetime_seconds=600)
    time.sleep(1.5)
    assert client.call("PUT", client.channel_path("T-STREAMING", "a"), {}).status_code == 401
    client.authorize()
    assert client.call("PUT", client.channel_path("T-STREAMING", "a"), {}).status_code == 200
    emulator.control("expire-tokens")
    assert client.call("PUT", client.channel_path("T-STREAMING", "a"), {}).status_code == 401


def test_a_key_registered_by_sql(emulator, client, tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    file = tmp_path / "new.p8"
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    bare = "".join(line for line in public.splitlines() if "-----" not in line)
    emulator.sql(f"CREATE USER IF NOT EXISTS second RSA_PUBLIC_KEY='{bare}' DEFAULT_ROLE = LUGE")
    assert ask(emulator, client, key_pair_jwt(file, user="SECOND")).status_code == 200


def test_secrets_are_not_in_the_request_log(emulator, client):
    client.authorize()
    text = str(emulator.look("requests"))
    assert "Bearer" not in text and client.scoped not in text


def test_accept_any(start, tmp_path):
    emulator = start("--accept-any")
    client = RestClient(emulator.url, emulator.key_file)
    assert ask(emulator, client, key_pair_jwt(emulator.key_file, account="X", user="y")).status_code == 200
