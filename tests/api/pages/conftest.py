"""A signed-in browser, and a check that is down with an alert about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from store.sessions import Database
from tests.api.conftest import Client, MakeKey
from tests.api.pages.world import MINUTE_MS, Browser, add_alert, fail, succeed
from tests.api.people import Crowd
from tests.api.test_monitors import url_monitor
from tests.store.people import PASSWORD


@dataclass
class Outage:
    """Ids of a check that passed, then failed twice at us-east, and of the alert about it."""

    check_id: str
    good: str
    failed: list[str]
    alert_id: str

    @property
    def page(self) -> str:
        return f"/alerts/{self.alert_id}"


@pytest.fixture
def outage(owner: Client, database: Database, organization: str, clock: Any) -> Outage:
    definition = url_monitor(
        name="Orders API", locations=["us-east", "eu-west"], runbook_url="https://wiki.example/orders"
    )
    check_id = owner.data("POST", "/v1/monitors", definition, status=201)["id"]
    start_ms = clock.now_ms
    good = succeed(database, organization, check_id, start_ms)
    failed = [fail(database, organization, check_id, start_ms + n * MINUTE_MS) for n in (1, 2)]
    alert_id = add_alert(database, organization, check_id, failed, start_ms + 2 * MINUTE_MS)
    clock.advance(10 * MINUTE_MS)
    return Outage(check_id, good, failed, alert_id)


@pytest.fixture
def browser(app: Flask) -> Browser:
    """Not signed in."""
    return Browser.of(app)


@pytest.fixture
def signed_in(browser: Browser, make_key: MakeKey) -> Browser:
    """Signed in with an owner's key, whose name is `test`."""
    assert browser.sign_in(make_key()).status_code == 303
    return browser


@pytest.fixture
def enter(app: Flask, crowd: Crowd) -> Callable[..., Browser]:
    """A function that makes a member and a browser signed in as them."""

    def entered(role: str, name: str = "Ada") -> Browser:
        crowd.member(role, name)
        browser = Browser.of(app)
        answer = browser.send("/login", "/login", email=f"{name.lower()}@example.com", password=PASSWORD)
        assert answer.status_code == 303
        return browser

    return entered
