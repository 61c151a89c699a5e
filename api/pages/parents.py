"""`depends_on` in a form: people type names, ids where a name is not one check's alone."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.check_choices import check_names
from store.tables import Check

_FIELD = "depends_on"
_MOST = 100


def with_ids(session: Session, fields: dict[str, str]) -> None:
    """Names that are typed become the ids of what is called so; what nothing, or several, is called stays as it is."""
    typed = _parts(fields)
    known = session.execute(
        select(Check.name, Check.id).where(Check.deleted_ms.is_(None), Check.name.in_(typed)).limit(_MOST * _MOST)
    ).all()
    ids = {name: [check_id for other, check_id in known if other == name] for name in typed}
    fields[_FIELD] = ", ".join(ids[name][0] if len(ids[name]) == 1 else name for name in typed)


def with_names(session: Session, fields: dict[str, str]) -> None:
    """Ids become names again, where these say which check is meant."""
    typed = _parts(fields)
    names = check_names(session, typed)
    several = session.scalars(
        select(Check.name).where(Check.deleted_ms.is_(None), Check.name.in_(names.values())).limit(_MOST * _MOST)
    ).all()
    fields[_FIELD] = ", ".join(
        names[part] if part in names and "," not in names[part] and several.count(names[part]) == 1 else part
        for part in typed
    )


def _parts(fields: dict[str, str]) -> list[str]:
    return [part for part in (part.strip() for part in fields.get(_FIELD, "").split(",")) if part][:_MOST]
