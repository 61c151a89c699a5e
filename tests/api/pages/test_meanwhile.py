"""Two who edit the same thing: the second is told, and undoes nothing without knowing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.pages.world import Browser, Seen
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.telemetry.reporting import make_project

HOOK = "https://hooks.slack.com/services/T0/B0/x"
KINDS = ("monitor", "journey", "rule", "channel", "window", "event rule", "status page", "project")


def told(owner: Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """In an envelope or without one."""
    answer = owner(method, path, body)
    assert answer.status_code < 300, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found.get("data", found)


def make(owner: Client, what: str) -> tuple[str, str]:
    """(the page of its form, its address over REST)"""

    def one(path: str, **body: Any) -> str:
        return str(told(owner, "POST", path, body)["id"])

    everything = {"all": True}
    monitor = one("/v1/monitors", type="url", name="Shop", url="https://shop.example/")
    match what:
        case "monitor":
            return f"/monitors/{monitor}/edit", f"/v1/monitors/{monitor}"
        case "journey":
            made = one("/v1/journeys", name="Buy", steps=[{"type": "goto", "url": "https://shop.example/"}])
            return f"/journeys/{made}/edit", f"/v1/journeys/{made}"
        case "rule":
            made = one("/v1/alert-rules", name="R", type="consecutive_failures", apply_to=everything)
            return f"/alerts/rules/{made}", f"/v1/alert-rules/{made}"
        case "channel":
            made = one("/v1/alert-channels", name="C", type="slack", config={"webhook_url": HOOK})
            return f"/alerts/channels/{made}", f"/v1/alert-channels/{made}"
        case "window":
            times = {"starts_at": "2024-01-20T22:00:00Z", "ends_at": "2024-01-20T23:00:00Z"}
            made = one("/v1/maintenance-windows", name="W", apply_to=everything, **times)
            return f"/settings/maintenance/{made}", f"/v1/maintenance-windows/{made}"
        case "project":
            project = make_project(owner).project
            return f"/projects/{project['slug']}", f"/v1/projects/{project['id']}"
        case "event rule":
            project = make_project(owner).project["slug"]
            made = one("/v1/alerts/rules", name="E", project=project)
            return f"/alerts/event-rules/{made}", f"/v1/alerts/rules/{made}"
    made = one("/v1/status-pages", slug="acme", title="Acme", groups=[{"name": "S", "checks": [monitor]}])
    return f"/settings/status-pages/{made}", f"/v1/status-pages/{made}"


def fields_of(html: str) -> dict[str, Any]:
    """What a browser would send of the form that carries `seen`, or of an editor's, as far as it is typed or ticked."""
    marks = ('name="seen"', 'id="editor"')
    form = next(part for part in html.split("<form")[1:] if any(mark in part for mark in marks)).split("</form>")[0]
    found: dict[str, Any] = {}
    for tag in Seen(f"<form{form}</form>").all("input"):
        ticked = tag.get("type") not in ("checkbox", "radio") or "checked" in tag
        if ticked and tag.get("name") and tag.get("type") != "file":
            found.setdefault(str(tag["name"]), []).append(tag.get("value") or "")
    for name, options in re.findall(r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        offered = re.findall(r'<option(?: value="([^"]*)")?([^>]*)>([^<]*)', options)
        chosen = [value or text for value, more, text in offered if "selected" in more]
        found[name] = chosen or [value or text for value, _, text in offered[:1]]
    return found


@pytest.mark.parametrize("what", KINDS)
def test_a_save_that_would_undo_anothers_is_told_first(
    signed_in: Browser, owner: Client, clock: Clock, what: str
) -> None:
    page, resource = make(owner, what)
    name = "title" if what == "status page" else "name"
    fields = fields_of(signed_in.answer(page).get_data(as_text=True)) | {name: "Mine", "do": "save"}
    clock.advance(1_000)
    told(owner, "PUT", resource, {name: "Theirs"})
    clock.advance(1_000)
    answer = signed_in.post(page, fields)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, 'value="Mine"' in text) == (409, True), text
    said = re.sub(r"\(\w+, now", "(it, now", Seen(text).text)
    change = f"changed {name} (it, now theirs) 1 s ago, after you opened this: nothing was saved. save once more"
    assert change in said.lower()
    assert told(owner, "GET", resource)[name] == "Theirs"
    fields["seen"] = fields_of(text)["seen"]
    saved = signed_in.post(page, fields)
    assert saved.status_code == 303, re.findall(r'role="alert"[^>]*>([^<]+)', saved.get_data(as_text=True))
    assert told(owner, "GET", resource)[name] == "Mine"


@pytest.mark.parametrize("what", ["monitor", "journey"])
def test_edits_of_different_fields_are_both_kept(signed_in: Browser, owner: Client, clock: Clock, what: str) -> None:
    page, resource = make(owner, what)
    told(owner, "PUT", resource, {"tags": ["a"], "description": "old"})
    fields = fields_of(signed_in.answer(page).get_data(as_text=True))
    fields |= {"description": "mine", "degraded_ms": "2 s", "interval": "4 min", "do": "save"}
    clock.advance(61_000)
    told(owner, "PUT", resource, {"tags": ["a", "b"], "interval": 420})
    clock.advance(120_000)
    text = signed_in.post(page, fields).get_data(as_text=True)
    said = Seen(text).text
    assert re.search(r"changed How often \(\d min, now 7 min\) and Tags \(a, now a, b\) 2 min ago, after you", said), (
        said
    )
    assert "nothing was saved. Save once more for your How often." in said
    assert "lost" not in said.split("Save once more")[1].split("Address")[0]
    again = fields_of(text) | {"do": "save", "description": "mine"}
    assert (again["interval"], again["tags"], again["degraded_ms"]) == (["4 min"], ["a, b"], ["2 s"])
    assert signed_in.post(page, again).status_code == 303
    kept = told(owner, "GET", resource)
    assert (kept["interval"], kept["tags"], kept["degraded_ms"]) == (240, ["a", "b"], 2_000)


def test_a_secret_that_is_typed_stands_beside_anothers_change(signed_in: Browser, owner: Client, clock: Clock) -> None:
    made = told(owner, "POST", "/v1/monitors", url_monitor(headers={"X-Api-Key": "old"}, locations=["local"]))
    page, resource = f"/monitors/{made['id']}/edit", f"/v1/monitors/{made['id']}"
    fields = fields_of(signed_in.answer(page).get_data(as_text=True))
    fields |= {"headers": "X-Api-Key: new", "do": "save"}
    clock.advance(1_000)
    told(owner, "PUT", resource, {"headers": {"X-Api-Key": "theirs"}, "interval": 300})
    text = signed_in.post(page, fields).get_data(as_text=True)
    assert "changed How often (1 min, now 5 min) and secrets 1 s ago" in Seen(text).text
    again = fields_of(text) | {"do": "save", "headers": "X-Api-Key: ********"}
    assert signed_in.post(page, again).status_code == 303
    assert told(owner, "GET", resource)["interval"] == 300
    # what was typed, sealed in the form, took the place of theirs
    assert again["typed"]


def test_a_pause_is_no_edit_of_the_form(signed_in: Browser, owner: Client, clock: Clock) -> None:
    page, resource = make(owner, "monitor")
    fields = fields_of(signed_in.answer(page).get_data(as_text=True)) | {"name": "Mine", "do": "save"}
    clock.advance(1_000)
    told(owner, "PUT", resource, {"status": "paused"})
    assert signed_in.post(page, fields).status_code == 303
    assert told(owner, "GET", resource)["status"] == "paused"


def test_headers_of_two_people_are_both_kept(signed_in: Browser, owner: Client, clock: Clock) -> None:
    made = told(owner, "POST", "/v1/monitors", url_monitor(headers={"X-Old": "1"}, locations=["local"]))
    page, resource = f"/monitors/{made['id']}/edit", f"/v1/monitors/{made['id']}"
    fields = fields_of(signed_in.answer(page).get_data(as_text=True))
    fields |= {"headers": "X-Old: 1\nX-Mine: 2", "do": "save"}
    clock.advance(1_000)
    told(owner, "PUT", resource, {"headers": {"X-Old": "1", "Authorization": "Bearer theirs"}})
    text = signed_in.post(page, fields).get_data(as_text=True)
    again = fields_of(text) | {"do": "save", "headers": "X-Old: 1\nX-Mine: 2\nAuthorization: ********"}
    assert "X-Mine: 2\nAuthorization: ********" in text
    assert signed_in.post(page, again).status_code == 303
    assert told(owner, "GET", resource)["headers"] == {"X-Old": "1", "X-Mine": "2", "Authorization": "********"}


@pytest.mark.parametrize("what", ["monitor", "journey"])
def test_what_was_typed_of_a_check_that_is_gone_makes_another(
    signed_in: Browser, owner: Client, clock: Clock, what: str
) -> None:
    page, resource = make(owner, what)
    fields = fields_of(signed_in.answer(page).get_data(as_text=True)) | {"name": "Mine", "do": "save"}
    clock.advance(1_000)
    told(owner, "DELETE", resource)
    answer = signed_in.post(page, fields)
    text = answer.get_data(as_text=True)
    assert (answer.status_code, 'value="Mine"' in text) == (409, True)
    assert "test deleted it after you opened this. What you typed stands here and makes a new one" in Seen(text).text
    made = signed_in.post(f"/{what}s/new", fields_of(text) | {"name": "Mine", "do": "save"})
    assert made.status_code == 303
    never = signed_in.post(f"/{what}s/{what[:3].replace('jou', 'jny')}_never/edit", fields)
    assert never.status_code == 404
