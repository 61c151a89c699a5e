"""The page about pipelines: its commands work and print what it shows, its options are all there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from cli.ci.command import run
from cli.ci.results import ExitCode
from cli.main import tracer
from tests.api.conftest import Client
from tests.api.endings import Ends
from tests.api.journeys import make
from tests.cli.ci.junit_rules import breaches

PAGE = (Path(__file__).parents[2] / "docs/how-to/journeys-in-ci.md").read_text()
PIPELINES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


@pytest.fixture
def smoke(owner: Client, ends: Ends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TARGET", "https://pr-17.preview.example.com")
    for name in ("Buy", "Browse"):
        make(owner, name=name, tags=["smoke"])
    ends(Browse="success", Buy="failed")


def commands(text: str) -> list[str]:
    return re.findall(r"tracer (journeys run --tag [^\n]*)", text)


@on_sqlite
def test_the_first_command_prints_what_is_shown(smoke: None, tmp_path: Path) -> None:
    [command, *_] = commands(PAGE)
    result = CliRunner().invoke(tracer, shlex.split(command))
    [shown] = re.findall(r"\n\n```\n(.*?)```", PAGE, re.DOTALL)
    printed = [line for line in result.stdout.splitlines() if "run page" not in line and "screenshot" not in line]
    assert (result.exit_code, printed[:-1]) == (1, shown.splitlines())
    assert breaches((tmp_path / "report.xml").read_bytes()) == []


@on_sqlite
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_commands_of_the_pipelines_work(smoke: None, tmp_path: Path, pipeline: str) -> None:
    assert yaml.safe_load(pipeline)
    [command] = commands(pipeline)
    words = [word.replace("$TARGET", "https://pr-17.preview.example.com") for word in shlex.split(command)]
    result = CliRunner().invoke(tracer, words)
    assert result.exit_code == 1, result.output
    assert breaches((tmp_path / "report.xml").read_bytes()) == []


def test_each_exit_code_has_its_row() -> None:
    rows = re.findall(r"^\| (\d+) \| ", PAGE, re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in ExitCode]


def test_each_option_is_explained() -> None:
    options: list[Any] = [each for each in run.params if each.name != "journey_id"]
    assert [
        each.opts[0] for each in options if f"`{each.opts[0]}" not in PAGE and f" {each.opts[0]} " not in PAGE
    ] == []


@on_sqlite
def test_the_steps_from_a_recording_to_a_saved_journey(
    api: None, owner: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    script = Path(__file__).parents[1] / "journeys/recording/python.txt"
    Path("login.py").write_text(script.read_text())
    [command] = re.findall(r"tracer (journeys import [^>\n]*) > login.yaml", PAGE)
    taken = CliRunner().invoke(tracer, shlex.split(command))
    assert "that page1 closes" in taken.stderr
    Path("login.yaml").write_text(taken.stdout)
    owner.data("PUT", "/v1/organization", {"default_locations": ["local"]})
    [command] = re.findall(r"`tracer (journeys create -f login.yaml)`", PAGE)
    assert CliRunner().invoke(tracer, shlex.split(command)).exit_code == 0
    [journey] = owner.data("GET", "/v1/journeys")
    assert (journey["name"], journey["tags"], journey["variables"]) == ("Log in", ["smoke"], {"PASSWORD": "********"})
