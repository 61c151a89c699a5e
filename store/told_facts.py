"""What a notice tells of a check's runs and states, read when the alert's transaction writes it: in a storm of outages
this is done thousands of times, so by hot statements."""

from __future__ import annotations

import msgspec
from sqlalchemy.orm import Session

from model.finished import Detail
from model.health import Verdict
from store.statements import rows

_COLUMNS = "id, status, location, at_ms, started_ms, duration_ms, error_code, error_message, detail"
_RUNS = f"SELECT {_COLUMNS} FROM runs WHERE organization_id = ? AND id IN ?"  # noqa: S608
_VERDICTS = (
    "SELECT location, status, degraded, fresh_until_ms FROM location_states WHERE organization_id = ? "
    "AND check_id = ? AND status IS NOT NULL"
)
_LAST_PASSED = (
    "SELECT id, at_ms FROM runs WHERE organization_id = ? AND check_id = ? AND at_ms < ? AND status = 'success' "
    "AND trigger = 'schedule' ORDER BY at_ms DESC LIMIT 1"
)
_detail = msgspec.json.Decoder(Detail)


class ToldRun(msgspec.Struct, frozen=True):
    """A run as notices tell of it."""

    id: str
    status: str
    location: str
    at_ms: int
    started_ms: int | None
    duration_ms: float | None
    error_code: str | None
    error_message: str | None
    detail: bytes | None

    @property
    def shown(self) -> Detail:
        """What only the run's own page shows."""
        return _detail.decode(self.detail) if self.detail else Detail()


def told_runs(session: Session, organization_id: str, run_ids: set[str]) -> dict[str, ToldRun]:
    """Those of these runs that are still kept, by id."""
    found = rows(session, _RUNS, organization_id, sorted(run_ids), of=organization_id) if run_ids else []
    return {row[0]: ToldRun(*row) for row in found}


def verdicts_of(session: Session, organization_id: str, check_id: str) -> dict[str, Verdict]:
    """What was last measured of a check at each location."""
    found = rows(session, _VERDICTS, organization_id, check_id, of=organization_id)
    return {
        location: Verdict(failed=status == "failed", degraded=bool(degraded), fresh_until_ms=fresh_until_ms or 0)
        for location, status, degraded, fresh_until_ms in found
    }


def last_passed(session: Session, organization_id: str, check_id: str, before_ms: int) -> tuple[str, int] | None:
    """(id, due time) of the last scheduled run that passed before an instant, at any location."""
    found = rows(session, _LAST_PASSED, organization_id, check_id, before_ms, of=organization_id)
    return (found[0][0], found[0][1]) if found else None
