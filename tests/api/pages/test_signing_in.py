"""Sign-in by API key: who gets in, what the cookie allows, who can send our forms."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from api.app import create_app
from api.services import services_of
from model.settings import Settings
from model.times import HOUR_MS
from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import PUBLIC_URL, Client, MakeKey
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_a_key_signs_in_and_leads_to_the_page_asked_for(browser: Browser, make_key: MakeKey, outage: Outage) -> None:
    sent_away = browser.answer(outage.page, status=303)
    assert sent_away.headers["Location"] == f"/login?next={outage.page}"
    answer = browser.sign_in(f"  {make_key()} ", wanted=outage.page)
    assert (answer.status_code, answer.headers["Location"]) == (303, outage.page)
    assert "Orders API answers 503" in browser.get(outage.page).text
    assert browser.answer("/login", status=303).headers["Location"] == "/"


def test_a_form_sent_after_the_session_ended_leads_back_to_its_page_and_says_that_nothing_was_saved(
    browser: Browser, outage: Outage
) -> None:
    page = f"/monitors/{outage.check_id}/edit"
    for referrer, back in (("https://evil.example/x", "/alerts"), (f"{PUBLIC_URL}{page}?x=1", f"{page}%3Fx%3D1")):
        answer = browser.client.post(page, data={"do": "save"}, headers={"Referer": referrer}, base_url=PUBLIC_URL)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/login?next={back}&lost=1")
    assert "what you sent was not saved" in browser.answer(answer.headers["Location"]).get_data(as_text=True)


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(browser: Browser, make_key: MakeKey) -> None:
    [cookie, *_] = browser.sign_in(make_key()).headers.getlist("Set-Cookie")
    name, _, rest = cookie.partition("=")
    assert name == "__Host-tracer_session"
    attributes = {part.strip().lower() for part in rest.split(";")[1:]}
    assert {"httponly", "samesite=lax", "secure", "path=/"} <= attributes
    assert not any(attribute.startswith("domain") for attribute in attributes)


@sqlite_only
def test_without_https_the_cookie_works_without_secure(database: Database, keyring: Keyring, make_key: MakeKey) -> None:
    client = create_app(database, keyring, Settings(port=8000)).test_client()
    page = client.get("/login").get_data(as_text=True)
    token = page.split('name="form_token" value="')[1].split('"')[0]
    answer = client.post("/login", data={"form_token": token, "api_key": make_key()})
    [cookie, *_] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("tracer_session=")
    assert "Secure" not in cookie
    assert client.get("/alerts").status_code == 200


@sqlite_only
@pytest.mark.parametrize(
    ("key", "status"), [("trk_nothing", 401), ("", 422), ("  ", 422), ("x" * 10_000, 401), ("é\u202e", 401)]
)
def test_what_is_no_key_is_told_so_beside_the_field(browser: Browser, key: str, status: int) -> None:
    answer = browser.sign_in(key, wanted="/alerts?status=all")
    assert answer.status_code == status
    text = answer.get_data(as_text=True)
    assert 'role="alert"' in text
    assert 'value="/alerts?status=all"' in text, "the next try still leads there"
    assert "tracer_session" not in str(answer.headers.getlist("Set-Cookie"))
    browser.answer("/alerts", status=303)


@sqlite_only
def test_a_key_that_may_read_nothing_does_not_sign_in(browser: Browser, make_key: MakeKey) -> None:
    assert browser.sign_in(make_key(("ingest",))).status_code == 403


@sqlite_only
@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
        "javascript:alert(1)", "evil.example", " /alerts", "/a\r\nSet-Cookie: x=1", "/%0d%0a\\", "///evil.example",
        "/é",
    ],
)  # fmt: skip
def test_a_sign_in_never_leads_to_another_site(browser: Browser, make_key: MakeKey, wanted: str) -> None:
    answer = browser.sign_in(make_key(), wanted=quote(wanted, safe=""))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert browser.answer(f"/login?next={quote(wanted, safe='')}", status=303).headers["Location"] == "/"


def test_signing_out_ends_the_session_on_the_server(signed_in: Browser) -> None:
    cookie = signed_in.client.get_cookie("__Host-tracer_session", domain="tracer.example")
    assert cookie is not None
    answer = signed_in.send("/alerts", "/logout")
    assert answer.headers["Location"] == "/login"
    assert signed_in.client.get_cookie("__Host-tracer_session", domain="tracer.example") is None
    signed_in.client.set_cookie("__Host-tracer_session", cookie.value, domain="tracer.example", secure=True)
    signed_in.answer("/alerts", status=303)


def test_revoking_a_key_signs_its_browsers_out(owner: Client, browser: Browser) -> None:
    made = owner.data("POST", "/v1/api-keys", {"name": "Ada", "scopes": ["read"]}, status=201)
    browser.sign_in(made["key"])
    assert "Ada" in browser.get("/alerts").text
    owner.data("DELETE", f"/v1/api-keys/{made['id']}")
    browser.answer("/alerts", status=303)


def test_a_page_left_open_is_nobody_at_the_keyboard(signed_in: Browser, clock: Any) -> None:
    for _ in range(12):
        clock.advance(HOUR_MS - 1)
        signed_in.answer("/alerts", headers={"X-Live": "1"})
    clock.advance(12)
    signed_in.answer("/alerts", status=303)


def test_looking_at_pages_keeps_the_session(signed_in: Browser, app: Flask, database: Database, clock: Any) -> None:
    for _ in range(3):
        clock.advance(11 * HOUR_MS)
        signed_in.answer("/alerts")
        services_of(app).uses.write(database)


@sqlite_only
def test_a_second_sign_in_ends_the_first_session_of_a_browser(
    app: Flask, browser: Browser, make_key: MakeKey, client_of: Any
) -> None:
    browser.sign_in(make_key())
    cookie = browser.client.get_cookie("__Host-tracer_session", domain="tracer.example")
    assert cookie is not None
    first = cookie.value
    page = browser.client.get("/login", base_url="https://tracer.example")
    assert page.status_code == 303, "who is signed in is sent on"
    text = Browser.of(app)
    text.sign_in(make_key())
    other = text.client.get_cookie("__Host-tracer_session", domain="tracer.example")
    assert other is not None
    assert other.value != first, "a session is new with every sign-in: none can be planted"


@sqlite_only
def test_sign_ins_are_limited_by_address(browser: Browser, make_key: MakeKey, app: Flask) -> None:
    for _ in range(10):
        assert browser.sign_in("trk_guess").status_code == 401
    answer = browser.sign_in(make_key())
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "text/html" in answer.headers["Content-Type"]
    elsewhere = Browser.of(app)
    elsewhere.client.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    assert elsewhere.sign_in(make_key()).status_code == 303


@sqlite_only
def test_one_ipv6_network_is_one_address(app: Flask) -> None:
    answers = []
    for number in range(11):
        one = Browser.of(app)
        one.client.environ_base["REMOTE_ADDR"] = f"2001:db8::{number + 1:x}"
        answers.append(one.sign_in("trk_guess").status_code)
    assert answers == [401] * 10 + [429]


ROUTES = ("/login", "/logout", "{alert}/acknowledge", "{alert}/resolve")


@sqlite_only
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://tracer.example.evil.example"},
        {"Origin": "https://tracer.example:444"},
        {"Origin": "file://tracer.example"},
        {"Origin": ""},
    ],
)
def test_a_form_of_another_origin_is_refused(
    signed_in: Browser, make_key: MakeKey, outage: Outage, owner: Client, route: str, headers: dict[str, str]
) -> None:
    path = route.format(alert=outage.page)
    token = _token_for(signed_in, path)
    answer = signed_in.post(path, {"form_token": token, "api_key": make_key()}, headers=headers)
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    _nothing_happened(signed_in, outage)


@sqlite_only
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("token", ["", "x", "A" * 32, "another's"])
def test_a_form_without_its_token_is_refused(
    app: Flask, signed_in: Browser, make_key: MakeKey, outage: Outage, route: str, token: str
) -> None:
    path = route.format(alert=outage.page)
    if token == "another's":
        stranger = Browser.of(app)
        if path != "/login":
            stranger.sign_in(make_key())
        token = _token_for(stranger, path)
    answer = signed_in.post(path, {"form_token": token, "api_key": make_key()})
    assert answer.status_code == 403
    _nothing_happened(signed_in, outage)


@sqlite_only
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_names_no_origin_is_judged_by_where_it_says_it_comes_from(
    signed_in: Browser, outage: Outage, site: str
) -> None:
    path = f"{outage.page}/acknowledge"
    token = _token_for(signed_in, path)
    answer = signed_in.client.post(
        path, data={"form_token": token}, base_url="https://tracer.example", headers={"Sec-Fetch-Site": site}
    )
    assert answer.status_code == 403
    _nothing_happened(signed_in, outage)


@sqlite_only
def test_no_page_changes_anything_when_it_is_only_opened(signed_in: Browser, outage: Outage) -> None:
    for path in ("/logout", f"{outage.page}/acknowledge", f"{outage.page}/resolve"):
        answer = signed_in.answer(path, status=405, headers={"Accept": "text/html"})
        assert answer.headers["Allow"] == "POST"
    _nothing_happened(signed_in, outage)


def _token_for(browser: Browser, path: str) -> str:
    """The token that this browser's own page has for such a form."""
    if path == "/login":
        fresh = Browser(browser.client.application.test_client())
        browser.client = fresh.client  # nobody signed in is shown the form
    page = "/login" if path == "/login" else "/alerts"
    text = browser.answer(page).get_data(as_text=True)
    return text.split('name="form_token" value="')[1].split('"')[0]


def _nothing_happened(browser: Browser, outage: Outage) -> None:
    if browser.client.get_cookie("__Host-tracer_session", domain="tracer.example") is None:
        browser.answer("/alerts", status=303)
        return
    assert "Critical · not acknowledged" in browser.get(outage.page).text
