"""Fencing: whether a result may be believed, judged by the dispatch it names and the token it carries (R6)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy.orm import Session

from store.dispatches import planned_runs
from store.open_dispatches import Holder
from store.statements import rows

_QUERY = (
    "SELECT id, token, probe_id, runs FROM dispatches WHERE id IN ? AND organization_id || '' = ? AND location = ? "
    "ORDER BY id FOR UPDATE"
)
"""By id: without the `|| ''` SQLite prefers an index that begins with the organization, and walks all of a day."""


class LeasedSlot(msgspec.Struct, frozen=True):
    """One run as it was dispatched: which check, when it was due, and why it runs."""

    check_id: str
    at_ms: int
    trigger: str


class FencedDispatch(msgspec.Struct, frozen=True):
    """`token`: of whoever leased it last, which may be nobody (0). It stays when the dispatch is re-opened or closed,
    so the last holder's late results are still told apart from everybody else's."""

    token: int
    probe_id: str | None
    slots: dict[str, LeasedSlot]

    def refuses(self, holder: Holder, run_id: str, check_id: str, token: int) -> str | None:
        """Why a result of this probe under this token does not count; None when it does."""
        if token != self.token or self.probe_id != holder.probe_id:
            return "the run was leased to another probe"
        slot = self.slots.get(run_id)
        if slot is None or slot.check_id != check_id:
            return "its dispatch does not hold this run"
        return None


def fenced_dispatches(session: Session, holder: Holder, dispatch_ids: Collection[str]) -> dict[str, FencedDispatch]:
    """Those of the dispatches that exist at this probe's place, locked in the order of their ids."""
    return {
        dispatch_id: FencedDispatch(
            token,
            probe_id,
            {
                run_id: LeasedSlot(check_id, at_ms, trigger)
                for run_id, check_id, at_ms, _, trigger in planned_runs(runs)
            },
        )
        for dispatch_id, token, probe_id, runs in rows(
            session, _QUERY, sorted(dispatch_ids), holder.organization_id, holder.location
        )
    }
