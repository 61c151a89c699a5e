"""Pages of lists and their counts: exact to 10,000, and no dearer than that beyond (CONTRACT, "Common")."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import Select, inspect
from sqlalchemy.orm import Session

EXACT_TO = 10_000
_Row = TypeVar("_Row")


def one_page(session: Session, ordered: Select[_Row], page: tuple[int, int]) -> tuple[list[_Row], int]:
    """Rows of one mapped class, `page` = (offset, how many); and how many there are in all, as `count_rows` says."""
    offset, limit = page
    found = list(session.scalars(ordered.offset(offset).limit(limit)))
    if len(found) < limit and (found or not offset):  # the last page tells it without being asked again
        return found, min(offset + len(found), EXACT_TO + 1)
    return found, count_rows(session, ordered)


def count_rows(session: Session, statement: Select[Any]) -> int:
    """How many rows of one mapped class the statement finds, counting no further than EXACT_TO + 1."""
    entity = inspect(statement.column_descriptions[0]["entity"])
    keys = statement.with_only_columns(*entity.primary_key, maintain_column_froms=True).order_by(None)
    # Keys, not count(*) over a subquery: the filter by organization is only put into statements on mapped classes.
    return len(session.execute(keys.limit(EXACT_TO + 1)).all())
