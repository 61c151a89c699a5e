"""The one row that all who store something hold until they commit: it gives the numbers, and the time."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run

MINUTE_MS = 60_000
_READ = "SELECT events, spans, generations, issues, maps, at_ms FROM intake WHERE id = 1"
_MARK = (
    "INSERT INTO marks (minute_ms, events, spans, generations) VALUES (?, ?, ?, ?) ON CONFLICT (minute_ms) DO NOTHING"
)


class Head(msgspec.Struct):
    """The last number given of each kind; `at_ms`: now, and never before it was last."""

    events: int
    spans: int
    generations: int
    issues: int
    maps: int
    at_ms: int


def hold_head(session: Session, now_ms: int) -> Head:
    """Wait for whoever stores something now, and keep others waiting until this transaction ends. Numbers that are
    taken of it count once `keep_head` was called."""
    run(session, "UPDATE intake SET at_ms = CASE WHEN at_ms > ? THEN at_ms ELSE ? END WHERE id = 1", now_ms, now_ms)
    head = read_head(session)
    minute_ms = head.at_ms - head.at_ms % MINUTE_MS
    run(session, _MARK, minute_ms, head.events, head.spans, head.generations)
    return head


def keep_head(session: Session, head: Head) -> None:
    """The numbers that were taken are taken."""
    run(
        session, "UPDATE intake SET events = ?, spans = ?, generations = ?, issues = ?, maps = ? WHERE id = 1",
        head.events, head.spans, head.generations, head.issues, head.maps,
    )  # fmt: skip


def read_head(session: Session) -> Head:
    """As of this transaction."""
    [row] = rows(session, _READ)
    return Head(*row)


def events_before(session: Session, at_ms: int) -> int:
    """A number such that every event received at that time or later has a greater one, and those up to it were received
    before."""
    return _before(session, "events", at_ms)


def spans_before(session: Session, at_ms: int) -> int:
    return _before(session, "spans", at_ms)


def generations_before(session: Session, at_ms: int) -> int:
    return _before(session, "generations", at_ms)


def _before(session: Session, kind: str, at_ms: int) -> int:
    query = f"SELECT {kind} FROM marks WHERE minute_ms >= ? ORDER BY minute_ms LIMIT 1"  # noqa: S608
    found = rows(session, query, at_ms - at_ms % MINUTE_MS)
    return int(found[0][0] if found else getattr(read_head(session), kind))
