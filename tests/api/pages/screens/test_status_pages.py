"""The public status page and the pages that manage it, in Chromium: no barrier, in light, dark and on a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import PHONE, faults
from tests.api.pages.test_status_page import PNG
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


def test_a_component_is_added_where_one_is_and_a_logo_stays_chosen(visit: Visit, world: StatusWorld) -> None:
    page = visit(f"/settings/status-pages/{world.page}")
    page.get_by_label("Logo", exact=True).set_input_files({"name": "l.png", "mimeType": "image/png", "buffer": PNG})
    rows = page.locator("[name=row_check]")
    before = rows.count()
    page.get_by_role("button", name="Add a component").click()
    expect(rows).to_have_count(before + 1)
    expect(rows.last).to_be_focused()
    assert page.evaluate("performance.getEntriesByType('navigation')[0].type") == "navigate"
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The page is saved.")).to_be_visible()
    expect(page.get_by_alt_text("the logo as it is")).to_be_visible()


def test_an_update_is_posted_on_a_phone(visit: Visit, world: StatusWorld) -> None:
    page = visit(f"/settings/status-pages/{world.page}/updates", viewport=PHONE)
    page.get_by_label("What visitors shall know").first.fill("We found it.")
    page.get_by_text("Identified", exact=True).first.click()
    page.get_by_role("button", name="Post the update").click()
    page.get_by_text("Posted.").wait_for()
    page.goto("/status/acme")
    assert page.get_by_text("We found it.").is_visible()
