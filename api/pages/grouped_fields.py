"""Fields of a form that are parts of one field of a document: `retries.count` is `count` of `retries`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.pages.schema_fields import Field

Texts = dict[str, str]


def texts_of(fields: Mapping[str, Field], document: Mapping[str, Any]) -> Texts:
    """What stands in the form of a document."""
    found: Texts = {}
    for name, known in fields.items():
        group, dot, part = name.partition(".")
        value = document.get(group)
        found[name] = known.write((value or {}).get(part) if dot else value)
    return found


def put(document: dict[str, Any], name: str, value: Any) -> None:
    """A field's value where a document has it; a group of which nothing is said is null."""
    group, dot, part = name.partition(".")
    if not dot:
        document[name] = value
    elif value is not None:
        document[group] = {**(document.get(group) or {}), part: value}
    else:
        document.setdefault(group, None)


def field_at(fields: Mapping[str, Field], path: str) -> str | None:
    """The field that a message about `path` stands at: its own, that of what it is part of, or its first part."""
    parts = path.split(".")
    own = [name for name in (path, ".".join(parts[:2]), parts[0]) if name in fields]
    inner = (name for name in fields if name.startswith(f"{path}."))
    return own[0] if own else next(inner, None)
