"""Stretches of slots that nobody ran, each as one row (R5).

A gap holds every slot of its stream due in [from_ms, to_ms] except those that have a run row: a late result takes its
slot out of the gap again. So whether a slot is accounted for is always known, however large the gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy.orm import Session

from store.statements import rows, run_many


class OpenGap(msgspec.Struct):
    """A row of `gaps` while recording works on it. `stored` is False until it has a row."""

    id: str
    organization_id: str
    check_id: str
    location: str
    from_ms: int
    to_ms: int
    slots: int
    status: str
    error_code: str
    error_message: str
    stored: bool = True
    changed: bool = False

    def covers(self, at_ms: int) -> bool:
        return self.from_ms <= at_ms <= self.to_ms

    def grow(self, to_ms: int, slots: int) -> None:
        self.to_ms = to_ms
        self.slots += slots
        self.changed = True

    def give_up_slot(self) -> None:
        """A slot of it turned out to have been run."""
        self.slots -= 1
        self.changed = True


_FIELDS = OpenGap.__struct_fields__[:-2]
_COLUMNS = ", ".join(_FIELDS)
_SINCE = f"SELECT {_COLUMNS} FROM gaps WHERE check_id IN ? AND to_ms >= ?"  # noqa: S608
_BY_ID = f"SELECT {_COLUMNS} FROM gaps WHERE id IN ?"  # noqa: S608
_INSERT = f"INSERT INTO gaps ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608


def gaps_since(session: Session, check_ids: Sequence[str], since_ms: int) -> list[OpenGap]:
    """The gaps of these checks that reach to `since_ms` or beyond."""
    return [OpenGap(*row) for row in rows(session, _SINCE, list(check_ids), since_ms)]


def gaps_by_id(session: Session, gap_ids: Sequence[str]) -> dict[str, OpenGap]:
    """These gaps by their ids, as far as they exist."""
    return {row[0]: OpenGap(*row) for row in rows(session, _BY_ID, list(gap_ids))} if gap_ids else {}


def write_gaps(session: Session, gaps: Iterable[OpenGap]) -> None:
    """Store what is new, grown or shrunk; a gap with no slot left is deleted."""
    changed = [gap for gap in gaps if gap.changed]
    run_many(session, _INSERT, [msgspec.structs.astuple(gap)[:-2] for gap in changed if not gap.stored and gap.slots])
    kept = [(gap.to_ms, gap.slots, gap.id) for gap in changed if gap.stored and gap.slots]
    run_many(session, "UPDATE gaps SET to_ms = ?, slots = ? WHERE id = ?", kept)
    run_many(session, "DELETE FROM gaps WHERE id = ?", [(gap.id,) for gap in changed if gap.stored and not gap.slots])
