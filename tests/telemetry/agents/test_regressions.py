"""/api/incidents/:id/regression-runs: what came after a fix, judged by what the incident was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from alerts.record import record as record_result
from model.evidence import StepResult
from model.finished import Finished
from model.outcome import Trigger
from store.regressions import WAITED_MS, get_regression
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, CheckVersion, Run
from store.write_lock import Urgency
from telemetry.agents.regressing.verdicts import Evidence, RunSeen, SessionSeen, verdict_of
from telemetry.agents.regressing.work import Regressing
from telemetry.agents.told import Uniting
from tests.alerts.alerting import add_rule
from tests.api.client import Client
from tests.conftest import Clock
from tests.store.auditing import actions, events
from tests.telemetry.agents.incidents import SHOP, add_journey, add_monitor, ping, record_runs, walk
from tests.telemetry.agents.recorded import Said, asks, goes_wrong
from tests.telemetry.agents.test_incidents import LOOP, WELL, change, failed
from tests.telemetry.agents.test_stored_analyses import record
from tests.telemetry.reporting import make_project

OTHER: list[Said] = [asks(), goes_wrong("Quite another thing"), ("end", {"status": "failed"})]
sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


class Case:
    """An incident of one looping session, and what is asked and judged about it."""

    def __init__(self, owner: Client, database: Database, clock: Clock) -> None:
        self.owner, self.database, self.clock = owner, database, clock
        self.incident = failed(owner, LOOP)
        clock.advance(1_000)

    def start(self, body: Any = None, status: int = 202, client: Client | None = None) -> dict[str, Any]:
        path = f"/api/incidents/{self.incident}/regression-runs"
        answer = (client or self.owner)("POST", path, {} if body is None else body)
        assert answer.status_code == status, answer.get_data(as_text=True)
        found: dict[str, Any] = answer.get_json()
        return found

    def judged(self, body: Any = None) -> dict[str, Any]:
        started = self.start(body)
        assert (started["status"], started["verdict"], started["before"], started["after"]) == (
            "running", None, None, None,
        )  # fmt: skip
        Regressing(self.database).work()
        return self.shown(started["id"])

    def shown(self, run_id: str) -> dict[str, Any]:
        answer = self.owner("GET", f"/api/incidents/{self.incident}/regression-runs/{run_id}")
        assert answer.status_code == 200
        whole = self.owner("GET", f"/api/incidents/{self.incident}").get_json()
        found: dict[str, Any] = answer.get_json()
        assert whole["regression"] == found
        return found

    def after(self, said: list[Said], session_id: str = "after", **fields: Any) -> None:
        self.clock.advance(1_000)
        record(self.owner, said, session_id, **fields)
        self.clock.advance(1_000)


@pytest.fixture
def case(owner: Client, database: Database, clock: Clock) -> Case:
    return Case(owner, database, clock)


def test_fixed_once_its_agent_went_well_since(case: Case) -> None:
    change(case.owner, case.incident, {"status": "fixed"})
    case.after(WELL)
    past = len(events(case.database))
    found = case.judged()
    assert (found["status"], found["verdict"]) == ("completed", "fixed")
    assert found["reason"] == "It shows no more: 1 session since came past where it began, and went well."
    [before], [after] = found["before"]["sessions"], found["after"]["sessions"]
    assert (before["session_id"], before["labels"], before["outcome"]) == ("trace_1", ["tool_loop"], "again")
    assert (after["session_id"], after["labels"], after["outcome"]) == ("after", [], "clear")
    assert found["since"] == "2024-01-15T10:30:01.000Z"
    assert actions(case.database, past=past) == ["incident.regression_started", "incident.regression_judged"]
    whole = case.owner("GET", f"/api/incidents/{case.incident}").get_json()
    last = whole["history"][-1]
    assert (whole["status"], last["kind"], last["to"], last["by"]) == ("fixed", "regression", "fixed", "test")


def test_not_fixed_once_it_shows_again(case: Case) -> None:
    change(case.owner, case.incident, {"status": "fixed"})
    case.after(WELL)
    case.after(LOOP, "again")
    found = case.judged()
    assert (found["verdict"], found["reason"]) == ("not_fixed", "It shows again in session again.")
    assert [each["outcome"] for each in found["after"]["sessions"]] == ["again", "clear"]


@pytest.mark.parametrize(
    ("said", "fields", "reason"),
    [
        (None, {}, "no session of its agents began since; no journey or monitor is linked that can be run"),
        (OTHER, {}, "sessions since went wrong in another way"),
        (WELL[:-1], {}, "no session since has ended"),
        (WELL, {"agent": "another"}, "no session of its agents began since"),
        (WELL, {"project_id": "shop"}, "no session of its agents began since"),
    ],
)
def test_inconclusive_with_the_reason(case: Case, said: Any, fields: dict[str, Any], reason: str) -> None:
    make_project(case.owner, "shop")
    if said is not None:
        case.after(said, **fields)
    found = case.judged({"since": "2024-01-15T10:30:01Z"})
    assert (found["verdict"], reason in found["reason"]) == ("inconclusive", True), found["reason"]


@pytest.mark.parametrize(
    ("said", "outcome", "reason"),
    [
        ([("end", {"status": "completed"})], "elsewhere", "went well but never came to where it begins"),
        ([*WELL[:-1], ("end", {"status": "timeout"})], "otherwise", "went wrong in another way"),
    ],
)
def test_what_never_came_there_or_went_wrong_otherwise_proves_nothing(
    case: Case, said: list[Said], outcome: str, reason: str
) -> None:
    change(case.owner, case.incident, {"status": "fixed"})
    case.after(said)
    found = case.judged()
    assert (found["verdict"], [each["outcome"] for each in found["after"]["sessions"]]) == ("inconclusive", [outcome])
    assert found["reason"] == (
        f"Nothing tells: sessions since {reason}; no journey or monitor is linked that can be run. "
        f"It begins at an answer of {SHOP}."
    )


def test_since_when_it_is_fixed(case: Case) -> None:
    assert case.judged()["since"] == "2024-01-15T10:30:01.000Z", "nobody said anything: from now on"
    case.clock.advance(5_000)
    assert case.owner("POST", f"/api/incidents/{case.incident}/fix-agent").status_code == 200
    case.clock.advance(5_000)
    assert case.judged()["since"] == "2024-01-15T10:30:06.000Z", "the newest fix"
    change(case.owner, case.incident, {"status": "fixed"})
    case.clock.advance(5_000)
    assert case.judged()["since"] == "2024-01-15T10:30:11.000Z", "it was called fixed"
    case.clock.advance(1)
    assert case.judged({"since": "2024-01-15T10:30:02Z"})["since"] == "2024-01-15T10:30:02.000Z"
    answer = case.start({"since": "2030-01-01T00:00:00Z"}, 422)
    assert list(answer["error"]["fields"]) == ["since"]


def _end(
    case: Case, organization: str, journey: str, run_id: str, *, passed: bool, version: int = 1, **more: Any
) -> None:  # fmt: skip
    """A probe reports what it was asked for by hand."""
    with case.database.read(EVERY_ORGANIZATION) as session:
        row = session.get(Run, run_id)
        assert row is not None
        at_ms = row.at_ms
    done: Finished = walk(organization, journey, 0, passed=passed, trigger=Trigger.MANUAL, **more)
    done.run_id, done.check_version = run_id, version
    done.at_ms, done.started_ms, done.completed_ms = at_ms, at_ms, at_ms + 100
    with case.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
        record_result(session, [done], at_ms + 100)


@pytest.mark.parametrize("passed", [True, False])
def test_linked_journeys_are_run_again_and_waited_for(case: Case, organization: str, *, passed: bool) -> None:
    journey = add_journey(case.database, organization)
    record_runs(case.database, walk(organization, journey, 0))
    Uniting(case.database).work()
    started = case.start()
    Regressing(case.database).work()
    assert case.shown(started["id"])["status"] == "running", "its runs have not ended"
    with case.database.read(EVERY_ORGANIZATION) as session:
        row = get_regression(session, started["id"])
        assert row is not None
        [asked] = row.asked
    assert (asked["check_id"], asked["location"]) == (journey, "local")
    _end(case, organization, journey, asked["run_id"], passed=passed)
    Regressing(case.database).work()
    found = case.shown(started["id"])
    [before], [after] = found["before"]["runs"], found["after"]["runs"]
    assert (before["outcome"], after["run_id"]) == ("again", asked["run_id"])
    assert (found["verdict"], after["outcome"]) == (("fixed", "clear") if passed else ("not_fixed", "again"))


def _change(database: Database, check_id: str, **definition: Any) -> None:
    """A second version of a check."""
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        check, first = session.get(Check, check_id), session.get(CheckVersion, (check_id, 1))
        assert check is not None
        assert first is not None
        check.definition, check.version = {**check.definition, **definition}, 2
        session.add(
            CheckVersion(
                check_id=check_id, version=2, organization_id=check.organization_id, definition=check.definition,
                schedule=first.schedule, from_ms=1, created_ms=1,
            )
        )  # fmt: skip


def _asked(case: Case, run_id: str) -> list[str]:
    """The runs of checks that were asked for with it."""
    with case.database.read(EVERY_ORGANIZATION) as session:
        row = get_regression(session, run_id)
        assert row is not None
        return [each["run_id"] for each in row.asked]


@pytest.mark.parametrize("lost", [True, False])
def test_a_journey_that_has_lost_the_step_proves_nothing(case: Case, organization: str, *, lost: bool) -> None:
    journey = add_journey(case.database, organization)
    record_runs(case.database, walk(organization, journey, 0))
    Uniting(case.database).work()
    kind = "hover" if lost else "click"
    goto = {"type": "goto", "url": "http://shop.example/"}
    _change(case.database, journey, steps=[goto, {"type": kind, "selector": "#order"}])
    started = case.start()
    [asked] = _asked(case, started["id"])
    steps = (StepResult(0, "goto", "success"), StepResult(1, kind, "success"))
    _end(case, organization, journey, asked, passed=True, version=2, steps=steps)
    Regressing(case.database).work()
    found = case.shown(started["id"])
    expected = ("inconclusive", "elsewhere") if lost else ("fixed", "clear")
    assert (found["verdict"], found["after"]["runs"][0]["outcome"]) == expected


@pytest.mark.parametrize("moved", [True, False])
def test_a_monitor_that_asks_something_else_by_now_proves_nothing(
    case: Case, organization: str, *, moved: bool
) -> None:
    monitor = add_monitor(case.database, organization)
    add_rule(case.database, organization)
    record_runs(case.database, *(ping(organization, monitor, number) for number in range(3)))
    Uniting(case.database).work()
    _change(case.database, monitor, url=f"{SHOP}/help" if moved else f"{SHOP}?x=1")
    started = case.start({"since": "2024-01-15T10:30:00Z"})
    [asked] = _asked(case, started["id"])
    _end(case, organization, monitor, asked, passed=True, version=2, steps=())
    Regressing(case.database).work()
    found = case.shown(started["id"])
    assert found["after"]["runs"][0]["outcome"] == ("elsewhere" if moved else "clear")


def test_checks_that_nobody_measures_are_not_waited_for_for_ever(case: Case, organization: str) -> None:
    journey = add_journey(case.database, organization)
    record_runs(case.database, walk(organization, journey, 0))
    Uniting(case.database).work()
    started = case.start()
    case.clock.advance(WAITED_MS)
    Regressing(case.database).work()
    found = case.shown(started["id"])
    assert (found["verdict"], found["after"]["runs"][0]["outcome"]) == ("inconclusive", "unknown")
    assert "no linked check was measured" in found["reason"]


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("point", ["judged", "written"])
def test_killed_in_the_middle_it_is_judged_by_whoever_is_next_and_once(case: Case, point: str) -> None:
    def die(reached: str) -> None:
        if reached == point:
            raise _KilledError

    change(case.owner, case.incident, {"status": "fixed"})
    case.after(WELL)
    started = case.start()
    with pytest.raises(_KilledError):
        Regressing(case.database, reached=die).work()
    assert case.shown(started["id"])["status"] == "running"
    past = len(events(case.database))
    Regressing(case.database).work()
    Regressing(case.database).work()
    assert case.shown(started["id"])["verdict"] == "fixed"
    assert actions(case.database, past=past) == ["incident.regression_judged"]


def test_two_that_judge_at_the_same_time_write_one_verdict(case: Case) -> None:
    change(case.owner, case.incident, {"status": "fixed"})
    case.after(WELL)
    case.start()
    past = len(events(case.database))

    def meanwhile(reached: str) -> None:
        if reached == "judged":
            Regressing(case.database).work()

    Regressing(case.database, reached=meanwhile).work()
    assert actions(case.database, past=past) == ["incident.regression_judged"]


def test_one_at_a_time_and_by_whom_it_may_be(
    case: Case, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    stranger = client_of("read", "write", organization_id=make_organization("Other"))
    case.start(client=stranger, status=404)
    case.start(client=client_of("read"), status=403)
    case.start({"since": "yesterday"}, 422)
    started = case.start()
    assert case.start(status=409)["error"]["code"] == "conflict"
    path = f"/api/incidents/{case.incident}/regression-runs"
    assert stranger("GET", f"{path}/{started['id']}").status_code == 404
    assert case.owner("GET", f"{path}/reg_000000").status_code == 404
    Regressing(case.database).work()
    assert case.start()["id"] != started["id"]


@sqlite_only
def test_who_may_see_one_project_sees_no_session_of_another(case: Case) -> None:
    make_project(case.owner, "shop")
    case.after(LOOP, "theirs", project_id="shop")
    case.owner("POST", "/api/traces/theirs/analyze")
    found = case.judged({"since": "2024-01-15T10:30:00Z"})
    assert {each["session_id"] for each in found["after"]["sessions"]} == {"trace_1", "theirs"}
    key = case.owner.data("POST", "/v1/api-keys", {"name": "K", "scopes": ["read"], "projects": ["shop"]}, status=201)[
        "key"
    ]
    path = f"/api/incidents/{case.incident}/regression-runs/{found['id']}"
    seen = Client(case.owner.client, key)("GET", path)
    assert [each["session_id"] for each in seen.get_json()["after"]["sessions"]] == ["theirs"]
    assert "trace_1" not in seen.get_data(as_text=True)


def _session(outcome: str) -> SessionSeen:
    return SessionSeen("s", "a", None, "completed", [], None, outcome)


def _run(outcome: str) -> RunSeen:
    return RunSeen("r", "c", "n", "local", "x", None, outcome)


@pytest.mark.parametrize(
    ("sessions", "runs", "verdict"),
    [
        ("", "", "inconclusive"), ("clear", "", "fixed"), ("", "clear", "fixed"), ("clear", "again", "not_fixed"),
        ("again", "clear", "not_fixed"), ("otherwise", "otherwise", "inconclusive"), ("unknown", "clear", "fixed"),
        ("otherwise", "clear", "fixed"), ("unknown", "unknown", "inconclusive"),
    ],
)  # fmt: skip
def test_the_verdict_is_what_the_evidence_says(sessions: str, runs: str, verdict: str) -> None:
    after = Evidence([_session(sessions)] if sessions else [], [_run(runs)] if runs else [])
    found, reason = verdict_of(after)
    assert (found, reason.endswith(".")) == (verdict, True)
