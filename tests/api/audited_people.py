"""What people do with themselves and each other, by REST and on pages, as the audit log is to tell it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from store.invitations import make_setup_link
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency
from tests.api.audited_place import Deed, Place, Rest
from tests.api.client import Client
from tests.api.conftest import PUBLIC_URL
from tests.api.pages.world import Browser
from tests.store.people import PASSWORD

EMAIL = "ada@example.com"
WORDS = "four quite other words"
TWICE = {"new_password": WORDS, "new_password_again": WORDS}
NEW = {"name": "Ada", "password": PASSWORD}
PEOPLE, KEYS, ACCOUNT = "/settings/people", "/settings/keys", "/account"


def invited(place: Place) -> str:
    """The path of an invitation's link."""
    made = place.owner.data("POST", "/v1/organization/invite", {"email": EMAIL, "role": "viewer"}, status=201)
    return str(made["invite_url"]).removeprefix(PUBLIC_URL)


def accept(place: Place) -> Callable[[], Any]:
    token = invited(place).removeprefix("/invite/")
    return lambda: place.browser.client.post(f"/v1/invitations/{token}/accept", json=NEW)


def filled(place: Place, path: str, fields: dict[str, str]) -> Callable[[], Any]:
    """Send the form of a link's page."""
    token = place.browser.answer(path).get_data(as_text=True).rsplit('name="form_token" value="', 1)[1].split('"')[0]
    return lambda: place.browser.post(path, {**fields, "form_token": token})


def follow(place: Place) -> Callable[[], Any]:
    path = invited(place)
    return filled(place, path, {**NEW, "password_again": PASSWORD})


def set_up(place: Place) -> Callable[[], Any]:
    with place.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        token = make_setup_link(session, place.keyring, place.organization, place.clock.now_ms)
    path = f"/setup/{token}"
    fields = {**NEW, "password_again": PASSWORD, "email": EMAIL, "organization": "Example"}
    return filled(place, path, fields)


def sign_in(place: Place) -> Callable[[], Any]:
    place.crowd.member("viewer")
    return lambda: place.browser.client.post("/v1/sessions", json={"email": EMAIL, "password": PASSWORD})


def by_ada(do: Callable[[Place, Client], Any]) -> Deed:
    """Over REST, signed in as Ada."""

    def prepare(place: Place) -> Callable[[], Any]:
        ada = place.crowd.client(place.crowd.member("viewer"))
        return lambda: do(place, ada)

    return prepare


def end_session(place: Place, ada: Client) -> Any:
    [session] = ada.data("GET", "/v1/account/sessions")
    return ada("DELETE", f"/v1/account/sessions/{session['id']}")


def on_adas_pages(do: Callable[[Browser], Any]) -> Deed:
    """On pages, signed in as Ada."""

    def prepare(place: Place) -> Callable[[], Any]:
        place.crowd.member("viewer")
        answer = place.browser.send("/login", "/login", email=EMAIL, password=PASSWORD)
        assert answer.status_code == 303
        return lambda: do(place.browser)

    return prepare


def on_pages(do: Callable[[Place], Callable[[], Any]]) -> Deed:
    """On pages, signed in with the owner's key."""

    def prepare(place: Place) -> Callable[[], Any]:
        act = do(place)
        assert place.browser.sign_in(place.owner.key).status_code == 303
        return act

    return prepare


def end_own_session(browser: Browser) -> Any:
    [action] = re.findall(r'action="(/account/sessions/ses_\w+/end)"', browser.answer(ACCOUNT).get_data(as_text=True))
    return browser.send(ACCOUNT, action)


def invite_again(place: Place) -> Callable[[], Any]:
    invited(place)
    [member] = place.owner.data("GET", "/v1/organization/members")
    return lambda: place.browser.send(PEOPLE, f"{PEOPLE}/{member['id']}/link")


def on_a_member(form: str, **fields: str) -> Deed:
    def prepare(place: Place) -> Callable[[], Any]:
        member = place.member()
        return lambda: place.browser.send(PEOPLE, f"{PEOPLE}/{member}/{form}", **fields)

    return on_pages(prepare)


def revoke(place: Place) -> Callable[[], Any]:
    key = place.key()
    return lambda: place.browser.send(KEYS, f"{KEYS}/{key}/revoke")


RENAME: Deed = by_ada(lambda _, ada: ada("PUT", "/v1/account", {"name": "Ada L."}))
NEW_PASSWORD: Deed = by_ada(
    lambda _, ada: ada("PUT", "/v1/account/password", {"current_password": PASSWORD, "new_password": WORDS})
)
JOINS = "member.joined session.began"
DEEDS_OF_PEOPLE: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", "/v1/organization/invite"): (
        Rest("POST", "/v1/organization/invite", {"email": EMAIL, "role": "viewer"}), "member.created",
    ),
    ("PUT", "/v1/organization/members/<member_id>"): (
        Rest("PUT", "/v1/organization/members/{member}", {"role": "admin"}), "member.updated",
    ),
    ("DELETE", "/v1/organization/members/<member_id>"): (
        Rest("DELETE", "/v1/organization/members/{member}"), "member.deleted",
    ),
    ("POST", "/v1/invitations/<token>/accept"): (accept, JOINS),
    ("POST", "/v1/sessions"): (sign_in, "session.began"),
    ("PUT", "/v1/account"): (RENAME, "person.renamed"),
    ("PUT", "/v1/account/password"): (NEW_PASSWORD, "person.password_changed"),
    ("DELETE", "/v1/account/sessions/<session_id>"): (by_ada(end_session), "session.ended"),
    ("POST", "/setup/<token>"): (set_up, JOINS),
    ("POST", "/invite/<token>"): (follow, JOINS),
    ("POST", "/account/name"): (
        on_adas_pages(lambda browser: browser.send(ACCOUNT, "/account/name", name="Ada L.")), "person.renamed",
    ),
    ("POST", "/account/password"): (
        on_adas_pages(
            lambda browser: browser.send(ACCOUNT, "/account/password", current_password=PASSWORD, **TWICE)
        ),
        "person.password_changed",
    ),
    ("POST", "/account/sessions/<session_id>/end"): (on_adas_pages(end_own_session), "session.ended"),
    ("POST", "/settings/people/invite"): (
        on_pages(
            lambda place: lambda: place.browser.send(PEOPLE, f"{PEOPLE}/invite", email=EMAIL, role="viewer")
        ),
        "member.created",
    ),
    ("POST", "/settings/people/<member_id>/link"): (on_pages(invite_again), "member.invited_again"),
    ("POST", "/settings/people/<member_id>/role"): (on_a_member("role", role="admin"), "member.updated"),
    ("POST", "/settings/people/<member_id>/remove"): (on_a_member("remove"), "member.deleted"),
    ("POST", "/settings/keys"): (
        on_pages(lambda place: lambda: place.browser.send(KEYS, KEYS, name="CI", scopes="run", expires="30")),
        "key.created",
    ),
    ("POST", "/settings/keys/<key_id>/revoke"): (on_pages(revoke), "key.deleted"),
}  # fmt: skip
"""Whose path begins so acts as Ada; everybody else as the owner's key. More than one event: their words, in order."""
ADAS = ("/v1/invitations", "/v1/sessions", "/v1/account", "/setup/", "/invite/", "/account")
