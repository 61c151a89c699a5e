"""`depends_on` in a form: people type names, ids where a name is not one check's alone."""

from __future__ import annotations

from collections import Counter

from sqlalchemy.orm import Session

from store.status_pages import called_checks

_FIELD = "depends_on"
_IDS = ("mon_", "jny_")
_MOST = 100


def with_ids(session: Session, fields: dict[str, str]) -> dict[str, str]:
    """Names that are typed become the ids of what is called so; what nothing, or several, is called stays as it is.
    What to say of such a name, by the field."""
    typed = _parts(fields)
    known = called_checks(session, typed)
    ids = {name: [check_id for check_id, other in known if other == name] for name in typed}
    fields[_FIELD] = ", ".join(ids[name][0] if len(ids[name]) == 1 else name for name in typed)
    several = next((name for name in typed if len(ids[name]) > 1), None)
    if several is not None:
        return {_FIELD: f"names {several}, as several checks are called: give the id of one"}
    none = next((name for name in typed if not ids[name] and not name.startswith(_IDS)), None)
    return {} if none is None else {_FIELD: f"names {none}, as no check is called"}


def with_names(session: Session, fields: dict[str, str]) -> None:
    """Ids become names again, where these say which check is meant."""
    typed = _parts(fields)
    known = called_checks(session, typed)
    names, times = dict(known), Counter(name for _, name in known)
    fields[_FIELD] = ", ".join(
        names[part] if part in names and "," not in names[part] and times[names[part]] == 1 else part for part in typed
    )


def _parts(fields: dict[str, str]) -> list[str]:
    return [part for part in (part.strip() for part in fields.get(_FIELD, "").split(",")) if part][:_MOST]
