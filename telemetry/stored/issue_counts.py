"""What new events do to their issues: one is opened, counts rise, and one that was resolved comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from sqlalchemy.orm import Session

from store.statements import rows, run_many
from telemetry.events import Event
from telemetry.stored.head import Head

OPEN, RESOLVED, IGNORED = "open", "resolved", "ignored"
STATUSES = (OPEN, RESOLVED, IGNORED)
_ISSUE = (
    "INSERT INTO issues (number, project, fingerprint, title, culprit, level, status, first_ms, last_ms, first_seq, "
    "last_seq, count, user_count) VALUES (?, ?, ?, ?, ?, ?, 'open', ?, ?, ?, ?, ?, ?)"
)
_SEEN = (
    "UPDATE issues SET level = ?, last_ms = ?, last_seq = ?, count = count + ?, user_count = user_count + ? "
    "WHERE number = ?"
)
_BACK = (
    "UPDATE issues SET status = 'open', regressed_ms = ?, regressed_release = ? "
    "WHERE number = ? AND status = 'resolved' AND (resolved_ms < ? OR NOT EXISTS "
    "(SELECT 1 FROM issue_releases r WHERE r.issue = issues.number AND r.release = ?))"
)
"""What happened before the fix, in a release that had the error anyway, and is told late, is no relapse. Any other is:
senders' clocks may be wrong."""
_RELEASE = (
    "INSERT INTO issue_releases (issue, release, first_ms, last_ms, count) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
    "(issue, release) DO UPDATE SET last_ms = excluded.last_ms, count = issue_releases.count + excluded.count"
)


@dataclass
class _Seen:
    """What a batch holds of one issue."""

    first: Event
    last: Event
    newest: Event
    first_seq: int
    last_seq: int
    users: set[int] = field(default_factory=set)
    releases: Counter[str] = field(default_factory=Counter)
    count: int = 0


def count_in_issues(session: Session, head: Head, events: Sequence[Event]) -> list[int]:
    """The issue of each event, which will have the numbers after `head.events`; takes numbers of new issues."""
    if not events:
        return []
    issues = _issues_of(session, events)
    fresh: dict[tuple[int, str], int] = {}
    found: list[int] = []
    seen: dict[int, _Seen] = {}
    for seq, event in enumerate(events, head.events + 1):
        key = (event.project, event.key)
        if key not in issues:
            head.issues += 1
            issues[key] = fresh[key] = head.issues
        number = issues[key]
        found.append(number)
        _note(seen, number, seq, event)
    _write(session, head.at_ms, seen, fresh)
    return found


def user_hash(user_key: str) -> int:
    """Whoever it is, as a number that fits both stores."""
    return int.from_bytes(blake2b(user_key.encode(errors="replace"), digest_size=8).digest(), signed=True)


def _note(seen: dict[int, _Seen], number: int, seq: int, event: Event) -> None:
    known = seen.setdefault(number, _Seen(event, event, event, seq, seq))
    known.last, known.last_seq = event, seq
    if event.at_ms > known.newest.at_ms:
        known.newest = event
    known.count += 1
    if event.user_key is not None:
        known.users.add(user_hash(event.user_key))
    if event.release is not None:
        known.releases[event.release] += 1


def _issues_of(session: Session, events: Sequence[Event]) -> dict[tuple[int, str], int]:
    known: dict[tuple[int, str], int] = {}
    for project in {event.project for event in events}:
        keys = sorted({event.key for event in events if event.project == project})
        query = "SELECT fingerprint, issue FROM fingerprints WHERE project = ? AND fingerprint IN ?"
        known.update({(project, key): int(issue) for key, issue in rows(session, query, project, keys)})
    return known


def _write(session: Session, at_ms: int, seen: dict[int, _Seen], fresh: dict[tuple[int, str], int]) -> None:
    new_users = _new_users(session, seen)
    per_issue = Counter(issue for issue, _ in new_users)
    opened = set(fresh.values())
    run_many(
        session, _ISSUE,
        [
            (
                number, project, it.first.fingerprint, it.first.title, it.first.culprit, it.last.level, at_ms, at_ms,
                it.first_seq, it.last_seq, it.count, per_issue[number],
            )
            for (project, _), number in fresh.items() for it in [seen[number]]
        ],
    )  # fmt: skip
    keys = [(project, key, number) for (project, key), number in fresh.items()]
    run_many(session, "INSERT INTO fingerprints (project, fingerprint, issue) VALUES (?, ?, ?)", keys)
    again = [(number, it) for number, it in sorted(seen.items(), key=lambda known: known[0]) if number not in opened]
    run_many(
        session,
        _SEEN,
        [(it.last.level, at_ms, it.last_seq, it.count, per_issue[number], number) for number, it in again],
    )
    back = [(at_ms, it.newest.release, number, it.newest.at_ms, it.newest.release or "") for number, it in again]
    run_many(session, _BACK, back)
    run_many(session, "INSERT INTO issue_users (issue, user_hash) VALUES (?, ?)", new_users)
    releases = [(n, release, at_ms, at_ms, count) for n, it in seen.items() for release, count in it.releases.items()]
    run_many(session, _RELEASE, sorted(releases))


def _new_users(session: Session, seen: dict[int, _Seen]) -> list[tuple[int, int]]:
    wanted = {(number, user) for number, it in seen.items() for user in it.users}
    if not wanted:
        return []
    query = "SELECT issue, user_hash FROM issue_users WHERE issue IN ? AND user_hash IN ?"
    issues, users = sorted({issue for issue, _ in wanted}), sorted({user for _, user in wanted})
    return sorted(wanted - {tuple(row) for row in rows(session, query, issues, users)})
