"""The public status page and the pages that manage it, in Chromium: no barrier, in light, dark and on a phone."""

from __future__ import annotations

import pytest

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import PHONE, faults
from tests.api.status_world import StatusWorld, status_world
from tests.conftest import Clock

COLOURS = {"brand": "#16324f", "accent": "#ffcc00"}


@pytest.fixture
def world(owner: Client, database: Database, organization: str, clock: Clock) -> StatusWorld:
    made = status_world(owner, database, organization, clock.now_ms, colours=COLOURS)
    clock.advance(150_000)
    made.post(message="Cards are refused since the last release.\nWe are taking it back.", title="Cards are refused",
              components=[made.checks["Checkout"]])  # fmt: skip
    made.post("resolved", "Search answers again.", incident="new", title="Search was slow")
    window = {"name": "w", "starts_at": "2024-01-16T10:00:00Z", "ends_at": "2024-01-16T11:00:00Z",
              "apply_to": {"monitors": [made.checks["Shop"]]}}  # fmt: skip
    owner.data("POST", "/v1/maintenance-windows", window, status=201)
    return made


def test_a_visitor_reads_the_page(visit: Visit, world: StatusWorld) -> None:
    page = visit("/status/acme", scopes=None)
    assert page.title() == "Paying is down · Acme"
    assert page.get_by_text("Times are in your zone").is_visible()
    assert faults(page) == []


@pytest.mark.parametrize("path", ["", "/new", "/{page}", "/{page}/updates"])
def test_its_settings_have_no_barriers(visit: Visit, world: StatusWorld, path: str) -> None:
    page = visit(f"/settings/status-pages{path.format(page=world.page)}")
    assert faults(page) == []


def test_an_update_is_posted_on_a_phone(visit: Visit, world: StatusWorld) -> None:
    page = visit(f"/settings/status-pages/{world.page}/updates", viewport=PHONE)
    page.get_by_label("What visitors shall know").first.fill("We found it.")
    page.get_by_text("Identified", exact=True).first.click()
    page.get_by_role("button", name="Post the update").click()
    page.get_by_text("Posted.").wait_for()
    page.goto("/status/acme")
    assert page.get_by_text("We found it.").is_visible()
