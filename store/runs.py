"""Reading runs, and the waiting rows of runs that were asked for. Ended runs are written by `alerts.record` alone.

Every list of runs walks an index that begins with the check's id (DESIGN §8), and a gap stands in it as one entry, at
the place of its newest slot.
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import ColumnElement, func, literal_column, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased, defer

from model.ids import new_id
from model.outcome import RunStatus, Trigger
from store.statements import is_sqlite
from store.tables import Check, Gap, Run

COUNTED = 10_000
"""Totals are exact up to here: counting on would cost more than the page is worth."""
Entry = Run | Gap
Cursor = tuple[int, str, str]
"""The entry a page ended with: (at_ms, location, trigger) of a run, (to_ms, location, "gap") of a gap."""
_GAP = "gap"


class RunFilter(msgspec.Struct, frozen=True):
    """Empty means all. `from_ms` is inclusive, `to_ms` exclusive, both on when a run was due or asked for; a gap
    counts as scheduled, and is in a window that it touches."""

    statuses: Collection[RunStatus] = ()
    locations: Collection[str] = ()
    triggers: Collection[Trigger] = ()
    from_ms: int | None = None
    to_ms: int | None = None


class RunPage(msgspec.Struct):
    """`total` counts runs and gaps; at COUNTED `total_is_minimum`. `next`: the cursor of what follows, or None."""

    entries: list[Entry]
    total: int
    total_is_minimum: bool
    next: str | None


class QueuedRun(msgspec.Struct, frozen=True):
    """A run that waits. `at_ms`: when it counts as asked for, which no other run of its kind has."""

    run_id: str
    check_id: str
    location: str
    at_ms: int


def run_by_id(session: Session, run_id: str) -> Run | None:
    """One run, also of a deleted check; None when there is none."""
    return session.scalars(select(Run).where(Run.id == run_id)).one_or_none()


def list_runs(session: Session, check_id: str, wanted: RunFilter, *, page: int, per_page: int) -> RunPage:
    """A page of the runs and gaps of a check, newest first; `page` counts from 1."""
    offset = (page - 1) * per_page
    gaps = _gaps(session, check_id, wanted, limit=offset + per_page + 1)
    # With g gaps that could stand before it, the page has none of the first offset - g runs: all those come earlier.
    skipped = max(0, offset - len(gaps))
    first = _place_of_run(session, check_id, wanted, skipped)
    runs = _runs(session, check_id, wanted, limit=offset + per_page + 1 - skipped, first=first) if first else []
    return _page(_merged(runs, gaps)[offset - skipped :], per_page, _count(session, check_id, wanted))


def list_runs_after(session: Session, check_id: str, wanted: RunFilter, *, cursor: str, per_page: int) -> RunPage:
    """The runs and gaps that follow a cursor (`RunPage.next`), newest first. ValueError when it is no cursor."""
    after = decode_cursor(cursor)
    gaps = _gaps(session, check_id, wanted, after=after, limit=per_page + 1)
    runs = _runs(session, check_id, wanted, after=after, limit=per_page + 1)
    return _page(_merged(runs, gaps), per_page, _count(session, check_id, wanted))


def last_runs(session: Session, check_ids: Sequence[str]) -> dict[str, Run]:
    """The newest ended run of each check that has one, whatever asked for it."""
    inner = aliased(Run)
    newest = (
        select(inner.id)
        .where(inner.check_id == Check.id, inner.status.not_in((RunStatus.QUEUED, RunStatus.RUNNING)))
        .order_by(inner.at_ms.desc(), inner.location.desc(), inner.trigger.desc())
        .limit(1)
        .correlate(Check)
        .scalar_subquery()
    )
    ids = session.scalars(select(newest).select_from(Check).where(Check.id.in_(check_ids))).all()
    found = session.scalars(select(Run).where(Run.id.in_([run_id for run_id in ids if run_id])))
    return {run.check_id: run for run in found}


def queue_runs(
    session: Session, check: Check, locations: Sequence[str], trigger: Trigger, now_ms: int
) -> list[QueuedRun]:
    """Add a waiting run of a check at each location. Two that are asked for in the same millisecond count as asked
    for one after the other, so that every run has a place of its own."""
    queued: list[QueuedRun] = []
    for location in locations:
        at_ms = now_ms
        while (run_id := _queue(session, check, location, trigger, at_ms)) is None:
            at_ms += 1
        queued.append(QueuedRun(run_id, check.id, location, at_ms))
    return queued


def _queue(session: Session, check: Check, location: str, trigger: Trigger, at_ms: int) -> str | None:
    """The id of the run, None when that place is taken."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    row = insert(Run).values(
        id=new_id("run", at_ms),
        organization_id=check.organization_id,
        check_id=check.id,
        check_version=check.version,
        location=location,
        at_ms=at_ms,
        trigger=trigger.value,
        status=RunStatus.QUEUED.value,
    )
    return session.scalars(row.on_conflict_do_nothing().returning(Run.id)).one_or_none()


def set_running(session: Session, run_ids: Sequence[str]) -> None:
    """A probe has taken these runs: those that were queued are running."""
    waiting = update(Run).where(Run.id.in_(run_ids), Run.status == RunStatus.QUEUED.value)
    session.execute(waiting.values(status=RunStatus.RUNNING.value), execution_options={"synchronize_session": False})


def encode_cursor(entry: Entry) -> str:
    """The cursor of what follows this entry."""
    if isinstance(entry, Gap):
        key: Cursor = (entry.to_ms, entry.location, _GAP)
    else:
        key = (entry.at_ms, entry.location, entry.trigger)
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str) -> Cursor:
    """ValueError with a sentence when it is none of ours."""
    refusal = "this is not a cursor that a list of runs gave as meta.next"
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        at_ms, location, trigger = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise ValueError(refusal) from None
    if abs(at_ms) >= 1 << 62 or "\0" in location + trigger:
        raise ValueError(refusal)
    return at_ms, location, trigger


def _place(entry: Entry) -> tuple[int, bool]:
    """Entries stand by time, newest first; at one time runs stand before gaps, each kind in the order it was read."""
    return (entry.to_ms, False) if isinstance(entry, Gap) else (entry.at_ms, True)


def _merged(runs: list[Run], gaps: list[Gap]) -> list[Entry]:
    both: list[Entry] = [*runs, *gaps]
    return sorted(both, key=_place, reverse=True)


def _page(entries: Sequence[Entry], per_page: int, total: int) -> RunPage:
    shown = list(entries[:per_page])
    more = len(entries) > per_page
    return RunPage(shown, min(total, COUNTED), total > COUNTED, encode_cursor(shown[-1]) if more else None)


_RUN_KEY = (Run.at_ms, Run.location, Run.trigger)


def _place_of_run(session: Session, check_id: str, wanted: RunFilter, skipped: int) -> Cursor | None:
    """The key of the run that so many newer ones come before; None when there are no more. Like counting: in the index
    alone, for a check whose owner has been asked."""
    if not _is_visible(session, check_id):
        return None
    keys = select(*_RUN_KEY).where(*_wanted_runs(check_id, wanted)).order_by(*[part.desc() for part in _RUN_KEY])
    found = session.connection().execute(keys.offset(skipped).limit(1)).first()
    return (found[0], found[1], found[2]) if found is not None else None


def _runs(
    session: Session,
    check_id: str,
    wanted: RunFilter,
    *,
    limit: int,
    first: Cursor | None = None,
    after: Cursor | None = None,
) -> list[Run]:
    """The newest runs, from the one at `first` on or from behind `after`."""
    statement = select(Run).where(*_wanted_runs(check_id, wanted)).options(defer(Run.detail))
    if first is not None:
        statement = statement.where(Run.at_ms <= first[0], tuple_(*_RUN_KEY) <= tuple_(*first))
    elif after is not None and after[2] == _GAP:
        statement = statement.where(Run.at_ms < after[0])
    elif after is not None:
        statement = statement.where(Run.at_ms <= after[0], tuple_(*_RUN_KEY) < tuple_(*after))
    return list(session.scalars(statement.order_by(*[part.desc() for part in _RUN_KEY]).limit(limit)))


def _wanted_runs(check_id: str, wanted: RunFilter) -> list[ColumnElement[bool]]:
    terms: list[ColumnElement[bool]] = [Run.check_id == check_id]
    if wanted.from_ms is not None:
        terms.append(Run.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        terms.append(Run.at_ms < wanted.to_ms)
    if wanted.locations:
        terms.append(Run.location.in_(wanted.locations))
    if wanted.triggers:
        terms.append(Run.trigger.in_([trigger.value for trigger in wanted.triggers]))
    if wanted.statuses:
        terms.append(Run.status.in_([status.value for status in wanted.statuses]))
        if RunStatus.SUCCESS not in wanted.statuses:  # said as the index says it, else it can't be used
            terms.append(Run.status != literal_column("'success'"))
    return terms


def _gaps(session: Session, check_id: str, wanted: RunFilter, *, limit: int, after: Cursor | None = None) -> list[Gap]:
    terms = _wanted_gaps(check_id, wanted)
    if terms is None:
        return []
    statement = select(Gap).where(*terms)
    if after is not None and after[2] == _GAP:
        statement = statement.where(Gap.to_ms <= after[0], tuple_(Gap.to_ms, Gap.location) < tuple_(*after[:2]))
    elif after is not None:
        statement = statement.where(Gap.to_ms <= after[0])
    return list(session.scalars(statement.order_by(Gap.to_ms.desc(), Gap.location.desc()).limit(limit)))


def _wanted_gaps(check_id: str, wanted: RunFilter) -> list[ColumnElement[bool]] | None:
    """None when the filter lets no gap through."""
    if wanted.triggers and Trigger.SCHEDULE not in wanted.triggers:
        return None
    terms: list[ColumnElement[bool]] = [Gap.check_id == check_id]
    if wanted.from_ms is not None:
        terms.append(Gap.to_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        terms.append(Gap.from_ms < wanted.to_ms)
    if wanted.locations:
        terms.append(Gap.location.in_(wanted.locations))
    if wanted.statuses:
        terms.append(Gap.status.in_([status.value for status in wanted.statuses]))
    return terms


def _count(session: Session, check_id: str, wanted: RunFilter) -> int:
    """Runs and gaps together, at most a little over COUNTED.

    Ten thousand rows would be read for the ORM's filter by organization alone; the index holds all else. So whose
    check it is is asked once, and the rows are counted without the ORM."""
    if not _is_visible(session, check_id):
        return 0
    some = [select(Run.at_ms).where(*_wanted_runs(check_id, wanted)).limit(COUNTED + 1)]
    gap_terms = _wanted_gaps(check_id, wanted)
    if gap_terms is not None:
        some.append(select(Gap.to_ms).where(*gap_terms).limit(COUNTED + 1))
    connection = session.connection()
    return sum(connection.scalar(select(func.count()).select_from(rows.subquery())) or 0 for rows in some)


def _is_visible(session: Session, check_id: str) -> bool:
    """Whether this session may see the check."""
    return session.scalar(select(Check.id).where(Check.id == check_id)) is not None
