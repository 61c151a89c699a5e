"""Tokens of the console (seed 002): those that are good have the rights of a member; no other opens anything."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.telemetry.agents.running import RUN, begin

SECRET, AUDIENCE = "a-secret-that-is-long-enough-for-each-of-the-algorithms-there-are", "authenticated"
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def settings() -> Settings:
    return Settings(jwt_secret=SECRET)


def claims(workspace: str, **changes: Any) -> dict[str, Any]:
    found = {
        "workspace_id": workspace, "sub": "user-1", "email": "ada@example.com", "exp": int(time.time()) + 600,
        "aud": AUDIENCE, **changes,
    }  # fmt: skip
    return {name: value for name, value in found.items() if value is not None}


def signed(workspace: str, secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(workspace, **changes), secret, algorithm="HS256")


def test_a_good_token_has_the_rights_of_a_member(owner: Client, organization: str) -> None:
    console = Client(owner.client, signed(organization))
    assert console("POST", "/api/traces", RUN).status_code == 201
    [found] = console("GET", "/api/sessions").get_json()["sessions"]
    assert found["workspace_id"] == organization
    assert console("GET", "/v1/monitors").status_code == 401, "elsewhere it is no key"


def test_it_opens_only_its_own_workspace(owner: Client, organization: str, make_organization: Any) -> None:
    begin(owner)
    other = Client(owner.client, signed(make_organization("Other")))
    assert other("GET", "/api/sessions").get_json()["sessions"] == []
    assert other("GET", "/api/traces/trace_1/events").status_code == 404
    for unknown in ("org_none", "", 7, None, "x" * 999, "a\x00b"):
        answer = Client(owner.client, signed(unknown))("GET", "/api/sessions")  # type: ignore[arg-type]
        assert answer.status_code == (401 if unknown is None else 403), unknown


def unsigned(workspace: str) -> str:
    return jwt.encode(claims(workspace), "", algorithm="none")


def swapped(workspace: str) -> str:
    """A good token whose claims were changed afterwards."""
    head, body, signature = signed(workspace).split(".")
    found = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**found, "sub": "root"}).encode()).decode().rstrip("=")
    return f"{head}.{changed}.{signature}"


@pytest.mark.parametrize(
    "make",
    [
        lambda org: signed(org, exp=int(time.time()) - 60),
        lambda org: signed(org, exp=None),
        lambda org: signed(org, exp=str(int(time.time()) + 600)),
        lambda org: signed(org, exp=1e300),
        lambda org: signed(org, exp=True),
        lambda org: signed(org, aud="another"),
        lambda org: signed(org, aud=None),
        lambda org: signed(org, sub=None),
        lambda org: signed(org, nbf=int(time.time()) + 600),
        lambda org: signed(org, "another-secret-of-more-than-32-characters"),
        lambda org: jwt.encode(claims(org), SECRET, algorithm="HS512"),
        lambda org: jwt.encode(claims(org), KEY, algorithm="ES256"),
        unsigned,
        swapped,
        lambda org: signed(org)[:-2],
        lambda _: "a.b.c",
        lambda _: "..",
        lambda _: "e30.e30.",
    ],
)
def test_one_that_is_not_good_is_401(owner: Client, organization: str, make: Any) -> None:
    answer = Client(owner.client, make(organization))("GET", "/api/sessions")
    assert answer.status_code == 401, answer.get_data(as_text=True)
    assert answer.get_json()["error"]["request_id"]


class Keys:
    """A set of keys behind an address, as an identity provider serves it."""

    def __init__(self) -> None:
        self.served: Any = {"keys": []}
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(json.dumps(keys.served).encode())

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/keys"


@pytest.fixture
def keys() -> Iterator[Keys]:
    served = Keys()
    thread = threading.Thread(target=served.server.serve_forever)
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_keys_of_a_set_are_believed_and_no_others(
    app: Flask, database: Database, keyring: Keyring, owner: Client, organization: str, keys: Keys
) -> None:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
    keys.served = {"keys": [{**public, "kid": "k1", "use": "sig", "alg": "ES256"}]}
    install(app, Services(database, keyring, Settings(jwks_url=keys.url)))
    stranger = ec.generate_private_key(ec.SECP256R1())
    for key, kid, status in ((KEY, "k1", 200), (stranger, "k1", 401), (KEY, "k2", 401)):
        token = jwt.encode(claims(organization), key, algorithm="ES256", headers={"kid": kid})
        assert Client(owner.client, token)("GET", "/api/sessions").status_code == status, kid
    forged = jwt.encode(claims(organization), public["x"] + public["y"], algorithm="HS256", headers={"kid": "k1"})
    assert Client(owner.client, forged)("GET", "/api/sessions").status_code == 401, "a public key is no secret"


def test_while_the_set_can_not_be_read_it_says_so(
    app: Flask, database: Database, keyring: Keyring, owner: Client, organization: str
) -> None:
    install(app, Services(database, keyring, Settings(jwks_url="http://127.0.0.1:9/keys")))
    token = jwt.encode(claims(organization), KEY, algorithm="ES256", headers={"kid": "k1"})
    answer = Client(owner.client, token)("GET", "/api/sessions")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")


def test_without_a_secret_no_token_is_taken(
    app: Flask, database: Database, keyring: Keyring, owner: Client, organization: str
) -> None:
    install(app, Services(database, keyring, Settings()))
    for token in (signed(organization), unsigned(organization)):
        assert Client(owner.client, token)("GET", "/api/sessions").status_code == 401
