"""Plans from the operator's file, and months in UTC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.environment import SettingsError, read_settings
from model.months import month_name, month_of, next_month
from model.plans import Plans
from model.times import parse_iso

FILE = {
    "plans": [
        {"id": "free", "name": "Free", "limits": {"monitors": 20, "browser_runs": 1000, "api_runs": 5000}},
        {"id": "team", "name": "Team", "limits": {"monitors": 100}},
    ],
    "default": "team",
    "organizations": {"org_1": "free"},
}


def test_without_a_file_nothing_is_limited() -> None:
    plan = Plans().of("org_1")
    assert (plan.id, set(plan.limits.model_dump().values())) == ("unlimited", {None})


def test_an_organization_has_its_own_plan_or_the_default_or_the_first() -> None:
    plans = Plans.model_validate(FILE)
    assert (plans.of("org_1").id, plans.of("org_2").id) == ("free", "team")
    assert Plans.model_validate({"plans": FILE["plans"]}).of("org_2").id == "free"
    assert plans.of("org_2").limits.model_dump() == {"monitors": 100, "browser_runs": None, "api_runs": None}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "plans.yaml"
    monkeypatch.setenv("TRACER_PLANS", str(path))
    return path


def test_the_settings_hold_the_plans_of_the_file(file: Path) -> None:
    file.write_text(yaml.safe_dump(FILE))
    assert read_settings().plans == Plans.model_validate(FILE)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "must be an object"),
        ({"plans": []}, "plans: must have at least 1 entry"),
        ({**FILE, "default": "gold"}, "default: there is no plan 'gold'; there are free, team"),
        ({**FILE, "organizations": {"org_1": "gold"}}, "org_1: there is no plan 'gold'"),
        ({"plans": [FILE["plans"][0]] * 2}, "there are two plans with the id 'free'"),  # type: ignore[index]
        (
            {"plans": [{"id": "a", "name": "A", "limits": {"monitors": -1}}]},
            "plans.0.limits.monitors: must be at least 0",
        ),
        ({"plans": [{"id": "a", "name": "A", "limits": {"journeys": 1}}]}, "is not a field that is known here"),
    ],
)
def test_a_file_that_can_not_be_used_says_what_is_wrong_where(file: Path, document: Any, said: str) -> None:
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(SettingsError, match="TRACER_PLANS = ") as refused:
        read_settings()
    assert said in str(refused.value)


def test_a_file_that_is_not_there_or_no_yaml_is_said_to_be_so(file: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read: No such file"):
        read_settings()
    file.write_text("plans: [")
    with pytest.raises(SettingsError, match="is neither YAML nor JSON"):
        read_settings()


@pytest.mark.parametrize(
    ("at", "begins", "name"),
    [
        ("2024-01-31T23:59:59.999Z", "2024-01-01T00:00:00Z", "2024-01"),
        ("2024-02-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-02"),
        ("2024-02-29T12:00:00Z", "2024-02-01T00:00:00Z", "2024-02"),
        ("2023-12-31T23:59:59Z", "2023-12-01T00:00:00Z", "2023-12"),
    ],
)
def test_a_month_begins_on_its_first_at_midnight_utc(at: str, begins: str, name: str) -> None:
    assert month_of(parse_iso(at)) == parse_iso(begins)
    assert month_name(month_of(parse_iso(at))) == name


def test_months_follow_one_another() -> None:
    month = parse_iso("2023-12-01T00:00:00Z")
    names = [month_name(month := next_month(month)) for _ in range(14)]
    assert names == [f"2024-{number:02}" for number in range(1, 13)] + ["2025-01", "2025-02"]
