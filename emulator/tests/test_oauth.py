"""The token endpoint: who gets an access token, how long it is good, and where it is taken."""
from __future__ import annotations

import time

import pytest
import requests
from rest_client import RestClient


@pytest.fixture
def oauth(emulator, client):
    """The demo user's client: (id, secret, refresh token)."""
    return credentials(emulator)


def credentials(emulator):
    read = lambda name: (emulator.directory / name).read_text()  # noqa: E731
    return emulator.facts["oauth_client_id"], read("oauth_client_secret"), read("oauth_refresh_token")


def ask(emulator, oauth, **fields):
    return requests.post(f"{emulator.url}/oauth/token-request", auth=oauth[:2], data=fields, timeout=30)


def refresh(emulator, oauth, **fields):
    return ask(emulator, oauth, **{"grant_type": "refresh_token", "refresh_token": oauth[2], **fields})


def with_token(emulator, token):
    """A client of the streaming API that has the token."""
    client = RestClient(emulator.url, emulator.key_file)
    client.scoped = token
    return client


def select(client):
    headers = {"Authorization": f"Bearer {client.scoped}", "X-Snowflake-Authorization-Token-Type": "OAUTH"}
    return client.http.post(f"{client.url}/api/v2/statements", json={"statement": "SELECT CURRENT_ROLE(), CURRENT_USER()"}, headers=headers, timeout=30)


@pytest.mark.parametrize("grant", ["refresh_token", "client_credentials"])
def test_both_grants_give_a_token_that_both_apis_take(emulator, oauth, grant):
    emulator.sql("CREATE OR REPLACE TABLE T (ID NUMBER(38,0))")
    fields = {"grant_type": grant, "scope": "session:role:Loader"} | ({"refresh_token": oauth[2]} if grant == "refresh_token" else {})
    answer = ask(emulator, oauth, **fields)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["token_type"] == "Bearer" and given["expires_in"] == 600 and "refresh_token" not in given
    client = with_token(emulator, given["access_token"])
    assert select(client).json()["data"] == [["LOADER", "LUGE"]]
    token = client.open("T-STREAMING", "by-oauth")["next_continuation_token"]
    assert client.append("T-STREAMING", "by-oauth", token, [{"ID": 1}], "1").status_code == 200
    emulator.wait_committed("by-oauth", "1")


@pytest.mark.parametrize(("scope", "subject", "status"), [
    ("127.0.0.1 session:role:LUGE", "urn:ietf:params:oauth:token-type:access_token", 200), ("127.0.0.1", "urn:ietf:params:oauth:token-type:access_token", 200),
    ("elsewhere", "urn:ietf:params:oauth:token-type:access_token", 400), ("127.0.0.1", "programmatic_access_token", 400), ("127.0.0.1", "", 400)])
def test_the_sdk_gives_it_up_for_a_scoped_one(emulator, oauth, scope, subject, status):
    headers = {"Authorization": f"Bearer {refresh(emulator, oauth).json()['access_token']}", "X-Snowflake-Authorization-Token-Type": "OAUTH"}
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "scope": scope, "subject_token_type": subject}
    answer = requests.post(f"{emulator.url}/oauth/token", headers=headers, data=form, timeout=30)
    assert answer.status_code == status, answer.text
    if status == 200:
        assert with_token(emulator, answer.text).http.get(f"{emulator.url}/v2/streaming/hostname", headers={"Authorization": f"Bearer {answer.text}"}).status_code == 200


def test_without_a_scope_it_is_the_users_own_role(emulator, oauth):
    assert select(with_token(emulator, refresh(emulator, oauth).json()["access_token"])).json()["data"] == [["LUGE", "LUGE"]]


@pytest.mark.parametrize(("status", "error", "change"), [
    (401, "invalid_client", {"id": "nobody"}), (401, "invalid_client", {"secret": "wrong"}), (400, "invalid_grant", {"refresh_token": "wrong"}),
    (400, "invalid_scope", {"scope": "everything"}), (400, "unsupported_grant_type", {"grant_type": "password"})], ids=str)
def test_what_is_refused(emulator, oauth, status, error, change):
    changed = change.pop("id", oauth[0]), change.pop("secret", oauth[1]), oauth[2]
    answer = refresh(emulator, changed, **change)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_secret_in_the_body_is_for_client_credentials(emulator, oauth):
    ways = {"client_id": oauth[0], "client_secret": oauth[1], "refresh_token": oauth[2]}
    for grant, status in (("client_credentials", 200), ("refresh_token", 401)):
        assert requests.post(f"{emulator.url}/oauth/token-request", data={"grant_type": grant, **ways}, timeout=30).status_code == status
    wrong = {"grant_type": "client_credentials", **ways, "client_secret": "wrong"}
    assert requests.post(f"{emulator.url}/oauth/token-request", data=wrong, timeout=30).status_code == 401


def test_no_client_at_all(emulator, client):
    for header in ({}, {"Authorization": "Basic ?"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic w7w="}):
        answer = requests.post(f"{emulator.url}/oauth/token-request", headers=header, data={"grant_type": "client_credentials"}, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_tokens_end_when_they_are_old_and_when_told_to(start):
    emulator = start("--token-lifetime=2")
    oauth = credentials(emulator)
    given = refresh(emulator, oauth).json()
    assert given["expires_in"] == 2
    client = with_token(emulator, given["access_token"])
    assert select(client).status_code == 200
    time.sleep(2.1)
    assert (select(client).status_code, select(client).json()["code"]) == (401, "390318")
    emulator.control("settings", token_lifetime_seconds=600)
    client = with_token(emulator, refresh(emulator, oauth).json()["access_token"])
    emulator.control("expire-tokens")
    assert select(client).status_code == 401


def test_a_refresh_token_that_is_rotated_serves_once(start):
    emulator = start("--rotate-refresh-tokens")
    oauth = credentials(emulator)
    second = refresh(emulator, oauth).json()["refresh_token"]
    assert second != oauth[2]
    assert refresh(emulator, oauth).json()["error"] == "invalid_grant"
    third = refresh(emulator, (*oauth[:2], second)).json()["refresh_token"]
    assert refresh(emulator, (*oauth[:2], second)).status_code == 400
    assert refresh(emulator, (*oauth[:2], third)).status_code == 200


def test_the_client_is_kept_over_a_restart(start):
    emulator = start()
    oauth = credentials(emulator)
    emulator.kill()
    emulator.start()
    assert credentials(emulator) == oauth
    assert refresh(emulator, oauth).status_code == 200
    for name in ("oauth_client_secret", "oauth_refresh_token"):
        assert (emulator.directory / name).stat().st_mode & 0o077 == 0


def test_oauth_secrets_are_not_in_the_request_log(emulator, oauth):
    token = refresh(emulator, oauth).json()["access_token"]
    text = str(emulator.look("requests")) + str(emulator.look("facts"))
    assert token not in text and oauth[1] not in text and oauth[2] not in text and "Basic" not in text
