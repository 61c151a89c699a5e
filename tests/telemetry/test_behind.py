"""What was reported stands beside the runs that met it: a run's trace, an issue's checks, a release's before and after,
and the error in an alert's notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.schemas.releases import ReleaseImpact
from api.schemas.runs import RunAnswer
from api.schemas.telemetry import IssueDetail
from model.ids import new_id
from model.outcome import RunError, RunStatus, Trigger
from model.times import HOUR_MS, iso
from model.traceparent import trace_id_of
from store.sessions import Database
from telemetry.behind import ErrorsBehind
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.test_monitors import url_monitor
from tests.api.test_runs import finish
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project, message, span

FAILED: dict[str, Any] = {"status": RunStatus.FAILED, "error": RunError("assertion_failed", "status_code was 500")}


@pytest.fixture
def check_id(owner: Client) -> str:
    return str(owner.data("POST", "/v1/monitors", url_monitor(name="Shop", locations=["us-east"]), status=201)["id"])


@pytest.fixture
def other_organization(make_organization: Callable[[str], str]) -> str:
    return make_organization("Another")


def trace_of(owner: Client, run_id: str) -> Any:
    answer = owner("GET", f"/v1/runs/{run_id}").get_json()
    RunAnswer.model_validate(answer)
    return answer["data"]["trace"]


def test_a_run_shows_the_spans_and_errors_of_its_trace(
    reports: Reports, owner: Client, database: Database, organization: str, check_id: str, clock: Clock
) -> None:
    run_id = finish(database, organization, check_id, clock.now_ms, **FAILED).run_id
    trace_id = trace_id_of(run_id)
    assert trace_of(owner, run_id) == {"trace_id": trace_id, "spans": [], "errors": []}
    reports.spans(
        span("b", trace_id, parent_span_id="a", name="SELECT", start_timestamp="2024-01-15T10:29:00.100Z"),
        span("a", trace_id),
        span("c", "another"),
    )
    reports.events(
        event("e", trace_id=trace_id), message("m", "only said", trace_id=trace_id), event("f", trace_id="another")
    )
    found = trace_of(owner, run_id)
    assert [each["span_id"] for each in found["spans"]] == ["a", "b"]
    assert [(each["event_id"], each["project"]) for each in found["errors"]] == [("e", "truecom")]


def test_a_run_by_hand_has_a_trace_and_one_that_begins_none_has_none(
    reports: Reports, owner: Client, database: Database, organization: str, check_id: str, clock: Clock
) -> None:
    run_id = new_id("run", clock.now_ms)
    finish(database, organization, check_id, clock.now_ms, run_id=run_id, trigger=Trigger.MANUAL)
    reports.events(event("e", trace_id=trace_id_of(run_id)))
    assert [each["event_id"] for each in trace_of(owner, run_id)["errors"]] == ["e"]
    tcp = {"name": "Mail", "type": "tcp", "host": "mail.example.com", "port": 25, "locations": ["us-east"]}
    other = owner.data("POST", "/v1/monitors", tcp, status=201)["id"]
    assert trace_of(owner, finish(database, organization, other, clock.now_ms).run_id) is None


def test_a_trace_shows_projects_that_the_caller_may_see_and_no_others(
    reports: Reports, owner: Client, database: Database, organization: str, other_organization: str, check_id: str,
    clock: Clock, make_key: MakeKey,
) -> None:  # fmt: skip
    second = make_project(owner, "second")
    stranger = make_project(Client(owner.client, make_key(organization_id=other_organization)), "foreign")
    run_id = finish(database, organization, check_id, clock.now_ms).run_id
    trace_id = trace_id_of(run_id)
    for number, project in enumerate((reports, second, stranger)):
        project.spans(span("s", trace_id))
        project.events(event(f"e{number}", trace_id=trace_id))
    assert sorted(each["project"] for each in trace_of(owner, run_id)["spans"]) == ["second", "truecom"]
    made = owner.data(
        "POST", "/v1/api-keys", {"name": "one", "scopes": ["read"], "projects": ["second"]}, status=201
    )  # fmt: skip
    narrow = trace_of(Client(owner.client, made["key"]), run_id)
    assert [each["project"] for each in narrow["spans"]] == ["second"]
    assert [each["event_id"] for each in narrow["errors"]] == ["e1"]


def test_an_issue_lists_the_checks_that_it_breaks(
    reports: Reports, owner: Client, database: Database, organization: str, check_id: str, clock: Clock
) -> None:
    other = owner.data("POST", "/v1/monitors", url_monitor(name="Other", locations=["us-east"]), status=201)["id"]
    runs = [finish(database, organization, check_id, clock.now_ms + at, **FAILED).run_id for at in (0, 60_000, 120_000)]
    passed = finish(database, organization, other, clock.now_ms).run_id
    reports.events(event("of-a-user"), event("of-another", trace_id="4bf92f3577b34da6a3ce929d0e0e4736"))
    [issue] = reports.issues()
    detail = reports.get(f"/v1/issues/{issue['id']}", project=None)
    assert detail["checks"] == []
    reports.events(*(event(f"e{number}", trace_id=trace_id_of(run)) for number, run in enumerate(runs)))
    reports.events(event("e3", trace_id=trace_id_of(passed)))
    detail = owner("GET", f"/v1/issues/{issue['id']}").get_json()
    IssueDetail.model_validate(detail)
    first, second = detail["checks"]
    assert first == {
        "id": check_id, "name": "Shop", "type": "url", "runs": 3, "failed": 3, "last_run_id": runs[-1],
        "last_run_at": iso(clock.now_ms + 120_000),
    }  # fmt: skip
    assert (second["id"], second["runs"], second["failed"], second["last_run_id"]) == (other, 1, 0, passed)


def test_an_issue_that_was_merged_brings_its_checks(
    reports: Reports, owner: Client, database: Database, organization: str, check_id: str, clock: Clock
) -> None:
    run_id = finish(database, organization, check_id, clock.now_ms, **FAILED).run_id
    reports.events(message("a", "one thing"), message("b", "the same", trace_id=trace_id_of(run_id)))
    merged, into = reports.issues()
    reports.put(f"/v1/issues/{merged['id']}", {"merge_into": into["id"]})
    detail = owner("GET", f"/v1/issues/{into['id']}").get_json()
    assert [each["id"] for each in detail["checks"]] == [check_id]


def test_checks_of_other_organizations_are_nobodys_business(
    reports: Reports, owner: Client, database: Database, other_organization: str, clock: Clock, make_key: MakeKey
) -> None:
    stranger = Client(owner.client, make_key(organization_id=other_organization))
    foreign = stranger.data("POST", "/v1/monitors", url_monitor(locations=["us-east"]), status=201)["id"]
    run_id = finish(database, other_organization, foreign, clock.now_ms, **FAILED).run_id
    reports.events(event("e", trace_id=trace_id_of(run_id)))
    [issue] = reports.issues()
    assert owner("GET", f"/v1/issues/{issue['id']}").get_json()["checks"] == []


def release(reports: Reports, name: str, deployed_ms: int) -> None:
    said = {"project": "truecom", "release": name, "deployed_at": iso(deployed_ms)}
    assert reports.owner("POST", "/v1/releases", said).status_code == 201


def impact(reports: Reports, name: str, **query: Any) -> Any:
    found = reports.get("/v1/releases/impact", release=name, **query)
    ReleaseImpact.model_validate(found)
    return found


def test_a_release_shows_its_checks_before_and_after_it_went_live(
    reports: Reports, owner: Client, database: Database, organization: str, check_id: str, clock: Clock
) -> None:
    live_ms = clock.now_ms
    owner.data("POST", "/v1/monitors", url_monitor(name="Never met", locations=["us-east"]), status=201)
    long_ago, lately = [live_ms - 3 * HOUR_MS, live_ms - HOUR_MS], [live_ms - 60_000]
    for at_ms in [live_ms - 30 * HOUR_MS, *long_ago, *lately]:
        finish(database, organization, check_id, at_ms, duration_ms=100.0)
    met = finish(database, organization, check_id, live_ms, duration_ms=300.0, **FAILED).run_id
    finish(database, organization, check_id, live_ms + 60_000, duration_ms=500.0)
    finish(database, organization, check_id, live_ms + HOUR_MS, duration_ms=500.0, **FAILED)
    release(reports, "shop@2", live_ms)
    everything = impact(reports, "shop@2")
    assert (everything["met"], [each["name"] for each in everything["checks"]]) == (False, ["Never met", "Shop"])
    reports.spans(span("s", trace_id_of(met)))
    found = impact(reports, "shop@2")
    assert (found["met"], [each["id"] for each in found["checks"]]) == (True, [check_id])
    before, after = found["checks"][0]["before"], found["checks"][0]["after"]
    assert (before["success"], before["failed"], before["uptime"]) == (3, 0, 100.0)
    assert (after["success"], after["failed"], after["uptime"]) == (1, 2, 33.333)
    assert before["avg_response_ms"] == pytest.approx(100, rel=0.01)
    assert after["avg_response_ms"] == pytest.approx(433.3, rel=0.01)
    assert after["p95_response_ms"] == pytest.approx(500, rel=0.03)
    assert impact(reports, "shop@2", hours=48)["checks"][0]["before"]["success"] == 4


def test_a_release_names_the_issues_that_it_brought(reports: Reports, clock: Clock) -> None:
    reports.events(event("old", release="shop@1"))
    clock.advance(60_000)
    reports.events(event("again", release="shop@2"), message("new", "brand new", release="shop@2"))
    release(reports, "shop@2", clock.now_ms)
    assert [issue["title"] for issue in impact(reports, "shop@2")["new_issues"]] == ["brand new"]
    assert reports.get("/v1/releases/impact", 404, release="shop@3")
    reports.events(event("met", release="shop@3"))
    met = impact(reports, "shop@3")
    assert (met["release"]["deployed_at"], met["release"]["commit"]) == (None, None), "no build told of it"


def test_the_error_behind_an_alert_is_the_most_frequent_of_its_runs(
    reports: Reports, database: Database, organization: str, other_organization: str, check_id: str, clock: Clock,
    make_key: MakeKey,
) -> None:  # fmt: skip
    behind = ErrorsBehind(database)
    make_project(Client(reports.client, make_key(organization_id=other_organization)), "foreign")
    runs = [finish(database, organization, check_id, clock.now_ms + at, **FAILED).run_id for at in (0, 60_000)]
    assert behind(organization, runs) is None
    reports.events(event("first", release="shop@1"))
    clock.advance(60_000)
    traces = [trace_id_of(run) for run in runs]
    reports.events(
        message("m", "seldom", level="error", trace_id=traces[1], release="shop@2"),
        message("i", "only said", trace_id=traces[1]), message("j", "only said", trace_id=traces[0]),
        message("k", "only said", trace_id=traces[0]),
        *(event(f"e{number}", trace_id=trace, release="shop@2") for number, trace in enumerate(traces)),
    )  # fmt: skip
    found = behind(organization, runs)
    assert found is not None
    assert (found["title"], found["count"]) == ("TypeError: x is undefined", 2)
    assert found["first_release"] == "shop@1", "where it came from, not where it is now"
    assert found["id"] == next(issue["id"] for issue in reports.issues() if issue["title"].startswith("TypeError"))
    assert behind(other_organization, runs) is None
    assert behind(organization, []) is None
