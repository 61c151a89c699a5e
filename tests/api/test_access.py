"""Who may do what, and that no route is open by oversight."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api.access import OPEN, OWN, SERVER, Scope, rule_of
from api.dialects import FROM_BROWSERS, FROM_SDKS
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import ApiKey, WebSession
from store.write_lock import Urgency
from tests.api.conftest import Client, MakeKey
from tests.api.pages.world import Browser
from tests.api.test_monitors import url_monitor
from tests.api.wire import PATIENCE_S

FREE = {
    "/openapi.json", "/docs", "/health", "/static/<path:filename>", "/.well-known/security.txt",
    "/v1/sessions", "/v1/invitations/<token>", "/v1/invitations/<token>/accept",
}  # fmt: skip
OWN_WAY = {"/metrics", *FROM_SDKS}
PAGES = (
    "/login", "/logout", "/setup/", "/invite/", "/account", "/settings", "/alerts", "/runs/", "/ack/", "/monitors",
    "/journeys", "/probes", "/status/", "/issues", "/traces/", "/query", "/releases", "/generations", "/projects",
    "/agents", "/incidents",
)  # fmt: skip
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@sqlite_only
def test_every_route_says_what_it_needs(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        need = rule_of(app.view_functions[rule.endpoint])
        assert need is not None, f"{rule.rule} says nothing"
        if need is OPEN:
            preflight = rule.rule in FROM_BROWSERS and rule.methods == {"OPTIONS"}
            public = rule.rule.startswith(("/ping/", "/badge/"))
            assert preflight or rule.rule in FREE or public, f"{rule.rule} is open"
        elif need is OWN:
            pages = rule.rule == "/" or rule.rule.startswith(PAGES)
            assert pages or rule.rule in OWN_WAY or rule.rule.startswith(("/ping/", "/v1/probe/", "/artifacts/")), (
                f"{rule.rule} is on its own"
            )
        elif need is SERVER:
            assert (rule.rule, rule.methods) == ("/api/traces/<agent_session_id>/analysis", {"PUT"})
        else:
            assert isinstance(need, Scope)


@sqlite_only
def test_a_route_that_says_nothing_is_closed(own_app: Flask, make_key: MakeKey) -> None:
    own_app.add_url_rule("/v1/forgotten", view_func=lambda: "secret")
    owner = Client(own_app.test_client(), make_key())
    assert owner.error("GET", "/v1/forgotten", status=403)["code"] == "forbidden"


@sqlite_only
def test_what_needs_a_key_refuses_requests_without_one(app: Flask) -> None:
    plain = app.test_client()
    for rule in app.url_map.iter_rules():
        if not isinstance(rule_of(app.view_functions[rule.endpoint]), Scope):
            continue
        path = rule.rule.replace("<", "").replace(">", "")
        for method in rule.methods or ():
            answer = plain.open(path, method=method)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@sqlite_only
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer trk_nothing",
        "Basic dHJrOg==",
        "Token {key}",
        "Bearer {key}x",
        "{key}",
        "Bearer \xff",
    ],
)
def test_what_is_not_this_key_as_a_bearer_token_opens_nothing(app: Flask, make_key: MakeKey, header: str) -> None:
    answer = app.test_client().get("/v1/monitors", headers={"Authorization": header.format(key=make_key())})
    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "unauthorized"


def test_a_probes_key_is_not_an_api_key(app: Flask, database: Database, keyring: Any, organization: str) -> None:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        _, key = register_probe(session, keyring, organization, ("p", "us-east"), 1)
    assert app.test_client().get("/v1/monitors", headers={"Authorization": f"Bearer {key}"}).status_code == 401


MATRIX = [
    ("GET", "/v1/monitors", None, {"read", "run", "write", "admin"}),
    ("GET", "/v1/probes", None, {"read", "run", "write", "admin"}),
    ("GET", "/v1/locations", None, {"read", "run", "write", "admin"}),
    ("GET", "/v1/organization", None, {"read", "run", "write", "admin"}),
    ("POST", "/v1/monitors", url_monitor(), {"write", "admin"}),
    ("POST", "/v1/probes", {"name": "p", "location": "x"}, {"admin"}),
    ("PUT", "/v1/organization", {"name": "New"}, {"admin"}),
    ("GET", "/v1/api-keys", None, {"admin"}),
    ("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}, {"admin"}),
    ("GET", "/v1/organization/members", None, {"admin"}),
    ("POST", "/v1/organization/invite", {"email": "ada@example.com"}, {"admin"}),
    ("GET", "/v1/account", None, {"read", "run", "write", "admin"}),
    ("GET", "/v1/organizations", None, {"read", "run", "write", "admin"}),
]


@sqlite_only
@pytest.mark.parametrize(("method", "path", "body", "allowed"), MATRIX)
def test_a_scope_allows_what_the_contract_says_and_no_more(
    client_of: Any, method: str, path: str, body: Any, allowed: set[str]
) -> None:
    for scope in Scope:
        status = client_of(scope.value)(method, path, body).status_code
        assert (status in (200, 201)) == (scope.value in allowed), (scope, status)
        assert status in (200, 201, 403)


@sqlite_only
def test_a_run_takes_the_scope_run_and_write_is_not_it(owner: Client, client_of: Any) -> None:
    path = f"/v1/monitors/{owner.data('POST', '/v1/monitors', url_monitor(), status=201)['id']}/run"
    assert [client_of(scope)("POST", path).status_code for scope in ("run", "admin", "write", "read", "ingest")] == [
        202, 202, 403, 403, 403,
    ]  # fmt: skip


def test_a_key_is_shown_once_and_opens_nothing_after_it_is_deleted(owner: Client, app: Flask) -> None:
    answer = owner("POST", "/v1/api-keys", {"name": "ci", "scopes": ["run", "run"]})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.get_json()["data"]
    assert made["scopes"] == ["run"]
    assert made["key"].startswith("trk_")
    client = Client(app.test_client(), made["key"])
    assert client("GET", "/v1/monitors").status_code == 200
    shown = owner.data("GET", f"/v1/api-keys/{made['id']}")
    assert "key" not in shown
    assert shown["last_used_at"] is not None
    assert made["key"] not in owner("GET", "/v1/api-keys").get_data(as_text=True)
    assert owner.data("DELETE", f"/v1/api-keys/{made['id']}") == {"id": made["id"], "deleted": True}
    assert client("GET", "/v1/monitors").status_code == 401
    assert owner("GET", f"/v1/api-keys/{made['id']}").status_code == 404


def test_reading_waits_for_no_writer(
    app: Flask, owner: Client, database: Database, make_key: MakeKey, clock: Any
) -> None:
    browser = Browser.of(app)
    browser.sign_in(make_key())
    clock.advance(60_000)
    with ThreadPoolExecutor(1) as reader, database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.scalars(select(ApiKey).with_for_update()).all()
        session.scalars(select(WebSession).with_for_update()).all()
        for answer in (reader.submit(owner, "GET", "/v1/monitors"), reader.submit(browser.answer, "/alerts")):
            assert answer.result(PATIENCE_S).status_code == 200


def test_a_key_ends_when_it_was_said_to(owner: Client, app: Flask, clock: Any) -> None:
    made = owner.data(
        "POST", "/v1/api-keys", {"name": "k", "scopes": ["read"], "expires_at": "2024-01-15T11:30:00+00:30"}, status=201
    )
    assert made["expires_at"] == "2024-01-15T11:00:00.000Z"
    client = Client(app.test_client(), made["key"])
    assert client("GET", "/v1/monitors").status_code == 200
    clock.advance(30 * 60_000)
    assert client("GET", "/v1/monitors").status_code == 401


@sqlite_only
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "k"}, "scopes"),
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes.0"),
        ({"name": "", "scopes": ["read"]}, "name"),
        ({"name": "k", "scopes": ["read"], "expires_at": "yesterday"}, "expires_at"),
        ({"name": "k", "scopes": ["read"], "expires_at": "2020-01-01"}, "expires_at"),
        ({"name": "k", "scopes": ["read"], "key": "trk_mine"}, "key"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused_by_field(owner: Client, body: Any, field: str) -> None:
    assert field in owner.error("POST", "/v1/api-keys", body, status=422)["fields"]


def test_another_organizations_keys_and_probes_are_not_there(
    owner: Client, client_of: Any, make_organization: Any
) -> None:
    stranger = client_of("admin", organization_id=make_organization("Other"))
    key = owner.data("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}, status=201)["id"]
    probe = owner.data("POST", "/v1/probes", {"name": "p", "location": "x"}, status=201)["id"]
    for path in (f"/v1/api-keys/{key}", f"/v1/probes/{probe}"):
        assert stranger("GET", path).status_code == 404
        assert stranger("DELETE", path).status_code == 404
        assert owner("GET", path).status_code == 200


def test_the_last_key_that_can_make_keys_cannot_be_deleted(owner: Client, app: Flask) -> None:
    [own] = owner.data("GET", "/v1/api-keys")
    assert owner.error("DELETE", f"/v1/api-keys/{own['id']}", status=409)["code"] == "conflict"
    passing = {"name": "until tomorrow", "scopes": ["admin"], "expires_at": "2099-01-01"}
    owner.data("POST", "/v1/api-keys", passing, status=201)
    assert owner("DELETE", f"/v1/api-keys/{own['id']}").status_code == 409, "a key that expires is no way back in"
    lasting = owner.data("POST", "/v1/api-keys", {"name": "next", "scopes": ["admin"]}, status=201)
    owner.data("DELETE", f"/v1/api-keys/{own['id']}")
    assert owner("GET", "/v1/api-keys").status_code == 401
    assert Client(app.test_client(), lasting["key"])("GET", "/v1/api-keys").status_code == 200
