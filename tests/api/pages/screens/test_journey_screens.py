"""A journey's page, its editor by keyboard alone, and the fleet, in a real browser."""

from __future__ import annotations

import pytest

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.journeys import make
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import faults
from tests.api.pages.test_journey_pages import STEPS, walk
from tests.api.pages.world import MINUTE_MS
from tests.conftest import Clock


@pytest.fixture
def journey_id(owner: Client, database: Database, organization: str, clock: Clock) -> str:
    """A journey that passed, then failed at its second step."""
    made = make(owner, name="Purchase", steps=STEPS, locations=["local"], variables={"P": "hush"})
    for number in range(6):
        walk(database, organization, made["id"], clock.now_ms + number * MINUTE_MS, failed=number == 5)
    clock.advance(6 * MINUTE_MS)
    return str(made["id"])


@pytest.mark.parametrize("path", ["/journeys", "/journeys/{}", "/journeys/{}/edit"])
def test_a_page_of_a_journey_has_no_barriers(visit: Visit, journey_id: str, path: str) -> None:
    assert faults(visit(path.format(journey_id))) == []


def test_steps_are_added_and_moved_by_keyboard_and_the_focus_goes_with_them(visit: Visit, journey_id: str) -> None:
    page = visit(f"/journeys/{journey_id}/edit")
    page.get_by_role("button", name="Add a step below step 2").press("Enter")
    added = page.get_by_label("What it does").nth(2)
    assert added.evaluate("element => element === document.activeElement")
    page.get_by_label("Selector").last.fill("#pay")
    page.get_by_role("button", name="Up step 3").press("Enter")
    assert page.get_by_label("Selector").first.input_value() == "#pay"
    page.get_by_label("Selector").first.press("Enter")  # sends the form as "Save" does
    page.wait_for_url(f"**/journeys/{journey_id}?done=saved")
    assert "3 steps" in page.inner_text("#answer")


def test_a_probe_that_is_added_has_what_to_type_in_view(visit: Visit) -> None:
    page = visit("/probes")
    page.get_by_label("Name").fill("frankfurt-1")
    page.get_by_label("Location", exact=True).fill("eu-west")
    page.keyboard.press("Enter")
    assert "tracer probe --url" in page.inner_text("#command")
    assert faults(page) == []
