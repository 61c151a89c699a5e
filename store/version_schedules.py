"""The schedule of each version of a check, kept in memory: a version never changes, and every result needs its own."""

from __future__ import annotations

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session

from model.schedule import Schedule
from store.statements import from_json, rows

Version = tuple[str, int]
"""(check id, version)"""
_KEPT = 100_000
"""Versions in memory at most (about 30 MB); then all are forgotten and read again as they are needed."""
_kept: WeakKeyDictionary[Engine | Connection, dict[Version, Schedule]] = WeakKeyDictionary()
_QUERY = "SELECT check_id, version, schedule FROM check_versions WHERE check_id IN ? AND schedule IS NOT NULL"


def schedules_of_versions(session: Session, versions: Iterable[Version]) -> dict[Version, Schedule]:
    """The schedules of these versions; a version that is paused or gone is missing. One query for all that are not in
    memory."""
    kept = _kept.setdefault(session.get_bind(), {})
    versions = set(versions)
    missing = sorted({check_id for check_id, version in versions if (check_id, version) not in kept})
    if missing:
        if len(kept) > _KEPT:
            kept.clear()
        for check_id, version, schedule in rows(session, _QUERY, missing):
            kept[check_id, version] = msgspec.convert(from_json(schedule), Schedule)
    return {version: kept[version] for version in versions if version in kept}
