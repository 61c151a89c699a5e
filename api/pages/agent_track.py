"""The time line of an agent's run, as SVG: what it was doing when, and where it went wrong. Geometry only.

Each event lasts until the next one came. An event's time is its sender's, but never earlier than that of the event
before it: the order is `seq`. With no times at all, events stand side by side.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from api.pages.agent_kinds import KINDS, LANES, Kind
from api.pages.words import counted, offset
from telemetry.agents.stored.windows import Mark

WIDTH = 1_000
LANE, GAP, TOP = 14, 4, 12
HEIGHT = TOP + len(LANES) * (LANE + GAP)
_THINNEST = 3
_MOST_BLOCKS = 400
_CELLS = 250


class RunTimes:
    """When each event of an outline came, in ms after the first; and where that is, in thousandths."""

    def __init__(self, outline: Sequence[Mark]) -> None:
        self.outline = outline
        self._seqs = [mark.seq for mark in outline]
        self._since = list(accumulate((mark.at_ms - outline[0].at_ms for mark in outline), max))
        self.whole_ms = self._since[-1] if outline else 0

    def since_ms(self, seq: int) -> int:
        """Of an event, or of the one before it where the outline does not have it."""
        place = bisect_left(self._seqs, seq + 1) - 1
        return self._since[place] if place >= 0 else 0

    def until_next_ms(self, seq: int) -> int | None:
        """How long it was the newest; None for the last."""
        place = bisect_left(self._seqs, seq)
        known = place + 1 < len(self._seqs) and self._seqs[place] == seq
        return self._since[place + 1] - self._since[place] if known else None

    def seq_at(self, since_ms: int) -> int | None:
        """The event that was the newest at that time; None where there is none."""
        place = bisect_left(self._since, since_ms + 1) - 1
        return self._seqs[max(0, place)] if self._seqs else None

    def spans(self) -> list[tuple[float, float]]:
        """From where to where each lies."""
        edges = self._since if self.whole_ms else list(range(len(self._seqs)))
        whole = self.whole_ms or len(self._seqs)
        return [
            (edge / whole * WIDTH, (following if following is not None else whole) / whole * WIDTH)
            for edge, following in zip(edges, [*edges[1:], None], strict=True)
        ]


@dataclass(frozen=True)
class Track:
    """`shapes`: for each look the outlines of all its events, as one path. `critical_x`: where the critical step is.
    `kinds`: those that occur, and how often. `ticks`: times along it. `label`: the same in words."""

    shapes: Mapping[str, str]
    critical_x: float | None
    whole_ms: int
    kinds: Sequence[tuple[Kind, int]]
    ticks: Sequence[str]
    label: str


def track(times: RunTimes, critical: int | None) -> Track | None:
    """`critical`: the `seq` of the critical event. None for a run without events."""
    outline = times.outline
    if not outline:
        return None
    spans = times.spans()
    drawn = _blocks(outline, spans) if len(outline) <= _MOST_BLOCKS else _shares(outline, spans)
    critical_x = next((begins for mark, (begins, _) in zip(outline, spans, strict=True) if mark.seq == critical), None)
    found = Counter(mark.type for mark in outline)
    kinds = [(KINDS[kind], found[kind]) for kind in KINDS if found[kind]]
    parts = ", ".join(counted(count, kind.one, kind.many) for kind, count in kinds)
    said = f"{counted(len(outline), 'event')} in {offset(times.whole_ms)}: {parts}."
    if critical_x is not None:
        said += f" The critical step is event {critical}, after {offset(times.since_ms(critical or 0))}."
    return Track(
        {css: "".join(block.path for block in blocks) for css, blocks in drawn.items()},
        None if critical_x is None else round(min(max(critical_x, 1), WIDTH - 1), 1),
        times.whole_ms,
        kinds,
        [offset(round(times.whole_ms * quarter / 4)) for quarter in range(5)] if times.whole_ms else [],
        said,
    )


@dataclass
class _Block:
    begins: float
    ends: float
    top: int
    height: int

    @property
    def path(self) -> str:
        wide = self.ends - self.begins
        return f"M{self.begins:.1f} {self.top}h{wide:.1f}v{self.height}h-{wide:.1f}z"


_Drawn = dict[str, list[_Block]]


def _blocks(outline: Sequence[Mark], spans: Sequence[tuple[float, float]]) -> _Drawn:
    """Each event a block in its lane."""
    drawn: _Drawn = {}
    for mark, (begins, ends) in zip(outline, spans, strict=True):
        lane = KINDS[mark.type].lane
        if lane is None:
            _stand(drawn, mark, begins)
        else:
            begins = min(begins, WIDTH - _THINNEST)
            block = _Block(begins, max(ends, begins + _THINNEST), TOP + lane * (LANE + GAP), LANE)
            _lay(drawn, KINDS[mark.type].css, block)
    return drawn


def _shares(outline: Sequence[Mark], spans: Sequence[tuple[float, float]]) -> _Drawn:
    """Of a long run each lane shows, cell by cell, how much of the time it had, and of what; the most that any lane had
    fills it."""
    drawn: _Drawn = {}
    shares: list[dict[str, float]] = [{} for _ in range(_CELLS)]
    cell = WIDTH / _CELLS
    for mark, (begins, ends) in zip(outline, spans, strict=True):
        if KINDS[mark.type].lane is None:
            _stand(drawn, mark, begins)
            continue
        for place in range(min(int(begins / cell), _CELLS - 1), min(int(ends / cell), _CELLS - 1) + 1):
            part = min(ends, (place + 1) * cell) - max(begins, place * cell)
            shares[place][mark.type] = shares[place].get(mark.type, 0.0) + max(part, 0.0) / cell
    most = max((_fullest(of_types) for of_types in shares), default=0.0) or 1.0
    for place, of_types in enumerate(shares):
        bottoms = [TOP + lane * (LANE + GAP) + LANE for lane in range(len(LANES))]
        for kind in KINDS:
            lane, height = KINDS[kind].lane, round(LANE * of_types.get(kind, 0.0) / most)
            if lane is None or kind not in of_types:
                continue
            height = min(max(height, 1), LANE)
            bottoms[lane] -= height
            _lay(drawn, KINDS[kind].css, _Block(place * cell, (place + 1) * cell, bottoms[lane], height))
    return drawn


def _fullest(of_types: Mapping[str, float]) -> float:
    """The most that one lane has of a cell."""
    lanes = [0.0] * len(LANES)
    for kind, share in of_types.items():
        lanes[KINDS[kind].lane or 0] += share
    return max(lanes)


def _stand(drawn: _Drawn, mark: Mark, begins: float) -> None:
    """Ends and errors, tall and thin: what follows them is none of theirs."""
    begins = min(begins, WIDTH - _THINNEST)
    _lay(drawn, KINDS[mark.type].css, _Block(begins, begins + _THINNEST, TOP - 4, HEIGHT - TOP))


def _lay(drawn: _Drawn, css: str, block: _Block) -> None:
    """One more block of a look; one that goes on where the last ends is a part of it."""
    lying = drawn.setdefault(css, [])
    last = lying[-1] if lying else None
    if last and block.begins <= last.ends + 0.5 and (last.top, last.height) == (block.top, block.height):
        last.ends = max(last.ends, block.ends)
    else:
        lying.append(block)
