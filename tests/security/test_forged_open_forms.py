"""Forms that need no sign-in, sent by other sites to whoever visits them: none is taken that could do harm to them.
What each link is the right to must be done by who was shown the page. Judged by what changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from alerts.acknowledge_links import acknowledge_url
from api.pages import acknowledging, joining
from api.pages.forms import form_token
from store.alert_tables import Alert
from store.invitations import make_setup_link
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from tests.api.conftest import PUBLIC_URL
from tests.api.pages.world import add_alert
from tests.security.access_table import ACCESS
from tests.security.tally import Tally
from tests.security.test_forged_forms import ATTACK, LEAVES_NO_ROW, ONE_STORE, ROUTES, WRONG, as_it_should_be, state
from tests.security.test_forged_forms import world as world
from tests.security.test_matrix import ORIGIN
from tests.security.world import World
from tests.store.people import PASSWORD

JOINING = {"name": "Eve", "email": "eve@example.com", "password": PASSWORD, "password_again": PASSWORD}
BY_THEMSELVES = {
    "/login": "tried in test_forged_forms.py",
    "/status/<slug>/subscribe": "anybody may ask for mails, from anywhere; who is asked about has to confirm",
    "/status/<slug>/confirm/<token>": "the token came by mail to who is meant; no cookie has a part in it",
    "/status/<slug>/unsubscribe/<token>": "mail programs post it (RFC 8058), and they come from nowhere",
}
"""Forms that other sites may send, and why that is no harm."""


def setup(world: World) -> str:
    with world.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        return "/setup/" + make_setup_link(session, world.keyring, world.organization, world.clock.now_ms)


def invitation(world: World) -> str:
    admin = world.crowd.client(world.crowd.member("admin", "Linus"))
    invited = admin.data("POST", "/v1/organization/invite", {"email": "eve@example.com", "role": "viewer"}, status=201)
    return str(invited["invite_url"]).removeprefix(PUBLIC_URL)


def acknowledging_link(world: World) -> str:
    alert = add_alert(world.database, world.organization, world.monitor(), [], world.clock.now_ms)
    url = acknowledge_url(world.keyring, PUBLIC_URL, alert, world.clock.now_ms)
    return url.removeprefix(PUBLIC_URL)


OPEN: dict[str, Callable[[World], str]] = {
    "/setup/<token>": setup, "/invite/<token>": invitation, "/ack/<link>": acknowledging_link,
}  # fmt: skip
HOLDS_NO_TOKEN = {"/ack/<link>"}
"""The address is the right to do it, and whoever can send the form has it: only where it comes from is looked at."""


def forge(app: Flask, world: World, path: str, ways: list[Any]) -> list[int]:
    """Send an open form in each of these ways; how many of them changed something, by their place in the list."""
    secrets = ["A" * 43, "B" * 43]
    with app.app_context():
        right, other = map(form_token, secrets)
    found = []
    for number, way in enumerate(ways):
        fields, headers, address = way(right, other)
        client = app.test_client()
        client.set_cookie("tracer_form", secrets[0], domain="tracer.example", secure=True)
        before = whole_state(world)
        answer = client.post(path, data={**JOINING, **fields}, headers=headers, query_string=address, base_url=ORIGIN)
        assert answer.status_code < 500, answer.get_data(as_text=True)
        if whole_state(world) != before:
            found.append(number)
    return found


def whole_state(world: World) -> Any:
    with world.database.read(EVERY_ORGANIZATION) as session:
        return state(world), sorted((alert.id, alert.status) for alert in session.query(Alert))


def test_every_form_there_is_is_tried() -> None:
    forms = {path for method, path in ACCESS if method == "POST" and not path.startswith(("/v1/", "/api/", "/ping/"))}
    assert forms == {*ROUTES, *LEAVES_NO_ROW, *OPEN, *BY_THEMSELVES}


@pytest.mark.parametrize("route", OPEN)
@ONE_STORE
def test_no_open_form_of_another_site_is_taken(app: Flask, world: World, route: str, tally: Tally) -> None:
    names = [name for name in WRONG if "token" not in name or route not in HOLDS_NO_TOKEN]
    changed = forge(app, world, OPEN[route](world), [*(WRONG[name] for name in names), as_it_should_be])
    effective = [names[number] for number in changed if number < len(names)]
    tally.add(ATTACK, route, tried=len(names), refused=len(names) - len(effective), effective=len(effective))
    assert effective == []
    assert changed == [len(names)], "the form itself changes something"


@pytest.mark.parametrize(
    ("place", "name", "route", "way"),
    [
        (joining, "refuse_forged_open", "/setup/<token>", "no token"),
        (acknowledging, "refuse_foreign_origin", "/ack/<link>", "foreign origin"),
    ],
)
@ONE_STORE
def test_a_build_that_takes_open_forms_from_anywhere_is_caught(
    app: Flask, world: World, tally: Tally, monkeypatch: pytest.MonkeyPatch, place: Any, name: str, route: str, way: str
) -> None:
    monkeypatch.setattr(place, name, lambda: None)
    assert forge(app, world, OPEN[route](world), [WRONG[way]]) == [0]
    tally.caught(ATTACK, "open forms from anywhere")
