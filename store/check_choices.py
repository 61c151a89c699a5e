"""Checks as forms offer them for choice: by name, some of many, those chosen already first."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.counting import count_rows
from store.tables import Check


class Choice(NamedTuple):
    """A check that can be chosen."""

    id: str
    name: str
    type: str


def check_choices(
    session: Session, *, named: str = "", chosen: Collection[str] = (), most: int = 200
) -> tuple[list[Choice], int]:
    """Up to `most` checks that are not deleted and whose name holds `named`, by name, behind all of the `chosen`; and
    how many fit in all."""
    live = Check.deleted_ms.is_(None)
    fits = live & func.lower(Check.name).contains(named.lower(), autoescape=True) if named else live
    columns = select(Check.id, Check.name, Check.type).order_by(func.lower(Check.name), Check.id)
    first = session.execute(columns.where(live, Check.id.in_(set(chosen))))
    others = session.execute(columns.where(fits, Check.id.not_in(set(chosen))).limit(most))
    return [Choice(*row) for row in (*first, *others)], count_rows(session, select(Check).where(fits))


def check_names(session: Session, check_ids: Collection[str]) -> dict[str, str]:
    """Names of checks by id, deleted ones too."""
    found = session.execute(select(Check.id, Check.name).where(Check.id.in_(set(check_ids))))
    return {row[0]: row[1] for row in found}
