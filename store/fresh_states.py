"""What every check says now, for those who collect figures: one query for a whole organization."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Check, LocationState


def fresh_states(session: Session, now_ms: int) -> list[tuple[Check, LocationState]]:
    """Each check that runs, with each of its location states that counts now, by check and location."""
    wanted = (
        select(Check, LocationState)
        .join(LocationState, LocationState.check_id == Check.id)
        .where(
            Check.deleted_ms.is_(None),
            Check.status == "active",
            LocationState.status.is_not(None),
            LocationState.fresh_until_ms > now_ms,
        )
        .order_by(Check.id, LocationState.location)
    )
    return [
        (check, state)
        for check, state in session.execute(wanted)
        if check.kind == "heartbeat" or state.location in check.locations
    ]
