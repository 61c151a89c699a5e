"""`depends_on`: every id is a check of the organization, and nothing depends on itself, not even in a circle."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from api.errors import Invalid
from model.definition import CheckDefinition
from store.changes import hold_definitions
from store.checks import dependencies_of, existing_check_ids


def refuse_bad_dependencies(
    session: Session, check_id: str | None, definition: CheckDefinition, stored: Collection[str] = ()
) -> None:
    """Raises Invalid. `check_id` is None for a check that is being made: nothing can depend on it yet. `stored`: what
    it depended on so far; one of them may have been deleted since, and must not stand in the way of other changes."""
    wanted = definition.depends_on
    if not wanted:
        return
    hold_definitions(session)
    known = existing_check_ids(session, wanted)
    fields = {
        f"depends_on.{place}": [f"there is no check {parent}"]
        for place, parent in enumerate(wanted)
        if parent not in known and parent not in stored
    }
    if fields:
        raise Invalid(fields)
    if check_id is not None and _reaches(session, set(wanted), check_id):
        raise Invalid({"depends_on": ["would make a circle: one of these depends on this check"]})


def _reaches(session: Session, start: set[str], target: str) -> bool:
    """Whether `target` is among `start` or what they depend on: one query a level, each check looked at once."""
    seen: set[str] = set()
    level = start
    while level:
        if target in level:
            return True
        seen |= level
        level = {parent for parents in dependencies_of(session, level).values() for parent in parents} - seen
    return False
