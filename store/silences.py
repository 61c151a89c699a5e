"""Silences: notices withheld for a while. They end by themselves; what they do is for alerts/holds.py to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import Silence
from store.alerting_feed import alerting_changed
from store.counting import one_page


def create_silence(
    session: Session, organization_id: str, match: Mapping[str, Any], until_ms: int, why: tuple[str, str], now_ms: int
) -> Silence:
    """A silence from now until `until_ms`. `why`: (who asked for it, the reason)."""
    created_by, reason = why
    row = Silence(
        id=new_id("sil", now_ms),
        organization_id=organization_id,
        match=dict(match),
        reason=reason,
        created_by=created_by,
        starts_ms=now_ms,
        ends_ms=until_ms,
    )
    session.add(row)
    session.flush()
    alerting_changed(session)
    return row


def end_silence(session: Session, silence: Silence, now_ms: int) -> None:
    """Over at once; one that is over already stays as it is."""
    if silence.ends_ms > now_ms:
        silence.ends_ms = now_ms
        session.flush()
        alerting_changed(session)


def get_silence(session: Session, silence_id: str, *, lock: bool = False) -> Silence | None:
    """By id, also when it is over. `lock`: nobody else may end it until this transaction ends."""
    wanted = select(Silence).where(Silence.id == silence_id)
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def list_silences(
    session: Session, now_ms: int, *, status: Literal["active", "over"] | None = None, page: tuple[int, int] = (0, 20)
) -> tuple[list[Silence], int]:
    """Silences, newest first, `page` = (offset, how many); and how many there are. `status`: by whether they hold."""
    wanted = select(Silence)
    if status is not None:
        wanted = wanted.where(Silence.ends_ms > now_ms if status == "active" else Silence.ends_ms <= now_ms)
    return one_page(session, wanted.order_by(Silence.starts_ms.desc(), Silence.id.desc()), page)
