"""How a form says when a check runs: every so often, or at fixed times. Both can be typed, the choice counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WHEN: Final = "when"
EVERY: Final = "interval"
FIXED: Final = "cron"
FIELDS = ("interval", "cron", "timezone")


def when_of(fields: Mapping[str, str]) -> str:
    """What is chosen; of a form that does not say, what is typed."""
    chosen = fields.get(WHEN, "")
    if chosen in (EVERY, FIXED):
        return chosen
    return FIXED if fields.get("cron", "").strip() else EVERY


def schedule(document: dict[str, Any], when: str, wrong: dict[str, list[str]]) -> None:
    """Leave in a document what is chosen, alone; what is wrong with the other is nothing wrong."""
    other = EVERY if when == FIXED else FIXED
    document[other] = None
    wrong.pop(other, None)
    if when == FIXED and document.get(FIXED) is None and FIXED not in wrong:
        wrong[FIXED] = ["is missing: five fields, such as */5 8-18 * * 1-5"]
