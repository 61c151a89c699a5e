"""/status/:slug and /badge/:id: what strangers see, what they never see, and how often it is drawn."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from api.kept_pages import KEPT_S, STALE_S, Kept, PublicPages
from api.server import Server
from api.services import Services, install
from model.colours import READABLE, contrast
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.world import Browser
from tests.api.status_world import PAGES, SECRET, StatusWorld, status_world
from tests.api.wire import ask
from tests.conftest import Clock

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
HOSTILE = "</title><script>alert(1)</script>&\"'\u202e\x07"


class Seconds:
    """A clock of a cache."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def world(owner: Client, database: Database, organization: str, clock: Clock) -> StatusWorld:
    made = status_world(owner, database, organization, clock.now_ms)
    clock.advance(150_000)
    return made


def test_the_heading_is_the_answer_and_each_component_says_how_it_is(world: StatusWorld, browser: Browser) -> None:
    seen = browser.get("/status/acme")
    assert "Paying is down" in seen.text
    for said in ("Shop Up", "Paying Down", "Search Not measured", "since 15 Jan, 10:31"):
        assert said.replace(" ", "") in seen.text.replace(" ", ""), said
    assert [svg["aria-label"] for svg in seen.all("svg") if svg.get("class") == "quarter"] == [
        "Shop, the last 90 days: 100 % up today, trouble on 0 days, not measured on 0 days",
        "Paying, the last 90 days: 33.333 % up today, trouble on 1 day, not measured on 0 days",
        "Search: nothing was measured yet",
    ]
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"groups": [{"name": "F", "checks": [world.checks["Shop"]]}]})
    assert "Shop works" in browser.get("/status/acme").text


@sqlite_only
def test_an_incident_without_a_component_is_the_answer_when_all_works(world: StatusWorld, browser: Browser) -> None:
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"groups": [{"name": "F", "checks": [world.checks["Shop"]]}]})
    world.post(title="Mails come late", message="We look into it.", components=[])
    seen = browser.get("/status/acme")
    assert "An incident is being worked on" in seen.text
    assert seen.text.count("Mails come late") == 1


def test_nothing_of_a_check_that_is_not_on_the_page_and_no_cause_is_anywhere(
    world: StatusWorld, browser: Browser, clock: Clock
) -> None:
    window = {"name": f"upgrade {SECRET}", "cron": "0 3 * * *", "duration": 60, "apply_to": {"all": True}}
    world.owner.data("POST", "/v1/maintenance-windows", window, status=201)
    world.post(components=[world.checks["Checkout"]])
    never = {
        SECRET.lower(), "checkout", ".example/", "-path", "tag-", "about ", "wiki.example", "503", "status_code",
        "us-east", "test", "upgrade", *(check_id.lower() for check_id in world.checks.values()), world.page,
        world.organization,
    }  # fmt: skip
    for path in ("/status/acme", "/status/acme.json", "/status/acme.atom"):
        text = browser.answer(path).get_data(as_text=True).lower()
        assert {word for word in never if word in text.replace(f"{PUBLIC_URL}/", "")} == set(), path
        assert "paying" in text


def test_what_is_posted_and_planned_stands_on_the_page_and_in_its_feeds(
    world: StatusWorld, browser: Browser, clock: Clock
) -> None:
    world.post(message="Cards are refused.", components=[world.checks["Shop"]])
    window = {
        "name": "w", "starts_at": "2024-01-16T10:00:00Z", "ends_at": "2024-01-16T11:00:00Z",
        "apply_to": {"monitors": [world.checks["Search"]]}, "message": "Faster <disks>.",
    }  # fmt: skip
    world.owner.data("POST", "/v1/maintenance-windows", window, status=201)
    text = browser.get("/status/acme").text
    for said in (
        "Cards are refused.",
        "Affects Shop",
        "Shop Has trouble",
        "Planned maintenance Faster <disks>. Search",
        "16 Jan, 10:00",
    ):
        assert said.replace(" ", "") in text.replace(" ", ""), said
    shown = browser.answer("/status/acme.json").get_json()
    assert [planned["message"] for planned in shown["maintenance"]] == ["Faster <disks>."]
    assert shown["page"] == {"title": "Acme", "url": f"{PUBLIC_URL}/status/acme"}
    assert shown["status"] == {"state": "down", "heading": "Paying is down"}
    assert [one["state"] for group in shown["groups"] for one in group["components"]] == ["degraded", "down", "unknown"]
    assert shown["incidents"][0]["updates"][0]["message"] == "Cards are refused."
    assert shown["maintenance"][0]["starts_at"] == "2024-01-16T10:00:00.000Z"
    clock.advance(3_600_000)
    world.post("resolved", "Cards work.")
    assert "Past incidents Cards are refused." in browser.get("/status/acme").text
    feed = ElementTree.fromstring(browser.answer("/status/acme.atom").data)  # noqa: S314 - ours
    atom = "{http://www.w3.org/2005/Atom}"
    titles = [entry.findtext(f"{atom}title") for entry in feed.findall(f"{atom}entry")]
    assert titles == ["Planned maintenance", "Resolved: Cards are refused.", "Investigating: Cards are refused."]
    ids = [entry.findtext(f"{atom}id") for entry in feed.findall(f"{atom}entry")]
    assert len(set(ids)) == 3


def test_a_window_that_comes_again_and_was_ended_early_is_over_for_visitors_too(
    world: StatusWorld, browser: Browser, clock: Clock
) -> None:
    hourly = {"name": "w", "cron": "15 * * * *", "duration": 3600, "apply_to": {"all": True}}
    window = world.owner.data("POST", "/v1/maintenance-windows", hourly, status=201)
    times = browser.answer("/status/acme.json").get_json()["maintenance"]
    assert [(one["starts_at"], one["active"]) for one in times] == [("2024-01-15T10:32:30.000Z", True)]
    clock.advance(60_000)
    world.owner.data("POST", f"/v1/maintenance-windows/{window['id']}/end")
    times = browser.answer("/status/acme.json").get_json()["maintenance"]
    assert [(one["starts_at"], one["active"]) for one in times] == [("2024-01-15T11:15:00.000Z", False)]


@sqlite_only
def test_hostile_text_is_inert_in_all_of_it(world: StatusWorld, browser: Browser) -> None:
    safe = HOSTILE.replace("\x07", "").replace("\u202e", "")
    shop = world.checks["Shop"]
    groups = [{"name": safe, "checks": [{"id": shop, "name": safe}]}]
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"title": safe, "groups": groups})
    world.post(title=safe, message=HOSTILE, components=[shop])
    world.owner.data("PUT", f"/v1/monitors/{shop}", {"name": safe, "badge": True})
    for path in ("/status/acme", f"/badge/{shop}/state.svg"):
        text = browser.answer(path).get_data(as_text=True)
        assert "<script>alert" not in text
        assert "\u202e" not in text
    ElementTree.fromstring(browser.answer("/status/acme.atom").data)  # noqa: S314 - ours
    ElementTree.fromstring(browser.answer(f"/badge/{shop}/state.svg").data)  # noqa: S314 - ours
    assert json.loads(browser.answer("/status/acme.json").data)["page"]["title"] == safe


def test_a_page_for_members_is_nothing_to_others(
    world: StatusWorld, browser: Browser, enter: Callable[..., Browser], app: Flask, make_key: Callable[..., str],
    make_organization: Callable[[str], str],
) -> None:  # fmt: skip
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"public": False})
    paths = ("/status/acme", "/status/acme.json", "/status/acme.atom", "/status/acme/style.css")
    stranger = Browser.of(app)
    stranger.sign_in(make_key(organization_id=make_organization("Other")))
    for one in (browser, stranger):
        for path in paths:
            hidden, missing = one.answer(path, status=404), one.answer(path.replace("acme", "none"), status=404)
            assert len(hidden.data) == len(missing.data), path
    member = enter("viewer")
    for path in paths:
        assert member.answer(path).headers["Cache-Control"] == "private, no-store"
    assert "Subscribe" not in member.get("/status/acme").text
    for path in paths:
        browser.answer(path, status=404)


@sqlite_only
def test_a_logo_is_a_picture_and_colours_can_be_read(world: StatusWorld, browser: Browser) -> None:
    browser.answer("/status/acme/logo", status=404)
    logo = {"content_base64": base64.b64encode(PNG).decode()}
    colours = {"brand": "#777777", "accent": "#ffff00"}
    world.owner.data("PUT", f"{PAGES}/{world.page}", {"logo": logo, "colours": colours})
    answer = browser.answer("/status/acme/logo")
    assert (answer.data, answer.content_type) == (PNG, "image/png")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    style = browser.answer("/status/acme/style.css").get_data(as_text=True)
    [ink] = [line.split("--brand-ink: ")[1][:7] for line in style.splitlines() if "--brand: #777777" in line]
    assert contrast(ink, "#777777") >= READABLE
    light, dark = [part[:7] for part in style.split("--accent: ")[1:]][-2:]
    assert light != dark
    assert contrast(light, "#ffffff") >= READABLE
    assert contrast(dark, "#171a20") >= READABLE
    assert "/status/acme/logo?v=" in browser.answer("/status/acme").get_data(as_text=True)


def test_badges_are_for_checks_that_opted_in(world: StatusWorld, browser: Browser) -> None:
    shop, checkout = world.checks["Shop"], world.checks["Checkout"]
    browser.answer(f"/badge/{shop}/uptime.svg", status=404)
    for check in (shop, checkout):
        assert world.owner.data("PUT", f"/v1/monitors/{check}", {"badge": True})["badge"] is True
    answer = browser.answer(f"/badge/{shop}/uptime.svg")
    assert answer.content_type == "image/svg+xml; charset=utf-8"
    text = answer.get_data(as_text=True)
    assert "<title>Shop, uptime 30 d: 100 %</title>" in text
    assert 'aria-label="Shop, uptime 30 d: 100 %"' in text
    assert "Checkout, state: down" in browser.answer(f"/badge/{checkout}/state.svg").get_data(as_text=True)
    for path in (f"/badge/{shop}/other.svg", "/badge/mon_0123456789/state.svg", "/badge/x/state.svg"):
        browser.answer(path, status=404)
    world.owner.data("DELETE", f"/v1/monitors/{shop}")


@sqlite_only
def test_it_is_drawn_once_in_ten_seconds_and_anew_when_something_was_changed_here(
    world: StatusWorld, browser: Browser, app: Flask, database: Database, keyring: Keyring, settings: Settings
) -> None:
    now = Seconds()
    pages = PublicPages(now)
    install(app, Services(database, keyring, settings, public_pages=pages))
    first = browser.answer("/status/acme")
    assert (first.headers["Cache-Control"], first.headers["Vary"]) == ("public, max-age=10", "Accept-Encoding")
    for _ in range(3):
        now.now_s += 3
        browser.answer("/status/acme")
    assert pages.drawn == 1
    browser.answer("/status/acme", status=304, headers={"If-None-Match": first.headers["ETag"]})
    now.now_s += 1
    assert browser.answer("/status/acme").headers["ETag"] == first.headers["ETag"]
    assert pages.drawn == 2
    world.post(message="News.")
    assert "News." in browser.get("/status/acme").text
    browser.answer("/status/none", status=404)
    drawn = pages.drawn
    browser.answer("/status/none", status=404)
    assert pages.drawn == drawn


def kept(text: str) -> Kept:
    return Kept(text.encode(), "text/plain", "")


def test_of_many_who_ask_at_once_one_draws() -> None:
    pages, entered, door = PublicPages(), threading.Event(), threading.Event()
    calls, answers = [], []

    def draw() -> Kept:
        calls.append(1)
        entered.set()
        assert door.wait(10)
        return kept("x")

    def visit() -> None:
        answers.append(pages.get(("a", "html"), draw))

    threads = [threading.Thread(target=visit) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    door.set()
    for thread in threads:
        thread.join()
    assert (len(calls), len(answers), len({id(answer) for answer in answers})) == (1, 20, 1)


def test_while_the_database_is_away_the_last_one_is_shown() -> None:
    now = Seconds()
    pages = PublicPages(now)
    key, away = ("a", "html"), OperationalError("", None, Exception())

    def fails() -> Kept:
        raise away

    with pytest.raises(OperationalError):
        pages.get(key, fails)
    first = pages.get(key, lambda: kept("x"))
    now.now_s += KEPT_S
    assert pages.get(key, fails) is first
    assert pages.look(key) is first  # for a second, nobody else asks
    now.now_s += STALE_S
    with pytest.raises(OperationalError):
        pages.get(key, fails)


def test_what_changed_while_it_was_drawn_is_drawn_again() -> None:
    pages = PublicPages()

    def draw() -> Kept:
        pages.forget()
        return kept("old")

    pages.get(("a", "html"), draw)
    assert pages.get(("a", "html"), lambda: kept("new")) == kept("new")


@sqlite_only
def test_the_server_answers_from_memory(
    world: StatusWorld, app: Flask, database: Database, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(app, database, keyring, Settings(port=0)) as server:
        plain = ask(server, "GET", "/status/acme")
        assert (plain.status, b"Paying is down" in plain.body) == (200, True)
        zipped = ask(server, "GET", "/status/acme", b"", "Accept-Encoding: gzip")
        assert zipped.headers["content-encoding"] == "gzip"
        assert len(zipped.body) < len(plain.body) / 2
        unchanged = ask(server, "GET", "/status/acme", b"", f"If-None-Match: {plain.headers['etag']}")
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert ask(server, "GET", "/status/acme.json").json["page"]["title"] == "Acme"
        assert "script-src 'self'" in plain.headers["content-security-policy"]
        calls: list[int] = []
        monkeypatch.setattr(Database, "read", lambda *_: calls.append(1))
        assert ask(server, "GET", "/status/acme").body == plain.body
        assert calls == []
        monkeypatch.undo()
        assert ask(server, "GET", "/status/none").status == 404
        assert ask(server, "DELETE", "/status/acme").status == 405
