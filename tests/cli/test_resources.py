"""The REST API by hand: what people type reaches the right address, and mistakes are sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.main import tracer
from tests.system.processes import free_port as unused_port


def test_an_id_is_one_part_of_the_path_whatever_it_holds(asked: list[tuple[str, str, Any]]) -> None:
    for id_ in ("../keys", "a b", "ü?x=1"):
        assert CliRunner().invoke(tracer, ["monitors", "show", id_]).exit_code == 0
    assert [path for _, path, _ in asked] == [
        "/v1/monitors/..%2Fkeys", "/v1/monitors/a%20b", "/v1/monitors/%C3%BC%3Fx%3D1",
    ]  # fmt: skip


def test_a_time_in_yaml_needs_no_quotes(asked: list[tuple[str, str, Any]], tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text("name: Shop\nmuted_until: 2026-01-01T00:00:00Z\n")
    assert CliRunner().invoke(tracer, ["monitors", "update", "mon_1", "-f", str(file)]).exit_code == 0
    assert asked == [("PUT", "/v1/monitors/mon_1", {"name": "Shop", "muted_until": "2026-01-01T00:00:00+00:00"})]


@pytest.mark.parametrize("text", ["{", "a: [", "!!binary aGk=", "? [1, 2]\n: 3"])
def test_a_file_that_cannot_be_sent_is_wrong_usage(text: str, tmp_path: Path) -> None:
    file = tmp_path / "monitor.yaml"
    file.write_text(text)
    result = CliRunner().invoke(tracer, ["monitors", "create", "-f", str(file)])
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "neither JSON nor YAML" in result.output


def test_no_server_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_URL", f"http://127.0.0.1:{unused_port()}")
    result = CliRunner().invoke(tracer, ["monitors", "list"])
    assert (result.exit_code, type(result.exception)) == (2, SystemExit)
    assert "Is `tracer up` running?" in result.output


def test_a_check_as_json_has_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACER_ALLOW_NETS", "127.0.0.0/8")
    result = CliRunner().invoke(tracer, ["check", f"http://127.0.0.1:{unused_port()}/", "--json"])
    assert result.exit_code == 1
    shown = json.loads(result.output)
    assert shown["metrics"] == dict.fromkeys(("dns_ms", "connect_ms", "tls_ms", "ttfb_ms", "download_ms"))
    assert shown["error"]["code"] == "connect_refused"
    assert set(shown) == {
        "target", "status", "duration_ms", "metrics", "error", "assertions", "response", "redirects", "final_url",
    }  # fmt: skip


def test_notices_are_listed_by_status_and_kind(asked: list[tuple[str, str, Any]]) -> None:
    asked_for = ["notices", "list", "--status", "open", "--kind", "disk_full", "--json"]
    assert CliRunner().invoke(tracer, asked_for).exit_code == 0
    assert [path for _, path, _ in asked] == ["/v1/notices?status=open&kind=disk_full"]
    assert CliRunner().invoke(tracer, ["notices", "list", "--status", "new"]).exit_code == 2


def test_a_gap_among_runs_says_how_many_slots_and_from_when_to_when(
    asked: list[tuple[str, str, Any]], answered: list[Any]
) -> None:
    stretch = {"from": "2026-01-01T00:00:00.000Z", "to": "2026-01-01T00:08:00.000Z"}
    error = {"code": "probe_offline", "message": "no probe was there"}
    answered.append([{"status": "missed", "location": "eu-west", "slots": 8, **stretch, "error": error}])
    shown = CliRunner().invoke(tracer, ["runs", "list", "mon_1"]).output
    for part in ("gap of 8 slots", f"{stretch['from']} to {stretch['to']}", "eu-west", "missed", "no probe was there"):
        assert part in shown
    assert json.loads(CliRunner().invoke(tracer, ["runs", "list", "mon_1", "--json"]).output) == answered[-1]


@pytest.mark.parametrize(("word", "status"), [("pause", "paused"), ("resume", "active")])
def test_a_pause_is_answered_with_one_line(asked: list[tuple[str, str, Any]], word: str, status: str) -> None:
    result = CliRunner().invoke(tracer, ["monitors", word, "mon_1"])
    [line] = result.output.splitlines()
    assert line.startswith("Shop (mon_1) ")
    assert asked == [("PUT", "/v1/monitors/mon_1", {"status": status})]
    assert json.loads(CliRunner().invoke(tracer, ["monitors", word, "mon_1", "--json"]).output)["id"] == "mon_1"
