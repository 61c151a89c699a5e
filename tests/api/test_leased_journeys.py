"""Journeys on their way to a probe and back: what it is given, and what becomes of what it says. Over real sockets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from api.server import Server
from model.settings import Settings
from store.dispatches import LONGEST_QUEUE_MS
from store.keyring import Keyring
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Run
from store.write_lock import Urgency
from tests.alerts.recording import rows_of
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.journeys import GOTO, journey, make
from tests.api.test_probe_protocol import ProbeOfTests
from tests.api.wire import ask
from tests.conftest import Clock

PNG = b"\x89PNG\r\n\x1a\npicture"
DIGEST = hashlib.sha256(PNG).hexdigest()
FILL = {"type": "fill", "selector": "#a", "value": "{{OWN}} {{SHARED}} {{BOTH}}"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", port=0, public_url=PUBLIC_URL)


class Browser(ProbeOfTests):
    """A probe that runs journeys."""

    def lease_request(self, **facts: Any) -> bytes:
        able = {
            "types": ["url", "journey"], "capabilities": ["network", "browser"], "browser_capacity": 9,
            "by_hand_capacity": 9,
        }  # fmt: skip
        return super().lease_request(**{**able, **facts})

    def progress(self, *runs: Any) -> Any:
        body = json.dumps({"protocol": 1, "instance": self.instance, "runs": runs}).encode()
        return ask(self.server, "POST", "/v1/probe/progress", body, f"Authorization: Bearer {self.key}").json

    def keep(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        answer = ask(
            self.server, "PUT", f"/v1/probe/artifacts/{digest}", content, f"Authorization: Bearer {self.key}"
        )  # fmt: skip
        assert answer.status == 200, answer.body
        return digest


@pytest.fixture
def browser(
    app: Flask, database: Database, keyring: Keyring, settings: Settings, organization: str, clock: Clock
) -> Iterator[Browser]:
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        _, key = register_probe(session, keyring, organization, ("p", "local"), clock.now_ms)
    with Server(app, database, keyring, settings) as server:
        yield Browser(server, key)


def variable(owner: Client, name: str, value: str) -> None:
    owner.data("POST", "/v1/variables", {"name": name, "value": value}, status=201)


def leased(browser: Browser, owner: Client, journey_id: str) -> Any:
    """The definition that comes with a run asked for by hand, and its batch."""
    owner.data("POST", f"/v1/journeys/{journey_id}/run", status=202)
    answer = browser.lease()
    [check] = answer["checks"]
    return check["definition"], answer["batches"][-1]


def result(batch: Any, **facts: Any) -> dict[str, Any]:
    """A failed result of the batch's only run."""
    [run] = batch["runs"]
    return {
        "run_id": run["run_id"], "dispatch_id": batch["dispatch_id"], "token": batch["token"],
        "check_id": run["check_id"], "check_version": 1, "status": "failed", "late_ms": 2.5, "duration_ms": 940.25,
        "elapsed_ms": 941.0, "error": {"code": "step_failed", "message": "step 2 fill `#a`: not there"}, **facts,
    }  # fmt: skip


STEPS = [
    {"index": 0, "type": "goto", "status": "success", "duration_ms": 400.5, "screenshot": DIGEST},
    {"index": 1, "type": "fill", "status": "failed", "name": "User", "duration_ms": 540.0, "error": "not there"},
]
EVIDENCE = [
    {"type": "screenshot", "sha256": DIGEST, "content_type": "image/png", "size_bytes": len(PNG), "step_index": 0},
    {"type": "trace", "sha256": "f" * 64, "content_type": "application/zip", "size_bytes": 5},
]


def test_a_probe_is_given_the_variables_that_the_steps_use_and_no_others(browser: Browser, owner: Client) -> None:
    for name in ("SHARED", "BOTH", "UNUSED"):
        variable(owner, name, f"shared {name}")
    made = make(owner, steps=[GOTO, FILL], variables={"OWN": "own", "BOTH": "own too"})
    definition, _ = leased(browser, owner, made["id"])
    assert definition["variables"] == {"OWN": "own", "SHARED": "shared SHARED", "BOTH": "own too"}


def test_another_value_of_a_shared_variable_counts_from_the_next_lease_on(browser: Browser, owner: Client) -> None:
    variable(owner, "SHARED", "old")
    made = make(owner, steps=[GOTO, {**FILL, "value": "{{SHARED}}"}])
    assert leased(browser, owner, made["id"])[0]["variables"] == {"SHARED": "old"}
    owner.data("PUT", "/v1/variables/SHARED", {"value": "new"})
    assert leased(browser, owner, made["id"])[0]["variables"] == {"SHARED": "new"}


def test_a_monitors_definition_is_left_as_it_is(browser: Browser, owner: Client) -> None:
    variable(owner, "SHARED", "x")
    body = {"name": "m", "type": "url", "url": "https://e.com/?q={{SHARED}}"}
    made = owner.data("POST", "/v1/monitors", body, status=201)
    owner.data("POST", f"/v1/monitors/{made['id']}/run", status=202)
    [check] = browser.lease()["checks"]
    assert "variables" not in check["definition"]


def test_what_a_batch_asks_comes_with_its_runs_alone_and_again_with_a_lost_answer(
    browser: Browser, owner: Client
) -> None:
    made = make(owner, tags=["smoke"])
    by_hand = owner.data("POST", f"/v1/journeys/{made['id']}/run", status=202)
    asked = owner.data(
        "POST",
        "/v1/journeys/run-tag/smoke",
        {"variables": {"PASSWORD": "pw"}, "base_url": "https://pr-17.example.com"},
        status=202,
    )
    for _ in range(2):  # the second time the probe says that it holds nothing
        runs = {run["run_id"]: run for batch in browser.lease()["batches"] for run in batch["runs"]}
        with_overrides = {run_id: run["overrides"] for run_id, run in runs.items() if run.get("overrides")}
        assert len(runs) == 2
        assert with_overrides == {
            asked["runs"][0]["run_id"]: {"variables": {"PASSWORD": "pw"}, "base_url": "https://pr-17.example.com"},
            by_hand["run_id"]: {"picture_of_each_step": True},
        }


def test_a_probe_without_a_browser_is_leased_no_journey(browser: Browser, owner: Client) -> None:
    made = make(owner)
    owner.data("POST", f"/v1/journeys/{made['id']}/run", status=202)
    assert "batches" not in browser.lease(capabilities=["network"])
    assert len(browser.lease()["batches"]) == 1


def test_steps_files_and_figures_of_a_result_stand_in_its_run(browser: Browser, owner: Client) -> None:
    made = make(owner, steps=[GOTO, FILL])
    _, batch = leased(browser, owner, made["id"])
    browser.keep(PNG)
    page = {"load_ms": 800.25, "lcp_ms": 650.0, "cls": 0.01234567}
    said = browser.report(
        result(batch, steps=STEPS, artifacts=EVIDENCE, page=page, metrics={"ttfb_ms": 120.0}, something_new=1)
    )
    assert said == {"accepted": 1}
    run_id = batch["runs"][0]["run_id"]
    run = owner.data("GET", f"/v1/runs/{run_id}")
    assert (run["status"], run["duration_ms"], run["error"]["code"]) == ("failed", 940.25, "step_failed")
    assert {name: run["metrics"][name] for name in ("ttfb_ms", "load_ms", "lcp_ms", "cls")} == {
        "ttfb_ms": 120, "load_ms": 800.25, "lcp_ms": 650, "cls": 0.0123,
    }  # fmt: skip
    [shot] = owner.data("GET", f"/v1/runs/{run_id}/artifacts")
    assert (shot["type"], shot["size_bytes"]) == ("screenshot", len(PNG))
    first, second = owner.data("GET", f"/v1/runs/{run_id}/steps")
    assert (first["screenshot_id"], second["screenshot_id"]) == (shot["id"], None)
    assert (second["status"], second["name"], second["error"]) == ("failed", "User", "not there")


def test_texts_of_pages_are_cut_to_size(browser: Browser, owner: Client) -> None:
    _, batch = leased(browser, owner, make(owner)["id"])
    hostile = "\x00<!channel> <script>" + "x" * 50_000
    step = {"index": 0, "type": "goto", "status": "failed", "name": hostile, "error": hostile}
    assert browser.report(result(batch, steps=[step]))["accepted"] == 1
    [shown] = owner.data("GET", f"/v1/runs/{batch['runs'][0]['run_id']}/steps")
    assert (len(shown["name"]), len(shown["error"])) == (200, 2000)
    assert "\x00" not in shown["error"]


@pytest.mark.parametrize(
    "facts",
    [
        {"steps": [{**STEPS[1]}]}, {"steps": [{**STEPS[0], "type": "Go To"}]},
        {"steps": [{**STEPS[0], "status": "fine"}]}, {"steps": [{**STEPS[0], "duration_ms": -1}]},
        {"steps": [{**STEPS[0], "screenshot": "../x"}]},
        {"steps": [{"index": index, "type": "goto", "status": "skipped"} for index in range(201)]},
        {"artifacts": [{**EVIDENCE[0], "sha256": "F" * 64}]}, {"artifacts": [{**EVIDENCE[0], "type": "video"}]},
        {"artifacts": [{**EVIDENCE[0], "size_bytes": -1}]}, {"artifacts": [{**EVIDENCE[0], "size_bytes": 2**60}]},
        {"artifacts": [{**EVIDENCE[0], "step_index": 200}]},
        {"artifacts": [{**EVIDENCE[0], "content_type": "a\r\nb: c"}]},
        {"artifacts": [EVIDENCE[0]] * 500}, {"page": {"cls": -1}}, {"page": {"lcp_ms": 1e300}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_evidence_that_contradicts_itself_is_refused(browser: Browser, owner: Client, facts: dict[str, Any]) -> None:
    _, batch = leased(browser, owner, make(owner)["id"])
    [refusal] = browser.report(result(batch, **facts))["refused"]
    assert refusal["reason"].startswith("malformed")


def test_no_answer_of_the_api_tells_a_secret(browser: Browser, owner: Client, database: Database) -> None:
    variable(owner, "SHARED", "s3cret-shared")
    made = make(owner, steps=[GOTO, FILL], variables={"OWN": "s3cret-own", "BOTH": "s3cret-both"}, tags=["smoke"])
    asked = owner.data("POST", "/v1/journeys/run-tag/smoke", {"variables": {"OWN": "s3cret-asked"}}, status=202)
    batch = browser.lease()["batches"][0]
    browser.report(result(batch, steps=STEPS))
    run_id = asked["runs"][0]["run_id"]
    paths = [
        f"/v1/journeys/{made['id']}", "/v1/journeys", f"/v1/journeys/{made['id']}/runs", f"/v1/runs/{run_id}",
        f"/v1/runs/{run_id}/steps", f"/v1/runs/{run_id}/artifacts", f"/v1/batches/{asked['batch_id']}",
        "/v1/variables",
    ]  # fmt: skip
    for path in paths:
        assert "s3cret" not in owner("GET", path).get_data(as_text=True), path
    assert "s3cret" not in json.dumps([str(row) for row in rows_of(database, Run)])


def test_a_journey_is_tried_out_and_leaves_only_what_it_found(browser: Browser, owner: Client) -> None:
    browser.lease()
    document = journey(steps=[GOTO, FILL], variables={"OWN": "s3cret", "BOTH": "b"}, retries={"count": 3, "delay": 60})
    draft = owner.data("POST", "/v1/journeys/try?wait=0", document, status=202)
    assert (draft["status"], draft["location"], draft["steps"], draft["progress"]) == ("queued", "local", [], None)
    answer = browser.lease()
    [check], [batch] = answer["checks"], answer["batches"]
    assert (check["definition"]["variables"]["OWN"], check["definition"]["retries"]["count"]) == ("s3cret", 0)
    assert batch["runs"][0]["overrides"]["picture_of_each_step"]
    browser.keep(PNG)
    browser.report(result(batch, steps=STEPS, artifacts=EVIDENCE, page={"load_ms": 800.25}))
    found = owner.data("GET", f"/v1/journeys/try/{draft['id']}")
    assert (found["status"], found["error"]["code"], found["duration_ms"]) == ("failed", "step_failed", 940.25)
    first, second = found["steps"]
    assert (second["status"], second["error"]) == ("failed", "not there")
    picture = owner("GET", f"/artifacts/{first['screenshot_id']}")
    assert picture.status_code == 302
    assert owner.data("GET", "/v1/journeys") == []
    assert owner("GET", f"/v1/runs/{batch['runs'][0]['run_id']}").status_code == 404
    assert owner("GET", f"/v1/monitors/try/{draft['id']}").status_code == 404, "it is none of a monitor"
    assert "s3cret" not in json.dumps(found)


def test_how_far_a_draft_is_can_be_seen_by_who_tries_it_and_is_no_news(browser: Browser, owner: Client) -> None:
    browser.lease()
    draft = owner.data("POST", "/v1/journeys/try?wait=0", journey(steps=[GOTO, FILL]), status=202)["id"]
    [batch] = browser.lease()["batches"]
    run = batch["runs"][0]
    said = {
        "run_id": run["run_id"], "dispatch_id": batch["dispatch_id"], "token": batch["token"],
        "check_id": run["check_id"], "check_version": 1, "attempt": 1, "elapsed_ms": 100.0, "total": 2,
        "steps": [{"index": 0, "type": "goto", "status": "success", "duration_ms": 90.0}],
        "under_way": {"type": "fill", "name": None},
    }  # fmt: skip
    assert browser.progress(said)["accepted"] == 1
    shown = owner.data("GET", f"/v1/journeys/try/{draft}")
    assert (shown["status"], shown["progress"]["ended"], shown["progress"]["total"]) == ("running", 1, 2)
    browser.report(result(batch, steps=STEPS))
    assert owner.data("GET", f"/v1/journeys/try/{draft}")["progress"] is None


def test_no_journey_is_tried_where_no_browser_is(browser: Browser, owner: Client) -> None:
    browser.lease(capabilities=["network"])
    refused = owner.error("POST", "/v1/journeys/try", journey(), status=409)
    assert refused["message"] == "No probe of the location local has a browser, so nobody can try it there"


def test_a_draft_waits_for_a_browser_as_long_as_a_run_asked_for_by_hand(
    browser: Browser, owner: Client, clock: Clock
) -> None:
    browser.lease()
    draft = owner.data("POST", "/v1/journeys/try?wait=0", journey(), status=202)["id"]
    clock.advance(LONGEST_QUEUE_MS)
    assert owner.data("GET", f"/v1/journeys/try/{draft}")["status"] == "queued"
    clock.advance(5_001)
    assert owner.data("GET", f"/v1/journeys/try/{draft}")["status"] == "unknown"
