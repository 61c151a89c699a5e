"""The command line of alerting against the API itself: what it prints for people, and for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.main import tracer
from store.sessions import Database
from tests.alerts.alerting import STEP_MS, add_channel, tell_story
from tests.alerts.recording import T0, add_check
from tests.conftest import Clock


def typed(*words: str) -> str:
    result = CliRunner().invoke(tracer, list(words))
    assert result.exit_code == 0, result.output
    return str(result.output)


def test_an_outage_from_its_rule_to_its_end(
    api: None, database: Database, organization: str, clock: Clock, tmp_path: Path
) -> None:
    channel = add_channel(database, organization)
    check = add_check(database, organization, definition={"tags": ["web"]})
    file = tmp_path / "rule.yaml"
    file.write_text(
        f"name: Shop\ntype: consecutive_failures\nthreshold: 2\nchannels: [{channel}]\napply_to: {{tags: [web]}}\n"
    )
    rule = json.loads(typed("rules", "create", "-f", str(file), "--json"))["id"]
    tell_story(database, organization, check, "+--", after=1)
    clock.now_ms = T0 + 60 * STEP_MS
    shown = typed("alerts", "list")
    assert "■ triggered" in shown
    assert "n is down" in shown
    [alert] = json.loads(typed("alerts", "list", "--json"))
    assert "status was 500" in typed("alerts", "show", alert["id"])
    assert "acknowledged" in typed("alerts", "acknowledge", alert["id"], "--note", "on it")
    why = typed("why", check)
    assert "triggered" in why
    assert channel in why
    assert "not_met" in typed("why", check, "--at", "2024-01-15T10:30:25Z")
    tried = typed("rules", "backtest", rule)
    assert check in tried
    assert "still open" in tried
    assert f"{channel} would have got 1 message" in tried
    file.write_text("threshold: 3\n")
    assert "no alert" in typed("rules", "backtest", rule, "-f", str(file), "--from", "2024-01-15T10:00:00Z")
    assert "resolved" in typed("alerts", "resolve", alert["id"])
    typed("rules", "pause", rule)
    assert json.loads(typed("rules", "show", rule, "--json"))["enabled"] is False


def test_quiet_times_by_hand(api: None, database: Database, organization: str, tmp_path: Path) -> None:
    add_check(database, organization, definition={"tags": ["web"]})
    made: Any = json.loads(typed("silence", "--tag", "web", "--for", "20m", "--reason", "deploying", "--json"))
    assert made["ends_at"] == "2024-01-15T10:50:00.000Z"
    assert "● active" in typed("silence", "list")
    assert "over" in typed("silence", "end", made["id"])
    file = tmp_path / "window.yaml"
    file.write_text("name: backup\ncron: 0 3 * * *\nduration: 1800\napply_to: {all: true}\n")
    window = json.loads(typed("maintenance", "create", "-f", str(file), "--json"))["id"]
    assert "0 3 * * *" in typed("maintenance", "list")
    assert "deleted" in typed("maintenance", "delete", window)
    assert "No maintenance windows yet." in typed("maintenance", "list")


def test_what_is_refused_is_a_sentence_with_its_field(api: None) -> None:
    result = CliRunner().invoke(tracer, ["silence", "--monitor", "mon_abc123", "--for", "20m"])
    assert result.exit_code == 2
    assert "match.monitors.0: there is no monitor mon_abc123" in result.output
