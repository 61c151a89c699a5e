"""The spans of a trace as a waterfall: which stands under which, and where each lies in time. Geometry only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from api.pages.event_view import entries
from telemetry.stored.reading import StoredSpan

WIDTH = 1_000
MOST_DEPTH = 12
"""Steps to the right; what lies deeper stands under it without another."""
MOST_SHOWN = 300
_THINNEST = 4
_BAD = frozenset({"error", "cancelled", "internal_error", "unknown_error", "deadline_exceeded", "aborted"})


@dataclass(frozen=True)
class SpanBar:
    """`x`, `width` in thousandths of the trace; `depth` from 0; `begins_ms`: after the trace's first."""

    name: str
    op: str
    project: str
    status: str
    failed: bool
    depth: int
    x: int
    width: int
    begins_ms: float
    took_ms: float
    attributes: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class SpanTree:
    """`left_out`: spans that the list has no room for."""

    bars: Sequence[SpanBar]
    took_ms: float
    left_out: int = 0


def span_tree(spans: Sequence[StoredSpan], slugs: Mapping[int, str], most: int = MOST_SHOWN) -> SpanTree:
    """Parents before their children, those beside one another by when they began. A span whose parent is not there, as
    that of the probe's own request never is, stands at the left."""
    if not spans:
        return SpanTree([], 0.0)
    first_ms = min(span.start_ms for span in spans)
    whole_ms = max(span.end_ms for span in spans) - first_ms
    ordered = _in_order(spans)
    bars = [_bar(span, depth, first_ms, whole_ms, slugs) for span, depth in ordered[:most]]
    return SpanTree(bars, whole_ms, len(ordered) - len(bars))


def _in_order(spans: Sequence[StoredSpan]) -> list[tuple[StoredSpan, int]]:
    """Each span once, whatever they say of one another: a circle of parents is opened at its earliest."""
    ids = {(span.project, span.span_id) for span in spans}
    known_ids = {span.span_id for span in spans}
    by_start = sorted(spans, key=lambda span: (span.start_ms, span.seq))
    children: dict[str, list[StoredSpan]] = {}
    roots = []
    for span in by_start:
        parent = span.parent_span_id
        if parent in known_ids and parent != span.span_id and parent is not None:
            children.setdefault(parent, []).append(span)
        else:
            roots.append(span)
    found: list[tuple[StoredSpan, int]] = []
    for start in (*roots, *by_start):
        waiting = [(start, 0)]
        while waiting:
            span, depth = waiting.pop()
            if (span.project, span.span_id) not in ids:
                continue
            ids.discard((span.project, span.span_id))
            found.append((span, depth))
            under = children.get(span.span_id, ())
            waiting += [(child, min(depth + 1, MOST_DEPTH)) for child in reversed(under)]
    return found


def _bar(span: StoredSpan, depth: int, first_ms: float, whole_ms: float, slugs: Mapping[int, str]) -> SpanBar:
    took_ms = span.end_ms - span.start_ms
    width = max(_THINNEST, round(took_ms / whole_ms * WIDTH)) if whole_ms else WIDTH
    x = round((span.start_ms - first_ms) / whole_ms * WIDTH) if whole_ms else 0
    payload = span.payload if isinstance(span.payload, dict) else {}
    told = [("status", str(payload["status_message"])[:300])] if payload.get("status_message") else []
    return SpanBar(
        name=span.name,
        op=span.op,
        project=slugs.get(span.project, ""),
        status=span.status,
        failed=span.status in _BAD,
        depth=depth,
        x=min(x, WIDTH - min(width, WIDTH)),
        width=min(width, WIDTH),
        begins_ms=span.start_ms - first_ms,
        took_ms=took_ms,
        attributes=[*told, *entries(payload.get("attributes") or payload.get("data"))],
    )
