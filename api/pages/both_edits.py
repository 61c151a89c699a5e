"""An edit of a check that another edited meanwhile: both, where they touch different fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from api.errors import Invalid
from api.families import Family
from api.pages.as_code import judged
from api.pages.meanwhile import Meanwhile, Shown
from api.pages.schema_fields import Field
from api.pages.words import text_of
from model.secrets import MASK, join, split


def both(family: Family, document: Callable[[], dict[str, Any]], told: Meanwhile) -> dict[str, Any] | None:
    """The document that is typed, with theirs in every field that was left as it was; None while it makes no check."""
    try:
        typed = document()
        whole = judged(family, typed)
    except Invalid:
        return None
    whole["locations"] = typed.get("locations") or []
    masked, secrets = split(whole)
    fresh = {path: value for path, value in secrets.items() if value != MASK}
    return join(told.merged(masked, touched={path.split(".")[0] for path in fresh}), fresh)


def shown_by(fields: Mapping[str, Field]) -> Shown:
    """Fields and values as the form has them."""

    def shown(name: str, value: Any) -> tuple[str, str]:
        known = fields.get(name)
        if known is None:
            return name.replace("_", " "), "" if value is None else text_of(value)
        return known.label, known.write(value)

    return shown
