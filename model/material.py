"""Which edits make a check another check to alert rules: what was found before says nothing about it any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.definition import CheckDefinition

_INDIFFERENT = (frozenset(CheckDefinition.model_fields) | {"grace", "secret_headers", "traceparent"}) - {
    "assertions",
    "locations",
}
_SEVERAL = frozenset({"headers", "steps", "variables", "extra_headers"})


def material_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Why results found under `old` do not count under `new` (both masked definitions), as the end of a sentence that
    begins with the check's name; None when they do. A rename, another interval, tags, a mute or a runbook change
    nothing; neither does a secret, of which only the mask is seen."""
    if old.get("status") != new.get("status"):
        return "was paused" if new.get("status") == "paused" else "was resumed"
    if set(old.get("locations") or ()) != set(new.get("locations") or ()):
        return "has other locations"
    if old.get("assertions") != new.get("assertions"):
        return "has other assertions"
    names = (old.keys() | new.keys()) - _INDIFFERENT - {"locations"}  # of which the order says nothing
    other = sorted(name for name in names if old.get(name) != new.get(name))
    if not other:
        return None
    return f"has {'other' if set(other) <= _SEVERAL else 'another'} {', '.join(other)}"
