"""/: the answer in words, what is wrong first, every check with its state and its day, filters."""

from __future__ import annotations

import re
from typing import Any

import pytest

from model.times import iso
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import MINUTE_MS, Browser, add_alert, fail, succeed
from tests.api.test_monitors import url_monitor

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def names(browser: Browser, path: str = "/") -> list[str]:
    """Of the checks on the page, in its order."""
    return re.findall(r'<a class="name" [^>]*>([^<]*)</a>', browser.answer(path).get_data(as_text=True))


@pytest.fixture
def shop(owner: Client, database: Database, organization: str, clock: Any) -> str:
    """A check that is up at one location."""
    definition = url_monitor(name="Shop", locations=["us-east"], tags=["smoke"])
    check_id: str = owner.data("POST", "/v1/monitors", definition, status=201)["id"]
    for minute in range(3):
        succeed(database, organization, check_id, clock.now_ms + minute * MINUTE_MS, location="us-east")
    clock.advance(3 * MINUTE_MS)
    return check_id


def test_the_answer_comes_first_and_what_is_wrong_before_the_rest(
    signed_in: Browser, outage: Outage, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(name="Archive", locations=["us-east"]), status=201)["id"]
    succeed(database, organization, made, clock.now_ms, location="us-east")
    seen = signed_in.get("/")
    assert seen.all("h1")
    assert "1 up" in seen.text
    assert "Orders API answers 503" in seen.text
    assert seen.text.index("Orders API answers 503") < seen.text.index("Archive")


def test_an_alert_says_the_same_on_every_page_that_lists_it(
    signed_in: Browser, outage: Outage, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    """Since its first failing run, not since the one that raised it; and slow is not down."""
    slow = {"name": "Slow", "type": "response_time", "threshold": 1, "aggregate": "avg", "window": 600}
    rule_id = owner.data("POST", "/v1/alert-rules", slow, status=201)["id"]
    runs = [fail(database, organization, outage.check_id, clock.now_ms + n * MINUTE_MS) for n in (0, 1)]
    begun = iso(clock.now_ms)
    add_alert(
        database, organization, outage.check_id, runs, clock.now_ms + MINUTE_MS, rule_id=rule_id, title="It is slow"
    )
    clock.advance(5 * MINUTE_MS)
    for path in ("/", "/alerts", f"/monitors/{outage.check_id}"):
        text = signed_in.answer(path).get_data(as_text=True)
        said = [text[found.start() :][:900] for found in re.finditer("It is slow", text)]
        assert any(str(begun)[:16] in part for part in said), path
    front = signed_in.answer("/").get_data(as_text=True)
    assert sorted(re.findall(r'<article class="incident (\w+)"', front)) == ["degraded", "down"]


def test_a_check_has_its_state_its_day_and_its_places_in_words(signed_in: Browser, shop: str) -> None:
    seen = signed_in.get("/")
    assert "1 up" in seen.text
    labels = [tag.get("aria-label") or "" for tag in seen.all("svg")]
    assert any(label.startswith("Shop, the last 24 hours: 3 runs planned, 0 failed") for label in labels)
    assert "us-east up" in seen.text
    assert "100 %" in seen.text


def test_filters_narrow_the_list_and_stay_in_the_form(signed_in: Browser, shop: str, owner: Client) -> None:
    owner.data("POST", "/v1/monitors", url_monitor(name="Blog", locations=["eu-west"], status="paused"), status=201)
    assert names(signed_in) == ["Shop", "Blog"], "by state, then by name"
    for query, found in (
        ("q=sho", ["Shop"]), ("q=SMOKE", ["Shop"]), ("state=paused", ["Blog"]), ("location=eu-west", ["Blog"]),
        ("tag=smoke", ["Shop"]), ("type=api", []), ("q=%3Cscript%3E", []),
    ):  # fmt: skip
        assert names(signed_in, f"/?{query}") == found, query
    assert '<option value="paused" selected>' in signed_in.answer("/?state=paused").get_data(as_text=True)
    signed_in.answer("/?state=purple", status=422)


def test_a_page_shows_a_hundred(signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.pages.overview.PER_PAGE", 2)
    for name in ("A", "B", "C"):
        owner.data("POST", "/v1/monitors", url_monitor(name=name), status=201)
    assert names(signed_in) == ["A", "B"]
    assert names(signed_in, "/?page=2") == ["C"]


@sqlite_only
def test_what_a_target_says_is_text(signed_in: Browser, owner: Client) -> None:
    owner.data("POST", "/v1/monitors", url_monitor(name="<script>alert(1)</script>"), status=201)
    text = signed_in.answer("/").get_data(as_text=True)
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text


@sqlite_only
def test_with_nothing_to_watch_it_says_how_to_begin(signed_in: Browser) -> None:
    seen = signed_in.get("/")
    assert "Nothing is watched yet" in seen.text
    assert "/v1/monitors" in seen.text


@sqlite_only
def test_who_is_not_signed_in_is_shown_the_way(browser: Browser) -> None:
    assert browser.answer("/", status=303).headers["Location"] == "/login"
