"""`apply_to` and `match`: every id is a check of the organization, and every channel one of its channels."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy.orm import Session

from alerts.rules.base import ApplyTo
from api.errors import Invalid
from api.typed_document import each_once
from store.alert_channels import existing_channel_ids
from store.checks import existing_check_ids

_NAMED = (("monitors", "monitor", "mon_"), ("journeys", "journey", "jny_"))


def tidied(apply_to: ApplyTo) -> ApplyTo:
    """Each named once."""
    return ApplyTo(
        monitors=each_once(apply_to.monitors),
        journeys=each_once(apply_to.journeys),
        tags=each_once(apply_to.tags),
        all=apply_to.all,
    )


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


def unknown_channels(session: Session, channels: Collection[str], stored: Collection[str] = ()) -> dict[str, list[str]]:
    """Messages by path for ids that are no channels here, in the same way."""
    known = {*existing_channel_ids(session, channels), *stored} if channels else set()
    return {
        f"channels.{place}": [f"there is no channel {channel_id}"]
        for place, channel_id in enumerate(channels)
        if channel_id not in known
    }


def refuse_none(apply_to: ApplyTo, field: str) -> None:
    """Raises Invalid when nothing is named at all: what is meant to keep quiet, and does not, is found out at night."""
    if not (apply_to.all or apply_to.monitors or apply_to.journeys or apply_to.tags):
        raise Invalid({field: ["name monitors, journeys or tags, or say all: true"]})


def refuse(fields: dict[str, list[str]]) -> None:
    """Raises Invalid when there is anything to say; of much, the first fifty."""
    if fields:
        raise Invalid(dict(list(fields.items())[:50]))
