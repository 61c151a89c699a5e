"""Why was I (not) told, and what would another rule have done: over REST."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api import backtests
from model.times import DAY_MS
from store.sessions import Database
from tests.alerts.alerting import STEP_MS, add_channel, add_rule, tell_story
from tests.alerts.recording import T0, add_check
from tests.api.conftest import Client
from tests.conftest import Clock

BACKTEST = "/v1/alert-rules/backtest"


@pytest.fixture
def check(database: Database, organization: str, clock: Clock) -> str:
    """A check that fell over twice, for three runs and for one."""
    clock.now_ms = T0
    check = add_check(database, organization)
    tell_story(database, organization, check, "+---++-+")
    clock.now_ms = T0 + 60 * STEP_MS
    return check


def test_a_run_says_what_each_rule_made_of_it(
    owner: Client, database: Database, organization: str, clock: Clock
) -> None:
    channel = add_channel(database, organization)
    rule = add_rule(database, organization, threshold=2, channels=[channel])
    check = add_check(database, organization)
    tell_story(database, organization, check, "+--")
    [second, first, passed] = owner.data("GET", f"/v1/monitors/{check}/runs")
    [alert] = owner.data("GET", "/v1/alerts")
    [not_met] = owner.data("GET", f"/v1/runs/{first['id']}/decisions")
    assert not_met == {
        "at": "2024-01-15T10:30:10.000Z", "rule_id": rule, "outcome": "not_met", "detail": not_met["detail"],
        "alert_id": None,
    }  # fmt: skip
    assert not_met["detail"]
    [triggered] = owner.data("GET", f"/v1/runs/{second['id']}/decisions")
    assert (triggered["outcome"], triggered["alert_id"]) == ("triggered", alert["id"])
    assert channel in triggered["detail"]
    assert owner.data("GET", f"/v1/runs/{passed['id']}/decisions") == []
    clock.now_ms = T0 + 60 * STEP_MS
    why = f"/v1/monitors/{check}/why"
    assert owner.data("GET", why) == [triggered]
    assert owner.data("GET", f"{why}?at=2024-01-15T10:30:15Z") == [not_met]
    assert owner.data("GET", f"{why}?at=2024-01-15T10:30:05Z") == []
    assert "at" in owner.error("GET", f"{why}?at=yesterday", status=422)["fields"]


def test_explanations_are_the_organizations_own(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str], check: str
) -> None:
    stranger = client_of("admin", organization_id=make_organization("Other"))
    run = owner.data("GET", f"/v1/monitors/{check}/runs")[0]["id"]
    stranger.error("GET", f"/v1/runs/{run}/decisions", status=404)
    stranger.error("GET", f"/v1/monitors/{check}/why", status=404)
    error = stranger.error("POST", BACKTEST, wanted(apply_to={"monitors": [check]}), status=422)
    assert "apply_to.monitors.0" in error["fields"]
    assert stranger.data("POST", BACKTEST, wanted(threshold=1))["alerts"] == []
    owner.error("GET", "/v1/monitors/mon_abc123/why", status=404)
    owner.error("GET", "/v1/runs/run_abc123/decisions", status=404)


def wanted(**fields: Any) -> dict[str, Any]:
    return {"type": "consecutive_failures", "apply_to": {"all": True}, **fields}


def test_a_backtest_says_what_a_rule_would_have_done(
    owner: Client, database: Database, organization: str, check: str
) -> None:
    channel = add_channel(database, organization)
    tried = owner.data("POST", BACKTEST, wanted(threshold=3, channels=[channel]))
    [alert] = tried["alerts"]
    assert (alert["check_id"], len(alert["run_ids"])) == (check, 3)
    assert (alert["triggered_at"], alert["resolved_at"]) == ("2024-01-15T10:30:30.105Z", "2024-01-15T10:30:40.105Z")
    assert tried["notices"] == {channel: 2}
    noisy = owner.data("POST", BACKTEST, wanted(threshold=1, channels=[channel], name="noisy"))
    assert (len(noisy["alerts"]), noisy["notices"]) == (2, {channel: 4})
    late = {"from": "2024-01-15T10:30:50Z", "to": "2024-01-15T10:31:05Z"}
    [alert] = owner.data("POST", BACKTEST, wanted(threshold=1, **late))["alerts"]
    assert (alert["triggered_at"], alert["resolved_at"]) == ("2024-01-15T10:31:00.105Z", None)
    assert owner.data("GET", "/v1/alerts") == []
    assert owner.data("GET", "/v1/alert-rules") == []


def test_a_backtest_looks_at_seven_days_unless_told_otherwise(owner: Client, check: str, clock: Clock) -> None:
    clock.now_ms = T0 + 7 * DAY_MS + 2 * STEP_MS
    assert len(owner.data("POST", BACKTEST, wanted(threshold=1))["alerts"]) == 2
    clock.now_ms = T0 + 8 * DAY_MS
    assert owner.data("POST", BACKTEST, wanted(threshold=1))["alerts"] == []
    longer = wanted(threshold=1, **{"from": "2024-01-15T00:00:00Z", "to": "2099-01-01T00:00:00Z"})
    assert len(owner.data("POST", BACKTEST, longer)["alerts"]) == 2


def test_a_backtest_that_makes_no_sense_is_named(owner: Client, check: str) -> None:
    now = "2024-01-15T10:40:00Z"
    for fields, at in (
        ({"type": "weather"}, "type"),
        ({"threshold": 0}, "threshold"),
        ({"from": "last week"}, "from"),
        ({"from": 5}, "from"),
        ({"from": now}, "from"),
        ({"from": "2024-01-15T10:30:00Z", "to": "2024-01-15T10:30:00Z"}, "from"),
        ({"from": "2023-10-17T10:39:59Z", "to": now}, "from"),
        ({"to": "later"}, "to"),
        ({"from_": now}, "from_"),
        ({"days": 7}, "days"),
        ({"id": "rule_abc123"}, "id"),
        ({"channels": ["chan_abc123"]}, "channels.0"),
        ({"apply_to": {"monitors": [check, "mon_abc123"]}}, "apply_to.monitors.1"),
    ):
        error = owner.error("POST", BACKTEST, wanted(**fields), status=422)
        assert at in error["fields"], (fields, error["fields"])
    edge = wanted(**{"from": "2023-10-17T10:40:00Z", "to": now})
    owner.data("POST", BACKTEST, edge)


def test_a_backtest_over_too_many_runs_is_refused_not_cut_short(
    owner: Client, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "MOST_RUNS", 8)
    owner.data("POST", BACKTEST, wanted())
    monkeypatch.setattr(backtests, "MOST_RUNS", 7)
    assert "more work than 7 runs" in owner.error("POST", BACKTEST, wanted(), status=422)["fields"]["from"][0]
    owner.data("POST", BACKTEST, wanted(**{"from": "2024-01-15T10:30:05Z"}))
    slow = {"type": "response_time", "threshold": 100, "from": "2024-01-15T10:30:15Z"}
    owner.data("POST", BACKTEST, wanted(**slow, window=60))
    error = owner.error("POST", BACKTEST, wanted(**slow, window=86_400), status=422)
    assert "a shorter window" in error["fields"]["from"][0]


def test_who_may_ask_for_runs_may_try_a_rule(client_of: Callable[..., Client], check: str) -> None:
    client_of("run").data("POST", BACKTEST, wanted())
    client_of("read").error("POST", BACKTEST, wanted(), status=403)
