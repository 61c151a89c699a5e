"""All routes x whoever may knock: each is let in where the table says, and learns and changes nothing elsewhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

import pytest
from flask import Flask

from api.access import Caller
from api.pages.forms import FIELD, form_token
from api.server import Server
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from tests.api.audited_place import Rest
from tests.api.audited_routes import CHANGES
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.journeys import SEED as JOURNEY
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor
from tests.api.wire import ask
from tests.conftest import Clock
from tests.security.access_table import ACCESS, PROBES
from tests.security.tally import Tally
from tests.security.world import ACTORS, CANARY, Actor, World
from tests.store.people import PASSWORD

ATTACK = "asking for what is not one's own"
ORIGIN = "https://tracer.example"
COOKIE = "__Host-tracer_session"
FIELDS = {"role": "admin", "email": "new@example.com", "name": "New", "scopes": "read", "expires": "30"}
"""What the forms of pages ask for."""
BODIES = {
    ("PUT", "/v1/account"): {"name": "New"},
    ("PUT", "/v1/status-pages/<page_id>/updates/<update_id>"): {"message": "Other words"},
    ("PUT", "/v1/account/password"): {"current_password": PASSWORD, "new_password": PASSWORD},
}
"""Beside those of the routes that the audit log tells of."""
Route = tuple[str, str]
LOGOUT = ("POST", "/logout")


@pytest.fixture
def world(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, make_key: MakeKey,
    crowd: Crowd, make_organization: Callable[[str], str],
) -> World:  # fmt: skip
    owner.data("PUT", "/v1/organization", {"name": CANARY})
    world = World(owner, Browser.of(app), database, keyring, organization, clock, make_key, crowd, make_organization)
    world.made("/v1/monitors", url_monitor(name=CANARY))
    world.made("/v1/journeys", {**JOURNEY, "name": CANARY, "tags": ["smoke"]})
    for make in (world.rule, world.channel, world.window, world.silence, world.variable, world.key, world.probe):
        make()
    for make in (world.alert, world.notification, world.run, world.member, world.issue, world.trace, world.event_rule,
                 world.agent_session, world.incident):  # fmt: skip
        make()
    return world


def may(actor: Actor, access: str) -> bool:
    """Whether the table lets this actor in, wherever the thing asked for is."""
    scope = access.split()[-1]
    if scope in ("open", "proof"):
        return True
    if access.startswith("page") or scope == "people":
        return actor.scopes is not None and actor.person and (scope == "people" or scope in actor.scopes)
    return actor.scopes is not None and scope in actor.scopes


def path_of(rule: str, thing: Callable[[str], str]) -> str:
    """A route's path, with what `thing` says for each of its parameters."""
    if rule.startswith("/journeys/"):
        rule = rule.replace("<check_id>", "<journey_id>")
    return re.sub(r"<(?:path:)?(\w+)>", lambda match: thing(match[1]), rule)


def knock(app: Flask, world: World, actor: Actor, route: Route, path: str) -> Any:
    """The request, as good as anybody could make it."""
    method, rule = route
    client = app.test_client()
    # From an address for each route: of one alone, so many wrong keys would be told to wait.
    client.environ_base["REMOTE_ADDR"] = str(ip_address("198.18.0.0") + sorted(ACCESS).index(route))
    headers = {"Authorization": f"Bearer {actor.token}"} if actor.token else {}
    if rule.startswith(("/v1/", "/api/")):
        deed = CHANGES.get(route, (None,))[0]
        body = deed.body if isinstance(deed, Rest) else BODIES.get(route)
        return client.open(path, method=method, headers=headers, json=body, base_url=ORIGIN)
    form: dict[str, str] = {}
    if actor.token:
        client.set_cookie(COOKIE, actor.token, domain="tracer.example", secure=True)
        with app.app_context():
            form = {FIELD: form_token(actor.token)}
    if method == "GET":
        return client.get(path, base_url=ORIGIN)
    fields = {**FIELDS, **form, "organization_id": world.organization}
    return client.post(path, data=fields, headers={"Origin": ORIGIN}, base_url=ORIGIN)


def wrong(actor: Actor, route: Route, answer: Any) -> str | None:
    """What is wrong with an answer's status; None when it is as the table says."""
    access, status = ACCESS[route], answer.status_code
    wanted: str | None
    to_login = status == 303 and answer.headers["Location"].startswith("/login")
    names_something = "<" in route[1] or route[1] == "/account/organization"
    if status >= 500 and route[1] != "/health":  # nothing schedules here, and it says so
        wanted = "no crash"
    elif access in ("open", "proof"):
        return None
    elif may(actor, access):
        if actor.insider or not names_something:
            return None if status not in (401, 403) and not to_login else f"{status}, but it may"
        wanted = None if status == 404 else "404"
    elif access.startswith("page") and (actor.scopes is None or not actor.person):
        wanted = None if to_login else "the way to /login"
    else:
        nobody = actor.token is None if access == "server" else actor.scopes is None
        code = 401 if nobody else 403
        wanted = None if status == code else str(code)
    return wanted and f"{status}, expected {wanted}"


def leaks(world: World, path: str, answer: Any) -> set[str]:
    """What an answer tells of the organization though it must not."""
    text = answer.get_data(as_text=True)
    return {secret for secret in {CANARY, *world.made_ids} if secret in text and secret not in path}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_every_route_has_its_row(app: Flask) -> None:
    routes = {
        (method, rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert routes == ACCESS.keys()


@dataclass
class Round:
    """What one actor met at every route."""

    refused: int = 0
    faults: list[str] = field(default_factory=list)


def knock_everywhere(app: Flask, world: World, actor: Actor) -> Round:
    """First where the table lets nobody like them in, which must leave no trace; then where it does."""
    found = Round()
    within = {route for route, access in ACCESS.items() if actor.insider and access not in ("open", "proof")}
    allowed = {route for route in within if may(actor, ACCESS[route])}
    one_of_each = functools.cache(world.of_parameter)
    paths = {route: path_of(route[1], one_of_each) for route in ACCESS if route not in allowed | {LOGOUT}}
    before = world.fingerprint()
    for route, path in paths.items():
        answer = knock(app, world, actor, route, path)
        found.refused += answer.status_code >= 300
        found.faults += [f"{route}: {said}" for said in [wrong(actor, route, answer)] if said]
        found.faults += [f"{route} tells {secret}" for secret in leaks(world, path, answer)]
    after = world.fingerprint()
    found.faults += [f"{table} was changed" for table in before if before[table] != after[table]]
    for route in [*(route for route in ACCESS if route in allowed), LOGOUT]:  # after that, there is no actor
        said = wrong(actor, route, knock(app, world, actor, route, path_of(route[1], world.of_parameter)))
        found.faults += [f"{route}: {said}"] if said else []
    return found


@pytest.mark.parametrize("name", ACTORS)
def test_each_is_let_in_where_the_table_says_and_nowhere_else(
    app: Flask, world: World, name: str, tally: Tally
) -> None:
    met = knock_everywhere(app, world, ACTORS[name](world))
    tally.add(ATTACK, name, tried=len(ACCESS), refused=met.refused, effective=len(met.faults))
    assert met.faults == []


def test_a_build_whose_roles_all_may_everything_is_caught(
    app: Flask, world: World, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = ACTORS["viewer"](world)
    monkeypatch.setattr(Caller, "may", lambda *_: True)
    # Its page is asked before the API, and what it has deleted is nowhere any more.
    assert "('POST', '/monitors/<check_id>/delete'): 303, expected 403" in knock_everywhere(app, world, viewer).faults
    tally.caught(ATTACK, "roles that all may everything")


def test_a_build_whose_queries_forget_the_organization_is_caught(
    app: Flask, world: World, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = ACTORS["another organization's admin"](world)
    for name in ("read", "write"):
        scoped = getattr(Database, name)

        def everything(self: Database, _: object, *more: Any, scoped: Any = scoped, **named: Any) -> Any:
            return scoped(self, EVERY_ORGANIZATION, *more, **named)

        monkeypatch.setattr(Database, name, everything)
    assert any("tells" in fault for fault in knock_everywhere(app, world, stranger).faults)
    tally.caught(ATTACK, "queries that forget the organization")


@pytest.fixture
def server(database: Database, keyring: Keyring) -> Iterator[Server]:
    with Server(Flask("nothing"), database, keyring, Settings(port=0)) as serving:
        yield serving


@pytest.mark.parametrize("name", [name for name in ACTORS if name != "probe key"])
def test_what_is_for_probes_opens_to_no_other_key(server: Server, world: World, name: str) -> None:
    actor = ACTORS[name](world)
    shown = [f"Authorization: Bearer {actor.token}"] if actor.token else []
    for path in PROBES:
        method = "PUT" if "artifacts" in path else "POST"
        answer = ask(server, method, path, b"{}", *shown)
        assert answer.status == 401, answer.body
        assert CANARY.encode() not in answer.body
