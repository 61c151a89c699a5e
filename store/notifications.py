"""The outbox (R9): what is to be told to whom, written in the transaction of what it tells of.

Order counts only within one alert and channel: a later event takes the place of an earlier one that nobody has sent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from model.ids import CROCKFORD
from store.alert_tables import Notification
from store.statements import rows, run, run_many
from store.wakeups import wake

OUTBOX_TOPIC = "outbox"
"""Woken when there is something new to send."""
_ID_CHARACTERS = 24
_KNOWN = "SELECT id FROM notifications WHERE id IN ? AND NOT organization_id <> ?"
"""Said so that no index by organization looks better than the one by id: in a storm thousands of rows are pending."""
_REPLACE_UNSENT = (
    "UPDATE notifications SET status = 'replaced' WHERE {} = ? AND channel_id IN ? AND status = 'pending' "
    "AND claim IS NULL AND NOT organization_id <> ?"
)
"""What is being sent at this moment is left alone: it is on its way."""
_ADD = (
    "INSERT INTO notifications (id, organization_id, alert_id, notice_id, channel_id, event, number, status, attempts, "
    "created_ms, next_ms, grouped, fallback, payload) VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?, FALSE, ?, "
    "?::jsonb)"
)
_json = msgspec.json.Encoder().encode


def enqueue(
    session: Session,
    *,
    organization_id: str,
    subject_id: str,
    event: str,
    number: int,
    channel_ids: Iterable[str],
    payload: dict[str, Any],
    now_ms: int,
    fallback: bool = False,
) -> list[str]:
    """Put one event on its way to each of these channels. `subject_id`: an alert's id or a notice's. `number` tells
    events of one name apart (the second reminder, the resolution after a reopening). `payload`: the webhook's body.
    `fallback`: it goes there because another channel did not get through. Returns the ids of what is new.

    Unsent earlier events of the same subject to the same channel are replaced. Asked twice, it changes nothing.
    """
    ids = {
        notification_id_of(subject_id, event, number, channel_id): channel_id
        for channel_id in dict.fromkeys(channel_ids)
    }
    known = {found for (found,) in rows(session, _KNOWN, sorted(ids), organization_id, of=organization_id)}
    new = {notification_id: channel_id for notification_id, channel_id in ids.items() if notification_id not in known}
    if not new:
        return []
    is_alert = subject_id.startswith("alr_")
    alert_id, notice_id = (subject_id, None) if is_alert else (None, subject_id)
    replace = _REPLACE_UNSENT.format("alert_id" if is_alert else "notice_id")
    run(session, replace, subject_id, sorted(new.values()), organization_id, of=organization_id)
    body = _json(payload).decode()
    added = [
        (
            notification_id, organization_id, alert_id, notice_id, channel_id, event, number, now_ms, now_ms, fallback,
            body,
        )
        for notification_id, channel_id in new.items()
    ]  # fmt: skip
    run_many(session, _ADD, added, of=organization_id)
    wake(session, OUTBOX_TOPIC)
    return list(new)


def notification_id_of(subject_id: str, event: str, number: int, channel_id: str) -> str:
    """The one id of this event to this channel, over all tries and whoever sends it: receivers know a repeat by it."""
    digest = hashlib.blake2b(f"{subject_id}/{event}/{number}/{channel_id}".encode(), digest_size=15).digest()
    number_ = int.from_bytes(digest)
    return "ntf_" + "".join(CROCKFORD[(number_ >> 5 * place) & 31] for place in range(_ID_CHARACTERS))


def due_now(session: Session, channel_id: str, now_ms: int) -> None:
    """What waits for a channel's next try is tried now: somebody says that it works again."""
    session.execute(
        update(Notification)
        .where(Notification.channel_id == channel_id, Notification.status == "pending", Notification.next_ms > now_ms)
        .values(next_ms=now_ms)
        .execution_options(synchronize_session=False)
    )
    wake(session, OUTBOX_TOPIC)


def notifications_of(session: Session, alert_ids: Iterable[str]) -> dict[str, list[Notification]]:
    """What was, is or was not told of each of these alerts, oldest first; replaced ones are left out."""
    found: dict[str, list[Notification]] = {alert_id: [] for alert_id in alert_ids}
    wanted = (
        select(Notification)
        .where(Notification.alert_id.in_(found), Notification.status != "replaced")
        .order_by(Notification.created_ms, Notification.id)
    )
    for row in session.scalars(wanted):
        if row.alert_id is not None:
            found[row.alert_id].append(row)
    return found
