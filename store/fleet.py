"""What waits for the probes of an organization, by location: how many runs, and since when the oldest of them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.statements import is_sqlite
from store.tables import Dispatch


class Waiting(NamedTuple):
    """Runs that no probe has taken yet. `since_ms`: when the first of them was handed out."""

    runs: int
    since_ms: int


def waiting_runs(session: Session) -> dict[str, Waiting]:
    """By location, of the session's organization; a location where nothing waits is missing."""
    length = func.json_array_length if is_sqlite(session) else func.jsonb_array_length
    left = func.sum(length(Dispatch.runs) - Dispatch.finished)
    wanted = (
        select(Dispatch.location, left, func.min(Dispatch.created_ms))
        .where(Dispatch.closed_ms.is_(None), Dispatch.instance_id.is_(None))
        .group_by(Dispatch.location)
    )
    return {location: Waiting(int(runs), int(since_ms)) for location, runs, since_ms in session.execute(wanted) if runs}
