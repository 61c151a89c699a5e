"""How far journeys are, while somebody waits: on a terminal the step that each is at, elsewhere a line a change."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from cli.ci.lines import on_the_way
from cli.ci.progress import shown
from cli.ci.results import JourneyResult


def progress(ended: int, *, attempt: int = 1, name: str | None = None, over: bool = False) -> dict[str, Any]:
    step = None if over else {"index": ended, "type": "click", "name": name}
    return {"attempt": attempt, "started_at": "2026-11-26T10:00:00.000Z", "total": 7, "ended": ended, "step": step}


def result(status: Any, **facts: Any) -> JourneyResult:
    return JourneyResult("Buy", "eu", status, **facts)


def told(*looks: JourneyResult, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100, color_system=None, legacy_windows=False)
    shown(console, ([look] for look in looks))
    return out.getvalue()


def test_a_run_on_its_way_says_at_which_step_it_is() -> None:
    assert on_the_way(result("running")) == "", "a probe that does not say"
    assert on_the_way(result("running", progress=progress(2))) == "step 3 of 7: click"
    assert on_the_way(result("running", progress=progress(2, name="Pay\x1b[2J"))).startswith("step 3 of 7: Pay")
    assert "\x1b" not in on_the_way(result("running", progress=progress(2, name="Pay\x1b[2J")))
    assert on_the_way(result("running", progress=progress(0, attempt=2))) == "attempt 2, step 1 of 7: click"
    assert on_the_way(result("running", progress=progress(7, over=True))) == "7 of 7 steps have ended"
    assert on_the_way(result("success", progress=progress(2))) == ""


def test_a_terminal_shows_it_live_and_ends_with_the_words_of_results() -> None:
    text = told(
        result("queued"), result("running", progress=progress(2, name="Pay")), result("success", duration_ms=3_200.0),
        terminal=True,
    )  # fmt: skip
    places = [text.index(part) for part in ("◌ queued", "step 3 of 7: Pay", "● passed", "3.2 s")]
    assert places == sorted(places)
    assert "success" not in text


def test_off_a_terminal_there_is_a_line_for_each_change_of_state_and_none_for_steps() -> None:
    looks = [result("running", progress=progress(step)) for step in range(7)]
    assert told(result("queued"), *looks, result("unknown"), terminal=False).splitlines() == [
        "◌ running  Buy (eu)", "◌ not measured  Buy (eu)",
    ]  # fmt: skip
