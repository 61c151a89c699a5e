"""/monitors/new and /monitors/:id/edit: a form that tries a monitor out before it is saved."""

from __future__ import annotations

import html
import json
import re
import subprocess
from typing import Any

import msgspec
import pytest
import yaml
from werkzeug.datastructures import MultiDict

from api.pages import monitor_editor
from api.pages.assertion_rows import document_of, operators_of, row_of, types_of
from api.pages.monitor_fields import TITLES
from cli.as_code.document import read_document
from model.assertions.registry import ASSERTION_TYPES
from model.outcome import AssertionResult, Metrics, RunError, RunStatus
from tests.api.conftest import Client
from tests.api.pages.test_journey_pages import values
from tests.api.pages.world import Browser, Seen
from tests.api.test_monitors import url_monitor
from tests.api.test_trying import Probe, probe

__all__ = ["probe"]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
NEW = "/monitors/new"
BODY = {"status": "ok", "db": {"pool": 7}, "odd name": [True]}
EVERY_TYPE: list[dict[str, Any]] = [
    {"type": "url", "name": "Page", "url": "https://shop.example/", "headers": {"X-A": "b: c"}, "verify_tls": False,
     "basic_auth": {"username": "ada", "password": "hush"}, "retries": {"count": 2, "delay": 3}, "badge": True,
     "assertions": [{"type": "status_code", "operator": "in", "value": [200, 204]},
                    {"type": "header", "operator": "equals", "name": "server", "value": "nginx, 1"},
                    {"type": "body", "operator": "matches", "value": "^ok"}]},
    {"type": "api", "name": "Api", "url": "https://shop.example/api", "method": "POST", "json": {"a": [1, None]},
     "interval": 7_200, "tags": ["a", "b"],
     "assertions": [{"type": "json_path", "operator": "equals", "path": "$.n", "value": "5"},
                    {"type": "json_path", "operator": "equals", "path": "$.n", "value": 5},
                    {"type": "json_path", "operator": "in", "path": "$.n", "value": ["a, b", None]},
                    {"type": "json_path", "operator": "exists", "path": "$.n", "value": None},
                    {"type": "json_schema", "operator": "matches", "value": {"type": "object"}}]},
    {"type": "tcp", "name": "Port", "host": "db.example", "port": 5432, "tls": {"enabled": True, "verify": False},
     "send": "EHLO probe\r\n\\r\ttab\n", "expect": "PONG", "degraded_ms": 40},
    {"type": "dns", "name": "Name", "host": "shop.example", "record_type": "MX", "cron": "*/5 * * * *",
     "timezone": "Europe/Berlin", "assertions": [{"type": "record", "operator": "contains", "value": "mail"}]},
    {"type": "heartbeat", "name": "Job", "interval": 86_400, "grace": 3_600},
]  # fmt: skip
READ_ONLY = {"updated_at", "created_at", "id", "ping_url", "health", "location_states", "last_run", "stats"}


def ticked(text: str) -> dict[str, str]:
    """What the form would send."""
    return {name: html.unescape(value) for name, value in values(text).items()}


def opened(browser: Browser, path: str) -> dict[str, str]:
    return ticked(browser.answer(path).get_data(as_text=True))


def press(browser: Browser, path: str, form: dict[str, str], button: str, status: int = 200) -> str:
    answer = browser.post(path, {**form, "do": button})
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


@pytest.mark.parametrize("definition", EVERY_TYPE, ids=lambda given: given["type"])
def test_what_is_stored_comes_through_the_form_as_it_was(
    signed_in: Browser, owner: Client, definition: dict[str, Any]
) -> None:
    given = definition if definition["type"] == "heartbeat" else {**definition, "locations": ["local"]}
    made = owner.data("POST", "/v1/monitors", given, status=201)
    edit = f"/monitors/{made['id']}/edit"
    assert press(signed_in, edit, opened(signed_in, edit), "save", 303) is not None
    now = owner.data("GET", f"/v1/monitors/{made['id']}")
    assert {name: now[name] for name in now if name not in READ_ONLY} == {
        name: made[name] for name in made if name not in READ_ONLY
    }


@sqlite_only
@pytest.mark.parametrize("kind", TITLES)
def test_a_monitor_of_each_type_is_made_with_what_its_form_shows_at_once(
    signed_in: Browser, owner: Client, kind: str
) -> None:
    typed = {
        "url": {"url": "shop.example/a"}, "api": {"url": "https://shop.example/a"},
        "tcp": {"host": "db.example", "port": "5432"}, "dns": {"host": "shop.example"},
        "heartbeat": {"name": "Job", "interval": "1 d"},
    }[kind]  # fmt: skip
    form = {**opened(signed_in, f"{NEW}?type={kind}"), "locations": "local" if kind != "heartbeat" else "", **typed}
    press(signed_in, NEW, form, "save", 303)
    [made] = owner.data("GET", "/v1/monitors")
    assert made["type"] == kind
    assert made["name"] == {"tcp": "db.example:5432", "dns": "shop.example", "heartbeat": "Job"}.get(
        kind, "shop.example/a"
    )
    if kind == "url":
        assert made["url"] == "https://shop.example/a"
        assert made["verify_tls"] is True


def test_what_does_not_fit_is_said_beside_its_field_and_nothing_typed_is_lost(
    signed_in: Browser, owner: Client
) -> None:
    form = {
        **opened(signed_in, f"{NEW}?type=api"), "url": "ftp://shop.example", "interval": "often", "headers": "no colon",
        "name": "Ours", "assertions.0.type": "json_path", "assertions.0.operator": "equals",
        "assertions.0.subject": "$[", "assertions.0.value": "1",
    }  # fmt: skip
    unread = press(signed_in, NEW, form, "save", 422)
    assert "Headers line 1 is not a name, a colon and a value" in unread
    text = press(signed_in, NEW, {**form, "headers": ""}, "save", 422)
    for field in ("url", "interval", "assertions.0.subject"):
        assert f'id="about-{field}"' in unread, f"{field}, beside a field that can't be read"
        assert re.search(rf'role="alert"[^>]*|id="about-{field}"', text)
        assert re.search(rf'<p class="(wrong small|small wrong)"[^>]*id="about-{re.escape(field)}"', text) or re.search(
            rf'id="about-{re.escape(field)}" role="alert"', text
        ), field
    again = ticked(text)
    assert {name: again[name] for name in ("url", "interval", "name", "assertions.0.subject")} == {
        "url": "ftp://shop.example", "interval": "often", "name": "Ours", "assertions.0.subject": "$[",
    }  # fmt: skip
    assert owner.data("GET", "/v1/monitors") == []


def test_a_draft_is_tried_out_and_what_its_answer_holds_becomes_assertions(
    signed_in: Browser, owner: Client, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    form = {**opened(signed_in, f"{NEW}?type=api"), "url": "https://shop.example/health"}
    text = press(signed_in, NEW, form, "try")
    assert "Under way" in text
    form = ticked(text)
    probe.report(
        probe.lease(),
        metrics=Metrics(connect_ms=2.0, ttfb_ms=9.0),
        assertions=(AssertionResult("status_code", "matches", "^2", 200, True),),
        response={"status_code": 200, "headers": {"x-region": "eu"}, "body": json.dumps(BODY)},
    )
    text = press(signed_in, NEW, form, "look")
    assert "Passed" in Seen(text).text
    offers = [html.unescape(found) for found in re.findall(r'value="(assert [^"]*)"', text)]
    told = [json.loads(offer.removeprefix("assert ")) for offer in offers]
    assert {"type": "json_path", "operator": "equals", "path": "$.db.pool", "value": 7} in told
    assert {"type": "json_path", "operator": "equals", "path": "$['odd name'][0]", "value": True} in told
    assert {"type": "header", "operator": "equals", "name": "x-region", "value": "eu"} in told
    pool = next(offer for offer in offers if "$.db.pool" in offer)
    form = ticked(press(signed_in, NEW, ticked(text), pool))
    assert owner.data("GET", "/v1/monitors") == [], "nothing is saved by trying"
    press(signed_in, NEW, form, "save", 303)
    [made] = owner.data("GET", "/v1/monitors")
    assert made["assertions"] == [{"type": "json_path", "operator": "equals", "path": "$.db.pool", "value": 7}]


def test_a_change_is_tried_out_with_the_secrets_that_are_stored(
    signed_in: Browser, owner: Client, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    made = owner.data(
        "POST", "/v1/monitors", url_monitor(headers={"Authorization": "Bearer hush"}, locations=["local"]), status=201
    )
    edit = f"/monitors/{made['id']}/edit"
    form = opened(signed_in, edit)
    assert "hush" not in str(form)
    text = press(signed_in, edit, {**form, "method": "HEAD"}, "try")
    assert "hush" not in text
    [check] = probe.lease().checks
    definition = msgspec.json.decode(check.definition)
    assert (definition["method"], definition["headers"]) == ("HEAD", {"Authorization": "Bearer hush"})
    assert owner.data("GET", f"/v1/monitors/{made['id']}")["method"] == "GET"


def test_a_secret_that_was_typed_is_shown_by_no_page_again_and_saved_all_the_same(
    signed_in: Browser, owner: Client, probe: Probe
) -> None:
    form = {
        **opened(signed_in, NEW), "url": "https://shop.example/", "basic_auth.username": "ada",
        "basic_auth.password": "hush-1", "headers": "X-Api-Key: hush-2\nX-A: b",
    }  # fmt: skip
    text = press(signed_in, NEW, form, "show")
    assert "hush" not in text
    again = ticked(text)
    assert (again["basic_auth.password"], again["headers"]) == ("********", "X-Api-Key: ********\nX-A: b")
    text = press(signed_in, NEW, {**again, "interval": "never"}, "save", 422)
    assert "hush" not in text
    press(signed_in, NEW, {**ticked(text), "interval": "5 min"}, "save", 303)
    [made] = owner.data("GET", "/v1/monitors")
    owner("POST", f"/v1/monitors/{made['id']}/run")
    definition = msgspec.json.decode(probe.lease().checks[0].definition)
    assert (definition["basic_auth"]["password"], definition["headers"]["X-Api-Key"]) == ("hush-1", "hush-2")


def test_why_a_draft_fails_or_can_not_be_tried_is_said(
    signed_in: Browser, owner: Client, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    form = {**opened(signed_in, NEW), "url": "https://shop.example/"}
    text = press(signed_in, NEW, {**form, "from": "mars"}, "try", 409)
    assert "No probe of the location mars is online" in text
    waiting = ticked(press(signed_in, NEW, form, "try"))
    probe.report(probe.lease(), status=RunStatus.FAILED, error=RunError("timeout", "no answer <b>in time</b>"))
    text = press(signed_in, NEW, waiting, "look")
    assert "no answer &lt;b&gt;in time&lt;/b&gt;" in text
    assert "Failed" in Seen(text).text


@sqlite_only
def told_elsewhere(text: str, what: str) -> str:
    """The form's YAML or curl; empty where there is none."""
    found = re.search(rf'<pre[^>]*aria-label="{what}">(.*?)</pre>', text, re.DOTALL)
    return "" if found is None else html.unescape(found[1])


def sent_by_curl(told: str, **environ: str) -> Any:
    """What a shell gives to curl as its body."""
    body = told.split("-d ", 1)[1]
    done = subprocess.run(["/bin/sh", "-c", f"printf %s {body}"], env=environ, capture_output=True, check=True)
    return json.loads(done.stdout)


def test_the_form_is_the_same_as_its_yaml_and_its_curl_without_secrets(signed_in: Browser, owner: Client) -> None:
    form = {
        **opened(signed_in, NEW), "url": "https://shop.example/it's", "name": "Ours",
        "headers": "Authorization: Bearer hush\nX-A: ${B}", "locations": "local", "timeout": "7 s",
        "retries.count": "2", "retries.delay": "1.5 s", "degraded_ms": "2 s",
    }  # fmt: skip
    text = press(signed_in, NEW, form, "show")
    told, curl = told_elsewhere(text, "YAML"), told_elsewhere(text, "curl")
    assert "hush" not in told + curl
    assert "# AUTHORIZATION comes from the environment in which `tracer apply` runs." in told
    [by_file] = read_document("x.yaml", told, {"AUTHORIZATION": "Bearer hush", "B": "wrong"}).data["monitors"]
    by_curl = sent_by_curl(curl, AUTHORIZATION="Bearer hush", B="wrong")
    assert by_file == by_curl
    assert by_file["headers"] == {"Authorization": "Bearer hush", "X-A": "${B}"}
    assert (by_file["timeout"], by_file["retries"], by_file["degraded_ms"]) == (7, {"count": 2, "delay": 1.5}, 2_000)
    assert owner.data("POST", "/v1/monitors", by_file, status=201)["url"] == "https://shop.example/it's"


@sqlite_only
def test_the_curl_of_an_edit_sends_what_differs_and_the_yaml_keeps_secrets(signed_in: Browser, owner: Client) -> None:
    given = {"headers": {"X-Api-Key": "hush"}, "runbook_url": "https://wiki.example/", "locations": ["local"]}
    made = owner.data("POST", "/v1/monitors", url_monitor(**given), status=201)
    page = f"/monitors/{made['id']}/edit"
    form = {**opened(signed_in, page), "interval": "3 min", "runbook_url": ""}
    text = press(signed_in, page, form, "show")
    assert sent_by_curl(told_elsewhere(text, "curl")) == {"interval": 180, "runbook_url": None}
    told = told_elsewhere(text, "YAML")
    assert "# ******** keeps the secret that is stored." in told
    assert yaml.safe_load(told)["monitors"][0]["headers"] == {"X-Api-Key": "********"}
    text = press(signed_in, page, {**opened(signed_in, page), "headers": "X-Api-Key: other"}, "show")
    assert sent_by_curl(told_elsewhere(text, "curl"), X_API_KEY="other") == {"headers": {"X-Api-Key": "other"}}


@sqlite_only
def test_what_can_not_be_read_after_a_try_is_said_at_its_field(
    signed_in: Browser, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    form = {**opened(signed_in, NEW), "url": "https://shop.example/", "from": "local"}
    tried = ticked(press(signed_in, NEW, form, "try"))
    assert tried["draft"]
    text = press(signed_in, NEW, {**tried, "headers": "no colon", "name": "Kept"}, "save", 422)
    assert "Headers line 1 is not a name, a colon and a value" in Seen(text).text
    assert 'value="Kept"' in text


@sqlite_only
def test_the_yaml_of_a_rename_says_which_one_it_was(signed_in: Browser, owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", url_monitor(name="Old", locations=["local"]), status=201)
    page = f"/monitors/{made['id']}/edit"
    told = told_elsewhere(press(signed_in, page, {**opened(signed_in, page), "name": "New"}, "show"), "YAML")
    entry = yaml.safe_load(told)["monitors"][0]
    assert (entry["id"], entry["name"]) == (made["id"], "New")
    assert "id" not in yaml.safe_load(told_elsewhere(press(signed_in, page, opened(signed_in, page), "show"), "YAML"))


@sqlite_only
def test_what_makes_no_monitor_is_told_in_place_of_its_yaml(signed_in: Browser) -> None:
    form = {
        **opened(signed_in, NEW), "url": "https://shop.example/", "headers": "Authorization: Bearer x",
        "basic_auth.username": "ada", "basic_auth.password": "x",
    }  # fmt: skip
    text = press(signed_in, NEW, form, "show", 422)
    assert told_elsewhere(text, "YAML") == told_elsewhere(text, "curl") == "# once what is typed makes a monitor"
    assert re.search(r'id="about-basic_auth.username" role="alert">[^<]*Authorization', text)


@sqlite_only
def test_it_runs_as_chosen_whatever_else_is_typed(signed_in: Browser, owner: Client) -> None:
    form = {**opened(signed_in, NEW), "url": "https://shop.example/", "locations": "local"}
    both = {"interval": "15 min", "cron": "*/5 8-18 * * *", "timezone": "Europe/Berlin"}
    for when, expected in (("interval", (900, None)), ("cron", (None, "*/5 8-18 * * *"))):
        path = signed_in.post(NEW, {**form, **both, "when": when, "do": "save"}).headers["Location"].split("?")[0]
        made = owner.data("GET", f"/v1{path}")
        assert (made["interval"], made["cron"]) == expected
        assert opened(signed_in, f"{path}/edit")["when"] == when
    said = press(signed_in, NEW, {**form, "when": "cron", "cron": " "}, "save", 422)
    assert "Cron is missing: five fields" in said
    path = signed_in.post(NEW, {**form, **both, "cron": "nonsense", "do": "save", "when": "interval"}).headers[
        "Location"
    ]
    assert path.startswith("/monitors/mon_"), "what is not chosen is not judged"


@sqlite_only
def test_another_type_keeps_what_it_has_in_common(signed_in: Browser) -> None:
    form = {**opened(signed_in, NEW), "url": "https://shop.example/", "name": "Ours", "verify_tls": ""}
    now = ticked(press(signed_in, NEW, form, "type.api"))
    assert (now["type"], now["url"], now["name"], now["verify_tls"]) == ("api", "https://shop.example/", "Ours", "yes")
    assert signed_in.post(NEW, {**form, "do": "type.ssh"}).status_code == 422


@sqlite_only
def test_known_locations_are_ticked_and_others_can_be_typed(signed_in: Browser, owner: Client, probe: Probe) -> None:
    form = MultiDict({**opened(signed_in, NEW), "url": "https://shop.example/", "do": "save"})
    form.setlist("locations", ["local", "moon , mars"])
    asked = signed_in.post(NEW, form)
    text = asked.get_data(as_text=True)
    assert (asked.status_code, "names moon, mars, where no probe has ever been" in text) == (422, True)
    form["sure"] = ticked(text)["sure"]
    assert signed_in.post(NEW, form).status_code == 303
    [made] = owner.data("GET", "/v1/monitors")
    assert made["locations"] == ["local", "moon", "mars"]
    edit = Seen(signed_in.answer(f"/monitors/{made['id']}/edit").get_data(as_text=True))
    [box, others] = [tag for tag in edit.all("input") if tag.get("name") == "locations"]
    assert (box["value"], "checked" in box, others["value"]) == ("local", True, "moon, mars")


@sqlite_only
def test_what_stands_there_by_itself_is_folded_away(signed_in: Browser, owner: Client) -> None:
    plain = owner.data("POST", "/v1/monitors", url_monitor(locations=["local"]), status=201)
    special = owner.data("POST", "/v1/monitors", url_monitor(locations=["local"], verify_tls=False), status=201)

    def opened_parts(made: Any) -> list[str]:
        text = signed_in.answer(f"/monitors/{made['id']}/edit").get_data(as_text=True)
        return re.findall(r'<details id="([a-z-]+)" open>', text)

    assert opened_parts(plain) == []
    assert opened_parts(special) == ["more-asked"]


@sqlite_only
def test_assertions_come_and_go_by_buttons(signed_in: Browser) -> None:
    form = ticked(press(signed_in, NEW, opened(signed_in, NEW), "add"))
    assert form["assertions.0.type"] == "status_code"
    form = ticked(press(signed_in, NEW, {**form, "assertions.0.type": "json_path"}, "redraw"))
    assert (form["assertions.0.operator"], form["assertions.0.subject"]) == ("equals", "")
    form = ticked(press(signed_in, NEW, form, "drop.0"))
    assert "assertions.0.type" not in form
    for nonsense in ("assert [", "assert 7", 'assert {"type":"nothing"}', "drop.77", "drop.x", "made up"):
        assert "assertions.0.type" not in ticked(press(signed_in, NEW, form, nonsense))


@sqlite_only
def test_a_clone_is_paused_has_the_secrets_and_opens_in_the_form(signed_in: Browser, owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", {**EVERY_TYPE[0], "locations": ["local"]}, status=201)
    answer = signed_in.send(f"/monitors/{made['id']}", f"/monitors/{made['id']}/clone")
    assert answer.status_code == 303
    copy = owner.data("GET", "/v1" + answer.headers["Location"].removesuffix("/edit"))
    assert (copy["name"], copy["status"]) == ("Page (copy)", "paused")
    assert copy["basic_auth"] == {"username": "ada", "password": "********"}


def test_the_first_visit_leads_from_an_address_to_a_monitor(
    signed_in: Browser, owner: Client, probe: Probe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_editor, "_WAIT_S", 0)
    answer = signed_in.send("/", NEW, url="shop.example", do="try")
    form = ticked(answer.get_data(as_text=True))
    assert (form["url"], form["verify_tls"]) == ("shop.example", "yes")
    probe.report(probe.lease(), response={"status_code": 200})
    press(signed_in, NEW, ticked(press(signed_in, NEW, form, "look")), "save", 303)
    assert owner.data("GET", "/v1/monitors")[0]["url"] == "https://shop.example"
    assert "first-heading" not in signed_in.answer("/").get_data(as_text=True)


@sqlite_only
def test_who_may_only_read_is_told_who_can(enter: Any) -> None:
    viewer = enter("viewer")
    assert "yours may only read" in viewer.get("/").text
    viewer.answer(NEW, status=403)


def test_a_row_of_every_type_of_assertion_has_a_form() -> None:
    for kind in TITLES:
        for type_ in types_of(kind):
            assert operators_of(type_)
    assert {type_ for kind in TITLES for type_ in types_of(kind)} == set(ASSERTION_TYPES)


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (("status_code", "equals", "", "200"), 200), (("status_code", "matches", "", "^2"), "^2"),
        (("status_code", "in", "", "200, 204"), [200, 204]), (("header", "equals", "x", "5"), "5"),
        (("header", "greater_than", "x", "5"), 5), (("json_path", "equals", "$.a", "ok"), "ok"),
        (("json_path", "equals", "$.a", '"5"'), "5"), (("json_path", "equals", "$.a", "true"), True),
        (("json_path", "in", "$.a", "a, 2"), ["a", 2]), (("response_time", "less_than", "", "soon"), "soon"),
    ],
)  # fmt: skip
def test_a_value_means_what_one_would_think(row: tuple[str, str, str, str], value: Any) -> None:
    texts = dict(zip(("type", "operator", "subject", "value"), row, strict=True))
    found = document_of(texts)
    assert found["value"] == value
    assert document_of(row_of(found)) == found


@sqlite_only
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": "http://127.0.0.1:8080/"}, "127.0.0.1 is not a public address. Probes refuse it"),
        ({"url": "localhost:3000"}, "127.0.0.1 is not a public address"),
        ({"url": "http://169.254.169.254/"}, "169.254.169.254 is a cloud metadata address"),
        ({"url": "https://shop.example/"}, ""),
        ({"url": "https://9.9.9.9/"}, ""),
        ({"url": "https://[nonsense"}, ""),
    ],
)
def test_an_address_that_probes_refuse_is_told_of_beforehand(
    signed_in: Browser, fields: dict[str, str], told: str
) -> None:
    text = signed_in.post(NEW, {**opened(signed_in, NEW), **fields, "do": "redraw"}).get_data(as_text=True)
    said = re.search(r'<div id="inner" data-part>(.*?)</div>', text, re.DOTALL)
    assert said is not None
    assert (told in said[1], bool(said[1])) == (True, bool(told))


@sqlite_only
def test_a_check_of_a_location_without_a_probe_is_not_said_to_run(
    signed_in: Browser, owner: Client, probe: Probe
) -> None:
    for locations, said in (
        (["local"], "It is made, and runs from now on."),
        (["nowhere", "moon"], "It is made. No probe is online at nowhere and moon: it runs as soon as one is."),
    ):
        made = owner.data("POST", "/v1/monitors", url_monitor(locations=locations), status=201)
        assert said in signed_in.get(f"/monitors/{made['id']}?done=made").text


@sqlite_only
def test_what_is_wrong_with_one_header_names_it(signed_in: Browser, owner: Client) -> None:
    given = {"headers": {"X-Api-Key": "hush"}, "url": "https://shop.example/", "locations": ["local"]}
    made = owner.data("POST", "/v1/monitors", url_monitor(**given), status=201)
    page = f"/monitors/{made['id']}/edit"
    text = press(signed_in, page, {**opened(signed_in, page), "url": "https://other.example/"}, "save", 422)
    assert "Headers: X-Api-Key is kept for https://shop.example" in Seen(text).text


@pytest.mark.parametrize("kind", ["monitor", "journey"])
def test_what_it_depends_on_is_typed_by_name(signed_in: Browser, owner: Client, kind: str) -> None:
    ids = {
        name: owner.data("POST", "/v1/monitors", url_monitor(name=name), status=201)["id"]
        for name in ("Gateway", "Shop, the old", "Twin")
    }
    twin = owner.data("POST", "/v1/monitors", url_monitor(name="Twin"), status=201)["id"]
    steps = [{"type": "goto", "url": "https://shop.example/"}]
    made = owner.data(
        "POST", f"/v1/{kind}s", url_monitor(name="Child") if kind == "monitor" else {"name": "Child", "steps": steps},
        status=201,
    )  # fmt: skip
    page = f"/{kind}s/{made['id']}/edit"
    form = {**opened(signed_in, page), "depends_on": f"Gateway, {twin}, {ids['Shop, the old']}", "do": "save"}
    assert signed_in.post(page, form).status_code == 303
    stored = owner.data("GET", f"/v1/{kind}s/{made['id']}")["depends_on"]
    assert stored == [ids["Gateway"], twin, ids["Shop, the old"]]
    assert opened(signed_in, page)["depends_on"] == f"Gateway, {twin}, {ids['Shop, the old']}"
    for typed, said in (
        ("Nothing", "Depends on names Nothing, as no check is called"),
        ("Twin", "Depends on names Twin, as several checks are called: give the id of one"),
    ):
        refused = signed_in.post(page, {**opened(signed_in, page), "depends_on": typed, "do": "save"})
        text = refused.get_data(as_text=True)
        assert (refused.status_code, f'value="{typed}"' in text) == (422, True)
        assert said in Seen(text).text
