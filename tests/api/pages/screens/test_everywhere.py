"""What every page does by its script: keys, menus, forms that were sent."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.api.conftest import Client
from tests.api.pages.conftest import Outage
from tests.api.pages.screens.conftest import Visit


@pytest.mark.parametrize(
    ("path", "fields", "button", "listed"),
    [
        ("/settings/keys", {"name": "ci"}, "Make the key", "/v1/api-keys"),
        ("/settings/people", {"email": "grace@example.com"}, "Invite", "/v1/organization/members"),
        ("/probes", {"name": "p", "location": "eu"}, "Make its key", "/v1/probes"),
    ],
)
def test_what_is_shown_once_is_not_made_again_by_a_reload(
    visit: Visit, owner: Client, path: str, fields: dict[str, str], button: str, listed: str
) -> None:
    page = visit(path)
    for name, text in fields.items():
        page.fill(f"main form [name={name}]", text)
    if path == "/settings/keys":
        page.check("main form [name=scopes][value=read]")
    page.get_by_role("button", name=button).first.click()
    expect(page.locator("[data-reload]")).to_have_count(1)
    page.wait_for_url(f"**{path}")  # what the page's script says a reload asks for
    made = owner.data("GET", listed)
    page.reload()
    expect(page.locator("[data-reload]")).to_have_count(0)
    assert page.url.endswith(path)
    assert [each["id"] for each in owner.data("GET", listed)] == [each["id"] for each in made]


def test_a_slash_leads_to_the_search_and_escape_closes_a_menu(visit: Visit, outage: Outage) -> None:
    page = visit("/")
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("/")
    expect(page.locator("#q")).to_have_value("/")
    page.goto(f"/monitors/{outage.check_id}")
    page.click("#more > summary")
    page.keyboard.press("Escape")
    expect(page.locator("#more")).not_to_have_attribute("open", "")
    expect(page.locator("#more > summary")).to_be_focused()
    page.click("#muting > summary")
    page.click("h1")
    expect(page.locator("#muting")).not_to_have_attribute("open", "")


def test_the_menu_of_a_phone_shows_where_one_is(visit: Visit, owner: Client) -> None:
    page = visit("/settings/maintenance")
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    for nav in ("Main", "Settings"):
        box = page.get_by_role("navigation", name=nav).locator("[aria-current]").bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= 360


def test_a_page_opens_at_its_top_on_a_phone(visit: Visit, outage: Outage) -> None:
    page = visit(f"/monitors/{outage.check_id}", viewport={"width": 360, "height": 640})
    expect(page.locator("nav [aria-current]").first).to_be_attached()
    assert page.evaluate("scrollY") == 0


def test_a_step_shows_the_fields_of_the_type_that_was_chosen(visit: Visit) -> None:
    page = visit("/journeys/new")
    page.select_option("[name='steps.0.type']", "fill")
    expect(page.locator("[name='steps.0.selector']")).to_be_visible()
    expect(page.locator("[name='steps.0.value']")).to_be_visible()


@pytest.mark.parametrize(("path", "opens"), [("/settings/audit", None), ("/monitors/{check}", "#when > summary")])
def test_times_that_are_typed_are_of_the_readers_zone(
    visit: Visit, outage: Outage, path: str, opens: str | None
) -> None:
    page = visit("/")
    page.context.new_cdp_session(page).send("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Tokyo"})
    page.goto(path.format(check=outage.check_id))
    if opens:
        page.click(opens)
    page.get_by_label("From (Asia/Tokyo)" if opens else "From, Asia/Tokyo").fill("2024-01-15 19:00")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_label("Asia/Tokyo").first).to_have_value("2024-01-15 19:00")
    assert "zone=Asia%2FTokyo" in page.url
