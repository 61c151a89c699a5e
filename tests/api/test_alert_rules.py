"""/v1/alert-rules: the seed's example word for word, and what a rule that can't work says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from store.alert_tables import AlertChannel, AlertRule
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.alerting import add_channel, alerts_of, outbox, record_one
from tests.alerts.recording import T0, measured
from tests.api.conftest import Client
from tests.api.test_monitors import make
from tests.conftest import Clock

RULES = "/v1/alert-rules"


@pytest.fixture
def channel(database: Database, organization: str) -> str:
    return add_channel(database, organization)


def rule(**fields: Any) -> dict[str, Any]:
    return {"name": "a rule", "type": "consecutive_failures", "apply_to": {"all": True}, **fields}


def add(client: Client, **fields: Any) -> Any:
    return client.data("POST", RULES, rule(**fields), status=201)


def warnings(client: Client, **fields: Any) -> list[str]:
    answer = client("POST", RULES, rule(**fields)).get_json()
    assert answer.get("meta", {}).get("warnings", []) == answer["data"]["warnings"]
    return list(answer["data"]["warnings"])


def test_the_seeds_rule_is_made_and_shown(owner: Client, channel: str) -> None:
    monitor = make(owner, tags=["production"])["id"]
    wanted = {
        "name": "Critical Failures",
        "type": "consecutive_failures",
        "threshold": 3,
        "severity": "critical",
        "channels": [channel],
        "apply_to": {"monitors": [monitor], "tags": ["production"]},
    }
    made = owner.data("POST", RULES, wanted, status=201)
    assert made == {
        **wanted,
        "id": made["id"],
        "apply_to": {"monitors": [monitor], "journeys": [], "tags": ["production"], "all": False},
        "min_locations": 1,
        "recovery_threshold": 1,
        "reminder_interval": None,
        "enabled": True,
        "warnings": [],
        "created_at": "2024-01-15T10:30:00.000Z",
        "updated_at": "2024-01-15T10:30:00.000Z",
    }
    assert owner.data("GET", f"{RULES}/{made['id']}") == made


def test_each_type_is_made_with_its_fields(owner: Client) -> None:
    for fields in (
        {"type": "failure_rate", "threshold": 50, "window": 600},
        {"type": "failure_rate", "failures": 3, "runs": 10},
        {"type": "response_time", "threshold": 800, "aggregate": "p95", "window": 600},
        {"type": "certificate_expiry", "threshold": 14},
        {"type": "no_data", "window": 900},
    ):
        assert add(owner, **fields).items() >= fields.items()


def test_rules_are_listed_newest_first_by_type_and_by_whether_they_are_on(owner: Client, clock: Clock) -> None:
    first = add(owner)["id"]
    clock.advance(1_000)
    second = add(owner, type="no_data", enabled=False)["id"]

    def found(query: str) -> list[str]:
        return [each["id"] for each in owner.data("GET", f"{RULES}?{query}")]

    assert found("") == [second, first]
    assert found("type=no_data") == [second]
    assert found("enabled=true") == [first]
    assert found("enabled=false") == [second]
    assert owner("GET", f"{RULES}?per_page=1").get_json()["meta"] == {"total": 2, "page": 1, "per_page": 1}
    for query in ("type=weather", "enabled=maybe", "colour=red", "per_page=101"):
        assert owner.error("GET", f"{RULES}?{query}", status=422)["fields"], query


def test_a_change_merges_and_null_clears(owner: Client, channel: str, clock: Clock) -> None:
    made = add(owner, threshold=5, reminder_interval=600, channels=[channel])
    clock.advance(1_000)
    changed = owner.data("PUT", f"{RULES}/{made['id']}", {"reminder_interval": None, "threshold": None})
    assert changed == {**made, "reminder_interval": None, "threshold": 3, "updated_at": "2024-01-15T10:30:01.000Z"}
    other = owner.data("PUT", f"{RULES}/{made['id']}", {"apply_to": {"tags": ["web"]}})
    assert other["apply_to"] == {"monitors": [], "journeys": [], "tags": ["web"], "all": False}
    assert other["channels"] == [channel]
    assert owner.data("PUT", f"{RULES}/{made['id']}", {"enabled": False})["enabled"] is False


def test_a_share_and_a_count_of_failures_take_each_others_place(owner: Client) -> None:
    path = f"{RULES}/{add(owner, type='failure_rate', threshold=50, window=600)['id']}"
    changed = owner.data("PUT", path, {"failures": 3, "runs": 10})
    assert (changed["threshold"], changed["window"], changed["runs"]) == (None, None, 10)
    changed = owner.data("PUT", path, {"threshold": 20, "window": 60})
    assert (changed["failures"], changed["runs"], changed["threshold"]) == (None, None, 20)


def test_only_a_change_of_what_it_says_of_runs_makes_it_judge_anew(
    owner: Client, database: Database, clock: Clock
) -> None:
    made = add(owner)

    def since() -> int:
        with database.read(EVERY_ORGANIZATION) as session:
            return session.get_one(AlertRule, made["id"]).since_ms - T0

    clock.advance(1_000)
    owner.data("PUT", f"{RULES}/{made['id']}", {"name": "other", "severity": "low", "reminder_interval": 60})
    assert since() == 0
    owner.data("PUT", f"{RULES}/{made['id']}", {"threshold": 2})
    assert since() == 1_000


@pytest.mark.parametrize(
    ("method", "change", "why"),
    [
        ("PUT", {"threshold": 2}, "rule a rule has another threshold"),
        ("PUT", {"enabled": False}, "rule a rule was disabled"),
        ("PUT", {"apply_to": {"tags": ["other"]}}, "rule a rule does not cover this check any more"),
        ("DELETE", None, "rule a rule was deleted"),
        ("PUT", {"name": "another name"}, None),
    ],
)
def test_an_edit_resolves_the_alerts_it_makes_moot(
    owner: Client, database: Database, organization: str, channel: str, method: str, change: Any, why: str | None
) -> None:
    made = add(owner, threshold=1, channels=[channel])
    check = make(owner)["id"]
    record_one(database, measured(organization, check, T0 + 10_000, passed=False))
    owner.data(method, f"{RULES}/{made['id']}", change)
    [alert] = alerts_of(database)
    assert (alert.status, alert.resolution) == ("triggered" if why is None else "resolved", why)
    if why is not None:
        assert ("resolved", "pending", channel) in outbox(database)


def test_a_deleted_rule_is_gone(owner: Client) -> None:
    made = add(owner)["id"]
    assert owner.data("DELETE", f"{RULES}/{made}") == {"id": made, "deleted": True}
    assert owner.data("GET", RULES) == []
    for method in ("GET", "PUT", "DELETE"):
        owner.error(method, f"{RULES}/{made}", {} if method == "PUT" else None, status=404)


def test_another_organizations_rule_is_not_there(
    owner: Client, client_of: Callable[..., Client], make_organization: Callable[[str], str]
) -> None:
    stranger = client_of("admin", organization_id=make_organization("Other"))
    made = add(owner)["id"]
    for method in ("GET", "PUT", "DELETE"):
        stranger.error(method, f"{RULES}/{made}", {} if method == "PUT" else None, status=404)
    assert stranger.data("GET", RULES) == []
    monitor = make(owner)["id"]
    error = stranger.error("POST", RULES, rule(apply_to={"monitors": [monitor]}), status=422)
    assert error["fields"] == {"apply_to.monitors.0": [f"there is no monitor {monitor}"]}


def test_a_reader_may_look_and_not_touch(client_of: Callable[..., Client], owner: Client) -> None:
    reader = client_of("read")
    made = add(owner)["id"]
    assert len(reader.data("GET", RULES)) == 1
    reader.error("POST", RULES, rule(), status=403)
    reader.error("DELETE", f"{RULES}/{made}", status=403)


WRONG = [
    ({"type": None}, "type"),
    ({"type": "weather"}, "type"),
    ({"type": ["no_data"]}, "type"),
    ({"name": ""}, "name"),
    ({"name": "a\r\nBcc: x"}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"threshold": 0}, "threshold"),
    ({"threshold": 101}, "threshold"),
    ({"threshold": "3"}, "threshold"),
    ({"threshold": 1.5}, "threshold"),
    ({"threshold": True}, "threshold"),
    ({"severity": "worst"}, "severity"),
    ({"severity": None}, None),
    ({"channels": "chan_abc123"}, "channels"),
    ({"channels": ["mon_abc123"]}, "channels.0"),
    ({"channels": ["chan_abc123"]}, "channels.0"),
    ({"apply_to": {"monitors": ["mon_abc123"]}}, "apply_to.monitors.0"),
    ({"apply_to": {"journeys": ["jny_abc123"]}}, "apply_to.journeys.0"),
    ({"apply_to": {"monitors": ["run_abc123"]}}, "apply_to.monitors.0"),
    ({"apply_to": {"tags": [""]}}, "apply_to.tags.0"),
    ({"apply_to": {"teams": ["web"]}}, "apply_to.teams"),
    ({"apply_to": {"all": "yes"}}, "apply_to.all"),
    ({"apply_to": ["web"]}, "apply_to"),
    ({"min_locations": 0}, "min_locations"),
    ({"min_locations": 51}, "min_locations"),
    ({"recovery_threshold": 0}, "recovery_threshold"),
    ({"reminder_interval": 0}, "reminder_interval"),
    ({"enabled": "yes"}, "enabled"),
    ({"colour": "red"}, "colour"),
    ({"window": 60}, "window"),
    ({"id": "rule_abc123"}, "id"),
    ({"warnings": []}, "warnings"),
    ({"created_at": "2024-01-15T10:30:00Z"}, "created_at"),
    ({"type": "failure_rate"}, "threshold"),
    ({"type": "failure_rate", "threshold": 50}, "window"),
    ({"type": "failure_rate", "threshold": 101, "window": 60}, "threshold"),
    ({"type": "failure_rate", "failures": 5, "runs": 3}, "failures"),
    ({"type": "failure_rate", "failures": 5, "runs": 3, "threshold": 50, "window": 60}, "threshold"),
    ({"type": "response_time", "threshold": 0}, "threshold"),
    ({"type": "response_time", "threshold": 500, "aggregate": "median"}, "aggregate"),
    ({"type": "response_time", "threshold": 500, "window": 86_401}, "window"),
    ({"type": "certificate_expiry", "threshold": 3_651}, "threshold"),
    ({"type": "no_data", "window": 0}, "window"),
]


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_field_that_makes_no_sense_is_named_on_create_and_on_change(owner: Client) -> None:
    made = add(owner)
    wrong = []
    for fields, at in WRONG:
        if at is not None:
            error = owner.error("POST", RULES, rule(**fields), status=422)
            wrong += [] if at in error["fields"] else [("POST", fields, error["fields"])]
        if at is not None and ("type" not in fields or fields["type"] != "consecutive_failures"):
            error = owner.error("PUT", f"{RULES}/{made['id']}", fields, status=422)
            wrong += [] if at in error["fields"] or "type" in error["fields"] else [("PUT", fields, error["fields"])]
    assert wrong == []
    assert owner.error("PUT", f"{RULES}/{made['id']}", {"name": None}, status=422)["fields"].keys() == {"name"}
    assert owner.error("PUT", f"{RULES}/{made['id']}", {"colour": None}, status=422)["fields"].keys() == {"colour"}
    assert owner.data("GET", f"{RULES}/{made['id']}") == made


def test_what_was_deleted_since_does_not_stand_in_the_way_of_other_changes(
    owner: Client, database: Database, channel: str
) -> None:
    monitor = make(owner)["id"]
    made = add(owner, apply_to={"monitors": [monitor]}, channels=[channel])
    owner.data("DELETE", f"/v1/monitors/{monitor}")
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(AlertChannel, channel).deleted_ms = T0
    changed = owner.data("PUT", f"{RULES}/{made['id']}", {"name": "Renamed"})
    assert changed["name"] == "Renamed"
    assert changed["warnings"] == [
        "it applies to no check: those it names were deleted",
        "the channel webhook was deleted",
        "none of its channels works: nobody is told",
    ]


def test_named_twice_is_meant_once(owner: Client, channel: str) -> None:
    made = add(owner, channels=[channel, channel], apply_to={"tags": ["web", "web"]})
    assert made["channels"] == [channel]
    assert made["apply_to"]["tags"] == ["web"]


def test_a_rule_that_can_reach_nobody_says_so(
    owner: Client, database: Database, organization: str, channel: str
) -> None:
    make(owner, tags=["web"], locations=["eu", "us"], url="http://shop.example/", timeout=5)
    on = {"channels": [channel]}
    assert warnings(owner, **on) == []
    assert warnings(owner) == ["it names no channel: its alerts are listed, but nobody is told"]
    assert warnings(owner, **on, apply_to={"tags": ["mail"]}) == ["no monitor or journey has the tag mail"]
    assert "it applies to no check" in warnings(owner, **on, apply_to={})[0]
    [line] = warnings(owner, **on, min_locations=3)
    assert "no check it applies to has more than 2 locations" in line
    assert "https" in warnings(owner, **on, type="certificate_expiry")[0]
    assert "5000 ms" in warnings(owner, **on, type="response_time", threshold=5_000)[0]
    assert warnings(owner, **on, type="response_time", threshold=4_999) == []
    make(owner, url="https://shop.example/")
    assert warnings(owner, **on, type="certificate_expiry") == []
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        gone = session.get_one(AlertChannel, channel)
        gone.disabled_ms, gone.disabled_reason = T0, "410 Gone"
    assert warnings(owner, **on) == [
        "the channel webhook is disabled: 410 Gone", "none of its channels works: nobody is told",
    ]  # fmt: skip
    second = add_channel(database, organization)
    assert warnings(owner, channels=[channel, second]) == ["the channel webhook is disabled: 410 Gone"]


def test_with_nothing_to_watch_yet_a_rule_for_all_says_so(owner: Client, channel: str) -> None:
    assert warnings(owner, channels=[channel]) == ["there is no monitor or journey yet"]
