"""/journeys, /journeys/:id and the step editor."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask

from api.pages.schema_fields import step_fields
from journeys.registry import STEP_TYPES
from model.evidence import StepResult
from model.outcome import RunError, RunStatus
from store.check_secrets import whole_definition
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check
from tests.api.conftest import Client, MakeKey
from tests.api.journeys import make
from tests.api.pages.world import MINUTE_MS, Browser, Seen, add_alert
from tests.api.test_runs import finish
from tests.api.test_trying import Probe, probe
from tests.conftest import Clock

__all__ = ["probe"]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
STEPS = [{"type": "goto", "url": "https://shop.example/"}, {"type": "click", "selector": "#buy", "name": "Buy <it>"}]
NEW = "/journeys/new"
CODEGEN = """
from playwright.sync_api import sync_playwright
def run(playwright):
    browser = playwright.chromium.launch()
    page = browser.new_page()
    page.goto("https://shop.example/")
    page.get_by_role("button", name="Buy").click()
    page.mouse.wheel(0, 10)
"""


def values(text: str) -> dict[str, str]:
    """What the editor's form would send: a box that is not ticked sends nothing, parts of a list stand together."""
    found: dict[str, str] = {}
    for tag in Seen(text).all("input"):
        name, value = tag.get("name") or "", tag.get("value") or ""
        if tag.get("type") not in ("checkbox", "radio") or "checked" in tag:
            found[name] = ", ".join(filter(None, (found.get(name), value))) if name == "locations" else value
    for name, inner in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', inner)
        found[name] = (chosen[1] or chosen[2]) if chosen else ""
    for name, inner in re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', text, re.DOTALL):
        found[name] = inner.replace("&#34;", '"')
    return {name: value for name, value in found.items() if name}


def press(browser: Browser, path: str, form: dict[str, str], button: str, status: int = 200) -> dict[str, str]:
    answer = browser.post(path, {**form, "do": button})
    text = answer.get_data(as_text=True)
    assert answer.status_code == status, text
    return {**values(text), "_": text}


def opened(browser: Browser, path: str = NEW) -> dict[str, str]:
    return values(browser.answer(path).get_data(as_text=True))


def walk(database: Database, organization: str, journey_id: str, at_ms: int, *, failed: bool = False) -> str:
    last = StepResult(1, "click", "failed" if failed else "success", "Buy <it>", 900.0, "no `#buy`" if failed else None)
    facts: dict[str, Any] = {"location": "local", "steps": (StepResult(0, "goto", "success", duration_ms=80.0), last)}
    if failed:
        facts |= {"status": RunStatus.FAILED, "error": RunError("step_failed", "step 2 click: no `#buy`")}
    return finish(database, organization, journey_id, at_ms, **facts).run_id


def test_a_journey_says_how_it_stands_why_and_which_step_is_slowest(
    signed_in: Browser, owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    made = make(owner, name="Purchase", steps=STEPS, locations=["local"])
    begun = clock.now_ms
    assert "has not been measured yet" in signed_in.get(f"/journeys/{made['id']}").text
    walk(database, organization, made["id"], begun)
    failed = walk(database, organization, made["id"], begun + MINUTE_MS, failed=True)
    add_alert(database, organization, made["id"], [failed], begun + MINUTE_MS, title="Purchase fails")
    clock.advance(2 * MINUTE_MS)
    text = signed_in.answer(f"/journeys/{made['id']}").get_data(as_text=True)
    seen = Seen(text)
    assert "Purchase is down" in seen.text
    assert "step 2 click: no #buy" in seen.text
    assert "Purchase fails" in seen.text
    assert "all measured" in seen.text
    frames = re.findall(r'<li class="(up|down|up several)">', text)
    assert frames == ["up", "down", "up several"], "the newest run first; the failing step is marked"
    assert "Buy &lt;it&gt;" in text
    assert re.search(r"2\. Buy &lt;it&gt; <span class=\"tag\">slowest", text)
    assert "1 down" in signed_in.get("/journeys").text
    assert "No journey fits" in signed_in.get("/journeys?q=zzz").text


def test_it_is_run_paused_muted_cloned_and_deleted_by_its_buttons(signed_in: Browser, owner: Client) -> None:
    made = make(owner, name="Purchase", steps=STEPS, locations=["local"], variables={"P": "hush"})
    page = f"/journeys/{made['id']}"
    answer = signed_in.send(page, f"{page}/run")
    assert re.fullmatch(r"/runs/run_\w+", answer.headers["Location"])
    assert "Under way" in signed_in.get(page).text
    for deed, status in (("pause", "paused"), ("resume", "active")):
        assert signed_in.send(page, f"{page}/{deed}").status_code == 303
        assert owner.data("GET", f"/v1{page}")["status"] == status
    signed_in.send(page, f"{page}/mute", **{"for": "8h"})
    assert owner.data("GET", f"/v1{page}")["muted_until"]
    signed_in.send(page, f"{page}/mute", **{"for": "no"})
    assert owner.data("GET", f"/v1{page}")["muted_until"] is None
    assert signed_in.send(page, f"{page}/mute", **{"for": "9h"}).status_code == 422
    copy = owner.data("GET", "/v1" + signed_in.send(page, f"{page}/clone").headers["Location"].split("?")[0])
    assert (copy["name"], copy["status"], copy["variables"]) == ("Purchase (copy)", "paused", {"P": "********"})
    assert signed_in.send(page, f"{page}/delete").status_code == 303
    signed_in.get(page, status=404)


@sqlite_only
def test_every_step_type_has_its_fields_in_the_form_and_comes_back_as_it_was(signed_in: Browser, owner: Client) -> None:
    form = opened(signed_in)
    for kind in STEP_TYPES:
        form = press(signed_in, NEW, {**form, "steps.0.type": kind}, "type.0")
        for field in step_fields(kind):
            assert f'name="steps.0.{field.name}"' in form["_"], (kind, field.name)
    request = {"type": "request", "url": "https://shop.example/api", "method": "POST", "json": {"a": [1]}}
    made = make(owner, steps=[*STEPS, request, {"type": "wait_for", "ms": 50}], locations=["local"])
    edit = f"/journeys/{made['id']}/edit"
    answer = signed_in.post(edit, {**opened(signed_in, edit), "do": "save"})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    now = owner.data("GET", f"/v1/journeys/{made['id']}")
    assert {name: now[name] for name in now if name != "updated_at"} == {
        name: made[name] for name in made if name != "updated_at"
    }


def test_a_journey_is_written_step_by_step_without_a_script(signed_in: Browser, owner: Client) -> None:
    form = opened(signed_in)
    form |= {"name": "Log in", "locations": "local", "steps.0.url": "https://shop.example/"}
    form = press(signed_in, NEW, form, "add.1")
    form = press(signed_in, NEW, {**form, "steps.1.type": "fill"}, "type.1")
    form |= {"steps.1.selector": "#password", "steps.1.value": "{{PASSWORD}}"}
    form = press(signed_in, NEW, form, "variable")
    form |= {"variables.0.name": "PASSWORD", "variables.0.value": "hush"}
    form = press(signed_in, NEW, form, "up.1")
    assert (form["steps.0.type"], form["steps.1.type"]) == ("fill", "goto")
    form = press(signed_in, NEW, form, "save", status=422)
    assert "needs a page" in form["_"]
    form = press(signed_in, NEW, form, "down.0")
    form = press(signed_in, NEW, form, "add.2")
    form = press(signed_in, NEW, form, "remove.2")
    yaml = press(signed_in, NEW, form, "yaml")["_"].split('aria-label="YAML">')[1].split("</pre>")[0]
    assert "name: Log in" in yaml
    assert "hush" not in yaml
    answer = signed_in.post(NEW, {**form, "do": "save"})
    made = owner.data("GET", "/v1" + answer.headers["Location"].split("?")[0])
    assert [step["type"] for step in made["steps"]] == ["goto", "fill"]
    assert made["variables"] == {"PASSWORD": "********"}


def test_what_is_wrong_is_told_beside_its_field_and_nothing_typed_is_lost(signed_in: Browser, owner: Client) -> None:
    form = opened(signed_in) | {"name": "", "locations": "local", "interval": "often", "steps.0.url": "ftp://x/"}
    form = press(signed_in, NEW, {**form, "extra_headers": "no pair"}, "save", status=422)
    assert 'id="about-extra_headers">Extra headers line 1 is not a name, a colon and a value' in form["_"]
    for name in ("name", "interval", "steps.0.url"):
        assert f'id="about-{name}"' in form["_"], f"{name}, beside a field that can't be read"
    form = press(signed_in, NEW, {**form, "extra_headers": ""}, "save", status=422)
    assert "is not a name, a colon" not in form["_"]
    for name in ("name", "interval", "steps.0.url"):
        assert f'id="about-{name}"' in form["_"], name
    assert (form["interval"], form["steps.0.url"], form["locations"]) == ("often", "ftp://x/", "local")
    assert owner.data("GET", "/v1/journeys") == []


@sqlite_only
def test_a_recording_is_pasted_and_what_was_left_out_is_told(signed_in: Browser) -> None:
    form = press(signed_in, NEW, opened(signed_in) | {"script": CODEGEN}, "import")
    assert (form["steps.0.url"], form["steps.1.type"]) == ("https://shop.example/", "click")
    assert "2 steps were taken" in form["_"]
    assert "1 line was not taken" in form["_"]
    form = press(signed_in, NEW, form | {"script": "def (<b>"}, "import", status=422)
    assert "The script can&#39;t be taken" in form["_"]
    assert form["steps.1.type"] == "click"


@sqlite_only
def test_a_location_that_no_probe_has_ever_served_is_asked_for_once(
    signed_in: Browser, owner: Client, probe: Probe
) -> None:
    form = opened(signed_in) | {"name": "Purchase", "steps.0.url": "https://shop.example/", "locations": "local, moon"}
    asked = press(signed_in, NEW, form, "save", status=422)
    assert "names moon, where no probe has ever been" in asked["_"]
    assert signed_in.post(NEW, {**form, "sure": asked["sure"], "do": "save"}).status_code == 303
    [made] = owner.data("GET", "/v1/journeys")
    assert made["locations"] == ["local", "moon"]


@sqlite_only
def test_somebody_elses_journey_is_not_there(signed_in: Browser) -> None:
    for path in ("/journeys/jny_00000000", "/journeys/jny_00000000/edit"):
        signed_in.get(path, status=404)


SECRETS = {
    "variables.0.name": "PASSWORD", "variables.0.value": "hush-variable",
    "extra_headers": "X-Api-Key: hush-extra",
    "steps.1.type": "request", "steps.1.url": "https://shop.example/api", "steps.1.method": "GET",
    "steps.1.headers": '{"Authorization": "hush-step", "Accept": "text/plain"}',
    "steps.2.type": "totp", "steps.2.secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "steps.2.variable": "CODE",
}  # fmt: skip
TYPED = ("hush-variable", "hush-extra", "hush-step", "GEZDGNBV")


def stored_secrets(owner: Client, database: Database, keyring: Keyring, journey_id: str) -> dict[str, str]:
    with database.read(EVERY_ORGANIZATION) as session:
        whole = whole_definition(keyring, session.get_one(Check, journey_id))
    return {
        "variable": whole["variables"]["PASSWORD"], "extra": whole["extra_headers"]["X-Api-Key"],
        **{step["type"]: step.get("secret") or step["headers"]["Authorization"] for step in whole["steps"][1:]},
    }  # fmt: skip


def test_a_secret_that_was_typed_is_shown_by_no_page_and_kept_until_it_is_saved(
    signed_in: Browser, owner: Client, database: Database, keyring: Keyring
) -> None:
    form = opened(signed_in) | {"name": "Buy", "locations": "local", "steps.0.url": "https://shop.example/"} | SECRETS
    form = press(signed_in, NEW, form | {"interval": "often"}, "save", status=422)
    for button in ("down.1", "yaml", "variable", "up.2"):
        form = press(signed_in, NEW, form | {"interval": "300"}, button)
        assert [secret for secret in TYPED if secret in form["_"]] == [], button
    assert (form["variables.0.value"], form["variables.1.value"]) == ("********", "")
    assert '"Accept": "text/plain"' in form["steps.1.headers"].replace("&#34;", '"')
    form["steps.1.headers"] = form["steps.1.headers"].replace("text/plain", "text/html")
    answer = signed_in.post(NEW, {**form, "do": "save"})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    journey_id = answer.headers["Location"].split("?")[0].rpartition("/")[2]
    assert stored_secrets(owner, database, keyring, journey_id) == {
        "variable": "hush-variable", "extra": "hush-extra", "request": "hush-step",
        "totp": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
    }  # fmt: skip
    assert owner.data("GET", f"/v1/journeys/{journey_id}")["steps"][1]["headers"]["Accept"] == "text/html"


def test_a_secret_typed_over_another_wins_and_one_that_is_taken_out_is_gone(
    signed_in: Browser, owner: Client, database: Database, keyring: Keyring
) -> None:
    form = opened(signed_in) | {"name": "Buy", "locations": "local", "steps.0.url": "https://shop.example/"} | SECRETS
    form = press(signed_in, NEW, form, "yaml")
    form = press(signed_in, NEW, form | {"variables.0.value": "better", "steps.1.headers": ""}, "remove.2")
    answer = signed_in.post(NEW, {**form, "do": "save"})
    assert answer.status_code == 303, answer.get_data(as_text=True)
    journey_id = answer.headers["Location"].split("?")[0].rpartition("/")[2]
    with database.read(EVERY_ORGANIZATION) as session:
        whole = whole_definition(keyring, session.get_one(Check, journey_id))
    assert whole["variables"] == {"PASSWORD": "better"}
    assert [step.get("headers") or None for step in whole["steps"]] == [None, None]


@sqlite_only
def test_what_was_sealed_for_another_sign_in_is_nothing_here(
    app: Flask, signed_in: Browser, make_key: MakeKey
) -> None:  # fmt: skip
    form = opened(signed_in) | {"name": "Buy", "locations": "local", "steps.0.url": "https://shop.example/"}
    form = press(signed_in, NEW, form | {"variables.0.name": "P", "variables.0.value": "hush"}, "yaml")
    other = Browser.of(app)
    assert other.sign_in(make_key()).status_code == 303
    for sealed in (form["typed"], form["typed"][:-8], "%%%", "A" * 40, ""):
        theirs = {**form, "form_token": opened(other)["form_token"], "typed": sealed}
        refused = press(other, NEW, theirs, "save", status=422)
        assert "no value is stored to keep" in refused["_"]
