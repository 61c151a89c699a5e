"""Signing in by password, and what a role shows and allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.store.people import PASSWORD

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_a_password_signs_in_and_leads_to_the_page_asked_for(browser: Browser, crowd: Crowd, outage: Outage) -> None:
    crowd.member("viewer")
    answer = browser.send(f"/login?next={outage.page}", "/login", email=" Ada@example.com ", password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, outage.page)
    assert "Orders API answers 503" in browser.get(outage.page).text
    assert "Ada" in browser.get("/alerts").text


@sqlite_only
@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"email": "ada@example.com", "password": "guess-8472"}, 401, "do not belong together"),
        ({"email": "nobody@example.com", "password": PASSWORD}, 401, "do not belong together"),
        ({"email": "ada@example.com", "password": "x" * 2_000}, 401, "do not belong together"),
        ({"email": "ada@example.com"}, 422, "Type your email and password"),
        ({"email": "ada", "password": PASSWORD}, 422, "must be a mail address"),
        ({"email": "ada@example.com", "password": PASSWORD, "api_key": "trk_x"}, 422, "not both"),
    ],
)
def test_what_does_not_open_is_said_beside_the_form(
    browser: Browser, crowd: Crowd, fields: dict[str, str], status: int, said: str
) -> None:
    crowd.member("viewer")
    answer = browser.send("/login", "/login", **fields)
    text = answer.get_data(as_text=True)
    assert answer.status_code == status
    assert said in text
    assert fields["email"] in text, "what was typed stands there again"
    assert fields.get("password", "none-was-given") not in text
    browser.answer("/alerts", status=303)


def test_a_viewer_sees_and_changes_nothing(enter: Callable[..., Browser], outage: Outage) -> None:
    browser = enter("viewer")
    page = browser.get(outage.page)
    assert "Acknowledge" not in [button.get("value") for button in page.all("button")]
    token = browser.answer("/alerts").get_data(as_text=True).split('name="form_token" value="')[1].split('"')[0]
    answer = browser.post(f"{outage.page}/acknowledge", {"form_token": token})
    assert answer.status_code == 403
    assert "Your role here is viewer" in answer.get_data(as_text=True)


def test_what_a_member_acknowledges_bears_their_name(enter: Callable[..., Browser], outage: Outage) -> None:
    browser = enter("member")
    browser.send("/alerts", f"{outage.page}/acknowledge")
    assert "acknowledged by Ada" in browser.get("/alerts").text


def test_a_removed_member_s_next_page_is_the_sign_in(enter: Callable[..., Browser], owner: Client) -> None:
    browser = enter("admin")
    browser.get("/settings/people")
    [member] = owner.data("GET", "/v1/organization/members")
    owner.data("DELETE", f"/v1/organization/members/{member['id']}")
    assert browser.answer("/settings/people", status=303).headers["Location"].startswith("/login")
