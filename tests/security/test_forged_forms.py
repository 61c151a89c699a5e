"""Forms that other sites send with the cookie of whoever visits them: none is taken. Judged by what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from api.pages import forms, gate, open_forms
from api.pages.forms import FIELD, form_token
from store.keyring import Keyring
from store.people_tables import Person
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Organization, WebSession
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.conftest import Clock
from tests.security.access_table import ACCESS
from tests.security.form_fields import FIELDS_OF
from tests.security.stage import COOKIE
from tests.security.tally import Tally
from tests.security.test_matrix import FIELDS, ORIGIN, path_of
from tests.security.world import World
from tests.store.people import PASSWORD, sign_in_as
from tests.telemetry.reporting import event, message

ATTACK = "sending forms from elsewhere"
ONE_STORE = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
LEAVES_NO_ROW = {"/alerts/rules/try", "/alerts/channels/<channel_id>/test"}
"""They change nothing that can be seen here: tests/api/pages/test_settings_forms.py has them refused."""
ROUTES = [
    path
    for (method, path), access in ACCESS.items()
    if method == "POST" and (access.startswith("page") or path == "/logout") and path not in LEAVES_NO_ROW
]
WORDS = "four quite other words"
GIVEN = {
    **FIELDS, "current_password": PASSWORD, "new_password": WORDS, "new_password_again": WORDS, "note": "forged",
    "slug": "forged", "title": "Forged", "status": "investigating", "message": "forged",
}  # fmt: skip
SAME = {"Origin": ORIGIN}
Wrong = Callable[[str, str], tuple[dict[str, str], dict[str, str], dict[str, str]]]
WRONG: dict[str, Wrong] = {
    "no token": lambda right, other: ({}, SAME, {}),
    "empty token": lambda right, other: ({FIELD: ""}, SAME, {}),
    "another session's token": lambda right, other: ({FIELD: other}, SAME, {}),
    "token cut": lambda right, other: ({FIELD: right[:-1]}, SAME, {}),
    "token in the address": lambda right, other: ({}, SAME, {FIELD: right}),
    "foreign origin": lambda right, other: ({FIELD: right}, {"Origin": "https://evil.example"}, {}),
    "origin that begins like ours": lambda right, other: ({FIELD: right}, {"Origin": f"{ORIGIN}.evil.example"}, {}),
    "null origin": lambda right, other: ({FIELD: right}, {"Origin": "null"}, {}),
    "foreign port": lambda right, other: ({FIELD: right}, {"Origin": f"{ORIGIN}:8443"}, {}),
    "browser says cross-site": lambda right, other: ({FIELD: right}, {"Sec-Fetch-Site": "cross-site"}, {}),
    "browser says same-site": lambda right, other: ({FIELD: right}, {"Sec-Fetch-Site": "same-site"}, {}),
}
"""(right token, another session's) -> (fields, headers, parameters of the address)."""


def as_it_should_be(right: str, _: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    return {FIELD: right}, SAME, {}


@pytest.fixture
def world(
    app: Flask, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, make_key: MakeKey,
    crowd: Crowd, make_organization: Callable[[str], str],
) -> World:  # fmt: skip
    return World(owner, Browser.of(app), database, keyring, organization, clock, make_key, crowd, make_organization)


def state(world: World) -> Any:
    """All that a form can change: rows, people, who is signed in where, what organizations are called."""
    with world.database.read(EVERY_ORGANIZATION) as session:
        people = [(row.name, row.email, row.password_hash) for row in session.scalars(select(Person))]
        sessions = [(row.id, row.organization_id) for row in session.scalars(select(WebSession))]
        named = [(row.id, row.name) for row in session.scalars(select(Organization))]
    return world.fingerprint(), sorted(people), sorted(sessions), sorted(named)


def forge(app: Flask, world: World, route: str, ways: list[Wrong]) -> list[int]:
    """Send the form of a route in each of these ways, with a visitor's cookie; how many of them changed something, by
    their place in the list."""
    admin, other = world.crowd.member("admin", "Linus"), world.crowd.member("admin", "Root")
    token, others = (sign_in_as(world.database, world.keyring, member) for member in (admin, other))
    with app.app_context():
        right, wrong = form_token(token), form_token(others)
    elsewhere = world.make_organization("Elsewhere")
    world.crowd.member("admin", "Linus", elsewhere)
    path, merged = path_of(route, world.of_parameter), dict[str, str]()
    if route.endswith("sessions/<session_id>/end"):
        mine = Client(app.test_client(), sign_in_as(world.database, world.keyring, admin))
        path = route.replace("<session_id>", mine.data("GET", "/v1/account/sessions")[-1]["id"])
    if route.endswith("/link"):
        invited = world.made("/v1/organization/invite", {"email": "invited@example.com", "role": "viewer"})
        path = route.replace("<member_id>", invited)
    if route.endswith("/resume"):
        room = route.split("/")[1]
        paused = world.of_parameter(f"{room[:-1]}_id")
        world.owner.data("PUT", f"/v1/{room}/{paused}", {"status": "paused"})
        path = route.replace("<check_id>", paused)
    if "<public_key>" in route or route.endswith("/merge"):
        reports = world.reports()
        reports.events(event("e1"), message("e2", "The same"))
        first, second = (issue["id"] for issue in reports.issues())
        path = route.replace("<project_id>", str(reports.project["project_id"])).replace("<public_key>", reports.key)
        path, merged = path.replace("<issue_id>", first), {"merge_into": second}
    if route == "/alerts/event-rules":
        merged = {"project": str(world.reports().project["slug"])}
    if route.endswith("<window_id>/end"):
        path = route.replace("<window_id>", world.window_now())
    if "<update_id>" in route:
        page, update = world.status_update()
        path = route.replace("<page_id>", page).replace("<update_id>", update)
    found = []
    more = {**FIELDS_OF.get(route, {}), **merged}
    for number, way in enumerate(ways):
        fields, headers, address = way(right, wrong)
        client = app.test_client()
        client.set_cookie(COOKIE, token, domain="tracer.example", secure=True)
        before = state(world)
        given = {**GIVEN, **more, **fields, "organization_id": elsewhere}
        answer = client.post(path, data=given, headers=headers, query_string=address, base_url=ORIGIN)
        assert answer.status_code < 500, (route, answer.get_data(as_text=True))
        if state(world) != before:
            found.append(number)
    return found


@pytest.mark.parametrize("route", ROUTES)
@ONE_STORE
def test_no_forged_form_changes_anything(app: Flask, world: World, route: str, tally: Tally) -> None:
    changed = forge(app, world, route, [*WRONG.values(), as_it_should_be])
    effective = [list(WRONG)[number] for number in changed if number < len(WRONG)]
    tally.add(ATTACK, route, tried=len(WRONG), refused=len(WRONG) - len(effective), effective=len(effective))
    assert effective == []
    assert changed == [len(WRONG)], "the form itself changes something"


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_no_forged_form_changes_anything_in_the_other_store(app: Flask, world: World, tally: Tally) -> None:
    effective = forge(app, world, "/account/name", list(WRONG.values()))
    tally.add(ATTACK, "/account/name", tried=len(WRONG), refused=len(WRONG) - len(effective), effective=len(effective))
    assert effective == []


@ONE_STORE
def test_nobody_is_signed_in_by_another_sites_form(app: Flask, make_key: MakeKey, tally: Tally) -> None:
    key = make_key()
    secrets = ["A" * 43, "B" * 43]
    with app.app_context():
        right, other = map(form_token, secrets)
    signed_in = []
    for name, way in WRONG.items():
        fields, headers, address = way(right, other)
        client = app.test_client()
        client.set_cookie("tracer_form", secrets[0], domain="tracer.example", secure=True)
        client.post("/login", data={"api_key": key, **fields}, headers=headers, query_string=address, base_url=ORIGIN)
        if client.get_cookie(COOKIE, domain="tracer.example") is not None:
            signed_in.append(name)
    tally.add(ATTACK, "/login", tried=len(WRONG), refused=len(WRONG) - len(signed_in), effective=len(signed_in))
    assert signed_in == []


@pytest.mark.parametrize(
    ("build", "place", "name", "caught"),
    [
        ("pages without form tokens", gate, "refuse_forged", "no token"),
        ("forms from any origin", forms, "refuse_foreign_origin", "foreign origin"),
    ],
)
@ONE_STORE
def test_a_build_that_does_not_look_is_caught(
    app: Flask, world: World, tally: Tally, monkeypatch: pytest.MonkeyPatch, build: str, place: Any, name: str,
    caught: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(place, name, lambda *_: None)
    assert forge(app, world, "/account/name", [WRONG[caught]]) == [0]
    tally.caught(ATTACK, build)


@ONE_STORE
def test_a_build_whose_open_forms_are_anybodys_is_caught(
    app: Flask, make_key: MakeKey, tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_forms, "refuse_forged", lambda *_: None)
    client = app.test_client()
    client.post("/login", data={"api_key": make_key()}, base_url=ORIGIN)
    assert client.get_cookie(COOKIE, domain="tracer.example") is not None
    tally.caught(ATTACK, "sign-in by any form")
