"""A save that would undo another's: of two people, or two tabs, with the same form open.

A form of something stored carries the number of the newest event that the audit log has of it. Who saves what has been
changed since gets the form back with what was typed, and is told who changed what; saved once more, it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import g, request

from api.pages.gate import visitor
from api.pages.words import duration, listed, text_of
from api.services import services
from store.audit_log import events_of, newest_of

FIELD: Final = "seen"
_NOT_IN_FORMS = frozenset({"status", "muted_until", "disabled_reason"})
"""What buttons and Tracer itself change: no form would undo it."""
_SECRETS = "secrets"
"""In the audit log: another secret took the place of one."""
_MOST_NAMED = 4
_LONGEST_SHOWN = 40
Shown = Callable[[str, Any], tuple[str, str]]
"""(field, value) -> (what the form calls it, how it shows the value)"""


def _plainly(name: str, value: Any) -> tuple[str, str]:
    return name.replace("_", " "), text_of(value)


@dataclass(frozen=True)
class Meanwhile:
    """`who`: those who changed it; `fields`: by name, as it was when the form was opened, and as it is now."""

    who: Sequence[str]
    ago: str
    fields: Mapping[str, tuple[Any, Any]]

    def merged(self, mine: Mapping[str, Any], touched: Collection[str] = ()) -> dict[str, Any]:
        """My document, with theirs in every field that I left as it was. `touched`: fields that I did not, though they
        look so: secrets are masked."""
        found = dict(mine)
        for name, (was, now) in self.fields.items():
            if mine.get(name) == was and name not in touched:
                found[name] = now
            elif all(isinstance(value, Mapping) for value in (mine.get(name), was, now)):
                found[name] = _merged_names(mine[name], was, now)
        return found

    def said(self, shown: Shown = _plainly, *, mine: Mapping[str, Any] | None = None) -> str:
        """Who changed what, and what to do now. `mine`: the merged document, where there is one."""
        changes = [_change(name, was, now, shown) for name, (was, now) in self.fields.items()]
        more = [f"{len(changes) - _MOST_NAMED} more"] if len(changes) > _MOST_NAMED else []
        head = f"{listed(list(self.who))} changed {listed([*changes[:_MOST_NAMED], *more])} {self.ago} ago"
        if mine is None:
            return f"{head}, after you opened this: nothing was saved. Save once more to put yours in place of it."
        differ = [(name, now) for name, (_, now) in self.fields.items() if name in mine and mine[name] != now]
        kept = [shown(name, now)[0] for name, now in differ]
        if kept:
            return f"{head}, after you opened this: nothing was saved. Save once more for your {listed(kept)}."
        return f"{head}, after you opened this: it stands here now, beside your changes. Save once more to keep both."


def _merged_names(mine: Mapping[str, Any], was: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Of headers and the like: theirs under each name that I left as it was."""
    left = {name for name in {**mine, **was, **now} if mine.get(name) == was.get(name)}
    return {name: value for name, value in mine.items() if name not in left} | {
        name: value for name, value in now.items() if name in left
    }


def meanwhile(target_id: str) -> Meanwhile | None:
    """What happened to it since the form that was sent was opened; None: nothing that the form would undo."""
    state, seen_number = services(), request.form.get(FIELD, "")
    g.told_of_change = False
    if not (seen_number.isascii() and seen_number.isdigit() and len(seen_number) < 16):
        return None
    with state.database.read(visitor().caller.organization_id) as session:
        events = events_of(session, target_id, after=int(seen_number))
        now_ms = state.database.now_ms(session)
    fields: dict[str, tuple[Any, Any]] = {}
    who: dict[str, None] = {}
    mine, last_ms = {visitor().caller.person_id, visitor().caller.key_id} - {None}, now_ms
    for event in events:
        before, after = json.loads(event.before or "{}"), json.loads(event.after or "{}")
        names = sorted((before.keys() | after.keys()) - _NOT_IN_FORMS)
        for name in names:
            fields[name] = (fields[name][0] if name in fields else before.get(name), after.get(name))
        if names:
            who["You, in another tab," if event.actor_id in mine else event.actor_name] = None
            last_ms = event.at_ms
    left = {name: (was, now) for name, (was, now) in fields.items() if was != now or name == _SECRETS}
    g.told_of_change = bool(left)
    return Meanwhile(list(who), duration(max(1_000, now_ms - last_ms)), left) if left else None


def seen(target_id: str | None) -> str:
    """What the form carries, nothing of what is new (None): of one that comes back what it carried, unless its sender
    knows of the change by now."""
    if target_id is None:
        return ""
    if FIELD in request.form and not g.get("told_of_change"):
        return request.form[FIELD]
    with services().database.read(visitor().caller.organization_id) as session:
        return str(newest_of(session, target_id))


def _change(name: str, was: Any, now: Any, shown: Shown) -> str:
    """`How often (1 min, now 5 min)`; long values are left out."""
    label, before = shown(name, was)
    after = shown(name, now)[1]
    if name == _SECRETS or max(len(before), len(after)) > _LONGEST_SHOWN or "\n" in before + after:
        return label
    return f"{label} ({before or 'nothing'}, now {after or 'nothing'})"
