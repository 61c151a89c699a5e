"""How often something may be done, counted in the database: every process of the API counts together.

A window begins with the first use and is over some time later; within it, `most` uses are allowed, exactly, by
whichever processes they come. A use that is refused prolongs nothing. One statement decides, on one row per subject.

Libraries that limit rates (`limits` and what builds on it) keep their counts in memory, Redis or Memcached; Tracer
needs none of them, and its database can count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.keyring import Keyring
from store.limit_tables import RateCount
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency

_PURPOSE = "rate limit"


class Limit(NamedTuple):
    """`most` uses in `window_s` seconds; `kind` tells the subjects of one limit from those of another; `what` is
    limited, in words for people."""

    kind: str
    what: str
    most: int
    window_s: int


class Use(NamedTuple):
    """One more use, by this subject: an address, an email, an organization's id."""

    limit: Limit
    subject: str


def take(session: Session, keyring: Keyring, uses: Sequence[Use], now: ColumnElement[int]) -> dict[Use, int]:
    """Count these uses. Those that are over their limit, with the milliseconds until one more is allowed; empty: all
    are allowed. `now`: Database.now. The session sees every organization."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    by_key = {_key(keyring, use): use for use in uses}
    counts = [  # in one order: two processes that count the same never deadlock
        {"subject": key, "until_ms": now + use.limit.window_s * 1000, "count": 1} for key, use in sorted(by_key.items())
    ]
    # Of several rows SQLAlchemy writes the statement anew each time, which takes longer than the database does.
    statement = insert(RateCount).values(counts if len(counts) > 1 else counts[0])
    over = RateCount.until_ms <= now
    statement = statement.on_conflict_do_update(
        index_elements=[RateCount.subject],
        set_={
            "until_ms": case((over, statement.excluded.until_ms), else_=RateCount.until_ms),
            "count": case((over, 1), else_=RateCount.count + 1),
        },
    )
    counted = session.execute(statement.returning(RateCount.subject, RateCount.count, RateCount.until_ms - now))
    return {by_key[key]: max(1, left_ms) for key, count, left_ms in counted if count > by_key[key].limit.most}


def forget_counts(database: Database) -> None:
    """Delete the counts whose window is over."""
    with database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
        session.execute(delete(RateCount).where(RateCount.until_ms <= database.now_ms(session)))


def _key(keyring: Keyring, use: Use) -> str:
    return keyring.signature(_PURPOSE, f"{use.limit.kind} {use.subject}").hex()
