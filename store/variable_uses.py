"""Which journeys use an organization's variables: by name, in what a definition says openly."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import Check

_NAMED = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
MOST = 10_000
"""Journeys looked at."""


class Use(NamedTuple):
    """A journey that uses a variable."""

    check_id: str
    name: str


def journeys_using(session: Session, names: Collection[str]) -> dict[str, list[Use]]:
    """By variable, the journeys whose steps name it, by name. One that has a variable of its own under that name uses
    its own. What stands inside a stored secret is not looked at."""
    found: dict[str, list[Use]] = {name: [] for name in names}
    if not found:
        return found
    wanted = select(Check.id, Check.name, Check.definition).where(Check.deleted_ms.is_(None), Check.kind == "browser")
    for check_id, name, definition in session.execute(wanted.order_by(Check.name, Check.id).limit(MOST)):
        own = definition.get("variables") or {}
        for variable in set(_NAMED.findall(str(definition.get("steps") or ()))) - set(own):
            if variable in found:
                found[variable].append(Use(check_id, name))
    return found
