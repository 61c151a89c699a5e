"""Rotation of the keyring: what lies under an older key is encrypted again under the first, in short writes beside live
traffic.

Keys of a file: `begin` puts a new key in front, which every process that uses the file encrypts with from then on;
`retire` takes the older ones out. In between, and however often that is interrupted, all of them decrypt. Keys of the
environment are put in front and taken out by whoever sets it; taken off too early, nothing is lost: Tracer refuses to
start.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, and_, func, select
from sqlalchemy.orm import Session

from store.alert_channels import channel_cell
from store.alert_tables import AlertChannel
from store.audit import leave_out
from store.batches import overrides_cell
from store.check_secrets import cell_of
from store.draft_tables import Draft
from store.drafts import draft_cell
from store.heartbeat_rows import token_cell
from store.journey_tables import Batch, OrganizationVariable
from store.key_material import KeyringError, new_secret, read_key_file, replace_key_file
from store.keyring import Cell, Keyring
from store.project_tables import Project
from store.projects import repository_cell
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check, Heartbeat
from store.variables import variable_cell
from store.write_lock import Urgency

BATCH = 100
_NUMBERED = re.compile(r"k[0-9]{1,9}", re.ASCII)
SECRETS: Sequence[tuple[Any, Any, Any, Callable[[Any], Cell]]] = (
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
    (Draft, Draft.secrets, Draft.id, lambda row: draft_cell(row.organization_id, row.id)),
    (Project, Project.repository_token, Project.id, lambda row: repository_cell(row.organization_id, row.id)),
)
"""Every column that holds secrets: its table, its key, and the cell of a row."""


def begin(file: Path) -> bool:
    """Put a new key in front. False: a rotation was begun before, and is to be gone on with. KeyringError."""
    keys = read_key_file(file)
    if keys is None:
        raise KeyringError(f"there is no keyring {file}")
    if len(keys) > 1:
        return False
    replace_key_file(file, {fresh_name(keys): new_secret(), **keys})
    return True


def retire(file: Path) -> list[str]:
    """Take all keys but the first out, and say which. Only when everything lies under the first. KeyringError."""
    keys = read_key_file(file) or {}
    first, *older = keys
    if older:
        replace_key_file(file, {first: keys[first]})
    return older


def fresh_name(keys: Collection[str]) -> str:
    """An id for one more key, which none before it had."""
    numbers = [int(name[1:]) for name in keys if _NUMBERED.fullmatch(name)]
    return f"k{max(numbers, default=len(keys)) + 1}"


class Rotation:
    """One thread at a time: `while rotation.step(): pause()`."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._passed: dict[str, str] = {}

    def left(self) -> int:
        """How many secrets lie under older keys."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            counts = (
                session.scalar(select(func.count()).select_from(table).where(self._older(blob)))
                for table, blob, _, _ in SECRETS
            )
            return sum(count or 0 for count in counts)

    def step(self) -> int:
        """Encrypt one batch again in one short write, and say how many that were. 0: everything lies under the first
        key, and so does the proof that the keyring is the right one, which is renewed last: older keys are not needed
        any more."""
        if not self._keyring.older_keys:
            return 0
        for table, blob, key, cell in SECRETS:
            moved = self._move(table, blob, key, cell)
            if moved:
                return moved
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            self._keyring.renew_proof(session)
        return 0

    def _older(self, blob: Any) -> ColumnElement[bool]:
        head = self._keyring.head
        return and_(blob.is_not(None), func.substr(blob, 1, len(head), type_=LargeBinary()) != head)

    def _move(self, table: Any, blob: Any, key: Any, cell: Callable[[Any], Cell]) -> int:
        """From where the last batch ended, and once more from the beginning: who wrote meanwhile may have been slow."""
        keys = self._find(blob, key, self._passed.pop(table.__tablename__, "")) or self._find(blob, key, "")
        if not keys:
            return 0
        self._passed[table.__tablename__] = keys[-1]
        with self._database.write(EVERY_ORGANIZATION, Urgency.HOUSEKEEPING) as session:
            leave_out(session)
            rows = select(table).where(key.in_(keys), self._older(blob)).order_by(key).with_for_update()
            self._rewrite(session, rows, blob.key, cell)
        return len(keys)

    def _find(self, blob: Any, key: Any, after: str) -> list[str]:
        with self._database.read(EVERY_ORGANIZATION) as session:  # it looks at many rows: not under the lock
            return list(session.scalars(select(key).where(key > after, self._older(blob)).order_by(key).limit(BATCH)))

    def _rewrite(self, session: Session, statement: Any, column: str, cell: Callable[[Any], Cell]) -> None:
        for row in session.scalars(statement):
            home = cell(row)
            setattr(row, column, self._keyring.encrypt(self._keyring.decrypt(getattr(row, column), home), home))
