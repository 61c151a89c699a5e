"""A journey's page, its editor by keyboard alone, and the fleet, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from model.evidence import StepResult
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.journeys import make
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import faults
from tests.api.pages.test_journey_pages import STEPS, walk
from tests.api.pages.test_journey_run_page import PNG, Studio
from tests.api.pages.world import MINUTE_MS
from tests.api.walks import Walker
from tests.conftest import Clock

PATIENT_MS = 15_000
"""A page asks a slow server less often: four times as long as its last answer took."""


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


def test_a_run_is_followed_step_by_step_on_its_open_page(
    visit: Visit, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, journey_id: str
) -> None:
    walker = Walker(database, keyring, organization, clock)
    page = visit(f"/journeys/{journey_id}")
    page.get_by_role("button", name="Run now").press("Enter")
    page.wait_for_url("**/runs/run_*")
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    [run_id] = walker.lease()
    walker.tell(run_id, of=2)
    expect(page.locator("#run")).to_contain_text("Step 1 of 2 is under way", timeout=PATIENT_MS)
    walker.tell(run_id, "success", of=2)
    expect(page.locator("li[aria-current=step]")).to_contain_text("Buy <it>", timeout=PATIENT_MS)
    assert faults(page) == []
    walker.end(run_id, steps=tuple(StepResult(at, step["type"], "success") for at, step in enumerate(STEPS)))
    expect(page.locator("h1")).to_have_text("Purchase passed from local", timeout=PATIENT_MS)
    expect(page.locator("#run")).not_to_contain_text("under way", timeout=PATIENT_MS)
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1, "without a reload"


@pytest.mark.parametrize("place", ["/runs/{}", "/journeys/{}"])
def test_a_film_strip_begins_where_the_step_that_failed_is_in_sight(
    visit: Visit, owner: Client, database: Database, settings: Settings, organization: str, clock: Clock, place: str
) -> None:
    steps = [{"type": "goto", "url": "https://shop.example.com/"}, *[{"type": "screenshot"}] * 9]
    made = make(owner, name="Long", steps=steps, locations=["local"])
    studio = Studio(database, settings, organization, made["id"])
    shots = [studio.keep("screenshot", PNG + bytes([number]), number) for number in range(10)]
    results = tuple(
        StepResult(number, "screenshot", "failed" if number == 9 else "success", screenshot=shot.sha256)
        for number, shot in enumerate(shots)
    )
    run_id = studio.run(clock.now_ms, results, *shots, failed=True)
    page = visit(place.format(run_id if "runs" in place else made["id"]))
    expect(page.locator(".film > li")).to_have_count(10)
    expect(page.locator(".film > .down")).to_be_in_viewport(ratio=0.9)


def test_a_run_that_somebody_else_asked_for_shows_on_its_journeys_open_page(
    visit: Visit, owner: Client, database: Database, keyring: Keyring, organization: str, clock: Clock, journey_id: str
) -> None:
    walker = Walker(database, keyring, organization, clock)
    page = visit(f"/journeys/{journey_id}")
    expect(page.locator("[data-live-state]")).to_have_text("Live", timeout=PATIENT_MS)
    owner.data("POST", f"/v1/journeys/{journey_id}/run", status=202)
    [run_id] = walker.lease()
    walker.tell(run_id, "success", of=2)
    expect(page.locator("#under-way")).to_contain_text("Step 2 of 2 is under way: Buy <it>", timeout=PATIENT_MS)
    assert faults(page) == []


def test_a_journey_is_tried_out_in_its_editor_before_it_is_saved(
    visit: Visit, database: Database, keyring: Keyring, organization: str, clock: Clock, owner: Client,
    complaints: list[str],
) -> None:  # fmt: skip
    walker = Walker(database, keyring, organization, clock)
    walker.lease()  # so that a browser is online
    page = visit("/journeys/new")
    page.locator("#name").fill("Purchase")
    page.locator('[name="steps.0.url"]').fill("nowhere")
    page.get_by_role("button", name="Try it").press("Enter")
    expect(page.locator("[data-field] .wrong")).to_be_visible(timeout=PATIENT_MS)
    complaints.clear()  # Chromium's, of an answer of 422
    page.locator('[name="steps.0.url"]').fill("https://shop.example/")
    page.get_by_role("button", name="Try it").press("Enter")
    tried = page.locator("#tried")
    expect(tried).to_contain_text("It waits for a browser", timeout=PATIENT_MS)
    expect(page.locator("[data-field] .wrong")).to_have_count(0)
    [run_id] = walker.lease()
    walker.tell(run_id, of=1)
    expect(tried).to_contain_text("Step 1 of 1 is under way", timeout=PATIENT_MS)
    assert faults(page) == []
    walker.end(run_id, steps=(StepResult(0, "goto", "success", duration_ms=812.0),))
    expect(tried.locator(".film")).to_contain_text("1. goto", timeout=PATIENT_MS)
    expect(tried).to_contain_text("Passed")
    assert faults(page) == []
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1, "without a reload"
    assert owner.data("GET", "/v1/journeys") == []
    page.get_by_role("button", name="Create journey").press("Enter")
    page.wait_for_url("**/journeys/jny_*")
