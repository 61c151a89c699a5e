"""The editor of monitors in Chromium: tried as one types, asserted by a click, by keyboard."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Dialog, expect

from api.pages import monitor_editor
from model.outcome import Metrics
from tests.api.conftest import Client
from tests.api.pages.screens.conftest import Visit
from tests.api.pages.screens.seen import PHONE, faults
from tests.api.test_trying import Probe, probe

__all__ = ["probe"]
BODY = json.dumps({"status": "ok", "a": {"b": 7}})


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 800}, PHONE])
def test_from_an_address_to_a_monitor_by_keyboard(
    visit: Visit, owner: Client, probe: Probe, monkeypatch: pytest.MonkeyPatch, viewport: dict[str, int]
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    page = visit("/", viewport=viewport)
    page.get_by_label("Address").fill("https://shop.example/health")
    page.get_by_label("Address").press("Enter")
    expect(page.locator("#tried")).to_contain_text("Under way")
    probe.report(
        probe.lease(), metrics=Metrics(dns_ms=1.0, connect_ms=2.0, ttfb_ms=9.0),
        response={"status_code": 200, "headers": {"x-region": "eu"}, "body": BODY},
    )  # fmt: skip
    expect(page.locator("#tried .state.up")).to_be_visible()
    assert faults(page) == []
    page.get_by_role("button", name="$.a.b 7 : assert this").press("Enter")
    row = page.get_by_role("group", name="Assertion 1")
    expect(row.get_by_label("JSONPath")).to_have_value("$.a.b")
    row.get_by_label("How it is compared").select_option("exists")
    expect(row.get_by_label("Value")).to_have_count(0)
    expect(page.locator("#tried .state.up")).to_be_visible()
    page.get_by_role("button", name="Create monitor").press("Enter")
    page.wait_for_url("**/monitors/mon_*")
    [made] = owner.data("GET", "/v1/monitors")
    assert made["assertions"] == [{"type": "json_path", "operator": "exists", "path": "$.a.b", "value": None}]


def test_a_mistake_is_said_at_its_field_without_a_new_page(visit: Visit, probe: Probe, complaints: list[str]) -> None:
    page = visit("/monitors/new")
    page.get_by_label("Address").fill("ftp://shop.example")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#about-url")).to_contain_text("Address")
    expect(page.get_by_label("Address")).to_be_focused()
    expect(page.get_by_label("Address")).to_have_value("ftp://shop.example")
    assert faults(page) == []
    complaints[:] = [said for said in complaints if "422" not in said]


def test_after_a_create_that_failed_the_focus_is_where_it_does_not_fit(visit: Visit, complaints: list[str]) -> None:
    page = visit("/monitors/new")
    page.get_by_role("button", name="Create monitor").click()
    expect(page.get_by_label("Address")).to_be_focused()
    expect(page.locator("#about-url")).to_contain_text("Address is required")
    expect(page.locator("#about-name")).not_to_contain_text("required")
    complaints[:] = [said for said in complaints if "422" not in said]


def test_what_is_typed_and_not_saved_is_asked_for_before_it_is_left(visit: Visit, owner: Client) -> None:
    page = visit("/monitors/new")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_role("link", name="Overview").click()
    page.wait_for_url("**/")
    page.goto(page.url + "monitors/new")
    page.get_by_label("Address").press_sequentially("https://shop.example/")
    page.get_by_role("link", name="Overview").click()
    page.wait_for_function("document.getElementById('url')?.value")
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Create monitor").click()
    page.wait_for_url("**/monitors/mon_*")
    assert asked == ["beforeunload"], "what is saved is not lost"
    assert len(owner.data("GET", "/v1/monitors")) == 1


def test_typing_into_the_other_schedule_chooses_it(visit: Visit) -> None:
    page = visit("/monitors/new")
    expect(page.get_by_role("radio", name="Every so often")).to_be_checked()
    page.get_by_label("Cron", exact=True).press_sequentially("0 3 * * *")
    expect(page.get_by_role("radio", name="At fixed times")).to_be_checked()
