"""Definitions as probes are given them: JSON with its secrets in place, kept in memory by version."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import msgspec
from sqlalchemy.orm import Session

from model.secrets import join
from store.check_secrets import cell_of
from store.draft_tables import is_draft
from store.drafts import draft_cell
from store.keyring import Keyring
from store.statements import from_json, rows

KEPT_BYTES = 64 * 1024 * 1024
"""How much of definitions one keyring keeps ready; the least used go first."""
_VERSIONS = "SELECT id, version FROM checks WHERE id IN ? AND deleted_ms IS NULL"
_WHOLE = (
    "SELECT id, version, organization_id, kind, definition, secrets FROM checks WHERE id IN ? AND deleted_ms IS NULL"
)

_DRAFTS = "SELECT id, organization_id, definition, secrets FROM drafts WHERE id IN ? AND definition IS NOT NULL"


class LeasedDefinition(msgspec.Struct, frozen=True):
    """`definition`: a JSON document with secrets: for a probe's memory, never for a disk, a log or a person."""

    check_id: str
    version: int
    definition: bytes
    organization_id: str
    kind: str


class _Kept:
    """The least recently used go when there are too many bytes. Threads share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_version: OrderedDict[tuple[str, int], LeasedDefinition] = OrderedDict()
        self._bytes = 0

    def get(self, version: tuple[str, int]) -> LeasedDefinition | None:
        with self._lock:
            found = self._by_version.get(version)
            if found is not None:
                self._by_version.move_to_end(version)
            return found

    def put(self, leased: LeasedDefinition) -> None:
        with self._lock:
            if (leased.check_id, leased.version) in self._by_version:
                return
            self._by_version[leased.check_id, leased.version] = leased
            self._bytes += len(leased.definition)
            while self._bytes > KEPT_BYTES:
                _, dropped = self._by_version.popitem(last=False)
                self._bytes -= len(dropped.definition)


_kept: WeakKeyDictionary[Keyring, _Kept] = WeakKeyDictionary()


def check_rows_for_lease(session: Session, keyring: Keyring, check_ids: Sequence[str]) -> list[LeasedDefinition]:
    """The newest versions of those of the checks that are not deleted, and of drafts. The session sees every
    organization.

    One query for what is in memory, two where something is not: decrypting and joining happens once a version."""
    drafts = [check_id for check_id in check_ids if is_draft(check_id)]
    if drafts:
        checks = [check_id for check_id in check_ids if not is_draft(check_id)]
        return [*(check_rows_for_lease(session, keyring, checks) if checks else ()), *_drafts(session, keyring, drafts)]
    kept = _kept.setdefault(keyring, _Kept())
    ready: list[LeasedDefinition] = []
    missing: list[str] = []
    for check_id, version in rows(session, _VERSIONS, list(check_ids)):
        found = kept.get((check_id, version))
        if found is None:
            missing.append(check_id)
        else:
            ready.append(found)
    if missing:
        for check_id, version, organization_id, kind, definition, secrets in rows(session, _WHOLE, missing):
            whole = from_json(definition)
            if secrets is not None:
                plain = keyring.decrypt(bytes(secrets), cell_of(organization_id, check_id))
                whole = join(whole, msgspec.json.decode(plain, type=dict[str, str]))
            leased = LeasedDefinition(check_id, version, msgspec.json.encode(whole), organization_id, kind)
            kept.put(leased)
            ready.append(leased)
    return ready


def _drafts(session: Session, keyring: Keyring, draft_ids: Sequence[str]) -> list[LeasedDefinition]:
    """Leased once, so never kept in memory."""
    found = []
    for draft_id, organization_id, definition, secrets in rows(session, _DRAFTS, list(draft_ids)):
        whole = from_json(definition)
        if secrets is not None:
            plain = keyring.decrypt(bytes(secrets), draft_cell(organization_id, draft_id))
            whole = join(whole, msgspec.json.decode(plain, type=dict[str, str]))
        kind = "browser" if whole["type"] == "journey" else "network"
        found.append(LeasedDefinition(draft_id, 1, msgspec.json.encode(whole), organization_id, kind))
    return found
