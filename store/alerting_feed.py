"""The number of the newest change to rules, windows and silences: whoever keeps them in memory asks whether it is still
the one they know."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from store.statements import rows
from store.tables import Counter

_NAME = "alerting"


def alerting_changed(session: Session) -> None:
    """Call it in the transaction of every change to a rule, a maintenance window or a silence."""
    session.execute(
        update(Counter)
        .where(Counter.name == _NAME)
        .values(value=Counter.value + 1)
        .execution_options(synchronize_session=False)
    )


def alerting_number(session: Session) -> int:
    """Rises with every change. Asked for each batch of results, so it goes past the ORM: in a session of
    EVERY_ORGANIZATION."""
    return int(rows(session, "SELECT value FROM counters WHERE name = ?", _NAME)[0][0])
