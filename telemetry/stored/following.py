"""Events in the order in which they were stored, for whoever follows them: rules and live streams. A number that was
read is never followed by a smaller one (docs/decisions/0016)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import is_sqlite, rows
from telemetry.queries import Field, Level, Term, Within
from telemetry.rules import FINGERPRINT, PROJECT
from telemetry.stored.head import events_before
from telemetry.stored.reading import roots_of
from telemetry.stored.searching import COLUMNS, Where, where

LONGEST_KEY = 200
NONE = "(none)"
"""The group of events that do not have what groups are told apart by."""


@dataclass(frozen=True)
class Followed:
    """The events that somebody follows: of a project, that these terms are true of. `in:` is judged by when each
    arrived. `since_ms`: none that arrived before."""

    project: int
    terms: tuple[Term, ...]
    group_by: str = FINGERPRINT
    since_ms: int = 0


class Arrived(msgspec.Struct, frozen=True):
    """`issue`: as it was stored; another may stand for it. `key`: None for a group that is an issue."""

    seq: int
    at_ms: int
    issue: int
    key: str | None


class IssueFacts(msgspec.Struct, frozen=True):
    """What is said of the issue that stands for an event. `regressed_ms`: when it came back after it was resolved, None
    unless it is open since, and in which release. `release`: the first it came in."""

    number: int
    fingerprint: str
    title: str
    culprit: str
    level: str
    status: str
    first_ms: int
    regressed_ms: int | None = None
    regressed_release: str | None = None
    release: str | None = None


def first_after(session: Session, seq: int) -> int | None:
    """When the first event with a number beyond this one arrived."""
    found = rows(session, "SELECT received_ms FROM events WHERE seq > ? ORDER BY seq LIMIT 1", seq)
    return int(found[0][0]) if found else None


def arrived_between(session: Session, followed: Followed, after: int, upto: int) -> list[Arrived]:
    """Those with numbers beyond `after` up to `upto`, in order."""
    wanted = _where(session, followed)
    wanted.add(f"{wanted.seq} > ? AND {wanted.seq} <= ?", after, upto)
    value, values = _value(followed.group_by, sqlite=is_sqlite(session))
    query = (
        f"SELECT e.seq, e.received_ms, e.issue, {value} FROM {wanted.tables} WHERE {wanted.condition} "  # noqa: S608
        f"ORDER BY {wanted.seq}"
    )
    found = rows(session, query, *values, *wanted.values)
    if followed.group_by == FINGERPRINT:
        return [Arrived(seq, at_ms, issue, None) for seq, at_ms, issue, _ in found]
    if followed.group_by == PROJECT:
        return [Arrived(seq, at_ms, issue, PROJECT) for seq, at_ms, issue, _ in found]
    return [Arrived(seq, at_ms, issue, str(key)[:LONGEST_KEY] if key else NONE) for seq, at_ms, issue, key in found]


def times_before(
    session: Session, followed: Followed, group: str | Sequence[int], seq: int, since_ms: int, limit: int
) -> list[int]:
    """When the last `limit` events of a group arrived that have numbers up to `seq` and came after `since_ms`, in
    order. `group`: its key, or the numbers of its issues."""
    if limit < 1:
        return []
    wanted = _of_group(session, followed, group)
    wanted.add(f"{wanted.seq} <= ? AND {wanted.seq} > ?", seq, events_before(session, since_ms))
    wanted.add("e.received_ms > ?", since_ms)
    query = f"SELECT e.received_ms FROM {wanted.tables} WHERE {wanted.condition} ORDER BY {wanted.seq} DESC LIMIT ?"  # noqa: S608
    return [int(at_ms) for (at_ms,) in reversed(rows(session, query, *wanted.values, limit))]


def count_before(session: Session, followed: Followed, group: str | Sequence[int], seq: int, since_ms: int) -> int:
    """How many there are of the same."""
    wanted = _of_group(session, followed, group)
    wanted.add(f"{wanted.seq} <= ? AND {wanted.seq} > ?", seq, events_before(session, since_ms))
    wanted.add("e.received_ms > ?", since_ms)
    query = f"SELECT count(*) FROM {wanted.tables} WHERE {wanted.condition}"  # noqa: S608
    return int(rows(session, query, *wanted.values)[0][0])


def facts_of_issues(session: Session, issues: Sequence[int]) -> dict[int, IssueFacts]:
    """Each of these issues -> what is said of the one that stands for it."""
    roots = roots_of(session, set(issues))
    wanted = sorted({roots.get(issue, issue) for issue in issues})
    query = (
        "SELECT number, fingerprint, title, culprit, level, status, first_ms, regressed_ms, regressed_release "
        "FROM issues WHERE number IN ?"
    )
    known = {int(row[0]): IssueFacts(*row) for row in rows(session, query, wanted)} if wanted else {}
    return {issue: known[root] for issue in issues if (root := roots.get(issue, issue)) in known}


def with_first_release(session: Session, facts: IssueFacts) -> IssueFacts:
    query = "SELECT release FROM issue_releases WHERE issue = ? ORDER BY first_ms, release LIMIT 1"
    found = rows(session, query, facts.number)
    return msgspec.structs.replace(facts, release=found[0][0] if found else None)


def standing_for(session: Session, issues: Sequence[int]) -> list[int]:
    """These issues and those that were merged into them."""
    query = "SELECT number FROM issues WHERE number IN ? OR merged_into IN ? ORDER BY number"
    return [int(number) for (number,) in rows(session, query, sorted(issues), sorted(issues))]


def _where(session: Session, followed: Followed, issues: Sequence[int] | None = None) -> Where:
    terms = [term for term in followed.terms if not isinstance(term, Within)]
    found = where(session, [followed.project], terms, 0, issues)
    for term in followed.terms:
        if isinstance(term, Within):
            found.add("e.at_ms >= e.received_ms - ?", term.ms)
    if followed.since_ms:
        found.add("e.received_ms > ?", followed.since_ms)
    return found


def _of_group(session: Session, followed: Followed, group: str | Sequence[int]) -> Where:
    if not isinstance(group, str):
        return _where(session, followed, group)
    if followed.group_by == PROJECT:
        return _where(session, followed)
    if group == NONE:
        found = _where(session, followed)
        value, values = _value(followed.group_by, sqlite=is_sqlite(session))
        found.add(f"({value} IS NULL OR {value} = '')", *values, *values)
        return found
    if followed.group_by == "level":
        return _where(session, replace(followed, terms=(*followed.terms, Level(group))))
    of_group = Field(followed.group_by, group, begins=len(group) == LONGEST_KEY)
    return _where(session, replace(followed, terms=(*followed.terms, of_group)))


def _value(name: str, *, sqlite: bool) -> tuple[str, list[Any]]:
    """What of an event is its group's key, and the values of its question marks."""
    if name in (FINGERPRINT, PROJECT):
        return "NULL", []
    if name == "level":
        return "e.level", []
    if name in COLUMNS:
        return COLUMNS[name], []
    return ("json_extract(e.tags, ?)", [f'$."{name}"']) if sqlite else ("(e.tags::jsonb ->> ?)", [name])
