"""The page on alert rules: its pictures are what the code does, and each type of rule has its section."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from alerts.rules.registry import RULES
from docs.images.draw_rules import FOLDER, STORIES, draw

PAGE = (Path(__file__).parents[2] / "docs/alert-rules.md").read_text()


@pytest.mark.parametrize("name", STORIES)
def test_each_picture_is_what_the_code_does(name: str) -> None:
    assert (FOLDER / f"{name}.svg").read_text() == draw(name), "python -m docs.images.draw_rules"
    assert f"images/rules/{name}.svg" in PAGE


def test_each_type_of_rule_has_its_section() -> None:
    assert re.findall(r"^## `(\w+)`", PAGE, re.MULTILINE) == list(RULES)
