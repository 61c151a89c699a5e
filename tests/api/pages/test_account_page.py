"""/account: name, password, sessions, organizations."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask

from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser
from tests.api.people import Crowd
from tests.store.people import PASSWORD

OTHER = "four quite other words"


def test_a_name_is_changed(enter: Callable[..., Browser]) -> None:
    browser = enter("viewer")
    answer = browser.send("/account", "/account/name", name="Ada <b>Lovelace</b>")
    assert "Your name is changed" in browser.get(answer.headers["Location"]).text
    assert "Ada <b>Lovelace</b>" in browser.get("/alerts").text
    assert browser.send("/account", "/account/name", name="\x1b[2J").status_code == 422


def test_a_password_is_changed_and_signs_out_elsewhere(enter: Callable[..., Browser], app: Flask) -> None:
    browser, elsewhere = enter("viewer"), Browser.of(app)
    elsewhere.send("/login", "/login", email="ada@example.com", password=PASSWORD)
    typed = {"new_password": OTHER, "new_password_again": OTHER}
    wrong = browser.send("/account", "/account/password", current_password="no", **typed)
    assert (wrong.status_code, "not your password" in wrong.get_data(as_text=True)) == (403, True)
    slip = browser.send("/account", "/account/password", current_password=PASSWORD, new_password=OTHER)
    assert (slip.status_code, "typing error" in slip.get_data(as_text=True)) == (422, True)
    own = dict.fromkeys(typed, "ada@example.com")
    guessed = browser.send("/account", "/account/password", current_password=PASSWORD, **own)
    assert (guessed.status_code, "must not be your email" in guessed.get_data(as_text=True)) == (422, True)
    elsewhere.answer("/alerts")
    browser.send("/account", "/account/password", current_password=PASSWORD, **typed)
    browser.answer("/alerts")
    elsewhere.answer("/alerts", status=303)


def test_sessions_are_listed_and_ended(enter: Callable[..., Browser], app: Flask) -> None:
    browser, elsewhere = enter("viewer"), Browser.of(app)
    elsewhere.client.environ_base["HTTP_USER_AGENT"] = "A phone <i>"
    elsewhere.send("/login", "/login", email="ada@example.com", password=PASSWORD)
    text = browser.answer("/account").get_data(as_text=True)
    assert "A phone &lt;i&gt;" in text
    [other] = re.findall(r"A phone.*?action=\"(/account/sessions/ses_\w+/end)\"", text, re.DOTALL)
    browser.send("/account", other)
    elsewhere.answer("/alerts", status=303)
    [own] = re.findall(r'action="(/account/sessions/ses_\w+/end)"', browser.answer("/account").get_data(as_text=True))
    assert browser.send("/account", own).headers["Location"] == "/login"
    browser.answer("/alerts", status=303)


def test_a_person_switches_organizations(
    enter: Callable[..., Browser], crowd: Crowd, make_organization: Callable[[str], str], outage: Outage
) -> None:
    browser = enter("viewer")
    crowd.member("admin", "Ada", make_organization("Other"))
    assert "Orders API answers 503" in browser.get("/alerts").text
    browser.send("/account", "/account/organization")
    assert "Orders API answers 503" not in browser.get("/alerts").text
    browser.answer(outage.page, status=404)
    assert "Other, as admin" in browser.get("/account").text


def test_who_signed_in_with_a_key_sees_which(signed_in: Browser) -> None:
    seen = signed_in.get("/account")
    assert "API key test" in seen.text
    assert not [field for field in seen.all("input") if field.get("type") == "password"]
    assert "This one" in seen.text
