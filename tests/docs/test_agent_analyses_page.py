"""The page of agents' analyses: each detector in its row, and an example that is one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from api.schemas.analyses import AgentAnalysis
from telemetry.agents.analysis import MOST_EVENTS
from telemetry.agents.detectors.base import MOST_EVIDENCE
from telemetry.agents.detectors.registry import DETECTORS, VERSION
from tests.telemetry.agents.shown_cases import FOUND
from tests.telemetry.agents.test_detectors import labels

PAGE = (Path(__file__).parents[2] / "docs/reference/agent-analyses.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| (?:a )?(\w+) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)


def test_each_detector_has_its_row_and_is_called_a_cause_if_it_is_one() -> None:
    assert [(label, kind == "cause") for label, kind, _ in ROWS] == [(each.label, each.cause) for each in DETECTORS]


@pytest.mark.parametrize(("label", "_kind", "confidences"), ROWS)
def test_the_confidences_of_its_row_are_those_of_its_file(label: str, _kind: str, confidences: str) -> None:
    [find] = [detector.find for detector in DETECTORS if detector.label == label]
    said = __import__(find.__module__, fromlist=["x"]).__doc__.split("Confidence: ")[1].split("\nBegins")[0]
    number = re.compile(r"\d\.\d+")
    assert set(number.findall(confidences)) == set(number.findall(said))


def test_the_example_is_an_analysis() -> None:
    [example] = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    shown = AgentAnalysis.model_validate(json.loads(example))
    assert (shown.version, shown.critical_step) == (VERSION, shown.detectors[0].step)


def test_its_limits_are_the_limits() -> None:
    assert f"first {MOST_EVENTS:,} events" in PAGE
    assert f"more than {MOST_EVIDENCE} the first {MOST_EVIDENCE - 1} and the last" in PAGE


def test_what_it_finds_it_has_found() -> None:
    label, said, step = FOUND["the same call four times"]
    assert labels(*said) == {label: step}
