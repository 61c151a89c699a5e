"""Rotation of the keyring: what lies under an older key is encrypted again under the first, beside live traffic.

To change keys: put a new one in front of TRACER_SECRET_KEYS of every process and start them again; when the log says
`keyring.rotated`, the older key may be taken off. Taken off too early, nothing is lost: Tracer refuses to start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import LargeBinary, func, select
from sqlalchemy.orm import Session

from store.check_secrets import cell_of
from store.heartbeat_rows import token_cell
from store.keyring import Cell, Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Heartbeat
from store.write_lock import Urgency

BATCH = 100
_log = structlog.get_logger(__name__)


class Rotation:
    """One thread at a time; a job drives it: `while rotation.step(): pause()`."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def step(self) -> bool:
        """Encrypt one batch again in one short write. False: everything lies under the first key, and so does the
        proof that the keyring is the right one, which is renewed last: older keys are not needed any more."""
        if not self._keyring.older_keys:
            return False
        for move in (self._move_checks, self._move_tokens):
            if move():
                return True
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            if self._keyring.renew_proof(session):
                _log.info("keyring.rotated", older_keys=list(self._keyring.older_keys))
        return False

    def _move_checks(self) -> bool:
        return self._move(Check, Check.secrets, Check.id, lambda row: cell_of(row.organization_id, row.id))

    def _move_tokens(self) -> bool:
        return self._move(
            Heartbeat, Heartbeat.token, Heartbeat.check_id, lambda row: token_cell(row.organization_id, row.check_id)
        )

    def _move(self, table: Any, blob: Any, key: Any, cell: Callable[[Any], Cell]) -> bool:
        head = self._keyring.head
        older = blob.is_not(None) & (func.substr(blob, 1, len(head), type_=LargeBinary()) != head)
        with self._database.read(EVERY_ORGANIZATION) as session:  # the search looks at every row: not under the lock
            keys = session.scalars(select(key).where(older).limit(BATCH)).all()
        if not keys:
            return False
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            self._rewrite(session, select(table).where(key.in_(keys), older).with_for_update(), blob.key, cell)
        return True

    def _rewrite(self, session: Session, statement: Any, column: str, cell: Callable[[Any], Cell]) -> None:
        for row in session.scalars(statement):
            home = cell(row)
            setattr(row, column, self._keyring.encrypt(self._keyring.decrypt(getattr(row, column), home), home))
