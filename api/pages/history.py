"""How long a check took, and how it fared, over a span of time: the view model of its chart.

A column a slice of the span: the phases of its time one upon the other, or a line a location; hatched from above is the
share that was not measured; below it what failed, and on the same axis its alerts and maintenance.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from api.pages.cells import PARTLY, hatched, state_of
from api.pages.charts import Box, boxes_path, line_path, round_top, scaled, stacked
from api.pages.words import counted, milliseconds
from model.outcome import RunStatus
from model.phases import NAMES, phases
from model.times import DAY_MS, HOUR_MS
from store.check_history import Columns, Sample, failures, gaps_within, samples, tallies

WIDTH, HEIGHT = 1_000, 200
AXIS_HEIGHT = 26
_MINUTE_MS = 60_000
_HEIGHTS = {"up": 10, "degraded": 18, "down": 26, "unknown": 26}
_BARELY = 0.03
PHASE_CSS = tuple(f"phase-{name.lower()}" for name in NAMES)
MOST_LINES = 6
"""Locations that get a line of their own: more can't be told apart."""


@dataclass(frozen=True)
class Span:
    """`count` columns of `step_ms`; `daily`: from the rollups of days, hours or, None, from the runs themselves."""

    word: str
    spoken: str
    column: str
    step_ms: int
    count: int
    daily: bool | None

    def columns(self, now_ms: int) -> Columns:
        """Those that end with the one that runs now; all begin at whole steps."""
        end_ms = now_ms - now_ms % self.step_ms + self.step_ms
        return Columns(end_ms - self.count * self.step_ms, self.step_ms, self.count)


SPANS = {
    "1h": Span("1 h", "the last hour", "a minute", _MINUTE_MS, 60, None),
    "6h": Span("6 h", "the last 6 hours", "5 minutes", 5 * _MINUTE_MS, 72, None),
    "24h": Span("24 h", "the last 24 hours", "15 minutes", 15 * _MINUTE_MS, 96, None),
    "7d": Span("7 d", "the last 7 days", "2 hours", 2 * HOUR_MS, 84, False),
    "30d": Span("30 d", "the last 30 days", "8 hours", 8 * HOUR_MS, 90, False),
    "90d": Span("90 d", "the last 90 days", "a day", DAY_MS, 90, True),
    "13mo": Span("13 months", "the last 13 months", "4 days", 4 * DAY_MS, 99, True),
}


_ROUNDING = 1.01
"""A rest smaller than this is of rounding, and no time of its own."""


def fitting(age_ms: int) -> str:
    """The span to begin with: a day, of a young check the shorter one that its history fills."""
    if age_ms < HOUR_MS:
        return "1h"
    return "6h" if age_ms < 6 * HOUR_MS else "24h"


@dataclass
class Column:
    """A slice of the span. `missing`: the share of its planned runs that was not measured. Times in ms."""

    planned: bool = False
    failed: int = 0
    measured: int = 0
    missing: float = 0.0
    sums: dict[str, list[float]] = field(default_factory=lambda: defaultdict(lambda: [0.0, 0.0]))
    """By location, the sum of the durations and how many they are."""
    phase_sums: list[float] = field(default_factory=lambda: [0.0] * len(NAMES))
    sampled_ms: float = 0.0
    """The sum of the durations of the runs that the phases are known of."""

    @property
    def mean_ms(self) -> float | None:
        total, number = (sum(values) for values in zip(*self.sums.values(), strict=True)) if self.sums else (0.0, 0.0)
        return total / number if number else None

    def mean_at(self, location: str) -> float | None:
        total, number = self.sums.get(location, (0.0, 0.0))
        return total / number if number else None

    @property
    def layers(self) -> list[float] | None:
        """The mean cut by phases, and last what is of none: redirects, a wait that no answer ended, all of it where no
        phases are kept; None with nothing measured."""
        mean, known = self.mean_ms, sum(self.phase_sums)
        if mean is None:
            return None
        if not known:
            return [0.0] * len(NAMES) + [mean]
        whole = self.sampled_ms if self.sampled_ms > known * _ROUNDING else known
        return [value / whole * mean for value in (*self.phase_sums, whole - known)]

    @property
    def css(self) -> str | None:
        """The state of its cell: None where nothing was due."""
        return state_of(self.planned, self.measured, self.failed)


@dataclass(frozen=True)
class Line:
    """A layer or line of the chart, and its entry in the legend."""

    css: str
    path: str
    name: str
    mean: str


@dataclass(frozen=True)
class Chart:
    """`lines`: layers from below, or lines of locations (`stroked`); `top` ends the axis, in ms; `label` says it all in
    words; `cells`: paths by state; `measured`: whether there is anything to draw."""

    span: Span
    columns: Columns
    lines: Sequence[Line]
    stroked: bool
    hatched: str
    cells: Mapping[str, str]
    top: float
    label: str
    fared: str
    measured: bool


def chart(
    session: Session,
    organization_id: str,
    check_id: str,
    span: Span,
    now_ms: int,
    locations: Sequence[str],
    *,
    location: str | None = None,
    by_location: bool = False,
    in_all: str,
    rest: str,
) -> Chart:
    """Of one check, at one location or at all; drawn by phase or by location. `in_all`: what durations are called of
    which no phase is known; `rest`: what is of none, where some are."""
    columns = span.columns(now_ms)
    cut = [Column() for _ in range(columns.count)]
    sampled = samples(session, organization_id, check_id, columns, location, len(locations))
    if span.daily is None:
        _add_runs(session, organization_id, check_id, columns, location, len(locations), sampled, cut)
    else:
        _add_rollups(session, check_id, columns, location, cut, daily=span.daily)
    for sample in sampled:
        if sample.measured and sample.duration_ms is not None:
            column = cut[columns.of(sample.at_ms)]
            column.sampled_ms += sample.duration_ms
            for name, ms in phases(sample):
                column.phase_sums[NAMES.index(name)] += ms
    stroked = by_location and location is None and len(locations) > 1
    phased = any(any(column.phase_sums) for column in cut)
    return _drawn(span, columns, cut, locations if stroked else None, rest if phased else in_all)


def _add_runs(
    session: Session, organization_id: str, check_id: str, columns: Columns, location: str | None, locations: int,
    sampled: Sequence[Sample], cut: Sequence[Column],
) -> None:  # fmt: skip
    """A short span: what the samples measured, every failure, and the stretches that nobody ran."""
    unmeasured = [0] * columns.count
    seen_failed = [0] * columns.count
    for sample in sampled:
        place = columns.of(sample.at_ms)
        column = cut[place]
        column.planned = True
        if not sample.measured:
            unmeasured[place] += 1
            continue
        column.measured += 1
        seen_failed[place] += sample.status == RunStatus.FAILED
        if sample.duration_ms is not None:
            total = column.sums[sample.location]
            total[0] += sample.duration_ms
            total[1] += 1
    failed = [0] * columns.count
    rare = [False] * columns.count
    for at_ms, _, status in failures(session, organization_id, check_id, columns, location):
        place = columns.of(at_ms)
        cut[place].planned = True
        failed[place] += status == RunStatus.FAILED
        rare[place] |= status in (RunStatus.MISSED, RunStatus.UNKNOWN)
    empty: list[set[str]] = [set() for _ in range(columns.count)]
    for gap in gaps_within(session, check_id, columns, location):
        for place in range(columns.of(gap.from_ms), columns.of(gap.to_ms) + 1):
            empty[place].add(gap.location)
            cut[place].planned = True
    wanted = 1 if location is not None else max(locations, 1)
    for place, column in enumerate(cut):
        # Of many runs some were looked at: more failures than those are as many as fell among them, and at least one.
        known = seen_failed[place]
        column.failed = known if known else min(failed[place], 1)
        total_seen = column.measured + unmeasured[place]
        share = unmeasured[place] / total_seen if total_seen else 0.0
        column.missing = max(share, len(empty[place]) / wanted if not column.measured or empty[place] else 0.0)
        column.missing = min(max(column.missing, _BARELY if rare[place] else 0.0), 1.0)


def _add_rollups(
    session: Session, check_id: str, columns: Columns, location: str | None, cut: Sequence[Column], *, daily: bool
) -> None:
    planned = [0] * columns.count
    for tally in tallies(session, check_id, columns, location, daily=daily):
        place = columns.of(tally.from_ms)
        column = cut[place]
        planned[place] += tally.planned
        column.failed += tally.failed
        column.measured += tally.success + tally.failed
        total = column.sums[tally.location]
        total[0] += tally.duration_sum_ms
        total[1] += tally.success + tally.failed
    for place, column in enumerate(cut):
        column.planned = planned[place] > 0
        column.missing = 1 - column.measured / planned[place] if planned[place] else 0.0


def _drawn(span: Span, columns: Columns, cut: Sequence[Column], locations: Sequence[str] | None, in_all: str) -> Chart:
    means = [mean for column in cut if (mean := column.mean_ms) is not None]
    if locations is not None:
        each = [[column.mean_at(name) for column in cut] for name in locations[:MOST_LINES]]
        top = round_top(max([value for values in each for value in values if value is not None], default=0.0))
        lines = [
            Line(f"place-{number}", line_path(values, top, WIDTH, HEIGHT), name, _mean_of(values))
            for number, (name, values) in enumerate(zip(locations, each, strict=False))
        ]
    else:
        top = round_top(max(means, default=0.0))
        layers = [column.layers for column in cut]
        known = [layer for layer in layers if layer is not None]
        lines = [
            Line(css, path, name, _mean_of([layer[number] for layer in known]))
            for number, (css, name, path) in enumerate(
                zip((*PHASE_CSS, "phase-whole"), (*NAMES, in_all),
                    stacked(layers, top, WIDTH, HEIGHT) or [""] * (len(NAMES) + 1), strict=True)
            )
            if any(layer[number] for layer in known)
        ]  # fmt: skip
    width = WIDTH / columns.count
    holes = [
        Box(round(place * width, 1), 0, round(width, 1), max(scaled(column.missing, 1, HEIGHT), 4))
        for place, column in enumerate(cut)
        if column.missing > 0
    ]
    cells: dict[str, list[Box]] = defaultdict(list)
    for place, column in enumerate(cut):
        if column.css is not None:
            height, left, wide = _HEIGHTS[column.css], round(place * width, 1), round(width * 0.88, 1)
            hole = hatched(column.css, column.missing, height)
            cells[column.css].append(Box(left, AXIS_HEIGHT - height + hole, wide, height - hole))
            cells["unknown"].append(Box(left, AXIS_HEIGHT - height, wide, hole))
    return Chart(
        span,
        columns,
        lines,
        locations is not None,
        boxes_path(holes),
        {css: boxes_path(boxes) for css, boxes in cells.items()},
        top,
        _label(span, means, lines, by_location=locations is not None),
        _fared(span, cut),
        bool(means),
    )


def _mean_of(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return milliseconds(sum(known) / len(known)) if known else milliseconds(None)


def _label(span: Span, means: Sequence[float], lines: Sequence[Line], *, by_location: bool) -> str:
    what = "How long it took by location" if by_location else "How long it took by phase"
    if not means:
        return f"{what}, {span.spoken}: nothing was timed"
    parts = ", ".join(f"{line.name} {line.mean}" for line in lines)
    return (
        f"{what}, {span.spoken}: {milliseconds(sum(means) / len(means))} on average, "
        f"{milliseconds(max(means))} in the slowest {span.column.removeprefix('a ')}; {parts}"
    )


def _fared(span: Span, cut: Sequence[Column]) -> str:
    """The row of cells in words."""
    due = [column for column in cut if column.planned or column.failed]
    if not due:
        return f"How it fared, {span.spoken}: nothing was due"
    failed = sum(1 for column in due if column.failed)
    holes = sum(1 for column in due if column.missing >= PARTLY)
    return (
        f"How it fared, {span.spoken}, {counted(len(due), 'column')} of {span.column} each: "
        f"{failed or 'none'} with failures, {holes or 'none'} not fully measured"
    )
