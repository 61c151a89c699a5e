"""Draws the pictures of docs/alert-rules.md with the function that judges live results.

    .venv/bin/python -m docs.images.draw_rules

Each picture is a story: a row of runs a location, and above them the alert that the rule makes of it. A test draws them
again and compares, so no picture can say what the code does not do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alerts.evaluation import evaluate, tick
from alerts.rules.registry import RULES
from alerts.state import CheckState, Facts, Opened, Rule
from model.points import Point

FOLDER = Path(__file__).parent / "rules"
STEP_MS = 60_000
CELL, LEFT, ROW = 26, 76, 30
_COLOURS = {"+": "#2f9e6b", "-": "#c9372c", "s": "#b7791f", "m": "#7a6ff0", " ": "none", "c": "#c9372c"}
_SHAPES = {"+": "●", "-": "■", "s": "▲", "m": "◆", "c": "□"}

STORIES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "consecutive_failures": ({"type": "consecutive_failures", "threshold": 3}, {"eu": "++-+--+---++++-+"}),
    "recovery_threshold": (
        {"type": "consecutive_failures", "threshold": 2, "recovery_threshold": 3}, {"eu": "+--+-++-+++++"},
    ),
    "failure_rate": ({"type": "failure_rate", "failures": 3, "runs": 5}, {"eu": "++-+-++-+--+-+++++"}),
    "response_time": ({"type": "response_time", "threshold": 500, "window": 300}, {"eu": "++s++sssss-s++++++"}),
    "two_locations": (
        {"type": "consecutive_failures", "threshold": 2, "min_locations": 2}, {"eu": "+------+++", "us": "++++---+++"},
    ),
    "one_can_measure": (
        {"type": "consecutive_failures", "threshold": 2, "min_locations": 2},
        {"eu": "+++++++--++", "us": "++         "},
    ),
    "no_data": ({"type": "no_data", "window": 240}, {"eu": "+++       ++"}),
    "maintenance": ({"type": "consecutive_failures", "threshold": 2}, {"eu": "++mmmm--++"}),
}  # fmt: skip
"""Letters: + passed, - failed, s slow, m failed in a maintenance window, blank: not measured."""


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in STORIES:
        (FOLDER / f"{name}.svg").write_text(draw(name))


def draw(name: str) -> str:
    """One picture as SVG: it needs no script and reads in light and dark."""
    fields, lanes = STORIES[name]
    alerts = _alerts(fields, lanes)
    length = max(len(letters) for letters in lanes.values())
    width, height = LEFT + CELL * length + 12, 44 + ROW * len(lanes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{name.replace('_', ' ')}: {_words(alerts)}</title>",
        f'<rect width="{width}" height="{height}" rx="6" fill="#8881"/>',
        '<text x="10" y="24" fill="#888">alert</text>',
        *[_bar(alert, length) for alert in alerts],
    ]
    for row, (location, letters) in enumerate(lanes.items()):
        y = 44 + ROW * row + 18
        parts.append(f'<text x="10" y="{y}" fill="#888">{location}</text>')
        parts += [
            f'<text x="{LEFT + CELL * at + CELL / 2:g}" y="{y}" text-anchor="middle" fill="{_COLOURS[letter]}">'
            f"{_SHAPES[letter]}</text>"
            for at, letter in enumerate(letters)
            if letter != " "
        ]
    return "\n".join([*parts, "</svg>\n"])


def _alerts(fields: dict[str, Any], lanes: dict[str, str]) -> Sequence[Opened]:
    definition = RULES[fields["type"]].model_validate({"name": "rule", "apply_to": {"all": True}, **fields})
    rule, state = Rule("rule_picture", 0, definition), CheckState()
    facts = Facts(locations=tuple(lanes), interval_ms=STEP_MS)
    told = [
        _point(location, at, letter)
        for location, letters in lanes.items()
        for at, letter in enumerate(letters)
        if letter != " "
    ]
    for point in sorted(told, key=lambda point: point.order):
        evaluate(state, point, (rule,), facts)
    tick(state, STEP_MS * max(len(letters) for letters in lanes.values()), (rule,), facts)
    return state.rules[rule.id].alerts


def _point(location: str, at: int, letter: str) -> Point:
    return Point(
        run_id=f"run_{location}{at}", location=location, at_ms=STEP_MS * (at + 1), ended_ms=STEP_MS * (at + 1),
        failed=letter in "-m", maintenance=letter == "m", duration_ms=900.0 if letter == "s" else 100.0,
        fresh_until_ms=STEP_MS * (at + 1) + 3 * STEP_MS,
    )  # fmt: skip


def _bar(alert: Opened, length: int) -> str:
    start = alert.at_ms / STEP_MS - 0.5
    end = alert.ended_by.at_ms / STEP_MS - 0.5 if alert.ended_by is not None else float(length)
    x, width = LEFT + CELL * start, CELL * (end - start)
    return f'<rect x="{x:g}" y="12" width="{width:g}" height="16" rx="3" fill="#c9372c"/>'


def _words(alerts: Sequence[Opened]) -> str:
    if not alerts:
        return "no alert"
    return "; ".join(
        f"open from run {alert.at_ms // STEP_MS} to "
        + (f"run {alert.ended_by.at_ms // STEP_MS}" if alert.ended_by is not None else "the end")
        for alert in alerts
    )


if __name__ == "__main__":
    main()
