"""Dispatches as the scheduler sees them: made, re-opened when their holder is lost, closed when nobody came (R6).

All of it runs in sessions of EVERY_ORGANIZATION. Locks are taken on dispatches before any location state, as recording
does; those taken here skip what is locked, so they wait for nobody and need no order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from model.ids import new_id
from store.draft_tables import is_draft
from store.statements import from_json, rows, run, run_many

RUNS_PER_DISPATCH = 100
OVERDUE_MS = 30_000
"""A leased run whose result is so much later than its budget allows is given up, though its probe is alive."""
LONGEST_QUEUE_MS = 1_800_000
"""A journey asked for by hand waits so long at most for those that were asked for before it."""

PlannedRun = tuple[str, str, int, int, str]
"""(run id, check id, due_ms, late_limit_ms, trigger), as it stands in `dispatches.runs`"""


class NewDispatch(msgspec.Struct):
    """Up to RUNS_PER_DISPATCH runs of one location and kind. `priority` 0: asked for by hand, 1: of the schedule."""

    organization_id: str
    location: str
    kind: str
    runs: list[PlannedRun]
    priority: int = 1


class OpenDispatch(msgspec.Struct):
    """A dispatch that is not closed. `token` above 0: it was leased before. `leased_ms`: when, last."""

    id: str
    organization_id: str
    location: str
    kind: str
    token: int
    leased_ms: int | None
    runs: list[PlannedRun]


_INSERT = (
    "INSERT INTO dispatches (id, organization_id, location, kind, priority, runs, created_ms, first_limit_ms, "
    "last_limit_ms, token, finished) VALUES (?, ?, ?, ?, ?, ?::jsonb, ?, ?, ?, 0, 0)"
)
_OPEN = "SELECT d.id, d.organization_id, d.location, d.kind, d.token, d.leased_ms, d.runs FROM dispatches d "
_IN_ORDER = "ORDER BY d.last_limit_ms, d.id"
"""As the index of those that are not closed has them: by id alone, SQLite walks a day's closed ones to find none."""
_UNCLAIMED = (
    f"{_OPEN} WHERE d.closed_ms IS NULL AND d.instance_id IS NULL AND d.last_limit_ms <= ? "
    f"{_IN_ORDER} LIMIT ? FOR UPDATE OF d SKIP LOCKED"
)
_LEASED = f"{_OPEN} WHERE d.closed_ms IS NULL AND d.instance_id IS NOT NULL AND d.last_limit_ms <= ? ORDER BY d.id"
_LOST = (
    f"{_OPEN} WHERE d.closed_ms IS NULL AND d.instance_id IS NOT NULL AND NOT EXISTS "  # noqa: S608 - no values
    "(SELECT 1 FROM probe_instances i WHERE i.id = d.instance_id AND i.lease_until_ms >= ?) "
    f"{_IN_ORDER} LIMIT ? FOR UPDATE OF d SKIP LOCKED"
)
_AT_WORK = (
    "SELECT DISTINCT organization_id, location FROM dispatches WHERE organization_id IN ? AND location IN ? "
    "AND kind = 'browser' AND ((closed_ms IS NULL AND instance_id IS NOT NULL) OR leased_ms >= ?)"
)
_PUT_OFF = "UPDATE dispatches SET runs = ?::jsonb, first_limit_ms = ?, last_limit_ms = ? WHERE id = ?"
_PROBES = (
    "SELECT organization_id, location FROM probes WHERE organization_id IN ? AND location IN ? AND deleted_ms IS NULL"
)
_INSTANCES = (
    "SELECT organization_id, location, started_ms, lease_until_ms, capabilities FROM probe_instances "
    "WHERE organization_id IN ? AND location IN ?"
)
_DRAFT_STATUS = "UPDATE drafts SET status = ? WHERE id IN ? AND status = ?"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[PlannedRun]).decode


def planned_runs(stored: Any) -> list[PlannedRun]:
    """What the column `runs` holds: its text on SQLite, lists already on PostgreSQL."""
    return _decode(stored) if isinstance(stored, str) else [tuple(planned) for planned in stored]


def add_dispatches(session: Session, dispatches: Iterable[NewDispatch], now_ms: int) -> None:
    """Store dispatches, open for any able probe of their location. The caller wakes `lease:{organization_id}`."""
    run_many(
        session,
        _INSERT,
        [
            (
                new_id("dsp", now_ms), new.organization_id, new.location, new.kind, new.priority,
                _encode(new.runs).decode(), now_ms,
                min([planned[3] for planned in new.runs]), max([planned[3] for planned in new.runs]),
            )
            for new in dispatches
        ],
    )  # fmt: skip


def unclaimed_past_limit(session: Session, now_ms: int, most: int) -> list[OpenDispatch]:
    """Up to `most` dispatches that nobody holds and whose last run has passed its limit: locked, so nobody will."""
    return _dispatches(rows(session, _UNCLAIMED, now_ms, most))


def put_off(session: Session, dispatches: Iterable[OpenDispatch], until_ms: int) -> None:
    """They may be taken until then: those who could are at work on what was asked for before."""
    changed = [(each.id, [(*planned[:3], until_ms, planned[4]) for planned in each.runs]) for each in dispatches]
    run_many(session, _PUT_OFF, [(_encode(runs).decode(), until_ms, until_ms, name) for name, runs in changed])


def walking_at(session: Session, wanted: Iterable[tuple[str, str]], since_ms: int) -> set[tuple[str, str]]:
    """At which of these (organization, location) pairs a journey is held by a probe, or one was taken since then."""
    organizations, locations = sorted({pair[0] for pair in wanted}), sorted({pair[1] for pair in wanted})
    return {(row[0], row[1]) for row in rows(session, _AT_WORK, organizations, locations, since_ms)}


def leased_past_limit(session: Session, now_ms: int) -> list[OpenDispatch]:
    """The leased dispatches whose runs may be overdue by now. Not locked: their results are welcome still."""
    return _dispatches(rows(session, _LEASED, now_ms - OVERDUE_MS))


def anything_to_close(session: Session, now_ms: int) -> bool:
    """Whether there may be a dispatch to re-open or to close: a look before the writes that this takes."""
    overdue = rows(session, _LEASED + " LIMIT 1", now_ms - OVERDUE_MS)
    return bool(overdue or rows(session, _UNCLAIMED, now_ms, 1) or rows(session, _LOST, now_ms, 1))


def reopen_lost(session: Session, now_ms: int, most: int) -> list[OpenDispatch]:
    """Take up to `most` dispatches from instances whose lease has run out and open them to others. Their token stays,
    so the last holder's results count until somebody else leases them. So do the limits of their runs: of a check's
    lost slots the newest is run again, if it is young enough, and older ones are past theirs (R5). Ask only while the
    API serves."""
    lost = _dispatches(rows(session, _LOST, now_ms, most))
    run_many(session, "UPDATE dispatches SET instance_id = NULL WHERE id = ?", [(dispatch.id,) for dispatch in lost])
    set_status_by_hand(session, [planned for dispatch in lost for planned in dispatch.runs], "running", "queued")
    return lost


def set_status_by_hand(session: Session, runs: Iterable[PlannedRun], before: str, after: str) -> None:
    """Runs asked for by hand have a row while they wait, and drafts too; those of the schedule have none until they
    end."""
    by_hand = [planned for planned in runs if planned[4] != "schedule"]
    if by_hand:
        run_ids = [planned[0] for planned in by_hand]
        run(session, "UPDATE runs SET status = ? WHERE id IN ? AND status = ?", after, run_ids, before)
        drafts = [planned[1] for planned in by_hand if is_draft(planned[1])]
        if drafts:
            run(session, _DRAFT_STATUS, after, drafts, before)


def close_dispatches(session: Session, dispatch_ids: Iterable[str], now_ms: int) -> None:
    """Close what recording could not: the runs of checks that no longer exist."""
    ids = sorted(dispatch_ids)
    run(session, "UPDATE dispatches SET closed_ms = ? WHERE id IN ? AND closed_ms IS NULL", now_ms, ids)


def queue_depth(session: Session) -> dict[tuple[str, str], int]:
    """How many runs wait for a probe, by (location, kind), over all organizations (`tracer_queue_depth`). Where probes
    are registered none waiting is 0, not absent: an alarm on the figure must be able to tell the two apart."""
    served = rows(session, "SELECT DISTINCT location FROM probes WHERE deleted_ms IS NULL")
    query = (
        "SELECT location, kind, sum(json_array_length(runs) - finished) FROM dispatches "
        "WHERE closed_ms IS NULL AND instance_id IS NULL GROUP BY location, kind"
    )
    waiting = {(location, kind): int(runs) for location, kind, runs in rows(session, query)}
    return {(location, "network"): 0 for (location,) in served} | waiting


class Places(msgspec.Struct):
    """Who could have run something at the (organization, location) pairs asked for."""

    registered: set[tuple[str, str]]
    browsers: set[tuple[str, str]]
    present: list[tuple[str, str, int, int, bool]]
    """(organization, location, started_ms, lease_until_ms, has a browser) of each instance that was seen lately"""

    def able(self, organization_id: str, location: str, kind: str) -> bool:
        """Whether a probe that exists there can run this kind."""
        return (organization_id, location) in (self.browsers if kind == "browser" else self.registered)

    def online(self, place: tuple[str, str], kind: str, from_ms: int, until_ms: int) -> bool:
        """Whether an able instance was there at some time in [from_ms, until_ms]."""
        return any(
            (organization_id, location) == place
            and started_ms <= until_ms
            and lease_until_ms >= from_ms
            and (browser or kind != "browser")
            for organization_id, location, started_ms, lease_until_ms, browser in self.present
        )


def places(session: Session, wanted: Iterable[tuple[str, str]], since_ms: int) -> Places:
    """The probes of these (organization, location) pairs, with their instances that held a lease after `since_ms`."""
    organizations, locations = sorted({pair[0] for pair in wanted}), sorted({pair[1] for pair in wanted})
    probes = rows(session, _PROBES, organizations, locations)
    instances = rows(session, _INSTANCES, organizations, locations)
    seen = [(*row[:4], "browser" in from_json(row[4])) for row in instances]
    return Places(
        registered={(row[0], row[1]) for row in probes},
        browsers={(row[0], row[1]) for row in seen if row[4]},
        present=[row for row in seen if row[3] >= since_ms],
    )


def _dispatches(found: Sequence[Any]) -> list[OpenDispatch]:
    return [
        OpenDispatch(row[0], row[1], row[2], row[3], row[4], row[5], planned_runs(row[6]))
        for row in found
    ]  # fmt: skip
