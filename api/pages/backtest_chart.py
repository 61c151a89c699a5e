"""What a rule would have done, drawn on a check's own history: the line of its response times, or a tick for each step
that passed or failed; over it the alerts that would have been."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from alerts.backtest import Backtest, WouldAlert
from api.pages.words import counted, duration, listed, milliseconds
from model.times import DAY_MS, HOUR_MS
from store.run_history import Step

WIDTH, HEIGHT = 1_000, 150
STEPS = 400
MOST_ROWS = 12
MOST_LISTED = 10
_TOP = 14
"""What alerts are marked in, above the runs."""
_PASSED = 18
_SECOND_MS = 1_000


@dataclass(frozen=True)
class Box:
    """`css`: what it shows."""

    x: float
    width: float
    y: float
    height: float
    css: str


@dataclass(frozen=True)
class Chart:
    """`lines`: points of polylines, one for each stretch without a break; `threshold_y`: where the bar of a response
    time is, None where there is none or it is out of sight; `label`: the same in words; `scale`: what the top is."""

    boxes: Sequence[Box]
    spans: Sequence[Box]
    lines: Sequence[str]
    threshold_y: float | None
    label: str
    scale: str


@dataclass(frozen=True)
class Row:
    """One check of many: its alerts only."""

    check_id: str
    name: str
    said: str
    spans: Sequence[Box]


def step_of(period: tuple[int, int], interval_ms: int | None) -> int:
    """Milliseconds of a step: no shorter than the check's interval, or there would be gaps that are none."""
    return max(ceil((period[1] - period[0]) / STEPS), interval_ms or 1)


def chart(
    name: str,
    history: Sequence[Step],
    alerts: Sequence[WouldAlert],
    period: tuple[int, int],
    step_ms: int,
    *,
    timed: bool,
    threshold: float | None,
) -> Chart:
    """`timed`: draw how long runs took. `threshold`: milliseconds."""
    width = WIDTH * step_ms / (period[1] - period[0])
    top = max([step.mean_ms or 0.0 for step in history] + [1.0]) * 1.1
    if threshold is not None:
        top = max(top, min(threshold * 1.1, 3 * top))
    marked = list(_marked(history, timed=timed)) + [(number, "unknown", 1.0) for number in _unmeasured(history)]
    boxes = [_box(run, width) for run in _runs(sorted(marked))]
    label = f"{name}, {duration(period[1] - period[0])}: {_told(history)}"
    if threshold is not None:
        label += f"; the bar is at {milliseconds(threshold)}"
    return Chart(
        boxes=boxes,
        spans=spans(alerts, period),
        lines=_lines(history, width, top) if timed else (),
        threshold_y=_y(threshold, top) if threshold is not None and threshold <= top else None,
        label=f"{label}. {_would(alerts, period[1]) or 'No alert'}.",
        scale=milliseconds(top) if timed else "",
    )


def spans(alerts: Sequence[WouldAlert], period: tuple[int, int]) -> list[Box]:
    """Where alerts would have stood, from raised to resolved."""
    whole = period[1] - period[0]
    found = []
    for alert in alerts:
        begin = max(0, alert.triggered_ms - period[0]) / whole
        end = min(1.0, ((alert.resolved_ms or period[1]) - period[0]) / whole)
        found.append(
            Box(round(begin * WIDTH, 1), round(max(3.0, (end - begin) * WIDTH), 1), 0, HEIGHT, "would")
        )  # fmt: skip
    return found


def sentence(tried: Backtest, period: tuple[int, int], channels: Mapping[str, str]) -> str:
    """`Would have raised 3 alerts in 7 d, the longest 14 min; Slack 6 notices.`"""
    said = _would(tried.alerts, period[1]) or "no alert"
    told = [f"{channels.get(id_, id_)} {counted(number, 'notice')}" for id_, number in tried.notices.items()]
    begun = f"Would have raised {said} in {duration(round_up(period))}"
    return f"{begun}; {listed(told)}." if told else f"{begun}."


def round_up(period: tuple[int, int]) -> int:
    """How long a period is, to the hour: 7 d rather than 6 d 23 h."""
    return -(-(period[1] - period[0]) // HOUR_MS) * HOUR_MS if period[1] - period[0] > DAY_MS / 2 else HOUR_MS


def rows(tried: Backtest, period: tuple[int, int], names: Mapping[str, str]) -> list[Row]:
    """The checks that would have had alerts, most first."""
    by_check: dict[str, list[WouldAlert]] = {}
    for alert in tried.alerts:
        by_check.setdefault(alert.check_id, []).append(alert)
    most_first = sorted(by_check.items(), key=lambda item: (-len(item[1]), names.get(item[0], item[0])))
    return [
        Row(check_id, names.get(check_id, check_id), _would(alerts, period[1]), spans(alerts, period))
        for check_id, alerts in most_first[:MOST_ROWS]
    ]


def _would(alerts: Sequence[WouldAlert], to_ms: int) -> str:
    if not alerts:
        return ""
    longest = max((alert.resolved_ms or to_ms) - alert.triggered_ms for alert in alerts)
    still = sum(alert.resolved_ms is None for alert in alerts)
    said = f"{counted(len(alerts), 'alert')}, {'of' if len(alerts) == 1 else 'the longest'} {duration(longest)}"
    if not still:
        return said
    return f"{said}, {'still open' if len(alerts) == 1 else f'{still} still open'}"


def _marked(history: Sequence[Step], *, timed: bool) -> list[tuple[int, str, float]]:
    """(step, state, how much of the height): trouble is tall, what is good is low, or the line says it."""
    found = []
    for step in history:
        share = step.failed / (step.passed + step.failed)
        if share:
            found.append((step.number, "down" if share > 0.5 else "degraded", 0.4 + 0.6 * share))
        elif not timed:
            found.append((step.number, "up", 0.0))
    return found


def _unmeasured(history: Sequence[Step]) -> list[int]:
    """Steps between the first and the last that was measured in which nothing was."""
    there = {step.number for step in history}
    return [number for number in range(min(there, default=0), max(there, default=0)) if number not in there]


def _runs(marked: Sequence[tuple[int, str, float]]) -> list[tuple[int, int, str, float]]:
    """Neighbours that look alike, as one: (first step, how many, state, height)."""
    found = []
    for (_, css, height), group in groupby(enumerate(marked), key=lambda item: (item[1][0] - item[0], *item[1][1:])):
        several = list(group)
        found.append((several[0][1][0], len(several), css, height))
    return found


def _box(run: tuple[int, int, str, float], width: float) -> Box:
    first, number, css, share = run
    height = round(max(_PASSED, share * (HEIGHT - _TOP)), 1)
    return Box(round(first * width, 1), round(max(1.0, number * width - 0.3), 1), HEIGHT - height, height, css)


def _lines(history: Sequence[Step], width: float, top: float) -> list[str]:
    """Through the steps that took a time, broken where nothing was measured."""
    lines: list[list[str]] = [[]]
    before: int | None = None
    for step in history:
        if before is not None and step.number > before + 1 and lines[-1]:
            lines.append([])
        before = step.number
        if step.mean_ms is not None:
            lines[-1].append(f"{(step.number + 0.5) * width:.1f},{_y(step.mean_ms, top):.1f}")
    return [" ".join(points) for points in lines if points]


def _y(value_ms: float, top: float) -> float:
    return round(HEIGHT - (HEIGHT - _TOP) * value_ms / top, 1)


def _told(history: Sequence[Step]) -> str:
    passed, failed = sum(step.passed for step in history), sum(step.failed for step in history)
    if not passed and not failed:
        return "nothing was measured"
    said = f"{counted(passed + failed, 'run')}, {failed or 'none'} failed"
    times = [step for step in history if step.mean_ms is not None and step.most_ms is not None]
    if times:
        mean = sum((step.mean_ms or 0) * step.passed for step in times) / max(1, sum(step.passed for step in times))
        said += f", {milliseconds(mean)} on average, {milliseconds(max(step.most_ms or 0 for step in times))} at most"
    return said
