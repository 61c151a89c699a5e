"""Each label is found where it is, at the step where it begins, and not in what comes near to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telemetry.agents import detectors
from telemetry.agents.detectors.registry import DETECTORS, LABELS
from tests.telemetry.agents.near_misses import NEAR
from tests.telemetry.agents.recorded import Said, analysed, calls, ends, labels, says, told
from tests.telemetry.agents.shown_cases import FOUND, HEALTHY


@pytest.mark.parametrize(("label", "said", "step"), FOUND.values(), ids=FOUND)
def test_it_is_found_where_it_begins(label: str, said: tuple[Said, ...], step: int) -> None:
    assert labels(*said).get(label) == step


@pytest.mark.parametrize(("label", "said"), NEAR.values(), ids=NEAR)
def test_what_comes_near_is_not_found(label: str, said: tuple[Said, ...]) -> None:
    assert label not in labels(*said)


def test_a_healthy_run_shows_nothing() -> None:
    found = analysed(*HEALTHY)
    assert (found.detectors, found.critical_step, found.summary) == ([], None, "Nothing was found in 8 events.")


def test_what_an_answer_only_looks_like_convinces_nobody() -> None:
    for result, confidence in (("Error: disk full", 0.5), ({"error": "disk full"}, 0.85)):
        found = analysed(calls("read"), told("read", result), says("All is well."), ends()).detectors
        assert [(each.label, each.confidence) for each in found] == [("tool_error_ignored", confidence)]


def test_each_label_has_its_file_and_its_cases() -> None:
    folder = Path(detectors.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base", "registry"}
    assert files == set(LABELS)
    assert {label for label, *_ in FOUND.values()} == {label for label, *_ in NEAR.values()} == set(LABELS)


@pytest.mark.parametrize("detector", DETECTORS, ids=LABELS)
def test_each_says_what_it_means_by_its_label(detector: Any) -> None:
    said = __import__(detector.find.__module__, fromlist=["x"]).__doc__
    assert said.startswith(f"{detector.label}: ")
    for part in ("Definition: ", "Confidence: ", "Begins at: ", "Reads: "):
        assert f"\n{part}" in said
