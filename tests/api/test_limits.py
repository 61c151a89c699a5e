"""Limits that several processes of the API count together, whom they spare, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import event, select

from api import attempts
from api.app import create_app
from api.limits import WRONG_KEYS
from api.pings import PER_MINUTE
from api.server import Server
from model.settings import Settings
from store.api_keys import revoke_api_key
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import Database
from store.tables import ApiKey
from store.write_lock import Urgency
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.people import Crowd
from tests.api.test_accounts import sign_in
from tests.api.test_pings import Job
from tests.api.wire import Line, ask
from tests.conftest import Clock

HERE, THERE = "203.0.113.7", "198.51.100.9"


@pytest.fixture
def other(database_url: str, clock: Clock, keyring: Keyring, settings: Settings) -> Iterator[Flask]:
    """Another process of the API: nothing is shared but the store."""
    opened = Database(database_url, now_ms=clock)
    opened.seal_with(keyring.signature)
    made = create_app(opened, keyring, settings)
    attempts.install(made, lambda: clock.now_ms / 1000)
    yield made
    opened.close()


@pytest.fixture
def app(app: Flask, clock: Clock) -> Flask:
    attempts.install(app, lambda: clock.now_ms / 1000)
    return app


def at(address: str) -> dict[str, object]:
    return {"environ_base": {"REMOTE_ADDR": address}}


def test_sign_ins_of_an_address_are_counted_over_all_processes(
    app: Flask, other: Flask, crowd: Crowd, clock: Clock
) -> None:
    crowd.member("member")
    tried = [sign_in(which, f"{number}@example.com", "x", **at(HERE)) for number, which in enumerate([app, other] * 5)]
    assert [answer.status_code for answer in tried] == [401] * 10
    for which in (app, other, app, other):
        late = sign_in(which, **at(HERE))
        assert (late.status_code, late.headers["Retry-After"]) == (429, "60")
        assert late.get_json()["error"]["code"] == "rate_limited"
    assert sign_in(other, **at(THERE)).status_code == 201
    clock.advance(60_000)
    assert sign_in(app, **at(HERE)).status_code == 201


def test_an_email_is_slowed_down_from_wherever_it_is_tried_and_not_for_long(
    app: Flask, other: Flask, crowd: Crowd, clock: Clock
) -> None:
    crowd.member("member")
    known = sign_in(app, **at(THERE))
    tried = [sign_in(app, password="x", **at(f"192.0.2.{number}")) for number in range(10)]
    assert [answer.status_code for answer in tried] == [401] * 9 + [429]
    late = sign_in(other, **at(HERE))
    assert (late.status_code, late.headers["Retry-After"]) == (429, "30")
    assert sign_in(app, "nobody@example.com", **at(HERE)).status_code == 401, "another email is not slowed down"
    assert sign_in(other, **at(THERE)).status_code == 201, "nor is she where she is signed in already"
    token = known.get_json()["data"]["token"]
    assert Client(app.test_client(), token)("GET", "/v1/account").status_code == 200
    clock.advance(30_000)
    assert sign_in(app, **at(HERE)).status_code == 201


def test_an_email_that_nobody_has_is_slowed_down_alike(app: Flask) -> None:
    tried = [sign_in(app, "nobody@example.com", **at(f"192.0.2.{number}")).status_code for number in range(11)]
    assert tried == [401] * 10 + [429]


def test_many_wrong_keys_of_one_address_are_told_to_wait_and_good_ones_go_on(
    app: Flask, other: Flask, make_key: MakeKey, clock: Clock
) -> None:
    good, fresh = (Client(app.test_client(), make_key(["read"])) for _ in range(2))
    assert good("GET", "/v1/monitors").status_code == 200
    for number in range(WRONG_KEYS.most):
        which = (app, other)[number % 2]
        assert Client(which.test_client(), f"trk_wrong{number}")("GET", "/v1/monitors").status_code == 401
    for which in (app, other, app):
        answer = Client(which.test_client(), "trk_wrong")("GET", "/v1/monitors")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert good("GET", "/v1/monitors").status_code == 200
    assert fresh("GET", "/v1/monitors").status_code == 429, "what is not known to be good is not even looked at"
    assert fresh("GET", "/v1/monitors", **at(THERE)).status_code == 200
    clock.advance(60_000)
    assert fresh("GET", "/v1/monitors").status_code == 200


def test_a_key_that_was_good_and_is_revoked_is_refused_at_once(
    app: Flask, database: Database, make_key: MakeKey, organization: str
) -> None:
    client = Client(app.test_client(), make_key(["read"]))
    assert client("GET", "/v1/monitors").status_code == 200
    with database.write(organization, Urgency.PEOPLE) as session:
        assert revoke_api_key(session, session.scalars(select(ApiKey.id)).one(), 1)
    assert client("GET", "/v1/monitors").status_code == 401


def test_a_good_key_costs_no_statement_of_limits(app: Flask, database: Database, make_key: MakeKey) -> None:
    client = Client(app.test_client(), make_key(["read"]))
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert client("GET", "/v1/monitors").status_code == 200
    assert asked
    assert not [statement for statement in asked if "rate_counts" in statement]
    asked.clear()
    assert Client(app.test_client(), "trk_wrong")("GET", "/v1/monitors").status_code == 401
    assert len([statement for statement in asked if "rate_counts" in statement]) == 1


def test_who_is_refused_costs_the_store_nothing(app: Flask, database: Database) -> None:
    for number in range(11):
        sign_in(app, f"{number}@example.com", "x")
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert sign_in(app, "12@example.com", "x").status_code == 429
    assert not [statement for statement in asked if "rate_counts" in statement]


def test_invitations_are_counted_over_all_processes(app: Flask, other: Flask, owner: Client) -> None:
    there = Client(other.test_client(), owner.key)
    for number in range(20):
        invited = {"email": f"{number}@example.com", "role": "viewer"}
        owner_or_there = (owner, there)[number % 2]
        assert owner_or_there("POST", "/v1/organization/invite", invited).status_code == 201
    late = there("POST", "/v1/organization/invite", {"email": "21@example.com", "role": "viewer"})
    assert (late.status_code, late.headers["Retry-After"]) == (429, "60")


def test_tests_of_channels_are_counted_over_all_processes(app: Flask, other: Flask, owner: Client) -> None:
    hook = {"name": "h", "type": "webhook", "config": {"url": "http://127.0.0.1:9/"}}
    path = f"/v1/alert-channels/{owner.data('POST', '/v1/alert-channels', hook, status=201)['id']}/test"
    there = Client(other.test_client(), owner.key)
    tried = [(owner, there)[number % 2]("POST", path).status_code for number in range(12)]
    assert tried == [200] * 10 + [429] * 2


@pytest.fixture
def servers(database: Database, database_url: str, keyring: Keyring, clock: Clock) -> Iterator[list[Server]]:
    """Two processes of the API, as far as they share anything."""
    opened = Database(database_url, now_ms=clock)
    opened.seal_with(keyring.signature)
    with (
        Server(Flask("one"), database, keyring, Settings(port=0)) as one,
        Server(Flask("two"), opened, keyring, Settings(port=0)) as two,
    ):
        yield [one, two]
    opened.close()


def test_pings_are_counted_over_all_processes(
    servers: list[Server], database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    job = Job(database, keyring, organization, clock)
    with Line(servers[0]) as one, Line(servers[1]) as two:
        for number in range(PER_MINUTE):
            line = (one, two)[number % 2]
            line.request("GET", job.path + "/log")
            assert line.answer().status == 200
        for line in (one, two):
            line.request("GET", job.path)
            answer = line.answer()
            assert (answer.status, answer.headers["retry-after"]) == (429, "60")
    assert job.statuses == []


def test_wrong_probe_keys_are_counted_and_a_probe_that_was_good_goes_on(
    servers: list[Server], database: Database, keyring: Keyring, organization: str, clock: Clock
) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        _, key = register_probe(session, keyring, organization, ("eu", "eu"), clock.now_ms)

    def lease(server: Server, key: str) -> int:
        body = b'{"instance":"i","location":"eu","version":"1","wait_ms":0,"capabilities":["network"],"free":{}}'
        return ask(server, "POST", "/v1/probe/lease", body, f"Authorization: Bearer {key}").status

    good = lease(servers[0], key)
    assert good not in (401, 429)
    for number in range(WRONG_KEYS.most):
        assert lease(servers[number % 2], f"tprb_wrong{number}") == 401
    assert [lease(server, "tprb_wrong") for server in servers] == [429, 429]
    assert lease(servers[0], key) == good
