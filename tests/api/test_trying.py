"""Trying out a monitor before it is saved: a real lease, a real result, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from api.probe_leases import Leasing
from api.probe_results import take_results
from model.outcome import AssertionResult, Metrics, RunError, RunStatus
from model.protocol import PROTOCOL, TRIED_BODY_BYTES, LeaseAnswer, LeaseRequest, Result
from model.settings import Settings
from store.dispatches import reopen_lost
from store.draft_tables import Draft
from store.drafts import KEPT, KEPT_MS, OPEN_AT_ONCE, TAKEN_WITHIN_MS
from store.keyring import Keyring
from store.open_dispatches import Holder
from store.retention import Retention
from store.service_clock import beat
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import (
    Change,
    Check,
    Dispatch,
    LocationState,
    ProbeInstance,
    RollupDay,
    RollupHour,
    Run,
)
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.test_monitors import url_monitor
from tests.conftest import Clock
from tests.scheduler.asked import close_and_rescue
from tests.store.auditing import told

TRY = "/v1/monitors/try?wait=0"
SECRET = "Bearer hunter2"
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


class Probe:
    """A probe at a location, as the API sees one."""

    def __init__(self, database: Database, keyring: Keyring, organization: str, probe_id: str, location: str) -> None:
        self.holder = Holder(organization, probe_id, location)
        self._database, self._leasing = database, Leasing(database, keyring)

    def lease(self, instance: str = "one", **facts: Any) -> LeaseAnswer:
        asked: dict[str, Any] = {"types": ["url", "api", "tcp", "dns"], "capabilities": ["network"], "capacity": 9}
        request = LeaseRequest(PROTOCOL, instance, "1.0", **{**asked, **facts})
        return self._leasing.begin(self.holder, request).answer(self.holder, 0)

    def report(self, leased: LeaseAnswer, *, refused: int = 0, **found: Any) -> None:
        [batch] = leased.batches
        [run] = batch.runs
        facts: dict[str, Any] = {"status": RunStatus.SUCCESS, "duration_ms": 12.0, "elapsed_ms": 12.0, **found}
        result = Result(run.run_id, batch.dispatch_id, batch.token, run.check_id, 1, **facts)
        assert len(take_results(self._database, self.holder, [result]).refused) == refused


@pytest.fixture
def probe(owner: Client, database: Database, keyring: Keyring, organization: str) -> Probe:
    """Registered and online at `local`."""
    made = owner.data("POST", "/v1/probes", {"name": "here", "location": "local"}, status=201)
    there = Probe(database, keyring, organization, made["id"], "local")
    there.lease()
    return there


def used(owner: Client) -> int:
    """Network runs of this month."""
    return int(owner.data("GET", "/v1/usage")["usage"]["api_runs"]["used"])


def tables_of(database: Database) -> dict[str, int]:
    tables = (Check, Run, LocationState, RollupHour, RollupDay, Change)
    with database.read(EVERY_ORGANIZATION) as session:
        counted = {table.__tablename__: session.scalar(select(func.count()).select_from(table)) for table in tables}
    return {name: count or 0 for name, count in counted.items()}


def test_a_draft_is_run_by_a_probe_and_leaves_only_what_it_found(
    owner: Client, probe: Probe, database: Database
) -> None:
    before = tables_of(database)
    document = url_monitor(name="Shop", headers={"Authorization": SECRET}, retries={"count": 3, "delay": 60})
    waiting = owner.data("POST", TRY, document, status=202)
    assert (waiting["status"], waiting["location"], waiting["response"]) == ("queued", "local", None)
    leased = probe.lease()
    [check] = leased.checks
    definition = msgspec.json.decode(check.definition)
    assert (definition["headers"], definition["retries"]["count"]) == ({"Authorization": SECRET}, 0)
    [run] = leased.batches[0].runs
    assert run.overrides is not None
    assert run.overrides.body_bytes == TRIED_BODY_BYTES
    assert owner.data("GET", f"/v1/monitors/try/{waiting['id']}")["status"] == "running"
    probe.report(
        leased,
        metrics=Metrics(dns_ms=1.0, connect_ms=2.0),
        assertions=(AssertionResult("status_code", "less_than", 400, 200, True),),
        response={"status_code": 200, "body": '{"status": "ok"}'},
    )
    ended = owner.data("GET", f"/v1/monitors/try/{waiting['id']}")
    assert (ended["status"], ended["duration_ms"], ended["metrics"]["connect_ms"]) == ("success", 12, 2)
    assert ended["response"]["body"] == '{"status": "ok"}'
    assert ended["assertions"][0]["actual"] == 200
    assert tables_of(database) == before
    assert owner.data("GET", "/v1/monitors") == []
    assert owner("GET", f"/v1/runs/{run.run_id}").status_code == 404
    assert used(owner) == 1
    with database.read(EVERY_ORGANIZATION) as session:
        [draft] = session.scalars(select(Draft))
        assert (draft.definition, draft.secrets) == (None, None)
        assert all(dispatch.closed_ms for dispatch in session.scalars(select(Dispatch)))
    assert told(database)[-1][0] == "monitor.tried"


def test_a_result_told_twice_counts_once(owner: Client, probe: Probe) -> None:
    owner.data("POST", TRY, url_monitor(), status=202)
    leased = probe.lease()
    probe.report(leased)
    probe.report(leased, status=RunStatus.FAILED, error=RunError("timeout", "no"))
    assert used(owner) == 1


def test_a_draft_at_rest_has_its_secrets_encrypted(owner: Client, probe: Probe, database: Database) -> None:
    owner.data("POST", TRY, url_monitor(headers={"Authorization": SECRET}), status=202)
    with database.read(EVERY_ORGANIZATION) as session:
        [draft] = session.scalars(select(Draft))
    assert draft.definition is not None
    assert draft.definition["headers"] == {"Authorization": "********"}
    assert draft.secrets is not None
    assert b"hunter2" not in draft.secrets


def test_what_can_not_be_run_is_refused_with_the_reason(owner: Client, probe: Probe) -> None:
    assert "eu-west is online" in owner.error("POST", f"{TRY}&location=eu-west", url_monitor(), status=409)["message"]
    elsewhere = url_monitor(locations=["nowhere"])
    assert "nowhere is online" in owner.error("POST", TRY, elsewhere, status=409)["message"]
    assert "waits for a ping" in owner.error("POST", TRY, {"type": "heartbeat"}, status=409)["message"]
    bad = url_monitor(url="no url", assertions=[{"type": "status_code", "value": "x"}])
    assert owner.error("POST", TRY, bad, status=422)["fields"].keys() == {"url", "assertions.0.value"}
    assert owner.error("POST", f"{TRY}&monitor=mon_0123456789", url_monitor(), status=404)
    assert owner.error("GET", "/v1/monitors/try/try_0123456789", status=404)
    nameless = {"type": "url", "url": "https://example.com/"}
    assert owner.data("POST", TRY, nameless, status=202)["type"] == "url"


def test_another_organization_sees_and_keeps_nothing_of_it(
    owner: Client, probe: Probe, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    monitor = owner.data("POST", "/v1/monitors", url_monitor(headers={"Authorization": SECRET}), status=201)["id"]
    draft = owner.data("POST", TRY, url_monitor(), status=202)["id"]
    stranger = client_of("admin", organization_id=make_organization("Elsewhere"))
    assert stranger("GET", f"/v1/monitors/try/{draft}").status_code == 404
    assert stranger("POST", f"{TRY}&monitor={monitor}", url_monitor()).status_code == 404


def test_a_draft_of_a_change_keeps_the_stored_secret_where_it_is_at_home(owner: Client, probe: Probe) -> None:
    stored = url_monitor(headers={"Authorization": SECRET, "X-Note": "n"}, secret_headers=["X-Note"])
    monitor = owner.data("POST", "/v1/monitors", stored, status=201)["id"]
    change = {"url": "https://example.com/other", "headers": {"Authorization": "********"}}
    owner.data("POST", f"{TRY}&monitor={monitor}", change, status=202)
    definition = msgspec.json.decode(probe.lease().checks[0].definition)
    assert (definition["url"], definition["headers"]) == (change["url"], {"Authorization": SECRET})
    moved = {"url": "https://evil.example/", "headers": {"Authorization": "********"}}
    refused = owner.error("POST", f"{TRY}&monitor={monitor}", moved, status=422)
    assert refused["fields"].keys() == {"headers.Authorization"}
    shown = {"headers": {"X-Note": "********"}, "secret_headers": []}
    assert owner.error("POST", f"{TRY}&monitor={monitor}", shown, status=422)["fields"].keys() == {"headers.X-Note"}


def test_what_no_probe_takes_is_said_with_a_scheduler_and_without(
    owner: Client, probe: Probe, database: Database, clock: Clock
) -> None:
    draft = owner.data("POST", TRY, url_monitor(), status=202)["id"]
    clock.advance(TAKEN_WITHIN_MS + 5_001)
    alone = owner.data("GET", f"/v1/monitors/try/{draft}")
    assert (alone["status"], alone["error"]["code"]) == ("unknown", "no_probe")
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        beat(session, clock.now_ms)
    assert close_and_rescue(database) == 1
    closed = owner.data("GET", f"/v1/monitors/try/{draft}")
    assert (closed["status"], closed["error"]["code"]) == ("unknown", "no_probe")
    assert probe.lease().batches == []
    assert used(owner) == 0


def test_a_draft_of_a_probe_that_died_goes_to_another_and_only_that_ones_result_counts(
    owner: Client, probe: Probe, database: Database, clock: Clock
) -> None:
    draft = owner.data("POST", TRY, url_monitor(), status=202)["id"]
    lost = probe.lease()
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        for instance in session.scalars(select(ProbeInstance)):
            instance.lease_until_ms = clock.now_ms - 1
        session.flush()
        assert reopen_lost(session, clock.now_ms, 10)
    assert owner.data("GET", f"/v1/monitors/try/{draft}")["status"] == "queued"
    again = probe.lease("two")
    probe.report(lost, refused=1, status=RunStatus.FAILED, error=RunError("timeout", "late"))
    probe.report(again)
    assert owner.data("GET", f"/v1/monitors/try/{draft}")["status"] == "success"


def test_few_are_under_way_at_once(owner: Client, probe: Probe, clock: Clock) -> None:
    for _ in range(OPEN_AT_ONCE):
        owner.data("POST", TRY, url_monitor(), status=202)
    answer = owner("POST", TRY, url_monitor())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")


def test_few_are_kept_and_none_for_longer_than_an_hour(
    owner: Client, probe: Probe, database: Database, clock: Clock, settings: Settings
) -> None:
    drafts = []
    for _ in range(KEPT + 2):
        drafts.append(owner.data("POST", TRY, url_monitor(), status=202)["id"])
        probe.report(probe.lease())
        clock.advance(2_000)
    assert owner("GET", f"/v1/monitors/try/{drafts[1]}").status_code == 404
    assert owner("GET", f"/v1/monitors/try/{drafts[2]}").status_code == 200
    clock.advance(KEPT_MS)
    assert owner("GET", f"/v1/monitors/try/{drafts[-1]}").status_code == 404
    retention = Retention(database, settings)
    while retention.step():
        pass
    with database.read(EVERY_ORGANIZATION) as session:
        assert session.scalars(select(Draft)).all() == []


@sqlite_only
def test_who_waits_hears_of_the_end_at_once(owner: Client, probe: Probe, database: Database) -> None:
    threading.Timer(0.05, _take_and_report, (probe,)).start()
    answer = owner("POST", "/v1/monitors/try?wait=20", url_monitor())
    assert (answer.status_code, answer.get_json()["data"]["status"]) == (200, "success")


def _take_and_report(probe: Probe) -> None:
    while not (leased := probe.lease()).batches:
        threading.Event().wait(0.02)
    probe.report(leased)
