"""Choosing checks in a form: all of them, or those with these tags and these ones by name. Of very many, those whose
name holds what was typed are offered; those that are chosen already always are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from alerts.coverage import Ground
from alerts.payload import target_of
from alerts.rules.base import ApplyTo
from api.pages.words import counted, listed
from model.fields import MAX_NAME
from store.alert_reading import checks_by_ids
from store.check_choices import Choice, check_choices, check_names

OFFERED = 100
FIND = "find"
"""The button that looks for checks and saves nothing."""
NAMED = 4


@dataclass(frozen=True)
class Picker:
    """`gone`: chosen ones that were deleted since. `more`: how many others fit and are not offered. `told_apart`: of
    those that share a name, what they look at."""

    all: bool
    tags: Sequence[tuple[str, int]]
    chosen_tags: frozenset[str]
    checks: Sequence[Choice]
    chosen: frozenset[str]
    gone: Sequence[Choice]
    more: int
    looked_for: str
    told_apart: Mapping[str, str]


def picker(session: Session, ground: Ground, apply_to: Mapping[str, Any], looked_for: str = "") -> Picker:
    """What is offered to a form that has this chosen."""
    chosen = frozenset([*(apply_to.get("monitors") or ()), *(apply_to.get("journeys") or ())])
    tags = frozenset(apply_to.get("tags") or ())
    offered, total = check_choices(session, named=looked_for, chosen=chosen, most=OFFERED)
    there = {choice.id for choice in offered}
    known = [(tag, len(ground.by_tag.get(tag, ()))) for tag in sorted({*ground.by_tag, *tags})]
    gone = sorted(chosen - there)
    names = check_names(session, gone)
    return Picker(
        all=bool(apply_to.get("all")),
        tags=known,
        chosen_tags=tags,
        checks=offered,
        chosen=chosen,
        gone=[Choice(check_id, names.get(check_id, check_id), "deleted") for check_id in gone],
        more=max(0, total - len(offered)),
        looked_for=looked_for,
        told_apart=told_apart(session, [(choice.id, choice.name) for choice in offered]),
    )


def told_apart(session: Session, checks: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Of (id, name): by the ids of those that share a name, what each looks at, or its id."""
    times = Counter(name for _, name in checks)
    doubles = [check_id for check_id, name in checks if times[name] > 1]
    return targets(session, doubles) if doubles else {}


def targets(session: Session, check_ids: Sequence[str]) -> dict[str, str]:
    """What each looks at, or its id."""
    found = checks_by_ids(session, check_ids)
    return {check_id: target_of(check.definition) or check_id for check_id, check in found.items()}


def looked_for() -> str:
    """The name typed to find checks by."""
    return request.form.get("named", "").strip()[:MAX_NAME]


def finding() -> bool:
    """Whether the form was sent to find checks, not to save."""
    return FIND in request.form


def chosen_checks() -> dict[str, Any]:
    """What the form says, as REST's `apply_to`."""
    if request.form.get("covers") == "all":
        return {"all": True}
    ids = request.form.getlist("checks")
    return {
        "monitors": [check_id for check_id in ids if not check_id.startswith("jny_")],
        "journeys": [check_id for check_id in ids if check_id.startswith("jny_")],
        "tags": request.form.getlist("tags"),
        "all": False,
    }


def named_in(definitions: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of the checks that these `apply_to` name first: what `covers` puts into words."""
    return {check_id for one in definitions for check_id in [*one["monitors"], *one["journeys"]][:NAMED]}


def covers(ground: Ground, apply_to: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """In words: `all 134 checks`; `the tag shop and Orders API: 12 checks`."""
    checks = {name: apply_to[name] for name in ApplyTo.model_fields}
    there = len(ground.covered(ApplyTo.model_validate(checks)))
    if apply_to["all"]:
        return f"all {counted(there, 'check')}" if there != 1 else "all checks: 1"
    ids = [*apply_to["monitors"], *apply_to["journeys"]]
    parts = [f"the tag {tag}" for tag in apply_to["tags"][:NAMED]]
    parts += [names.get(check_id, check_id) for check_id in ids[:NAMED]]
    left = len(ids) + len(apply_to["tags"]) - len(parts)
    if left:
        parts.append(f"{left} more")
    if not parts:
        return "no check"
    return (
        listed(parts) if not apply_to["tags"] and there == len(ids) else f"{listed(parts)}: {counted(there, 'check')}"
    )
