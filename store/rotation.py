"""Rotation of the keyring: what lies under an older key is encrypted again under the first, beside live traffic.

To change keys: put a new one in front of TRACER_SECRET_KEYS of every process and start them again; when the log says
`keyring.rotated`, the older key may be taken off. Taken off too early, nothing is lost: Tracer refuses to start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import LargeBinary, func, select
from sqlalchemy.orm import Session

from store.alert_channels import channel_cell
from store.alert_tables import AlertChannel
from store.audit import leave_out
from store.batches import overrides_cell
from store.check_secrets import cell_of
from store.heartbeat_rows import token_cell
from store.journey_tables import Batch, OrganizationVariable
from store.keyring import Cell, Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Heartbeat
from store.variables import variable_cell
from store.write_lock import Urgency

BATCH = 100
_SECRETS: Sequence[tuple[Any, Any, Any, Callable[[Any], Cell]]] = (
    (Check, Check.secrets, Check.id, lambda row: cell_of(row.organization_id, row.id)),
    (Heartbeat, Heartbeat.token, Heartbeat.check_id, lambda row: token_cell(row.organization_id, row.check_id)),
    (AlertChannel, AlertChannel.secrets, AlertChannel.id, lambda row: channel_cell(row.organization_id, row.id)),
    (
        OrganizationVariable,
        OrganizationVariable.value,
        OrganizationVariable.id,
        lambda row: variable_cell(row.organization_id, row.id),
    ),
    (Batch, Batch.overrides, Batch.id, lambda row: overrides_cell(row.organization_id, row.id)),
)
"""Every column that holds secrets: its table, its key, and the cell of a row."""
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
        for table, blob, key, cell in _SECRETS:
            if self._move(table, blob, key, cell):
                return True
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            if self._keyring.renew_proof(session):
                _log.info("keyring.rotated", older_keys=list(self._keyring.older_keys))
        return False

    def _move(self, table: Any, blob: Any, key: Any, cell: Callable[[Any], Cell]) -> bool:
        head = self._keyring.head
        older = blob.is_not(None) & (func.substr(blob, 1, len(head), type_=LargeBinary()) != head)
        with self._database.read(EVERY_ORGANIZATION) as session:  # the search looks at every row: not under the lock
            keys = session.scalars(select(key).where(older).limit(BATCH)).all()
        if not keys:
            return False
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            leave_out(session)
            self._rewrite(session, select(table).where(key.in_(keys), older).with_for_update(), blob.key, cell)
        return True

    def _rewrite(self, session: Session, statement: Any, column: str, cell: Callable[[Any], Cell]) -> None:
        for row in session.scalars(statement):
            home = cell(row)
            setattr(row, column, self._keyring.encrypt(self._keyring.decrypt(getattr(row, column), home), home))
