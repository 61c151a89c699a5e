"""Tables for people: what the next command needs is never cut off."""

from __future__ import annotations

import pytest

from cli.tables import print_list

ID = "mon_01m7yh930kkwf760bxs35r"
ROW = {
    "id": ID, "name": "A name that is rather long for a narrow terminal", "type": "url", "health": "unknown",
    "interval": 60, "locations": ["eu-west", "us-east", "ap-south"], "status": "active",
}  # fmt: skip


def test_ids_and_states_are_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    print_list("monitors", [ROW], {"total": 1})
    shown = capsys.readouterr().out
    assert ID in shown
    assert "unknown" in shown
    assert "active" in shown


def test_off_a_terminal_a_row_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    print_list("monitors", [ROW], {"total": 1})
    _, line = capsys.readouterr().out.splitlines()
    assert line.split()[0] == ID
    assert ROW["name"] in line
