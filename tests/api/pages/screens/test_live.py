"""Open pages follow the stream: a change shows without a reload, and without asking for it every few seconds."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage, Reported
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.world import succeed
from tests.conftest import Clock
from tests.telemetry.reporting import make_project, message

NEVER = "() => { const set = setTimeout; window.setTimeout = (f, ms) => ms < 2500 ? set(f, ms) : 0; }"
"""Before the page's script: what it would do by the clock alone never happens."""


def wait_for_the_stream(page: Page) -> None:
    expect(page.locator("[data-live-state]")).to_have_text("Live")


def test_a_change_shows_on_an_open_overview_by_the_stream(
    visit: Visit, outage: Outage, database: Database, organization: str, clock: Clock
) -> None:
    page = visit("/alerts")
    page.add_init_script(f"({NEVER})()")
    page.goto("/")
    wait_for_the_stream(page)
    row = page.get_by_role("row").filter(has_text="Orders API")
    expect(row).to_contain_text("not measured")
    succeed(database, organization, outage.check_id, clock.now_ms)
    expect(row).not_to_contain_text("not measured")
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1, "without a reload"


def test_events_show_on_an_open_query_by_the_stream_of_their_project(
    visit: Visit, reported: Reported, clock: Clock
) -> None:
    page = visit("/issues")
    page.add_init_script(f"({NEVER})()")
    page.goto("/query?q=declined")
    wait_for_the_stream(page)
    expect(page.locator("#events tbody tr")).to_have_count(1)
    clock.advance(1_000)
    reported.reports.events(message("m2", "Payment declined again"), message("m3", "Something else"))
    expect(page.locator("#events")).to_contain_text("Payment declined again")
    expect(page.locator("#events tbody tr")).to_have_count(2)
    assert page.evaluate("performance.getEntriesByType('navigation').length") == 1, "without a reload"


def test_a_query_over_several_projects_asks_by_itself(
    visit: Visit, reported: Reported, owner: Client, clock: Clock
) -> None:
    other = make_project(owner, "other")
    page = visit("/query?q=declined")
    expect(page.locator("#events tbody tr")).to_have_count(1)
    clock.advance(1_000)
    other.events(message("m2", "Payment declined elsewhere"))
    expect(page.locator("#events")).to_contain_text("Payment declined elsewhere")


def test_a_hidden_page_holds_no_stream(visit: Visit, outage: Outage, database: Database) -> None:
    page = visit("/")
    wait_for_the_stream(page)
    ended: list[str] = []
    page.on("requestfailed", lambda asked: ended.append(asked.url))
    page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    page.wait_for_timeout(1)
    expect(page.locator("body")).to_be_visible()
    assert any(url.endswith("/v1/stream") for url in ended)
    with page.expect_request("**/v1/stream"):
        page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_the_stream(page)


def test_without_the_stream_a_page_asks_and_says_so(visit: Visit, outage: Outage, complaints: list[str]) -> None:
    page = visit("/alerts")
    page.route("**/v1/stream", lambda route: route.abort())
    page.goto("/")
    expect(page.locator("[data-live-state]")).to_have_text("Live, by asking every 3 s")
    page.route(lambda url: url.endswith("/"), lambda route: route.abort())
    expect(page.locator("[data-live-state]")).to_contain_text("Not live since")
    complaints.clear()
