"""The on-call's phone, and a rule that is tried on history as its slider moves."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

from store.sessions import Database
from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import DESK, PHONE, faults
from tests.api.pages.world import MINUTE_MS, add_alert, fail, succeed
from tests.api.test_monitors import url_monitor


def test_the_on_call_acknowledges_in_two_taps_at_the_bottom_of_a_phone(
    visit: Visit, outage: Outage, owner: Client
) -> None:
    page = visit("/alerts", viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("link", name="Orders API answers 503").tap()
    page.wait_for_url("**/alerts/alr_*")  # with its style: what is measured is where that puts the button
    button = page.get_by_role("button", name="Acknowledge", exact=True)
    box = button.bounding_box()
    assert box is not None
    assert PHONE["height"] - 120 < box["y"] + box["height"] <= PHONE["height"]
    assert box["height"] >= 44
    button.tap()
    expect(page.get_by_text("Critical · acknowledged")).to_be_visible()
    assert owner.data("GET", f"/v1/alerts/{outage.alert_id}")["status"] == "acknowledged"


def test_the_backtest_follows_the_slider(
    visit: Visit, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    definition = url_monitor(name="Cart", interval=60, locations=["local"])
    check_id = owner.data("POST", "/v1/monitors", definition, status=201)["id"]
    start_ms = clock.now_ms
    for minute in range(30):
        made = fail if minute in (10, 11, 12, 20) else succeed
        made(database, organization, check_id, start_ms + minute * MINUTE_MS, location="local")
    clock.advance(30 * MINUTE_MS)
    page = visit("/alerts/rules/new", viewport=DESK)
    page.get_by_label("Check", exact=True).select_option("Cart")
    tried = page.locator("#tried")
    expect(tried).to_contain_text("Would have raised 1 alert")
    slider = page.get_by_role("slider")
    slider.focus()
    page.keyboard.press("Home")  # one failure is enough
    expect(tried).to_contain_text("Would have raised 2 alerts")
    expect(page.get_by_label("Failed runs in a row", exact=True)).to_have_value("1")
    page.keyboard.press("End")
    expect(tried).to_contain_text("Would have raised no alert")
    assert faults(page) == []


def test_a_rule_is_tried_without_scripts(visit: Visit, outage: Outage) -> None:
    page = visit("/alerts/rules/new", viewport=PHONE, java_script_enabled=False)
    page.get_by_label("Check", exact=True).select_option("Orders API")
    page.get_by_role("button", name="Try on history").click()
    expect(page.locator("#tried")).to_contain_text("Would have raised")
    expect(page.locator("#tried svg[role=img]")).to_be_visible()


def test_a_new_alert_does_not_move_the_button_under_a_thumb(
    visit: Visit, outage: Outage, owner: Client, database: Database, organization: str, clock: Any
) -> None:
    for number in range(8):
        check = owner.data("POST", "/v1/monitors", url_monitor(name=f"Shop {number}"), status=201)["id"]
        run = fail(database, organization, check, clock.now_ms - MINUTE_MS)
        add_alert(database, organization, check, [run], clock.now_ms - MINUTE_MS, title=f"Shop {number} is down")
    page = visit("/alerts", viewport=PHONE, has_touch=True, is_mobile=True)
    expect(page.locator("[data-live-state]")).to_have_text("Live")
    button = page.locator("article", has_text="Shop 4 is down").get_by_role("button")
    button.evaluate("button => button.scrollIntoView({block: 'center'})")
    before = button.bounding_box()
    assert before is not None
    check = owner.data("POST", "/v1/monitors", url_monitor(name="Newest"), status=201)["id"]
    run = fail(database, organization, check, clock.now_ms)
    add_alert(database, organization, check, [run], clock.now_ms, title="Newest is down")
    page.evaluate("dispatchEvent(new PointerEvent('pointerdown'))")
    expect(page.get_by_role("heading", name="Newest is down")).to_be_attached()
    after = button.bounding_box()
    assert after is not None
    assert abs(after["y"] - before["y"]) <= 1


def test_a_window_that_is_edited_is_in_the_viewers_zone(visit: Visit, owner: Client) -> None:
    times = {"starts_at": "2024-01-20T22:00:00Z", "ends_at": "2024-01-20T23:30:00Z"}
    window = {"name": "Upgrade", "apply_to": {"all": True}, **times}
    made = owner.data("POST", "/v1/maintenance-windows", window, status=201)
    page = visit(f"/settings/maintenance/{made['id']}", timezone_id="Asia/Kolkata")
    expect(page.get_by_label("Time zone")).to_have_value(re.compile("^Asia/(Kolkata|Calcutta)$"))
    expect(page.get_by_label("From")).to_have_value("2024-01-21T03:30")
    page.get_by_role("button", name="Save the window").click()
    expect(page.get_by_text("The window is changed.")).to_be_visible()
    again = owner.data("GET", f"/v1/maintenance-windows/{made['id']}")
    assert [again[name] for name in times] == ["2024-01-20T22:00:00.000Z", "2024-01-20T23:30:00.000Z"]


def test_the_calendar_is_in_the_viewers_zone(visit: Visit, owner: Client) -> None:
    window = {"name": "Upgrade", "starts_at": "2024-01-20T22:00:00Z", "ends_at": "2024-01-20T23:30:00Z"}
    owner.data("POST", "/v1/maintenance-windows", {**window, "apply_to": {"all": True}}, status=201)
    page = visit("/settings/maintenance?month=2024-01", timezone_id="Asia/Kolkata")
    page.wait_for_url(lambda url: "zone=Asia" in url)
    expect(page.get_by_text("Upgrade 03:30 to 05:00")).to_be_visible()
    assert faults(page) == []
