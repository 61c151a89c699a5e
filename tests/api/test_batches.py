"""Journeys by tag: what CI asks for, how far it is, and that nobody is paged for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from alerts.record import record
from model.finished import Finished
from model.outcome import RunError, RunStatus, Trigger
from model.protocol import RunOverrides
from model.settings import Settings
from model.times import DAY_MS
from store.alert_tables import Alert
from store.batches import overrides_of
from store.journey_tables import Batch
from store.keyring import Keyring
from store.retention import Retention
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Run
from store.write_lock import Urgency
from tests.alerts.alerting import add_channel, add_rule
from tests.alerts.recording import rows_of
from tests.api.conftest import PUBLIC_URL, Client
from tests.api.journeys import make, warnings_of
from tests.conftest import Clock

RUN_TAG = "/v1/journeys/run-tag/smoke"
CODES = {"failed": "step_failed", "unknown": "browser_crashed"}


def ask(client: Client, body: Any = None, path: str = RUN_TAG) -> Any:
    return client.data("POST", path, body, status=202)


def finish(database: Database, clock: Clock, organization: str, asked: Any, status: str) -> None:
    """The run of a batch ends so."""
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        run = session.get_one(Run, asked["run_id"])
        code = CODES.get(status)
        done = Finished(
            run_id=run.id, organization_id=organization, check_id=run.check_id, check_version=1, location=run.location,
            at_ms=run.at_ms, status=RunStatus(status), trigger=Trigger(run.trigger), started_ms=run.at_ms,
            completed_ms=run.at_ms + 900, duration_ms=900.0,
            error=RunError(code, "step 4 click `#buy`: covered by `#banner`") if code else None,
        )  # fmt: skip
        assert record(session, [done], clock.now_ms) == []


def test_every_journey_of_a_tag_is_run_where_it_runs(owner: Client) -> None:
    first = make(owner, name="Log in", tags=["smoke", "shop"], locations=["eu", "us"])
    second = make(owner, name="Buy", tags=["smoke"])
    make(owner, name="Other", tags=["smoke-2"])
    asked = ask(owner)
    assert asked["batch_id"].startswith("bat_")
    assert asked["tag"] == "smoke"
    assert [(run["journey_id"], run["name"], run["location"]) for run in asked["runs"]] == [
        (second["id"], "Buy", "local"), (first["id"], "Log in", "eu"), (first["id"], "Log in", "us"),
    ]  # fmt: skip
    shown = owner.data("GET", f"/v1/runs/{asked['runs'][0]['run_id']}")
    assert (shown["status"], shown["trigger"]) == ("queued", "ci")


def test_paused_journeys_are_left_out_and_named(owner: Client) -> None:
    make(owner, name="Log in", tags=["smoke"])
    make(owner, name="Asleep", tags=["smoke"], status="paused")
    assert "Asleep is paused and was left out" in warnings_of(owner, "POST", RUN_TAG)
    assert len(ask(owner)["runs"]) == 1


def test_nothing_to_run_is_404(owner: Client) -> None:
    assert "No journey has the tag 'smoke'" in owner.error("POST", RUN_TAG, status=404)["message"]
    make(owner, name="Asleep", tags=["smoke"], status="paused")
    assert "is paused: Asleep" in owner.error("POST", RUN_TAG, status=404)["message"]


@pytest.mark.parametrize("tag", ["run", "a b", "a/b", "ümläut", "100%", "run-tag"])
def test_any_tag_can_be_asked_for(owner: Client, tag: str) -> None:
    made = make(owner, tags=[tag])
    quoted = tag.encode().hex("%") if tag != "run" else tag
    path = "/v1/journeys/run-tag/" + (tag if quoted == tag else "%" + quoted)
    assert [run["journey_id"] for run in ask(owner, path=path)["runs"]] == [made["id"]]


def test_what_is_asked_beyond_the_definition_lies_encrypted_and_goes_to_the_probe(
    owner: Client, database: Database, keyring: Keyring
) -> None:
    make(owner, tags=["smoke"])
    body = {"variables": {"PASSWORD": "of-the-preview"}, "base_url": "https://pr-17.example.com", "locations": ["ci"]}
    [run] = ask(owner, body)["runs"]
    assert run["location"] == "ci"
    with database.read(EVERY_ORGANIZATION) as session:
        found = overrides_of(session, keyring, [run["run_id"], "run_other"])
        assert b"of-the-preview" not in (session.scalars(select(Batch.overrides)).one() or b"")
    assert found == {
        run["run_id"]: RunOverrides({"PASSWORD": "of-the-preview"}, "https://pr-17.example.com")
    }  # fmt: skip


def test_a_batch_tells_how_far_it_is(owner: Client, database: Database, organization: str, clock: Clock) -> None:
    for name in ("A", "B", "C"):
        make(owner, name=name, tags=["smoke"])
    metadata = {"commit": "9fceb02", "branch": "new-login", "url": "https://ci.example.com/1"}
    asked = ask(owner, {"metadata": metadata})
    path = f"/v1/batches/{asked['batch_id']}"
    seen = []
    for run, status in zip(asked["runs"], ["success", "unknown", "failed"], strict=True):
        batch = owner.data("GET", path)
        seen.append((batch["status"], batch["success"], batch["failed"], batch["unknown"]))
        finish(database, clock, organization, run, status)
    assert seen == [("running", 0, 0, 0), ("running", 1, 0, 0), ("running", 1, 0, 1)]
    batch = owner.data("GET", path)
    assert {name: batch[name] for name in ("status", "total", "success", "failed", "unknown", "metadata", "tag")} == {
        "status": "failed", "total": 3, "success": 1, "failed": 1, "unknown": 1, "metadata": metadata, "tag": "smoke",
    }  # fmt: skip
    last = batch["runs"][2]
    assert (last["name"], last["status"], last["duration_ms"]) == ("C", "failed", 900)
    assert last["error"] == {"code": "step_failed", "message": "step 4 click `#buy`: covered by `#banner`"}
    assert last["url"] == f"{PUBLIC_URL}/runs/{last['run_id']}"


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        (["success", "success"], "success"), (["success", "unknown"], "unknown"), (["unknown", "failed"], "failed"),
        (["success", "cancelled"], "unknown"),
    ],
)  # fmt: skip
def test_failed_beats_unknown_beats_success(
    owner: Client, database: Database, organization: str, clock: Clock, ends: list[str], verdict: str
) -> None:
    for name in ("A", "B"):
        make(owner, name=name, tags=["smoke"])
    asked = ask(owner)
    for run, status in zip(asked["runs"], ends, strict=True):
        finish(database, clock, organization, run, status)
    assert owner.data("GET", f"/v1/batches/{asked['batch_id']}")["status"] == verdict


@pytest.mark.parametrize("by_tag", [True, False])
def test_runs_of_ci_and_by_hand_page_nobody_and_touch_no_uptime(
    owner: Client, database: Database, organization: str, clock: Clock, by_tag: bool
) -> None:
    add_rule(database, organization, threshold=1, channels=[add_channel(database, organization)])
    made = make(owner, tags=["smoke"])
    path = f"/v1/journeys/{made['id']}"
    for _ in range(3):
        clock.advance(1_000)
        [run] = ask(owner)["runs"] if by_tag else owner.data("POST", f"{path}/run", status=202)["runs"]
        finish(database, clock, organization, run, "failed")
    assert rows_of(database, Alert) == []
    shown = owner.data("GET", path)
    assert (shown["health"], shown["stats"]["uptime_24h"], shown["stats"]["coverage_24h"]) == ("unknown", None, None)
    assert [row["status"] for row in owner.data("GET", f"{path}/runs")] == ["failed"] * 3
    decided = owner.data("GET", f"/v1/runs/{run['run_id']}/decisions")
    assert [row["outcome"] for row in decided] == ["not_counted"]


def test_what_the_steps_will_miss_is_told_for_the_runs_that_were_asked_for(owner: Client) -> None:
    step = {"type": "fill", "selector": "#a", "value": "{{PASSWORD}}"}
    goto = {"type": "goto", "url": "https://example.com"}
    make(owner, name="Log in", tags=["smoke"], steps=[goto, step])
    assert any(line.startswith("Log in: steps.1 uses {{PASSWORD}}") for line in warnings_of(owner, "POST", RUN_TAG))
    given = {"variables": {"PASSWORD": "x"}}
    assert not any("{{" in line for line in warnings_of(owner, "POST", RUN_TAG, given))


def test_a_place_that_no_probe_serves_is_told(owner: Client) -> None:
    make(owner, tags=["smoke"])
    assert any("location nowhere" in line for line in warnings_of(owner, "POST", RUN_TAG, {"locations": ["nowhere"]}))


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"variables": {"A B": "x"}}, "variables.A B"), ({"variables": {"A": 1}}, "variables.A"),
        ({"variables": {"A": "********"}}, "variables.A"), ({"base_url": "file:///etc"}, "base_url"),
        ({"base_url": "https://ann:pw@example.com"}, "base_url"), ({"locations": ["EU"]}, "locations.0"),
        ({"locations": []}, "locations"), ({"metadata": {"author": "x"}}, "metadata.author"),
        ({"metadata": {"url": "javascript:alert(1)"}}, "metadata.url"), ({"tags": ["a"]}, "tags"),
    ],
)  # fmt: skip
def test_bad_input_names_its_field(owner: Client, body: dict[str, Any], path: str) -> None:
    make(owner, tags=["smoke"])
    fields = owner.error("POST", RUN_TAG, body, status=422)["fields"]
    assert any(said.startswith(path) for said in fields), fields


def test_more_runs_than_a_pipeline_can_want_are_refused(owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.batches.MOST_RUNS", 2)
    for name in ("A", "B", "C"):
        make(owner, name=name, tags=["smoke"])
    assert owner.error("POST", RUN_TAG, status=422)["fields"].keys() == {"locations"}


def test_another_organizations_batch_is_not_there(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    make(owner, tags=["smoke"])
    batch_id = ask(owner)["batch_id"]
    stranger = client_of("admin", organization_id=make_organization("Other"))
    assert stranger("GET", f"/v1/batches/{batch_id}").status_code == 404
    assert owner("GET", "/v1/batches/bat_0123456789").status_code == 404


def test_old_batches_go_and_their_secrets_before_them(
    owner: Client, database: Database, keyring: Keyring, clock: Clock
) -> None:
    make(owner, tags=["smoke"])
    asked = ask(owner, {"variables": {"A": "x"}})
    retention = Retention(database, Settings())
    clock.advance(DAY_MS + 1)
    while retention.step():
        continue
    with database.read(EVERY_ORGANIZATION) as session:
        assert overrides_of(session, keyring, [asked["runs"][0]["run_id"]]) == {}
    assert owner.data("GET", f"/v1/batches/{asked['batch_id']}")["total"] == 1
    clock.advance(30 * DAY_MS)
    while retention.step():
        continue
    assert owner("GET", f"/v1/batches/{asked['batch_id']}").status_code == 404
