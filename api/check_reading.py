"""What is known of checks, read for a whole page at once: the number of queries does not grow with the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from alerts.book import windows_at
from api.check_shape import check_shape
from api.services import services
from store.heartbeat_rows import ping_tokens
from store.location_states import states_of_checks
from store.runs import last_runs
from store.tables import Check


def shown_checks(session: Session, checks: Sequence[Check]) -> list[dict[str, Any]]:
    """Each check as the API shows it, in order."""
    state = services()
    now_ms = state.database.now_ms(session)
    ids = [check.id for check in checks]
    states = states_of_checks(session, ids)
    newest = last_runs(session, ids)
    stats = state.recent_stats.of(session, ids, now_ms)
    windows = windows_at(session, checks[0].organization_id, now_ms) if checks else []
    heartbeats = [check.id for check in checks if check.kind == "heartbeat"]
    tokens = ping_tokens(session, state.keyring, heartbeats) if heartbeats else {}
    return [
        check_shape(
            check,
            states=states[check.id],
            newest=newest.get(check.id),
            stats=stats[check.id],
            now_ms=now_ms,
            maintenance=any(window.apply_to.covers(check.id, check.definition.get("tags") or ()) for window in windows),
            ping_url=f"{state.public_url}/ping/{tokens[check.id]}" if check.id in tokens else None,
        )
        for check in checks
    ]
