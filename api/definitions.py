"""From what a person sent to a definition, and from a stored definition and a change to the next one."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError
from pydantic_core import Url

from api.errors import Invalid
from api.families import DEFINITIONS, MONITOR, Family, family_of
from api.kept_secrets import NOTHING_KEPT, refuse_elsewhere
from api.kept_step_secrets import with_their_steps
from journeys.variables import has_place
from model.definition import CheckDefinition
from model.secrets import MASK, join, split
from model.validation import field_errors

_SETS = ("locations", "tags", "depends_on")
_MOST = 100
"""More than any of them may hold: the definition refuses the rest."""
READ_ONLY = (
    "id", "health", "location_states", "last_run", "stats", "created_at", "updated_at", "ping_url",
)  # fmt: skip
"""Fields of answers: sent back unchanged they would be unknown fields, so the message says what they are."""


def definition_of(
    document: Mapping[str, Any],
    default_locations: Sequence[str],
    kept: Collection[str] = (),
    *,
    family: Family = MONITOR,
) -> CheckDefinition:
    """Validate a whole monitor or journey. `kept`: paths of secrets that may stay masked, since a value is stored.
    Raises Invalid with a message per field."""
    whole = dict(document)
    if family.only_type is not None:
        whole.setdefault("type", family.only_type)
    kind = whole.get("type")
    known = family.types.get(kind) if isinstance(kind, str) else None
    if known is None:
        said = "is missing" if kind is None else f"is not a type of {family.noun}"
        raise Invalid({"type": [f"{said}: it is one of {', '.join(family.types)}"]})
    _refuse_read_only(whole)
    _refuse_inner_names(known, whole)
    if known.kind != "heartbeat" and whole.get("locations") is None:
        if not default_locations:
            raise Invalid({"locations": ["name at least one: the organization has no default_locations"]})
        whole["locations"] = list(default_locations)
    sent = {name: whole[name] for name in _SETS if isinstance(whole.get(name), list)}
    whole |= {name: _each_once(values) for name, values in sent.items()}
    if whole.get("cron") is None and whole.get("interval") is None:
        whole["interval"] = family.interval_s
    try:
        definition = known.model_validate(whole)
    except ValidationError as error:
        raise Invalid(field_errors(_of_what_was_sent(known, {**whole, **sent}) or error)) from None
    if known.kind != "heartbeat" and not definition.locations:
        raise Invalid({"locations": ["name at least one"]})
    whole = plain(definition)
    _refuse_masks(whole, kept)
    _refuse_passwords_in_urls(whole)
    return definition


def merged(
    stored: Mapping[str, Any], secrets: Mapping[str, str], change: Mapping[str, Any], default_locations: Sequence[str]
) -> CheckDefinition:
    """What a PUT makes of a stored, masked definition and its secrets: top-level fields replaced, null clears, a mask
    keeps what is stored, as long as the URL's origin is the same. One kind of schedule takes the place of the other.
    Raises Invalid."""
    family = family_of(stored["type"])
    if "type" in change and change["type"] != stored["type"]:
        raise Invalid({"type": [f"can't be changed: make a new {family.noun} instead"]})
    whole = {**stored, **change}
    for schedule, other in (("cron", "interval"), ("interval", "cron")):
        if change.get(schedule) is not None and change.get(other) is None:
            whole[other] = None
    whole = {name: value for name, value in whole.items() if value is not None or _required(stored["type"], name)}
    for name in _SETS:  # the same ones in another order are no change
        given, kept = whole.get(name), stored.get(name) or []
        if isinstance(given, list) and sorted(map(str, given)) == sorted(map(str, kept)):
            whole[name] = list(kept)
    refuse_elsewhere(stored.get("url"), whole.get("url"), whole, secrets)
    return definition_of(join(whole, with_their_steps(stored, whole, secrets)), default_locations, family=family)


def _of_what_was_sent(known: type[CheckDefinition], sent: Mapping[str, Any]) -> ValidationError | None:
    """The same mistakes under the places where people wrote them: tags.2 is the third tag they gave."""
    try:
        known.model_validate(sent)
    except ValidationError as error:
        return error
    return None


def plain(definition: CheckDefinition) -> dict[str, Any]:
    """The definition as JSON values, every field with its value, secrets in place."""
    return definition.model_dump(mode="json", by_alias=True)


@cache
def defaults_of(kind: str) -> Mapping[str, Any]:
    """What a definition of this type holds when nothing is said: shows fields newer than a stored definition."""
    known = DEFINITIONS.get(kind)
    if known is None:
        return {}
    blank = known.model_construct(type=kind, name="")
    return blank.model_dump(mode="json", by_alias=True, exclude={"type", "name"}, warnings=False)


def _each_once(values: list[Any]) -> list[Any]:
    """Named twice is meant once: a location would be run twice, under one id."""
    kept: list[Any] = []
    for value in values[:_MOST]:
        if value not in kept:
            kept.append(value)
    return kept + values[_MOST:]


@cache
def own_fields(kind: str) -> tuple[str, ...]:
    """The fields that only this type has, as people name them, in the order of its class."""
    known = DEFINITIONS.get(kind)
    fields = known.model_fields.items() if known is not None else ()
    return tuple(info.alias or name for name, info in fields if name not in CheckDefinition.model_fields)


def _required(kind: str, name: str) -> bool:
    """Null for a required field is refused like a wrong value, not taken as "clear it"."""
    known = DEFINITIONS[kind].model_fields.get(name)
    return known is not None and known.is_required()


def _refuse_inner_names(known: type[CheckDefinition], document: Mapping[str, Any]) -> None:
    """A field has one name outside, `json`; that it is called `json_body` inside is nobody's business."""
    inner = [name for name, info in known.model_fields.items() if info.alias not in (None, name) and name in document]
    if inner:
        raise Invalid({name: ["is not a field that is known here"] for name in inner})


def _refuse_read_only(document: Mapping[str, Any]) -> None:
    given = [name for name in READ_ONLY if name in document]
    if given:
        raise Invalid({name: ["is read-only"] for name in given})


def _refuse_masks(whole: dict[str, Any], kept: Collection[str]) -> None:
    """A mask that is still there had no stored value to keep."""
    _, secrets = split(whole)
    masks = [path for path, value in secrets.items() if value == MASK and path not in kept]
    left = {path: [NOTHING_KEPT] for path in masks}
    if left:
        raise Invalid(left)


def _refuse_passwords_in_urls(whole: dict[str, Any]) -> None:
    """URLs are read by everyone who may read the monitor, and stand in runs, alerts and logs."""
    said = "must not contain a password, which everyone who reads this would see"
    found = {path: [f"{said}: {hint}"] for path, url, hint in _urls(whole) if password_in(url)}
    if found:
        raise Invalid(found)


def _urls(whole: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(path, URL, what to do in place of a password in it)"""
    hints = {
        "url": "give user and password as basic_auth, which is kept secret",
        "runbook_url": "leave it out",
        "base_url": "send an Authorization header by extra_headers, which is kept secret",
    }
    yield from ((name, whole[name], hint) for name, hint in hints.items() if whole.get(name))
    for index, step in enumerate(whole.get("steps") or ()):
        if step.get("url"):
            yield f"steps.{index}.url", step["url"], "put it into a variable, as {{NAME}}"


def password_in(url: str) -> bool:
    """Whether a URL shows one. A `{{NAME}}` is none. What is no URL by itself, such as a path, holds none either."""
    try:
        password = Url(url).password
    except ValidationError:
        return False
    return password is not None and not has_place(unquote(password))
