"""A journey's run while it is walked: every step with what became of it, and those to come."""

from __future__ import annotations

import pytest

from model.evidence import StepResult
from model.ids import slot_run_id
from model.outcome import RunStatus
from store.dispatches import NewDispatch, add_dispatches
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.journeys import make
from tests.api.pages.world import Browser, Seen
from tests.api.walks import Walker
from tests.conftest import Clock

STEPS = [
    {"type": "goto", "url": "https://shop.example/"},
    {"type": "click", "selector": "#buy", "name": "Buy <it>"},
    {"type": "expect_visible", "selector": ".paid"},
]


@pytest.fixture
def walker(database: Database, keyring: Keyring, organization: str, clock: Clock) -> Walker:
    return Walker(database, keyring, organization, clock)


@pytest.fixture
def journey(owner: Client) -> str:
    return str(make(owner, name="Purchase", steps=STEPS, locations=["local"])["id"])


@pytest.fixture
def run(owner: Client, walker: Walker, journey: str) -> str:
    asked = owner.data("POST", f"/v1/journeys/{journey}/run", status=202)["run_id"]
    assert walker.lease() == [asked]
    return str(asked)


def test_the_page_of_a_run_tells_each_step_as_it_happens(signed_in: Browser, walker: Walker, run: str) -> None:
    assert "They are shown here as they happen" in signed_in.get(f"/runs/{run}").text
    walker.tell(run)
    seen = signed_in.get(f"/runs/{run}")
    parts = (
        "Purchase is running from local", "Step 1 of 3 is under way.", "1. goto https://shop.example/ under way",
        "2. Buy <it> click #buy to come", "3. expect visible .paid to come",
    )  # fmt: skip
    assert [part for part in parts if part not in seen.text] == []
    assert [one["aria-label"] for one in seen.all("svg") if one.get("class") == "reel"] == ["Step 1 of 3 is under way"]
    walker.tell(run, "success", "success")
    seen = signed_in.get(f"/runs/{run}")
    parts = ("Step 3 of 3 is under way.", "2. click #buy passed · 120 ms", "3. expect visible .paid under way")
    assert [part for part in parts if part not in seen.text] == []


def test_what_is_over_but_not_reported_says_so(signed_in: Browser, walker: Walker, run: str) -> None:
    walker.tell(run, "success", "failed", attempt=2)
    text = signed_in.get(f"/runs/{run}").text
    assert "Step 2 of 3 has failed; what shows it is being gathered, attempt 2." in text
    assert "3. expect visible .paid to come" in text
    walker.tell(run, "success", "success", "success")
    assert "All 3 steps have passed; what shows them is being gathered." in signed_in.get(f"/runs/{run}").text


def test_when_it_has_ended_its_page_tells_the_result(signed_in: Browser, walker: Walker, run: str) -> None:
    walker.tell(run, "success")
    walker.end(run, steps=tuple(StepResult(at, step["type"], "success") for at, step in enumerate(STEPS)))
    text = signed_in.get(f"/runs/{run}").text
    assert "Purchase passed from local" in text
    assert "under way" not in text


def test_the_journeys_page_shows_every_run_under_way_and_where_to_watch_it(
    signed_in: Browser, walker: Walker, run: str, journey: str
) -> None:
    page = f"/journeys/{journey}"
    seen = signed_in.get(page)
    assert "Under way: running from local" in seen.text, "its probe has not said how far it is"
    walker.tell(run, "success")
    seen = signed_in.get(page)
    assert "Under way from local" in seen.text
    assert "Step 2 of 3 is under way: Buy <it>." in seen.text
    assert "Under way: running" not in seen.text
    assert f"/runs/{run}" in [link.get("href") for link in seen.all("a")]
    walker.end(run, RunStatus.SUCCESS)
    assert "Under way" not in signed_in.get(page).text


def test_a_run_of_the_schedule_is_shown_without_a_page_of_its_own(
    signed_in: Browser, database: Database, organization: str, walker: Walker, journey: str, clock: Clock
) -> None:
    run_id = slot_run_id(journey, "local", clock.now_ms)
    planned = [(run_id, journey, clock.now_ms, clock.now_ms + 60_000, "schedule")]
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        add_dispatches(session, [NewDispatch(organization, "local", "browser", planned)], clock.now_ms)
    assert walker.lease() == [run_id]
    walker.tell(run_id, "success")
    seen: Seen = signed_in.get(f"/journeys/{journey}")
    assert "Step 2 of 3 is under way" in seen.text
    assert f"/runs/{run_id}" not in [link.get("href") for link in seen.all("a")]
