"""/v1/runs/:id and the runs of a monitor, and what a monitor shows of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from alerts.record import record
from api.schemas.monitors import MonitorList
from api.schemas.runs import RunAnswer, RunList
from model.errors import ErrorCode, status_for
from model.finished import Finished
from model.heartbeat import FRESH_MS
from model.ids import slot_run_id
from model.outcome import AssertionResult, Attempt, Metrics, RunError, RunStatus
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Gap
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.api.test_monitors import HEARTBEAT, url_monitor

METRICS = Metrics(dns_ms=15.0, connect_ms=45.0, tls_ms=80.0, ttfb_ms=190.0, download_ms=55.0)


def finish(database: Database, organization: str, check_id: str, at_ms: int, **given: Any) -> Finished:
    """Record a run of a slot: passed in 245 ms at us-east unless said otherwise."""
    facts: dict[str, Any] = {
        "location": "us-east",
        "status": RunStatus.SUCCESS,
        "started_ms": at_ms + 4,
        "completed_ms": at_ms + 249,
        "duration_ms": 245.0,
        "metrics": METRICS,
        "probe_id": "prb_abc123",
        **given,
    }
    facts.setdefault("run_id", slot_run_id(check_id, facts["location"], at_ms))
    done = Finished(organization_id=organization, check_id=check_id, check_version=1, at_ms=at_ms, **facts)
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        assert record(session, [done], at_ms + 300) == []
    return done


@pytest.fixture
def check_id(owner: Client) -> str:
    made = owner.data("POST", "/v1/monitors", url_monitor(locations=["us-east", "eu-west"]), status=201)
    return str(made["id"])


def test_the_seeds_run_is_shown_with_its_phases_and_assertions(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    done = finish(
        database, organization, check_id, clock.now_ms,
        assertions=(AssertionResult("status_code", "equals", 200, 200, True),),
        response={"status_code": 200, "http_version": "2"},
    )  # fmt: skip
    answer = owner("GET", f"/v1/runs/{done.run_id}").get_json()
    RunAnswer.model_validate(answer)
    assert answer["data"] == {
        "id": done.run_id,
        "monitor_id": check_id,
        "journey_id": None,
        "status": "success",
        "location": "us-east",
        "trigger": "schedule",
        "scheduled_at": "2024-01-15T10:30:00.000Z",
        "queued_at": None,
        "started_at": "2024-01-15T10:30:00.004Z",
        "completed_at": "2024-01-15T10:30:00.249Z",
        "duration_ms": 245,
        "degraded": False,
        "metrics": {"dns_ms": 15, "connect_ms": 45, "tls_ms": 80, "ttfb_ms": 190, "download_ms": 55},
        "error": None,
        "probe_id": "prb_abc123",
        "assertions": [
            {"type": "status_code", "operator": "equals", "expected": 200, "actual": 200, "passed": True}
        ],
        "attempts": [],
        "trace": {"trace_id": done.run_id.removeprefix("run_"), "spans": [], "errors": []},
        "response": {"status_code": 200, "http_version": "2"},
    }  # fmt: skip


def test_a_failed_run_tells_why_and_keeps_every_attempt(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    refused = RunError("connect_refused", "203.0.113.9 refused the connection on port 443")
    done = finish(
        database, organization, check_id, clock.now_ms, status=RunStatus.FAILED, error=refused,
        metrics=Metrics(dns_ms=1.5),
        assertions=(AssertionResult("header", "exists", None, None, False, name="X-A"),),
        attempts=(
            Attempt(4.0, RunStatus.FAILED, 3.25, Metrics(dns_ms=1.0), refused),
            Attempt(5007.0, RunStatus.FAILED, 2.0, Metrics(dns_ms=1.5), refused),
        ),
    )  # fmt: skip
    shown = owner.data("GET", f"/v1/runs/{done.run_id}")
    assert shown["error"] == {"code": "connect_refused", "message": refused.message}
    assert shown["metrics"]["connect_ms"] is None
    assert shown["assertions"][0] == {
        "type": "header", "name": "X-A", "operator": "exists", "expected": None, "actual": None, "passed": False,
    }  # fmt: skip
    assert [attempt["started_at"] for attempt in shown["attempts"]] == [
        "2024-01-15T10:30:00.004Z",
        "2024-01-15T10:30:05.007Z",
    ]
    assert shown["attempts"][0]["duration_ms"] == 3.25
    assert shown["attempts"][1]["error"] == shown["error"]


def test_runs_are_listed_newest_first_with_gaps_in_their_place_and_filters(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    t0 = clock.now_ms
    ids = [finish(database, organization, check_id, t0 + 60_000 * minute).run_id for minute in range(3)]
    failed = finish(
        database, organization, check_id, t0 + 600_000, location="eu-west", status=RunStatus.FAILED,
        error=RunError("timeout", "no answer in 30 s"),
    ).run_id  # fmt: skip
    with database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        session.add(
            Gap(
                id="gap_abc123", organization_id=organization, check_id=check_id, location="us-east",
                from_ms=t0 + 180_000, to_ms=t0 + 540_000, slots=7, status="missed", error_code="probe_offline",
                error_message="every probe of us-east was offline",
            )
        )  # fmt: skip
    path = f"/v1/monitors/{check_id}/runs"
    answer = owner("GET", path).get_json()
    RunList.model_validate(answer)
    assert [entry.get("id") for entry in answer["data"]] == [failed, None, *reversed(ids)]
    assert answer["data"][1] == {
        "status": "missed", "location": "us-east", "slots": 7, "from": "2024-01-15T10:33:00.000Z",
        "to": "2024-01-15T10:39:00.000Z",
        "error": {"code": "probe_offline", "message": "every probe of us-east was offline"},
    }  # fmt: skip
    assert answer["meta"] == {"total": 5, "page": 1, "per_page": 20, "next": None}

    def listed(query: str) -> list[str | None]:
        return [entry.get("id") for entry in owner.data("GET", f"{path}?{query}")]

    assert listed("status=failed") == [failed]
    assert listed("status=failed,missed") == [failed, None]
    assert listed("location=eu-west") == [failed]
    assert listed("from=2024-01-15T10:31:00Z&to=2024-01-15T10:32:00Z") == [ids[1]]
    first = owner("GET", f"{path}?per_page=2").get_json()
    second = owner("GET", f"{path}?per_page=2&cursor={first['meta']['next']}").get_json()
    assert [entry["id"] for entry in second["data"]] == [ids[2], ids[1]]
    assert listed("per_page=2&page=2") == [ids[2], ids[1]]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_filter_of_runs_that_means_nothing_is_refused_by_name(owner: Client, check_id: str) -> None:
    for query, field in (
        ("status=down", "status"),
        ("status=success,,failed", "status"),
        ("status=", "status"),
        ("from=yesterday", "from"),
        ("from=2024-13-01", "from"),
        ("to=99999-01-01", "to"),
        ("location=US+East", "location"),
        ("cursor=abc", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=", "cursor"),
        ("trigger=manual", "trigger"),
        ("per_page=1000", "per_page"),
    ):
        assert field in owner.error("GET", f"/v1/monitors/{check_id}/runs?{query}", status=422)["fields"], query


def test_a_monitor_shows_its_health_its_last_run_and_its_figures(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    finish(database, organization, check_id, clock.now_ms)
    shown = owner.data("GET", f"/v1/monitors/{check_id}")
    assert shown["health"] == "up"
    assert shown["last_run"].items() >= {
        "status": "success", "duration_ms": 245, "completed_at": "2024-01-15T10:30:00.249Z",
    }.items()  # fmt: skip
    assert shown["stats"].items() >= {"uptime_24h": 100, "coverage_24h": 100, "avg_response_ms": 245}.items()
    states = {state["location"]: state for state in shown["location_states"]}
    assert (states["us-east"]["state"], states["eu-west"]["state"]) == ("up", "unknown")
    failed = finish(
        database, organization, check_id, clock.now_ms + 60_000, status=RunStatus.FAILED, error=RunError("timeout", "x")
    )
    clock.advance(61_000)
    shown = owner.data("GET", f"/v1/monitors/{check_id}")
    assert (shown["health"], shown["last_run"]["id"]) == ("down", failed.run_id)
    assert shown["last_run"]["error"] == {"code": "timeout", "message": "x"}
    assert shown["stats"]["uptime_24h"] == 50
    finish(database, organization, check_id, clock.now_ms, location="eu-west", degraded=True)
    assert owner.data("GET", f"/v1/monitors/{check_id}")["health"] == "degraded"
    clock.advance(10 * 60_000)
    assert owner.data("GET", f"/v1/monitors/{check_id}")["health"] == "unknown"


def test_what_a_heartbeat_said_counts_until_the_next_and_no_time_is_shown_for_that(
    owner: Client, database: Database, organization: str, clock: Any
) -> None:
    made = owner.data("POST", "/v1/monitors", {"name": "Backup", "type": "heartbeat", "interval": 3600}, status=201)
    finish(database, organization, made["id"], clock.now_ms, location="heartbeat", fresh_for_ms=FRESH_MS)
    clock.advance(365 * 86_400_000)
    [state] = owner.data("GET", f"/v1/monitors/{made['id']}")["location_states"]
    assert (state["state"], state["fresh_until"]) == ("up", None)


def test_runs_of_a_deleted_monitor_stay_readable_by_id(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    done = finish(database, organization, check_id, clock.now_ms)
    owner.data("DELETE", f"/v1/monitors/{check_id}")
    assert owner.data("GET", f"/v1/runs/{done.run_id}")["monitor_id"] == check_id


def test_a_page_of_monitors_costs_as_many_queries_as_one_monitor(
    owner: Client, database: Database, organization: str, clock: Any
) -> None:
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))

    def queries(path: str) -> int:
        asked.clear()
        answer = owner("GET", path)
        assert answer.status_code == 200
        MonitorList.model_validate(answer.get_json())
        return len(asked)

    def add(number: int) -> None:
        for _ in range(number):
            made = owner.data("POST", "/v1/monitors", url_monitor(), status=201)
            finish(database, organization, made["id"], clock.now_ms, location="local")
            owner.data("POST", "/v1/monitors", HEARTBEAT, status=201)

    add(1)
    few = queries("/v1/monitors?per_page=100")
    add(10)
    assert queries("/v1/monitors?per_page=100") == few
    assert few <= 20


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_every_error_code_can_be_shown(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    for number, code in enumerate(ErrorCode):
        error = RunError(code.value, "said why")
        at_ms = clock.now_ms + 60_000 * number
        done = finish(database, organization, check_id, at_ms, status=status_for(code), error=error)
        answer = owner("GET", f"/v1/runs/{done.run_id}").get_json()
        RunAnswer.model_validate(answer)
        assert answer["data"]["error"]["code"] == code.value


def test_stats_are_kept_for_ten_seconds_and_no_longer(
    owner: Client, database: Database, organization: str, check_id: str, clock: Any
) -> None:
    finish(database, organization, check_id, clock.now_ms)
    path = f"/v1/monitors/{check_id}"
    assert owner.data("GET", path)["stats"]["uptime_24h"] == 100
    failed = RunError("timeout", "x")
    finish(database, organization, check_id, clock.now_ms + 1, status=RunStatus.FAILED, error=failed)
    clock.advance(9_999)
    kept = owner.data("GET", path)
    assert (kept["stats"]["uptime_24h"], kept["health"]) == (100, "down")
    clock.advance(1)
    assert owner.data("GET", path)["stats"]["uptime_24h"] == 50
