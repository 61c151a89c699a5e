"""What every answer says to browsers: generated from the URL map, so that a new route has it or fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from werkzeug.routing import Rule

from api import attempts
from api.app import create_app
from api.server import Server
from api.services import Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.client import Client
from tests.api.wire import Line, ask
from tests.conftest import Clock

REFERRER = {"no-referrer", "same-origin"}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def held(headers: Mapping[str, str]) -> list[str]:
    """What is wrong with an answer's headers."""
    policy = {
        directive.split()[0]: directive.split()[1:]
        for directive in headers.get("content-security-policy", "").split(";")
        if directive.strip()
    }
    wrong = []
    if not policy.get("default-src") or "'unsafe-inline'" in str(policy) or "'unsafe-eval'" in str(policy):
        wrong.append(f"policy {policy}")
    if "*" in str(policy) or "data:" in str(policy):
        wrong.append(f"policy {policy}")
    if policy.get("frame-ancestors") != ["'none'"] and "sandbox" not in policy:
        wrong.append("frame-ancestors")
    if headers.get("x-content-type-options") != "nosniff":
        wrong.append("sniffing")
    if headers.get("x-frame-options") != "DENY":
        wrong.append("frames")
    if headers.get("referrer-policy") not in REFERRER:
        wrong.append("referrer")
    if not re.fullmatch(r"req_[0-9a-f]{16}", headers.get("x-request-id", "")):
        wrong.append("request id")
    return wrong


def path_of(rule: Rule) -> str:
    """A path of this rule, of things that do not exist."""
    return re.sub(r"<[^>]+>", "x", rule.rule)


def test_every_route_s_answers_have_them_whoever_asks(app: Flask, owner: Client) -> None:
    asked = 0
    browser = {"Accept": "text/html"}
    for rule in app.url_map.iter_rules():
        for method in METHODS:
            attempts.install(app)
            for client, headers in ((owner, {}), (owner, browser), (Client(app.test_client(), ""), browser)):
                answer = client(method, path_of(rule), headers=headers)
                found = {name.lower(): value for name, value in answer.headers.items()}
                assert held(found) == [], f"{method} {rule.rule} {answer.status_code}"
                assert answer.status_code != 500, f"{method} {rule.rule}"
                answer.close()
                asked += 1
    assert asked > 1_000


def test_pages_that_are_shown_have_them(app: Flask, owner: Client) -> None:
    for path in ("/login", "/docs", "/openapi.json", "/health", "/static/pages.css", "/static/nothing.css", "/nowhere"):
        for _ in range(2):
            answer = owner("GET", path)
            assert held({name.lower(): value for name, value in answer.headers.items()}) == [], path
            answer.close()
    tagged = owner("GET", "/v1/monitors")
    same = owner("GET", "/v1/monitors", headers={"If-None-Match": tagged.headers["ETag"]})
    assert same.status_code == 304
    assert held({name.lower(): value for name, value in same.headers.items()}) == []


def test_what_never_reaches_the_app_has_them(database: Database, keyring: Keyring, settings: Settings) -> None:
    app = create_app(database, keyring, settings)
    with Server(app, database, keyring, Settings(port=0)) as server:
        for method, path, *headers in (
            ("POST", "/v1/probe/lease"),
            ("POST", "/v1/probe/results"),
            ("GET", "/v1/probe/lease"),
            ("PUT", "/v1/probe/artifacts/x"),
            ("GET", "/ping/nobody"),
            ("GET", "/health"),
            ("POST", "/v1/monitors", "Transfer-Encoding: gzip"),
            ("GET", "/x", "X-Long: " + "a" * 40_000),
            ("GET", "/x", *(f"X-{number}: a" for number in range(120))),
        ):
            answer = ask(server, method, path, b"", *headers)
            assert held(answer.headers) == [], (path, answer.status)
        with Line(server) as line:
            line.send(b"garbage\r\n\r\n")
            assert held(line.answer().headers) == []


def test_security_txt_is_what_the_operator_said(app: Flask, database: Database, keyring: Keyring, clock: Clock) -> None:
    assert app.test_client().get("/.well-known/security.txt").status_code == 404
    told = Settings.model_validate(
        {"public_url": "https://tracer.example/", "security_contact": ("sec@example.com", "https://example.com/sec")}
    )
    install(app, Services(database, keyring, told))
    answer = app.test_client().get("/.well-known/security.txt")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.get_data(as_text=True).splitlines() == [
        "Contact: mailto:sec@example.com",
        "Contact: https://example.com/sec",
        "Expires: 2024-04-14T00:00:00Z",
        "Preferred-Languages: en",
        "Canonical: https://tracer.example/.well-known/security.txt",
    ]


def test_it_never_expires_while_tracer_runs(app: Flask, database: Database, keyring: Keyring, clock: Clock) -> None:
    install(app, Services(database, keyring, Settings.model_validate({"security_contact": ("sec@example.com",)})))
    for _ in range(5):
        said = app.test_client().get("/.well-known/security.txt").get_data(as_text=True)
        expires = datetime.fromisoformat(said.partition("Expires: ")[2].split("\n")[0])
        now = datetime.fromtimestamp(clock.now_ms / 1000, UTC)
        assert now + timedelta(days=60) < expires < now + timedelta(days=365)
        clock.advance(100 * 86_400_000)


@pytest.mark.parametrize(
    "contact",
    ["", "example.com", "http://example.com", "a b@example.com", "https://x\nContact: https://y", "javascript:x"],
)
def test_what_is_no_contact_is_refused_at_start(contact: str) -> None:
    with pytest.raises(ValueError, match="must be an email"):
        Settings.model_validate({"security_contact": (contact,)})
