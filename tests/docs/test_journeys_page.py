"""The page on journeys: its example is one, and each step has its row with its own fields."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from journeys.definition import DEFAULT_INTERVAL_S, DEFAULT_TIMEOUT_S, MAX_STEPS, JourneyCheck
from journeys.registry import STEP_TYPES
from journeys.steps.base import ELEMENT_S, PAGE_S, Step

PAGE = (Path(__file__).parents[2] / "docs/reference/journeys.md").read_text()
ROWS = {
    name: fields
    for names, fields in re.findall(r"^\| ((?:`\w+` ?)+)\| ([^|]*)\|", PAGE.split("## Steps")[1], re.MULTILINE)
    for name in re.findall(r"`(\w+)`", names)
}


def test_the_example_is_a_journey() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert JourneyCheck.model_validate(json.loads(example)).steps


def test_each_step_has_its_row() -> None:
    assert sorted(ROWS) == sorted(STEP_TYPES)


@pytest.mark.parametrize("name", sorted(STEP_TYPES))
def test_each_row_names_the_step_s_own_fields(name: str) -> None:
    own = {
        info.alias or field for field, info in STEP_TYPES[name].model_fields.items() if field not in Step.model_fields
    }
    assert set(re.findall(r"`(\w+)`", ROWS[name])) == own


def test_each_field_of_a_journey_has_its_row() -> None:
    own = set(JourneyCheck.model_fields) - set(JourneyCheck.__mro__[1].model_fields) - {"steps"}  # type: ignore[attr-defined]
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.split("## Steps")[0], re.MULTILINE)
    assert set(rows) == own


def test_the_figures_of_the_page_are_the_code_s() -> None:
    said = f"`interval` is {DEFAULT_INTERVAL_S} s"
    assert said in PAGE
    assert f"`timeout` {DEFAULT_TIMEOUT_S} s" in PAGE
    assert f"up to {MAX_STEPS} `steps`" in PAGE
    assert f"wait {ELEMENT_S:g} s for an element and {PAGE_S:g} s for a page" in PAGE
