"""The feed of changes that schedulers and probes follow (R7)."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.tables import Change, Counter
from store.wakeups import wake

ChangeKind = Literal["check", "probe", "organization"]
CHANGES_TOPIC = "changes"


def append_change(session: Session, organization_id: str, kind: ChangeKind, entity_id: str, now_ms: int) -> int:
    """Tell the followers, once this transaction has committed, that an entity is not what it was; returns the number.

    Call it last in a transaction: it holds the counter's row until the commit, and whoever comes next waits. That is
    what makes numbers appear in order: a reader who has seen 7 will never find a new 6 behind it.
    """
    sequence = session.execute(
        update(Counter)
        .where(Counter.name == "changes")
        .values(value=Counter.value + 1)
        .returning(Counter.value)
        .execution_options(synchronize_session=False)
    ).scalar_one()
    session.add(Change(seq=sequence, organization_id=organization_id, kind=kind, entity_id=entity_id, at_ms=now_ms))
    wake(session, CHANGES_TOPIC)
    wake(session, f"lease:{organization_id}")
    return sequence


def hold_definitions(session: Session) -> None:
    """Wait until nobody else writes definitions, and let nobody until this transaction ends: for rules that look at
    several definitions at once, such as "no circle of dependencies"."""
    session.execute(
        update(Counter)
        .where(Counter.name == "changes")
        .values(value=Counter.value)
        .execution_options(synchronize_session=False)
    )


def changes_since(session: Session, seen: int, limit: int = 1000) -> list[Change]:
    """What changed after number `seen`, in order."""
    return list(session.scalars(select(Change).where(Change.seq > seen).order_by(Change.seq).limit(limit)))


def newest_change(session: Session) -> int:
    """The number of the newest change, 0 when there was none yet."""
    return session.scalars(select(Counter.value).where(Counter.name == "changes")).one()
