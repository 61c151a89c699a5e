"""Ids of another organization's things, and fields that are not for clients, in the forms of pages: none is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from api.pages.forms import FIELD, form_token
from api.pages.journey_draft import FIELDS
from api.pages.monitor_fields import form_fields
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.test_monitors import url_monitor
from tests.security.form_fields import FIELDS_OF
from tests.security.stage import COOKIE
from tests.security.tally import Tally, corpus
from tests.security.test_foreign_fields import ATTACK as FIELDS_ATTACK
from tests.security.test_foreign_fields import NUMBER, WORD, columns
from tests.security.test_forged_forms import GIVEN, LEAVES_NO_ROW, ROUTES, SAME
from tests.security.test_forged_forms import world as world
from tests.security.test_matrix import ORIGIN, path_of
from tests.security.world import World
from tests.store.people import sign_in_as
from tests.telemetry.reporting import make_project

ATTACK = "asking for what is not one's own"
TAKE_THINGS = (
    "channels", "checks", "components", "notice_channels", "depends_on", "rule_id", "try_on", "incident", "draft",
    "check", "named", "monitors", "journeys", "projects", "organization_id",
)  # fmt: skip
"""Fields of forms that hold ids."""
OFFERED = {
    "/alerts/silences": ("reason",),
    **dict.fromkeys(("/journeys/new", "/journeys/<journey_id>/edit"), FIELDS),
    **dict.fromkeys(("/monitors/new", "/monitors/<monitor_id>/edit"), form_fields("url")),
    "/projects/<project_id>": ("repository", "repository_token"),
}
"""What these forms ask for beside what they need."""
FORMS = [
    route for route in [*ROUTES, *sorted(LEAVES_NO_ROW)] if route != "/logout" and not route.startswith("/account")
]


@pytest.fixture
def foreign(make_organization: Callable[[str], str], make_key: MakeKey, app: Flask) -> dict[str, str]:
    """Ids of another organization's check, channel, rule, project and status page, and its own."""
    elsewhere = make_organization("Elsewhere")
    there = Client(app.test_client(), make_key(organization_id=elsewhere))
    hook = {"name": "theirs", "type": "webhook", "config": {"url": "https://hooks.example/theirs"}}
    rule = {"name": "theirs", "type": "no_data", "window": 600}
    check = there.data("POST", "/v1/monitors", url_monitor(locations=["local"]), status=201)["id"]
    return {
        "organization": elsewhere,
        "check": check,
        "channel": there.data("POST", "/v1/alert-channels", hook, status=201)["id"],
        "rule": there.data("POST", "/v1/alert-rules", rule, status=201)["id"],
        "project": make_project(there, "theirs").project["project_id"],
        "page": there.data("POST", "/v1/status-pages", {"slug": "theirs", "title": "Theirs"}, status=201)["id"],
    }


@pytest.fixture
def token(world: World) -> str:
    """Of an admin who signed in."""
    return sign_in_as(world.database, world.keyring, world.crowd.member("admin", "Linus"))


def sent(app: Flask, world: World, token: str, route: str, fields: dict[str, list[str]]) -> int:
    """The status of the answer to a form that also has these fields."""
    with app.app_context():
        right = form_token(token)
    client = app.test_client()
    client.set_cookie(COOKIE, token, domain="tracer.example", secure=True)
    path = path_of(route, world.of_parameter)
    if "<update_id>" in route:
        page, update = world.status_update()
        path = route.replace("<page_id>", page).replace("<update_id>", update)
    given = {**GIVEN, **FIELDS_OF.get(route, {}), FIELD: right}
    answer = client.post(path, data={**fields, **given}, headers=SAME, base_url=ORIGIN)
    assert answer.status_code < 500, (route, answer.get_data(as_text=True))
    return answer.status_code


@pytest.mark.parametrize("route", FORMS)
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_no_form_takes_a_thing_of_another_organization(
    app: Flask, world: World, token: str, foreign: dict[str, str], route: str, tally: Tally
) -> None:
    things = list(foreign.values())
    own = {name: things for name in TAKE_THINGS if name not in FIELDS_OF.get(route, {})}
    status = sent(app, world, token, route, own)
    text = str(world.fingerprint())
    kept = [what for what, thing in foreign.items() if thing in text]
    refused = len(things) if status >= 400 else 0
    tally.add(ATTACK, route, tried=len(things), refused=refused, effective=len(kept))
    assert kept == []


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_no_form_writes_a_field_that_is_not_for_clients(app: Flask, world: World, token: str, tally: Tally) -> None:
    names = [name for name in corpus(sorted(columns()), short=40) if name not in GIVEN]
    values, written = columns(), []
    for route in FORMS:
        asked = {*FIELDS_OF.get(route, {}), *OFFERED.get(route, ())}
        own = {name: [str(values[name])] for name in names if name not in asked}
        sent(app, world, token, route, own)
        text = str(world.fingerprint())
        if WORD in text or str(NUMBER) in text:
            written.append(route)
            break
    tally.add(FIELDS_ATTACK, "page forms", tried=len(names) * len(FORMS), refused=0, effective=len(written))
    assert written == []
