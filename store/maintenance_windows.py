"""Maintenance windows: made, changed, ended. What one means for a run is for alerts/book.py to say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from model.ids import new_id
from store.alert_tables import MaintenanceWindow
from store.alerting_feed import alerting_changed
from store.counting import one_page
from store.statements import rows, run

_ANY = "SELECT 1 FROM maintenance_windows WHERE organization_id = ? AND deleted_ms IS NULL LIMIT 1"
"""Asked with every notice, and nearly always there is none."""


_MOST_ENDED = 100
"""Times of one window that are known to have been ended early."""


class WindowFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a window: once (`starts_ms`, `ends_ms`) or again and again (`cron`, `duration_s`).
    `message`: what visitors of status pages read."""

    name: str
    apply_to: dict[str, Any]
    starts_ms: int | None = None
    ends_ms: int | None = None
    cron: str | None = None
    duration_s: int | None = None
    timezone: str = "UTC"
    message: str | None = None


def create_window(session: Session, organization_id: str, fields: WindowFields, now_ms: int) -> MaintenanceWindow:
    """A new window; runs that are recorded from now on know of it, and those stored before are marked soon."""
    row = MaintenanceWindow(
        id=new_id("mwin", now_ms),
        organization_id=organization_id,
        created_ms=now_ms,
        updated_ms=now_ms,
        marked_to=_to_mark(fields, now_ms),
        **msgspec.structs.asdict(fields),
    )
    session.add(row)
    session.flush()
    alerting_changed(session)
    return row


def update_window(session: Session, window: MaintenanceWindow, fields: WindowFields, now_ms: int) -> None:
    """Other fields. Runs that it left out stay left out; those stored that it covers now are marked soon."""
    for name, value in msgspec.structs.asdict(fields).items():
        setattr(window, name, value)
    window.updated_ms = now_ms
    window.marked_to = _to_mark(fields, now_ms)
    session.flush()
    alerting_changed(session)


def _to_mark(fields: WindowFields, now_ms: int) -> str | None:
    return "" if fields.starts_ms is not None and fields.starts_ms < now_ms else None


def end_window(session: Session, window: MaintenanceWindow, now_ms: int) -> None:
    """What holds now is over; one that comes again holds at its next time."""
    if window.cron is None:
        window.ends_ms = now_ms
    else:
        window.ended = [*(window.ended or ()), now_ms][-_MOST_ENDED:]
    window.updated_ms = now_ms
    session.flush()
    alerting_changed(session)


def delete_window(session: Session, window: MaintenanceWindow, now_ms: int) -> None:
    """Gone from lists and in force no more; runs that were left out because of it stay left out."""
    window.deleted_ms = window.updated_ms = now_ms
    session.flush()
    alerting_changed(session)


def get_window(session: Session, window_id: str, *, lock: bool = False) -> MaintenanceWindow | None:
    """A window that is not deleted. `lock`: nobody else may edit it until this transaction ends."""
    wanted = select(MaintenanceWindow).where(MaintenanceWindow.id == window_id, MaintenanceWindow.deleted_ms.is_(None))
    return session.scalars(wanted.with_for_update() if lock else wanted).one_or_none()


def list_windows(session: Session, *, page: tuple[int, int] = (0, 20)) -> tuple[list[MaintenanceWindow], int]:
    """Windows that are not deleted, newest first, `page` = (offset, how many); and how many there are."""
    wanted = select(MaintenanceWindow).where(MaintenanceWindow.deleted_ms.is_(None))
    return one_page(session, wanted.order_by(MaintenanceWindow.created_ms.desc(), MaintenanceWindow.id.desc()), page)


def windows_not_over(session: Session, organization_id: str, now_ms: int) -> Sequence[MaintenanceWindow]:
    """An organization's windows that hold now or may hold later."""
    if not rows(session, _ANY, organization_id, of=organization_id):
        return []
    wanted = select(MaintenanceWindow).where(
        MaintenanceWindow.organization_id == organization_id,
        MaintenanceWindow.deleted_ms.is_(None),
        MaintenanceWindow.cron.is_not(None) | (MaintenanceWindow.ends_ms > now_ms),
    )
    return session.scalars(wanted).all()


def windows_between(session: Session, from_ms: int, to_ms: int, most: int) -> list[MaintenanceWindow]:
    """Windows of the session's organization that may hold in [from, to), by name."""
    wanted = select(MaintenanceWindow).where(
        MaintenanceWindow.deleted_ms.is_(None),
        MaintenanceWindow.cron.is_not(None)
        | ((MaintenanceWindow.starts_ms < to_ms) & (MaintenanceWindow.ends_ms > from_ms)),
    )
    return list(session.scalars(wanted.order_by(MaintenanceWindow.name, MaintenanceWindow.id).limit(most)))


def anything_to_mark(session: Session) -> bool:
    """Whether `windows_to_mark` would find any. The session sees every organization."""
    return bool(
        rows(session, "SELECT 1 FROM maintenance_windows WHERE deleted_ms IS NULL AND marked_to IS NOT NULL LIMIT 1")
    )


def windows_to_mark(session: Session) -> Sequence[MaintenanceWindow]:
    """Those that cover runs stored before they were made, as far as is known."""
    wanted = select(MaintenanceWindow).where(
        MaintenanceWindow.deleted_ms.is_(None), MaintenanceWindow.marked_to.is_not(None)
    )
    return session.scalars(wanted.order_by(MaintenanceWindow.created_ms, MaintenanceWindow.id)).all()


def mark_runs(session: Session, run_ids: Sequence[str]) -> None:
    """These stored runs were due in a window. Their counts are the caller's to move."""
    run(session, "UPDATE runs SET maintenance = TRUE WHERE id IN ?", list(run_ids))


def runs_to_mark(session: Session, check_id: str, from_ms: int, until_ms: int, most: int) -> list[tuple[Any, ...]]:
    """(id, location, at_ms, status, error_code, duration_ms) of scheduled runs that ended, were due in
    [from_ms, until_ms) and are not marked, the earliest first."""
    return rows(
        session,
        "SELECT id, location, at_ms, status, error_code, duration_ms FROM runs WHERE check_id = ? AND at_ms >= ? "
        "AND at_ms < ? AND trigger = 'schedule' AND NOT maintenance "
        "AND status IN ('success', 'failed', 'missed', 'unknown') ORDER BY at_ms LIMIT ?",
        check_id, from_ms, until_ms, most,
    )  # fmt: skip


def checks_after(session: Session, organization_id: str, after: str, most: int) -> list[tuple[str, Any]]:
    """(id, definition) of an organization's checks with an id after this one, by id."""
    query = (
        "SELECT id, definition FROM checks WHERE organization_id = ? AND id > ? AND deleted_ms IS NULL "
        "ORDER BY id LIMIT ?"
    )
    return rows(session, query, organization_id, after, most)
