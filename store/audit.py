"""The audit log, written by construction: whoever changes a row that is audited (store/audited.py) leaves an event in
the same transaction, and no route has to think of it.

    Recorder.listen       hears what the ORM writes; refuses writes that it could not hear
    note                  for what changes no such row: a sign-in, a run asked for by hand, a test message
    Recorder.write        seals the events and adds them, as the last thing of the transaction

Who acts comes from store/acting.py. One event a row and transaction: what it was before the first write, and after the
last one, as far as the two differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import event, inspect, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker
from sqlalchemy.orm.base import NO_VALUE

from model.ids import new_id
from model.secrets import MASK
from store.acting import Actor, actor
from store.audit_chain import START, Sign, seal_event, seal_head
from store.audit_tables import AuditEvent, AuditHead
from store.audited import AUDITED, Audited, Shape, name_of, organization_of

UNAUDITED = "unaudited"
"""Execution option of a statement that says: what it changes of an audited table is none of people's doing."""
_PENDING = "audit"
_LONGEST = 200
_encode = msgspec.json.Encoder(order="deterministic").encode


class UnheardStatementError(RuntimeError):
    """A statement changes rows that are audited, past the ORM's unit of work: nobody would read of it."""


class NotSealedError(RuntimeError):
    """This Database has no keyring to seal events with (Database.seal_with)."""


class Target(NamedTuple):
    """What was done something to."""

    kind: str
    id: str | None
    name: str


@dataclass
class _Change:
    """What one transaction did to one row."""

    row: Any
    audited: Audited
    before: Shape | None
    ended_before: bool
    gone: bool = False
    secret: bool = False


@dataclass(frozen=True)
class _Entry:
    organization_id: str
    who: Actor
    action: str
    target: Target
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    at_ms: int | None = None


@dataclass
class _Pending:
    changes: dict[int, _Change] = field(default_factory=dict)
    items: list[_Change | _Entry] = field(default_factory=list)
    quiet: bool = False


def note(
    session: Session,
    organization_id: str,
    action: str,
    target: Target,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    who: Actor | None = None,
    at_ms: int | None = None,
) -> None:
    """An event of this transaction that no change of an audited row tells of. `who`: if it is not who acts now;
    `at_ms`: if it was before now. `before`, `after` are shown to whoever may read the log: no secret in them."""
    _pending(session).items.append(_Entry(organization_id, who or actor(), action, target, before, after, at_ms))


def leave_out(session: Session) -> None:
    """What this transaction writes changes nothing that people said, such as the same secret under another key."""
    _pending(session).quiet = True


class Recorder:
    """Of one Database. `sign` is set once the keyring is known."""

    def __init__(self) -> None:
        self.sign: Sign | None = None

    def listen(self, make: sessionmaker[Session]) -> None:
        event.listen(make, "after_flush", _hear)
        event.listen(make, "do_orm_execute", _refuse_unheard)

    def write(self, session: Session, now_ms: Callable[[Session], int]) -> None:
        """Add the events of this transaction. The last thing in it: each organization's head is held until the commit,
        in the order of their ids."""
        session.flush()
        pending: _Pending | None = session.info.pop(_PENDING, None)
        if pending is None:
            return
        entries = [entry for item in pending.items if (entry := _entry(item)) is not None]
        if not entries:
            return
        if self.sign is None:
            raise NotSealedError("give this Database a keyring (seal_with) before anything is written that is audited")
        at_ms = now_ms(session)
        for organization_id in sorted({entry.organization_id for entry in entries}):
            of_it = [entry for entry in entries if entry.organization_id == organization_id]
            _append(session, self.sign, organization_id, of_it, at_ms)
        session.flush()


def _pending(session: Session) -> _Pending:
    pending: _Pending | None = session.info.get(_PENDING)
    if pending is None:
        pending = session.info[_PENDING] = _Pending()
    return pending


def _hear(session: Session, _flushing: object) -> None:
    """What a flush has written, while the rows still know what they were."""
    for row in session.new:
        audited = AUDITED.get(type(row))
        if audited is not None and not audited.only:
            _add(session, row, _Change(row, audited, None, ended_before=False))
    for row in session.dirty:
        audited = AUDITED.get(type(row))
        if audited is not None and _concerns_people(row, audited):
            former, changed = _former(row)
            if changed:
                ended = audited.ends is not None and getattr(former, audited.ends) is not None
                change = _Change(row, audited, audited.shape(former), ended)
                change.secret = audited.secret is not None and audited.secret[0] in changed
                _add(session, row, change)
    for row in session.deleted:
        audited = AUDITED.get(type(row))
        if audited is not None:
            _add(session, row, _Change(row, audited, audited.shape(row), ended_before=False, gone=True))


def _add(session: Session, row: object, change: _Change) -> None:
    pending = _pending(session)
    if pending.quiet:
        return
    known = pending.changes.get(id(row))
    if known is None:
        pending.changes[id(row)] = change
        pending.items.append(change)
    else:
        known.gone, known.secret = change.gone, known.secret or change.secret


def _concerns_people(row: object, audited: Audited) -> bool:
    if not audited.only:
        return True
    attributes = inspect(row).attrs
    return any(attributes[name].history.has_changes() for name in audited.only)


def _former(row: object) -> tuple[Any, set[str]]:
    """(the row as it was before this flush, the columns that changed)"""
    values: dict[str, Any] = {}
    changed: set[str] = set()
    for attribute in inspect(row).attrs:
        history = attribute.history
        if history.has_changes():
            changed.add(attribute.key)
        now = None if attribute.loaded_value is NO_VALUE else attribute.loaded_value
        values[attribute.key] = history.deleted[0] if history.deleted else now
    return SimpleNamespace(**values), changed


def _refuse_unheard(state: ORMExecuteState) -> None:
    if not (state.is_insert or state.is_update or state.is_delete) or state.bind_mapper is None:
        return
    if state.bind_mapper.class_ in AUDITED and not state.execution_options.get(UNAUDITED):
        raise UnheardStatementError(
            f"{state.bind_mapper.class_.__name__} is audited: change its rows one by one through the session, or say "
            f"by the execution option {UNAUDITED!r} that this is none of people's doing"
        )


def _entry(item: _Change | _Entry) -> _Entry | None:
    """The event that a row's way through the transaction makes; None when nothing that people said differs."""
    if isinstance(item, _Entry):
        return item
    row, audited = item.row, item.audited
    ended = item.gone or (audited.ends is not None and getattr(row, audited.ends) is not None)
    before, after = item.before, audited.shape(row)
    if before is None and ended:
        return None
    if before is None:
        return _told(item, "created", None, after)
    if ended:
        return None if item.ended_before else _told(item, "deleted", before, None)
    if item.ended_before:
        return _told(item, "restored", None, after)
    differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    old, new = ({name: shape.get(name) for name in differ} for shape in (before, after))
    if item.secret and audited.secret is not None:
        old[audited.secret[1]] = new[audited.secret[1]] = MASK
    return _told(item, audited.verb(old, new) or "updated", old, new) if new else None


def _told(item: _Change, verb: str, before: Shape | None, after: Shape | None) -> _Entry:
    kind = item.audited.kind(item.row)
    target = Target(kind, item.row.id, name_of(item.row))
    return _Entry(organization_of(item.row), actor(), f"{kind}.{verb}", target, before, after)


def _append(session: Session, sign: Sign, organization_id: str, entries: list[_Entry], now_ms: int) -> None:
    """Number and seal the events of one organization, and add them."""
    head = hold_head(session, organization_id)
    number, chain = head.number, head.chain
    for entry in entries:
        number += 1
        at_ms = now_ms if entry.at_ms is None else entry.at_ms
        row = AuditEvent(
            id=new_id("aud", now_ms),
            organization_id=organization_id,
            number=number,
            at_ms=at_ms,
            actor_kind=entry.who.kind,
            actor_id=entry.who.id,
            actor_name=entry.who.name[:_LONGEST],
            address=entry.who.address,
            request_id=entry.who.request_id,
            action=entry.action,
            target_kind=entry.target.kind,
            target_id=entry.target.id,
            target_name=entry.target.name[:_LONGEST],
            before=_text(entry.before),
            after=_text(entry.after),
        )
        row.chain = chain = seal_event(sign, chain, row)
        session.add(row)
    head.number, head.chain = number, chain
    head.seal = seal_head(sign, head)


def hold_head(session: Session, organization_id: str) -> AuditHead:
    """The end of an organization's log, nobody else's until this transaction ends; made when there is none yet."""
    wanted = select(AuditHead).where(AuditHead.organization_id == organization_id).with_for_update()
    found = session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()
    if found is not None:
        return found
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    first = insert(AuditHead).values(
        organization_id=organization_id, number=0, chain=START, base_number=0, base_chain=START, seal=""
    )
    session.execute(first.on_conflict_do_nothing())  # of two that write the first event, one waits for the other
    return session.scalars(wanted.execution_options(populate_existing=True)).one()


def _text(shape: Mapping[str, Any] | None) -> str | None:
    return None if shape is None else _encode(shape).decode()
