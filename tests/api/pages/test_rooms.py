"""Fleet and settings: what they show, and their forms, good, bad and twice."""

from __future__ import annotations

import re

import pytest

from model.plans import Limits, Plan, Plans
from store.fleet import waiting_runs
from store.sessions import Database
from tests.api.conftest import Client
from tests.api.journeys import journey
from tests.api.pages.world import Browser
from tests.api.test_monitors import url_monitor

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def test_a_probe_is_added_and_its_key_shown_once_with_what_to_type(signed_in: Browser, owner: Client) -> None:
    answer = signed_in.send("/probes", "/probes", name="frankfurt <1>", location="eu-west")
    text = answer.get_data(as_text=True)
    [key] = set(re.findall(r"tprb_\w+", text.split('id="command">')[1].split("</pre>")[0]))
    assert f"TRACER_PROBE_KEY={key} tracer probe --url https://tracer.example --location eu-west" in text
    assert answer.headers["Cache-Control"] == "no-store"
    text = signed_in.answer("/probes").get_data(as_text=True)
    assert key not in text
    assert "frankfurt &lt;1&gt;" in text
    assert "never started" in text
    [probe] = owner.data("GET", "/v1/probes")
    answer = signed_in.send("/probes", f"/probes/{probe['id']}/delete")
    assert "deleted" in signed_in.get(answer.headers["Location"]).text
    assert owner.data("GET", "/v1/probes") == []
    assert signed_in.post(f"/probes/{probe['id']}/delete", {}).status_code == 403, "without its token"


@sqlite_only
def test_a_probe_at_no_location_is_refused_beside_the_field_and_what_was_typed_stays(
    signed_in: Browser, owner: Client
) -> None:
    answer = signed_in.send("/probes", "/probes", name="one", location="EU West")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'value="EU West"' in text
    assert 'value="one"' in text
    assert 'id="about-location"' in text
    assert owner.data("GET", "/v1/probes") == []


def test_runs_that_wait_are_told_by_location(
    signed_in: Browser, owner: Client, database: Database, organization: str
) -> None:
    check = owner.data("POST", "/v1/monitors", url_monitor(name="A", locations=["us-east"]), status=201)
    for _ in range(2):
        assert owner("POST", f"/v1/monitors/{check['id']}/run", {}).status_code == 202
    with database.read(organization) as session:
        assert waiting_runs(session)["us-east"].runs == 2
    with database.read("org_other") as session:
        assert waiting_runs(session) == {}
    seen = signed_in.get("/probes")
    assert "2 runs, the oldest for" in seen.text
    assert "no probe" in seen.text


def test_a_secret_is_set_changed_and_deleted_and_never_shown(signed_in: Browser, owner: Client) -> None:
    page = "/settings/secrets"
    steps = [{"type": "goto", "url": "https://shop.example/{{TOKEN}}"}]
    owner.data("POST", "/v1/journeys", journey(name="Buys", steps=steps, locations=["local"]), status=201)
    assert signed_in.send(page, page, name="TOKEN", value=" hush ").status_code == 303
    [variable] = owner.data("GET", "/v1/variables")
    text = signed_in.answer(page).get_data(as_text=True)
    assert "hush" not in text
    assert ">Buys</a>" in text
    again = signed_in.send(page, page, name="TOKEN", value="other")
    assert (again.status_code, "Name is taken" in again.get_data(as_text=True)) == (409, True)
    for value, status in (("", 422), ("new", 303)):
        answer = signed_in.send(page, f"{page}/{variable['id']}/change", value=value)
        assert answer.status_code == status
    assert signed_in.send(page, page, name="no name", value="x").status_code == 422
    assert signed_in.send(page, f"{page}/{variable['id']}/delete").status_code == 303
    assert owner.data("GET", "/v1/variables") == []


def test_the_organization_is_changed_by_its_form_and_what_is_wrong_stays_typed(
    signed_in: Browser, owner: Client
) -> None:
    page = "/settings/organization"
    answer = signed_in.send(page, page, name="Acme", default_locations="eu-west, us-east", hear="all")
    assert answer.status_code == 303
    stored = owner.data("GET", "/v1/organization")
    assert (stored["name"], stored["default_locations"]) == ("Acme", ["eu-west", "us-east"])
    answer = signed_in.send(page, page, name="Acme 2", default_locations="EU", hear="some")
    assert answer.status_code == 422
    assert 'value="EU"' in answer.get_data(as_text=True)
    assert owner.data("GET", "/v1/organization")["name"] == "Acme"


@sqlite_only
def test_usage_is_held_against_the_plan(signed_in: Browser, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    small = Plan(id="small", name="Small", limits=Limits(monitors=1, browser_runs=None, api_runs=0))
    monkeypatch.setattr(Plans, "of", lambda _self, _organization_id: small)
    owner.data("POST", "/v1/monitors", url_monitor(name="A"), status=201)
    seen = signed_in.get("/settings/usage")
    assert "Plan Small" in seen.text
    assert "1 of 1 " in seen.text
    assert "near the limit" in seen.text
    assert "0, no limit" in seen.text


def test_the_audit_log_is_filtered_and_shows_what_a_change_made(signed_in: Browser, owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(name="Shop"), status=201)
    owner.data("PUT", f"/v1/monitors/{made['id']}", {"name": "Store"})
    seen = signed_in.get(f"/settings/audit?target={made['id']}")
    text = signed_in.answer(f"/settings/audit?action=monitor.updated&target={made['id']}").get_data(as_text=True)
    assert "monitor.created" in seen.text
    assert "monitor.created" not in text
    assert re.search(r"<th scope=\"row\">name</th><td class=\"mono\">Shop</td><td class=\"mono\">Store</td>", text)
    assert "Nothing fits" in signed_in.get("/settings/audit?actor=nobody").text
    wrong = signed_in.answer("/settings/audit?from=soon&actor=me", status=422).get_data(as_text=True)
    assert 'value="soon"' in wrong
    assert "must be a date and a time" in wrong


@sqlite_only
def test_pages_of_settings_are_for_who_may(enter: object, browser: Browser) -> None:
    for page in ("/probes", "/settings/usage", "/settings/audit", "/settings/secrets", "/settings/organization"):
        assert browser.answer(page, status=303).headers["Location"].startswith("/login")
