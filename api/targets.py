"""`apply_to` and `match`: every id is a check of the organization, every project one that the caller may see, and every
channel one of its channels."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from sqlalchemy.orm import Session

from alerts.quieted import Quieted
from alerts.rules.base import ApplyTo
from api.access import caller
from api.errors import Invalid
from api.typed_document import each_once
from store.alert_channels import existing_channel_ids
from store.checks import existing_check_ids
from store.projects import get_project

NOTHING_NAMED = "name monitors, journeys, tags or projects, or say all: true"
_NAMED = (("monitors", "monitor", "mon_"), ("journeys", "journey", "jny_"))


_Named = TypeVar("_Named", bound=ApplyTo)


def tidied(apply_to: _Named) -> _Named:
    """Each named once."""
    lists = {name: value for name, value in apply_to if isinstance(value, tuple)}
    return apply_to.model_copy(update={name: each_once(value) for name, value in lists.items()})


def unknown_checks(
    session: Session, apply_to: ApplyTo, field: str, stored: ApplyTo | None = None
) -> dict[str, list[str]]:
    """Messages by path for ids that are no checks here. `stored`: what was named so far; one of them may have been
    deleted since, and must not stand in the way of other changes."""
    known = existing_check_ids(session, [*apply_to.monitors, *apply_to.journeys])
    fields = {}
    for name, noun, prefix in _NAMED:
        before: Collection[str] = getattr(stored, name, ())
        for place, check_id in enumerate(getattr(apply_to, name)):
            if check_id not in before and not (check_id.startswith(prefix) and check_id in known):
                fields[f"{field}.{name}.{place}"] = [f"there is no {noun} {check_id}"]
    return fields


def with_project_ids(session: Session, wanted: Quieted, field: str, stored: Quieted | None = None) -> Quieted:
    """The same with the ids of its projects, for whatever they were called. `stored` as above. Invalid."""
    before = stored.projects if stored is not None else ()
    ids, fields = [], {}
    for place, named in enumerate(wanted.projects):
        found = get_project(session, named)
        if found is not None and caller().may_see(found.id):
            ids.append(found.id)
        elif named in before:
            ids.append(named)
        else:
            fields[f"{field}.projects.{place}"] = [f"there is no project {named}"]
    refuse(fields)
    return wanted.model_copy(update={"projects": each_once(ids)})


def unknown_channels(session: Session, channels: Collection[str], stored: Collection[str] = ()) -> dict[str, list[str]]:
    """Messages by path for ids that are no channels here, in the same way."""
    known = {*existing_channel_ids(session, channels), *stored} if channels else set()
    return {
        f"channels.{place}": [f"there is no channel {channel_id}"]
        for place, channel_id in enumerate(channels)
        if channel_id not in known
    }


def refuse_none(apply_to: Quieted, field: str) -> None:
    """Raises Invalid when nothing is named at all: what is meant to keep quiet, and does not, is found out at night."""
    if not (apply_to.all or apply_to.monitors or apply_to.journeys or apply_to.tags or apply_to.projects):
        raise Invalid({field: [NOTHING_NAMED]})


def refuse(fields: dict[str, list[str]]) -> None:
    """Raises Invalid when there is anything to say; of much, the first fifty."""
    if fields:
        raise Invalid(dict(list(fields.items())[:50]))
