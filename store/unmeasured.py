"""What an absence of Tracer cost: the slots that nobody ran because of it."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from model.errors import ErrorCode
from store.statements import rows

_RUNS = (
    "SELECT c.organization_id, count(*) FROM checks c JOIN runs r ON r.check_id = c.id "
    "WHERE r.at_ms > ? AND r.at_ms <= ? AND r.error_code = ? GROUP BY c.organization_id"
)
_GAPS = (
    "SELECT c.organization_id, sum(g.slots) FROM checks c JOIN gaps g ON g.check_id = c.id "
    "WHERE g.to_ms > ? AND g.from_ms <= ? AND g.error_code = ? GROUP BY c.organization_id"
)
_WATCHED = "SELECT DISTINCT organization_id FROM checks WHERE deleted_ms IS NULL AND status = 'active'"


def organizations_with_checks(session: Session) -> list[str]:
    """Those that have an active check: who has none lost nothing."""
    return sorted(row[0] for row in rows(session, _WATCHED))


def lost_to_absence(session: Session, from_ms: int, until_ms: int) -> Counter[str]:
    """By organization: how many slots due in (from_ms, until_ms] were missed because the API was away
    (`api_unreachable`). The session sees every organization. Costs a look-up a check."""
    lost: Counter[str] = Counter()
    for query in (_RUNS, _GAPS):
        for organization_id, slots in rows(session, query, from_ms, until_ms, ErrorCode.API_UNREACHABLE.value):
            lost[organization_id] += int(slots)
    return lost
