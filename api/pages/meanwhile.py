"""A save that would undo another's: of two people, or two tabs, with the same form open.

A form of something stored carries when that was changed last. Who saves what has been changed since gets the form back
with what was typed, and is told; saved once more, it counts.
"""

from __future__ import annotations

from typing import Final

from flask import g, request

FIELD: Final = "seen"
SAID: Final = (
    "It was changed by somebody else since you opened it, or by you in another tab, so nothing was saved. What you "
    "typed stands here: save once more to put it in place of theirs, or load the page again to see what they changed."
)


def changed_meanwhile(changed: int | str) -> bool:
    """Whether the form that was sent is older than what is stored. `changed`: when that was changed last."""
    seen = request.form.get(FIELD)
    g.told_of_change = seen is not None and seen != str(changed)
    return bool(g.told_of_change)


def seen(changed: int | str | None) -> str:
    """What the form carries, nothing of what is new (None): of one that comes back what it carried, unless its sender
    knows of the change by now."""
    if changed is None:
        return ""
    return str(changed) if g.get("told_of_change") else request.form.get(FIELD, str(changed))
