"""The outbox as its sender works it (R9): claim what is due, renew while sending, record what came of it.

Two senders can't claim the same notification, and a claim whose holder has died runs out: the notification, under the
same id, is somebody else's then. Of one alert (or notice) and channel only one event is on its way at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from store.statements import from_json, rows, run, run_many

CLAIM_MS = 5_000
"""How long a claim lasts without being renewed. With the sender's poll and the lease of its role this is well within
the 10 s after which the notification of a dead sender must be on its way again."""
RECENT_MS = 60_000
_FREE = "status = 'pending' AND next_ms <= ? AND (claim IS NULL OR claimed_until_ms <= ?)"
_DUE = (
    # From one channel to the next by the index: in a storm, reading all that waits would take longer than sending it.
    "WITH RECURSIVE waiting(channel_id) AS ("  # noqa: S608
    "SELECT min(channel_id) FROM notifications WHERE status = 'pending' UNION ALL SELECT "
    "(SELECT min(n.channel_id) FROM notifications n WHERE n.status = 'pending' AND n.channel_id > w.channel_id) "
    "FROM waiting w WHERE w.channel_id IS NOT NULL) "
    "SELECT w.channel_id, coalesce(c.updated_ms, 0) FROM waiting w LEFT JOIN alert_channels c ON c.id = w.channel_id "
    f"WHERE EXISTS (SELECT 1 FROM notifications WHERE channel_id = w.channel_id AND {_FREE})"
)
_NEXT = "SELECT min(next_ms) FROM notifications WHERE status = 'pending' AND next_ms > ?"
_CANDIDATES = (
    "SELECT id, organization_id, alert_id, notice_id, event, number, attempts, created_ms, retry_from_ms, claim, "  # noqa: S608
    f"payload FROM notifications WHERE channel_id = ? AND {_FREE} AND {{}} ORDER BY created_ms, id LIMIT ? "
    "FOR UPDATE SKIP LOCKED"
)
_BUSY = (
    "SELECT {0} FROM notifications WHERE {0} IN ? AND channel_id = ? AND status = 'pending' AND claim IS NOT NULL "
    "AND claimed_until_ms > ?"
)
_CLAIM = "UPDATE notifications SET claim = ?, claimed_until_ms = ? WHERE id IN ?"
_REPLACE = "UPDATE notifications SET status = 'replaced' WHERE id IN ? AND status = 'pending'"
_RENEW = (
    "UPDATE notifications SET claimed_until_ms = ? WHERE id IN ? AND claim = ? AND status = 'pending' "
    "AND claimed_until_ms > ?"
)
_HELD = "SELECT id FROM notifications WHERE id IN ? AND claim = ? AND status = 'pending' AND claimed_until_ms > ?"
_GIVE_BACK = (
    "UPDATE notifications SET claim = NULL, claimed_until_ms = NULL WHERE id IN ? AND claim = ? AND status = 'pending'"
)
_SENT = (
    "UPDATE notifications SET status = 'sent', attempts = attempts + 1, sent_ms = ?, status_code = ?, last_error = ?, "
    "grouped = ?, claim = NULL, claimed_until_ms = NULL WHERE id = ? AND status = 'pending'"
)
_NOT_SENT = (
    "UPDATE notifications SET status = ?, attempts = attempts + 1, next_ms = ?, status_code = ?, last_error = ?, "
    "claim = NULL, claimed_until_ms = NULL WHERE id = ? AND status = 'pending' AND claim = ?"
)
_OVERTAKEN = (
    "UPDATE notifications SET status = 'replaced' WHERE id = ? AND status = 'pending' AND claim IS NULL AND EXISTS "
    "(SELECT 1 FROM notifications l WHERE l.channel_id = notifications.channel_id AND l.{0} = notifications.{0} "
    "AND l.created_ms > notifications.created_ms AND l.status <> 'replaced')"
)
_MESSAGES = (
    "SELECT grouped, sent_ms FROM notifications WHERE channel_id = ? AND sent_ms > ? AND {} GROUP BY grouped, sent_ms"
)
_DUE_BY = (
    "SELECT count(DISTINCT coalesce(alert_id, notice_id)), coalesce(min(created_ms), 0) FROM notifications "
    "WHERE channel_id = ? AND status = 'pending' AND next_ms <= ? AND {}"
)
_WAITING = "SELECT count(*), min(created_ms) FROM notifications WHERE status = 'pending'"


class About(StrEnum):
    """What a notification tells of, as a condition: an alert, Tracer itself, or either."""

    ALERTS = "alert_id IS NOT NULL"
    NOTICES = "notice_id IS NOT NULL"
    ANYTHING = "1 = 1"


class Claimed(msgspec.Struct, frozen=True):
    """One notification that is this sender's now. `tries_from_ms`: since when tries are counted."""

    id: str
    organization_id: str
    subject_id: str
    event: str
    number: int
    attempts: int
    created_ms: int
    tries_from_ms: int
    payload: dict[str, Any]


class Outcome(msgspec.Struct, frozen=True):
    """What came of one try. `status`: sent; pending, to be tried again at `next_ms`; or failed, the dead letter."""

    id: str
    status: str
    at_ms: int
    next_ms: int
    status_code: int | None = None
    error: str | None = None
    grouped: bool = False


def channels_due(session: Session, now_ms: int) -> list[tuple[str, int]]:
    """(channel, when somebody changed it last) of those for which something can be claimed now."""
    return [(channel_id, updated_ms) for channel_id, updated_ms in rows(session, _DUE, now_ms, now_ms)]


def next_due_ms(session: Session, now_ms: int) -> int | None:
    """When the next notification comes due that is not due yet."""
    found: int | None = rows(session, _NEXT, now_ms)[0][0]
    return found


def claim_due(
    session: Session, channel_id: str, claim: str, limit: int, now_ms: int, about: About = About.ANYTHING
) -> list[Claimed]:
    """Claim up to `limit` due notifications of a channel, oldest first, for CLAIM_MS.

    Where two events of one alert wait, the later goes in place of the earlier; unless the earlier was claimed before by
    somebody who died: it may have arrived, so it is sent again, and the later one after it.
    """
    candidates = rows(session, _CANDIDATES.format(about), channel_id, now_ms, now_ms, limit)
    busy = _busy(session, candidates, channel_id, now_ms)
    chosen: dict[str, Any] = {}
    replaced: list[str] = []
    for row in candidates:
        subject = row[2] or row[3]
        if subject in busy:
            continue
        earlier = chosen.get(subject)
        if earlier is not None:
            if earlier[9] is not None:
                continue
            replaced.append(earlier[0])
        chosen[subject] = row
    if replaced:
        run(session, _REPLACE, replaced)
    if chosen:
        run(session, _CLAIM, claim, now_ms + CLAIM_MS, [row[0] for row in chosen.values()])
    return [_claimed(row) for row in chosen.values()]


def _busy(session: Session, candidates: Sequence[Any], channel_id: str, now_ms: int) -> set[str]:
    """The alerts and notices among these of which another event is on its way to the channel."""
    found: set[str] = set()
    for column, place in (("alert_id", 2), ("notice_id", 3)):
        subjects = sorted({row[place] for row in candidates if row[place]})
        if subjects:
            found.update(one for (one,) in rows(session, _BUSY.format(column), subjects, channel_id, now_ms))
    return found


def _claimed(row: Any) -> Claimed:
    identity, organization_id, alert_id, notice_id, event, number, attempts, created_ms, retry_from_ms, _, payload = row
    return Claimed(
        id=identity,
        organization_id=organization_id,
        subject_id=alert_id or notice_id,
        event=event,
        number=number,
        attempts=attempts,
        created_ms=created_ms,
        tries_from_ms=created_ms if retry_from_ms is None else retry_from_ms,
        payload=from_json(payload),
    )


def renew_claims(session: Session, notification_ids: Sequence[str], claim: str, now_ms: int) -> set[str]:
    """Hold these for CLAIM_MS more; those that are still held. One whose claim ran out is not: somebody else may have
    it."""
    run(session, _RENEW, now_ms + CLAIM_MS, list(notification_ids), claim, now_ms)
    return {found for (found,) in rows(session, _HELD, list(notification_ids), claim, now_ms)}


def give_back(session: Session, notification_ids: Sequence[str], claim: str) -> None:
    """Claimed and not tried: anybody may have them."""
    run(session, _GIVE_BACK, list(notification_ids), claim)


def record_outcomes(session: Session, outcomes: Iterable[Outcome], claim: str) -> None:
    """Write what came of the tries. What arrived is sent whoever holds the claim; all else is the holder's to say.
    What could not be sent and was overtaken meanwhile by a later event of the same alert is replaced by it."""
    sent: list[Outcome] = []
    others: list[Outcome] = []
    for outcome in outcomes:
        (sent if outcome.status == "sent" else others).append(outcome)
    run_many(
        session,
        _SENT,
        [(done.at_ms, done.status_code, done.error, done.grouped, done.id) for done in sent],
    )
    run_many(
        session,
        _NOT_SENT,
        [(done.status, done.next_ms, done.status_code, done.error, done.id, claim) for done in others],
    )
    waiting = [(done.id,) for done in others if done.status == "pending"]
    for column in ("alert_id", "notice_id"):
        run_many(session, _OVERTAKEN.format(column), waiting)


def recent_messages(session: Session, channel_id: str, about: About, now_ms: int) -> tuple[list[int], list[int]]:
    """(when single messages, when digests of this kind went to this channel in the last RECENT_MS), oldest first."""
    singles: list[int] = []
    digests: list[int] = []
    for grouped, sent_ms in rows(session, _MESSAGES.format(about), channel_id, now_ms - RECENT_MS):
        (digests if grouped else singles).append(sent_ms)
    return sorted(singles), sorted(digests)


def gathered_by(session: Session, channel_id: str, about: About, by_ms: int) -> tuple[int, int]:
    """(of how many alerts or notices something waits for this channel that was due by then, since when)."""
    count, since_ms = rows(session, _DUE_BY.format(about), channel_id, by_ms)[0]
    return int(count), int(since_ms)


def outbox_depth(session: Session) -> tuple[int, int | None]:
    """(how many notifications wait, since when the oldest of them)."""
    count, oldest = rows(session, _WAITING)[0]
    return int(count), oldest
