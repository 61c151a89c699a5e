"""The link in a notice: looking changes nothing, the button acknowledges, and it can do nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.acknowledge_links import LASTS_MS, acknowledge_url
from store.keyring import Keyring
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.pages.conftest import Outage
from tests.api.pages.world import Browser

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def link(keyring: Keyring, outage: Outage, clock: Any) -> str:
    return acknowledge_url(keyring, PUBLIC_URL, outage.alert_id, clock.now_ms).removeprefix(PUBLIC_URL)


def status_of(owner: Client, outage: Outage) -> Any:
    return owner.data("GET", f"/v1/alerts/{outage.alert_id}")["status"]


def test_opening_the_link_shows_what_is_wrong_and_changes_nothing(
    browser: Browser, owner: Client, outage: Outage, link: str
) -> None:
    for _ in range(2):  # as scanners and previews do
        seen = browser.get(link)
    assert "Orders API answers 503" in seen.text
    assert "status_code was 503, expected 201" in seen.text
    assert "from us-east" in seen.text
    assert {"href": "https://wiki.example/orders"}.items() <= seen.all("a")[-2].items()
    assert [form["action"] for form in seen.all("form")] == [link]
    browser.client.head(link, base_url=PUBLIC_URL)
    assert status_of(owner, outage) == "triggered"


def test_one_tap_acknowledges_without_a_sign_in(browser: Browser, owner: Client, outage: Outage, link: str) -> None:
    answer = browser.send(link, link)
    assert (answer.status_code, answer.headers["Location"]) == (303, link)
    shown = owner.data("GET", f"/v1/alerts/{outage.alert_id}")
    assert (shown["status"], shown["acknowledged_by"]) == ("acknowledged", "link in a notice")
    seen = browser.get(link)
    assert "Acknowledged by link in a notice" in seen.text
    assert seen.all("form") == []
    assert browser.post(link, {}).status_code == 303, "a second tap changes nothing"
    assert owner.data("GET", f"/v1/alerts/{outage.alert_id}") == shown


def test_the_link_opens_nothing_else(browser: Browser, outage: Outage, link: str) -> None:
    browser.send(link, link)
    assert browser.client.get_cookie("__Host-tracer_session", domain="tracer.example") is None
    browser.answer(outage.page, status=303)
    assert browser.post(f"{link}/resolve", {}).status_code in (404, 405)


def test_a_day_later_it_leads_to_the_alert_instead(
    browser: Browser, owner: Client, outage: Outage, link: str, clock: Any
) -> None:
    clock.advance(LASTS_MS)
    seen = browser.get(link, status=403)
    assert "This link has expired" in seen.text
    assert outage.page in [anchor.get("href") for anchor in seen.all("a")]
    assert browser.post(link, {}).status_code == 403
    assert status_of(owner, outage) == "triggered"


def test_when_it_is_over_there_is_nothing_to_acknowledge(
    browser: Browser, owner: Client, outage: Outage, link: str
) -> None:
    owner.data("POST", f"/v1/alerts/{outage.alert_id}/resolve", {"note": "it was the cache"})
    seen = browser.get(link)
    assert "Already resolved" in seen.text
    assert "it was the cache" in seen.text
    assert seen.all("form") == []
    assert browser.post(link, {}).status_code == 409
    assert status_of(owner, outage) == "resolved"


@sqlite_only
@pytest.mark.parametrize("altered", ["x", "", "/..", ".", "%00", "é"])
def test_an_altered_link_is_none(browser: Browser, owner: Client, outage: Outage, link: str, altered: str) -> None:
    for path in (link[:-1] + altered, link + altered if altered else link[:-2]):
        if path == link:
            continue
        assert browser.client.get(path, base_url=PUBLIC_URL).status_code in (403, 404)
        assert browser.post(path, {}).status_code in (403, 404)
    assert status_of(owner, outage) == "triggered"


@sqlite_only
def test_another_site_can_not_tap_it(browser: Browser, owner: Client, outage: Outage, link: str) -> None:
    assert browser.post(link, {}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert status_of(owner, outage) == "triggered"
