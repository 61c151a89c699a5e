"""What the schedulers keep in memory: the versions of checks that are in force, and the feed of what has changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import msgspec
import structlog
from sqlalchemy.orm import Session

from model.schedule import Schedule
from store.statements import from_json, rows

_log = structlog.get_logger(__name__)
_COLUMNS = "c.organization_id, c.id, c.version, c.deleted_ms, v.version, v.from_ms, v.schedule"
_FROM = f"SELECT {_COLUMNS} FROM checks c JOIN check_versions v ON v.check_id = c.id WHERE "  # noqa: S608
_IN_FORCE = (
    f"{_FROM} c.kind <> 'heartbeat' AND c.deleted_ms IS NULL AND NOT EXISTS (SELECT 1 FROM check_versions n "  # noqa: S608
    "WHERE n.check_id = v.check_id AND n.version > v.version AND n.from_ms <= ?)"
)
_OF_CHECKS = f"{_FROM} c.kind <> 'heartbeat' AND c.id IN ?"


class ScheduledCheck(msgspec.Struct):
    """A check as the scheduler knows it. `versions` holds (version, from_ms, schedule); a deleted check has them still,
    the last with no schedule."""

    organization_id: str
    check_id: str
    version: int
    deleted: bool
    versions: list[tuple[int, int, Schedule | None]]


def checks_in_force(session: Session, since_ms: int) -> list[ScheduledCheck]:
    """Every check that exists, with the versions that slots due after `since_ms` belong to."""
    return _gather(rows(session, _IN_FORCE, since_ms))


def scheduled_checks(session: Session, check_ids: Iterable[str]) -> dict[str, ScheduledCheck]:
    """These checks with all of their versions, deleted ones too; heartbeats and unknown ids are missing."""
    return {check.check_id: check for check in _gather(rows(session, _OF_CHECKS, sorted(check_ids)))}


def _gather(found: Sequence[tuple[str, str, int, int | None, int, int, object]]) -> list[ScheduledCheck]:
    checks: dict[str, ScheduledCheck] = {}
    for organization_id, check_id, current, deleted_ms, version, from_ms, stored in found:
        check = checks.get(check_id)
        if check is None:
            check = ScheduledCheck(organization_id, check_id, current, deleted_ms is not None, [])
            checks[check_id] = check
        check.versions.append((version, from_ms, _schedule(check_id, stored)))
    return list(checks.values())


def _schedule(check_id: str, stored: object) -> Schedule | None:
    """One that can't be read must not stop the others: its check is not scheduled, and the log says so."""
    document = from_json(stored)
    if document is None:
        return None
    try:
        schedule = msgspec.convert(document, Schedule)
        if (schedule.cron is None) == (schedule.interval_ms is None) or (schedule.interval_ms or 1) < 1:
            raise msgspec.ValidationError("a schedule has a cron expression or an interval above 0")
        return schedule
    except msgspec.ValidationError as error:
        _log.error("schedule.unreadable", check_id=check_id, error=str(error))
        return None


def changed_checks(session: Session, seen: int) -> tuple[int, set[str]]:
    """The newest number of the feed, and the checks that changed after number `seen`. Asked four times a second, so it
    goes past the ORM."""
    found = rows(session, "SELECT seq, kind, entity_id FROM changes WHERE seq > ? ORDER BY seq", seen)
    return (found[-1][0] if found else seen), {row[2] for row in found if row[1] == "check"}


def check_digest(session: Session) -> tuple[int, int]:
    """Count and hash of (id, version) of every check in the database that is scheduled by slots."""
    return digest_of(rows(session, "SELECT id, version FROM checks WHERE deleted_ms IS NULL AND kind <> 'heartbeat'"))


def digest_of(versions: Iterable[tuple[str, int]]) -> tuple[int, int]:
    """Count and hash of (id, version) pairs; their order does not matter."""
    count, total = 0, 0
    for check_id, version in versions:
        count += 1
        total += int.from_bytes(blake2b(f"{check_id}/{version}".encode(), digest_size=8).digest())
    return count, total % (1 << 64)


def check_ids_with_slots(session: Session, from_ms: int, to_ms: int) -> list[str]:
    """The ids, sorted, of all checks that may have had slots in (from_ms, to_ms], deleted since or not."""
    query = (
        "SELECT id FROM checks WHERE kind <> 'heartbeat' AND created_ms < ? AND (deleted_ms IS NULL OR deleted_ms > ?)"
    )
    return sorted(row[0] for row in rows(session, query, to_ms, from_ms))
