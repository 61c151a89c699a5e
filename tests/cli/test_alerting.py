"""Alerts, rules, silences, maintenance and why, as people type them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import tracer

Asked = list[tuple[str, str, Any]]


def typed(*words: str) -> Any:
    return CliRunner().invoke(tracer, list(words))


def test_alerts_are_filtered_acknowledged_and_resolved(asked: Asked) -> None:
    typed("alerts", "list", "--status", "triggered,acknowledged", "--severity", "critical", "--tag", "web", "--json")
    typed("alerts", "show", "alr_1")
    typed("alerts", "acknowledge", "alr_1", "--note", "on it")
    typed("alerts", "resolve", "alr_1")
    assert asked == [
        ("GET", "/v1/alerts?status=triggered%2Cacknowledged&severity=critical&tag=web", None),
        ("GET", "/v1/alerts/alr_1", None),
        ("POST", "/v1/alerts/alr_1/acknowledge", {"note": "on it"}),
        ("POST", "/v1/alerts/alr_1/resolve", {}),
    ]


def test_rules_are_switched_off_and_on(asked: Asked) -> None:
    typed("rules", "pause", "rule_1")
    typed("rules", "resume", "rule_1")
    assert asked == [
        ("PUT", "/v1/alert-rules/rule_1", {"enabled": False}),
        ("PUT", "/v1/alert-rules/rule_1", {"enabled": True}),
    ]


@pytest.mark.parametrize(
    ("period", "seconds"), [("90s", 90), ("20m", 1_200), ("1h30m", 5_400), ("2d", 172_800), ("45", 45), ("1H", 3_600)]
)
def test_a_silence_is_one_command(asked: Asked, period: str, seconds: int) -> None:
    result = typed("silence", "--tag", "web", "--tag", "eu", "--for", period, "--reason", "deploy")
    assert result.exit_code == 0, result.output
    match = {"tags": ["web", "eu"], "monitors": [], "all": False}
    assert asked == [("POST", "/v1/silences", {"match": match, "for": seconds, "reason": "deploy"})]


def test_a_silence_of_a_project_is_one_command(asked: Asked) -> None:
    assert typed("silence", "--project", "shop", "--for", "20m").exit_code == 0
    match = {"tags": [], "monitors": [], "all": False, "projects": ["shop"]}
    assert asked == [("POST", "/v1/silences", {"match": match, "for": 1_200, "reason": ""})]


def test_silences_are_listed_and_ended(asked: Asked) -> None:
    assert typed("silence", "list", "--status", "active", "--json").exit_code == 0
    assert typed("silence", "end", "sil_1").exit_code == 0
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/v1/silences?status=active"),
        ("DELETE", "/v1/silences/sil_1"),
        ("GET", "/v1/silences/sil_1"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["silence", "--for", "20m"], "--tag, --monitor, --project or --all"),
        (["silence", "--tag", "web"], "--for 20m"),
        (["silence", "--tag", "web", "--for", "a while"], "is not a duration such as"),
        (["silence", "--tag", "web", "--for", "20m20"], "is not a duration such as"),
        (["silence", "--tag", "web", "list"], "takes no options before its name"),
        (["silence"], "Usage:"),
        (["rules", "backtest"], "name a rule, or give one with -f"),
        (["rules", "backtest", "rule_1", "--last", "7d", "--from", "2024-01-01"], "either --last or --from"),
        (["rules", "backtest", "-f", "-"], "holds no rule"),
        (["silence", "--all", "--for", "9999999999d"], "is not a duration such as"),
        (["why", "run_1", "--at", "2024-01-01"], "a run has its own time"),
    ],
)
def test_wrong_usage_is_a_sentence_and_asks_nobody(asked: Asked, words: list[str], said: str) -> None:
    result = typed(*words)
    assert (result.exit_code, asked) == (2, [])
    assert said in result.output


def test_a_backtest_sends_the_rule_without_what_is_read_only(asked: Asked, tmp_path: Path) -> None:
    file = tmp_path / "rule.yaml"
    file.write_text("threshold: 5\n")
    typed("rules", "backtest", "rule_1", "-f", str(file), "--to", "2024-01-15", "--last", "30d")
    assert [(method, path) for method, path, _ in asked] == [
        ("GET", "/v1/alert-rules/rule_1"),
        ("POST", "/v1/alert-rules/backtest"),
    ]
    sent = asked[1][2]
    assert sent == {"name": "Shop", "threshold": 5, "from": "2023-12-16T00:00:00.000Z", "to": "2024-01-15"}


def test_why_takes_a_monitor_or_a_run(asked: Asked) -> None:
    typed("why", "mon_1", "--at", "2024-01-15T10:30:00Z", "--json")
    typed("why", "run_1", "--json")
    assert [path for _, path, _ in asked] == [
        "/v1/monitors/mon_1/why?at=2024-01-15T10%3A30%3A00Z", "/v1/runs/run_1/decisions",
    ]  # fmt: skip


def test_a_file_with_a_maintenance_window_is_sent_as_it_is(asked: Asked, tmp_path: Path) -> None:
    file = tmp_path / "window.yaml"
    file.write_text("name: upgrade\nstarts_at: 2026-01-01T22:00:00Z\nends_at: 2026-01-01T23:00:00Z\n")
    typed("maintenance", "create", "-f", str(file))
    assert asked[0][2]["starts_at"] == "2026-01-01T22:00:00+00:00"
