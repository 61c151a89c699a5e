"""Checks and their versions: every edit is a new version, and the schedulers account for each slot by the version it
falls under, so what was due when can be told from these rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from model.definition import CheckDefinition
from model.ids import new_id
from model.material import material_change
from model.schedule import Schedule, schedule_of
from store.changes import append_change
from store.check_secrets import cell_of, masked, refuse_to_show, secrets_of
from store.counting import one_page
from store.heartbeat_rows import add_heartbeat, rearm_heartbeat
from store.keyring import Keyring
from store.tables import Check, CheckVersion, Heartbeat

BEGINS_AFTER_MS = 2_000
"""A new schedule counts this long after it was written: by then every scheduler has heard of it, so which slots are
due is decided by the configuration alone and never by who heard it first."""


def create_check(
    session: Session, keyring: Keyring, organization_id: str, definition: CheckDefinition, now_ms: int
) -> Check:
    """A new check, due from two seconds on, or paused. A heartbeat gets its ping token too."""
    check_id = new_id("jny" if definition.kind == "browser" else "mon", now_ms)
    public, secrets = masked(_dump(definition), keyring, cell_of(organization_id, check_id))
    check = Check(
        id=check_id,
        organization_id=organization_id,
        type=definition.type,
        kind=definition.kind,
        name=definition.name,
        status=definition.status,
        version=1,
        definition=public,
        secrets=secrets,
        locations=list(definition.locations or ()),
        created_ms=now_ms,
        updated_ms=now_ms,
        judged_from_ms=now_ms,
    )
    session.add(check)
    session.flush()
    _add_version(session, check, _schedule(definition), now_ms + BEGINS_AFTER_MS, now_ms)
    if definition.kind == "heartbeat":
        add_heartbeat(session, keyring, check)
    append_change(session, organization_id, "check", check_id, now_ms)
    return check


def update_check(session: Session, keyring: Keyring, check: Check, definition: CheckDefinition, now_ms: int) -> bool:
    """Make `definition` (whole, secrets in place) the check's next version. False when nothing differs: then there is
    no new version. SecretWouldShowError when a stored secret would become readable.

    Get the check by `get_check(…, lock=True)` in this transaction, so that two edits don't lose one another. When its
    slots change, the new version counts from two seconds on and the old one until then; a pause counts at once; any
    other edit keeps the beginning of the schedule it leaves alone.
    """
    old_secrets = secrets_of(keyring, check)
    public, secrets = masked(_dump(definition), keyring, cell_of(check.organization_id, check.id))
    refuse_to_show(old_secrets, public)
    was_paused = check.status == "paused"
    same_secrets = _same_secrets(keyring, check, secrets, old_secrets)
    if public == check.definition and same_secrets:
        return False
    previous = session.get_one(CheckVersion, (check.id, check.version))
    old_definition = check.definition
    check.name, check.status = definition.name, definition.status
    check.definition = public
    if not same_secrets:
        check.secrets = secrets
    check.locations = list(definition.locations or ())
    check.version += 1
    check.updated_ms = now_ms
    if material_change(old_definition, public) is not None:
        check.judged_from, check.judged_from_ms = check.version, now_ms
    session.flush()
    schedule = _schedule(definition)
    _add_version(session, check, schedule, _from_ms(previous, schedule, now_ms), now_ms)
    if check.kind == "heartbeat" and (was_paused or _other_deadlines(old_definition, public)):
        rearm_heartbeat(session, check, now_ms)
    append_change(session, check.organization_id, "check", check.id, now_ms)
    return True


def delete_check(session: Session, check: Check, now_ms: int) -> None:
    """Gone from lists and due no more, at once. Its runs stay until retention; its secrets and ping token do not."""
    check.deleted_ms = check.updated_ms = now_ms
    check.secrets = None
    check.version += 1
    session.flush()
    _add_version(session, check, None, now_ms, now_ms)
    session.execute(
        delete(Heartbeat).where(Heartbeat.check_id == check.id).execution_options(synchronize_session=False)
    )
    append_change(session, check.organization_id, "check", check.id, now_ms)


def get_check(session: Session, check_id: str, *, lock: bool = False) -> Check | None:
    """A check that is not deleted. `lock`: nobody else may edit it until this transaction ends."""
    statement = select(Check).where(Check.id == check_id, Check.deleted_ms.is_(None))
    return session.scalars(statement.with_for_update() if lock else statement).one_or_none()


def definition_at(session: Session, check_id: str, version: int) -> dict[str, Any] | None:
    """What a check was, masked, in one of its versions; None when that is not known any more."""
    wanted = select(CheckVersion.definition).where(CheckVersion.check_id == check_id, CheckVersion.version == version)
    return session.scalars(wanted).one_or_none()


def lock_checks(session: Session, check_ids: Collection[str]) -> None:
    """Nobody else judges or edits these checks until this transaction ends. In the order of their ids, as everybody who
    locks several; what was read of their alerts before has to be read again."""
    wanted = select(Check.id).where(Check.id.in_(check_ids)).order_by(Check.id)
    session.execute(wanted.with_for_update(key_share=True)).all()


def list_checks(
    session: Session,
    *,
    kinds: Collection[str] = ("network", "heartbeat"),
    check_type: str | None = None,
    status: str | None = None,
    tag: str | None = None,
    name: str | None = None,
    page: tuple[int, int] = (0, 20),
) -> tuple[list[Check], int]:
    """Checks that are not deleted, newest first, and how many there are (counted to 10,001). Monitors are the kinds
    network and heartbeat, journeys the kind browser. `name`: a part of it, in any case. `page`: (offset, limit)."""
    statement = select(Check).where(Check.deleted_ms.is_(None), Check.kind.in_(kinds))
    if check_type is not None:
        statement = statement.where(Check.type == check_type)
    if status is not None:
        statement = statement.where(Check.status == status)
    if tag is not None:
        statement = statement.where(has_tag(session, tag))
    if name is not None:
        statement = statement.where(Check.name.icontains(name, autoescape=True))
    return one_page(session, statement.order_by(Check.created_ms.desc(), Check.id.desc()), page)


def count_checks(session: Session, kinds: Collection[str] = ("network", "heartbeat")) -> int:
    """How many checks of these kinds are not deleted, exactly."""
    statement = select(func.count(Check.id)).where(Check.deleted_ms.is_(None), Check.kind.in_(kinds))
    return session.scalars(statement).one()


def existing_check_ids(session: Session, check_ids: Collection[str]) -> set[str]:
    """Those of the ids that are checks here and not deleted: for `depends_on`, rules and pages that name several."""
    return set(session.scalars(select(Check.id).where(Check.id.in_(check_ids), Check.deleted_ms.is_(None))))


def dependencies_of(session: Session, check_ids: Collection[str]) -> dict[str, list[str]]:
    """What each of these checks depends on; deleted checks are missing."""
    wanted = select(Check.id, Check.definition).where(Check.id.in_(check_ids), Check.deleted_ms.is_(None))
    return {check_id: list(definition.get("depends_on") or ()) for check_id, definition in session.execute(wanted)}


def active_at(session: Session, organization_id: str, location: str) -> list[str]:
    """The names of the checks that run at a location, in their order."""
    wanted = select(Check.name, Check.locations).where(
        Check.organization_id == organization_id, Check.deleted_ms.is_(None), Check.status == "active"
    )
    found = session.execute(wanted.order_by(Check.name, Check.id))
    return [name for name, locations in found if location in (locations or ())]


def checks_by_location(session: Session) -> Counter[str]:
    """How many checks that are not deleted name each location."""
    return Counter(
        location
        for locations in session.scalars(select(Check.locations).where(Check.deleted_ms.is_(None)))
        for location in locations
    )


def has_tag(session: Session, tag: str) -> ColumnElement[bool]:
    """The condition that a check has this tag, as the session's store says it."""
    if session.get_bind().dialect.name == "sqlite":
        tags = func.json_each(Check.definition, "$.tags").table_valued("value")
        return select(literal(1)).select_from(tags).where(tags.c.value == tag).exists()
    return cast(Check.definition["tags"], JSONB).contains([tag])


def _dump(definition: CheckDefinition) -> dict[str, Any]:
    return definition.model_dump(mode="json", by_alias=True)


def _schedule(definition: CheckDefinition) -> Schedule | None:
    """None while paused, and for heartbeats: their time is kept by their deadlines, not by slots."""
    return None if definition.kind == "heartbeat" else schedule_of(definition, tuple(definition.locations or ()))


def _from_ms(previous: CheckVersion, schedule: Schedule | None, now_ms: int) -> int:
    """From when the version that follows `previous` counts."""
    if schedule is None:
        return now_ms
    old = None if previous.schedule is None else msgspec.convert(previous.schedule, Schedule)
    if old is None or _slots(old) != _slots(schedule):
        return now_ms + BEGINS_AFTER_MS
    # The schedule goes on. One that has not begun yet still begins when it was said to.
    return max(now_ms, previous.from_ms)


def _slots(schedule: Schedule) -> tuple[Any, ...]:
    """What decides which slots there are."""
    cron = (schedule.cron, schedule.timezone) if schedule.cron else None
    return schedule.interval_ms, cron, frozenset(schedule.locations), schedule.kind


def _other_deadlines(old: dict[str, Any], new: dict[str, Any]) -> bool:
    return any(old.get(name) != new.get(name) for name in ("interval", "cron", "timezone", "grace"))


def _same_secrets(keyring: Keyring, check: Check, secrets: bytes | None, old: dict[str, str]) -> bool:
    if secrets is None:
        return not old
    new = keyring.decrypt(secrets, cell_of(check.organization_id, check.id))
    return bool(msgspec.json.decode(new) == old)


def _add_version(session: Session, check: Check, schedule: Schedule | None, from_ms: int, now_ms: int) -> None:
    session.add(
        CheckVersion(
            check_id=check.id,
            organization_id=check.organization_id,
            version=check.version,
            definition=check.definition,
            schedule=None if schedule is None else msgspec.to_builtins(schedule),
            from_ms=from_ms,
            created_ms=now_ms,
        )
    )
    session.flush()
