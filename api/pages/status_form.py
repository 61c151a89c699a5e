"""The form of a status page: a row a component, with the group it stands in. What is typed becomes the document that
the REST API takes, and what that finds wrong stands beside the row it was typed in."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from api.pages.check_picker import targets
from model.pictures import MAX_BYTES
from store.status_pages import called_checks
from store.status_tables import StatusPage

MOST_ROWS = 300
_TEXTS = ("slug", "title", "brand", "accent")
_DEFAULT_GROUP = "Services"
_MOST_TYPED = 200
_MOST_NAMED = 5


@dataclass(frozen=True)
class Row:
    """`check`: a name or an id; `name`: as strangers shall see it; `wrong`: what is wrong with it."""

    check: str = ""
    name: str = ""
    group: str = ""
    wrong: str = ""


@dataclass
class Draft:
    """What stands in the form. `wrong`: messages by field."""

    texts: dict[str, str]
    public: bool
    rows: list[Row]
    wrong: dict[str, str] = field(default_factory=dict)

    @classmethod
    def blank(cls) -> Draft:
        return cls(dict.fromkeys(_TEXTS, ""), public=True, rows=[Row(group=_DEFAULT_GROUP)])

    @classmethod
    def of_page(cls, session: Session, page: StatusPage) -> Draft:
        """The page as it is stored; checks by their names, where those are nobody else's."""
        ids = [check["id"] for group in page.groups for check in group["checks"]]
        known = called_checks(session, ids)
        names = dict(known)
        several = {name for _, name in known if sum(other == name for _, other in known) > 1}
        rows = [
            Row(_said(check["id"], names, several), check["name"] or "", group["name"])
            for group in page.groups
            for check in group["checks"]
        ]
        texts = {"slug": page.slug, "title": page.title, **{name: page.colours.get(name, "") for name in _TEXTS[2:]}}
        return cls(texts, page.public, rows or [Row(group=_DEFAULT_GROUP)])

    @classmethod
    def typed(cls) -> Draft:
        """What was sent."""
        columns = (request.form.getlist(name)[:MOST_ROWS] for name in ("row_check", "row_name", "row_group"))
        rows = [Row(*(text.strip()[:_MOST_TYPED] for text in cells)) for cells in zip(*columns, strict=False)]
        texts = {name: request.form.get(name, "").strip()[:_MOST_TYPED] for name in _TEXTS}
        return cls(texts, request.form.get("public") == "yes", rows)

    def rearrange(self, deed: str) -> None:
        """`add`, `up:2`, `down:2`, `remove:2`: what the buttons beside the rows do."""
        what, _, place = deed.partition(":")
        number = int(place) if place.isascii() and place.isdigit() and len(place) < 4 else 0
        if what == "add":
            self.rows.append(Row(group=self.rows[-1].group if self.rows else _DEFAULT_GROUP))
        elif number < len(self.rows):
            row = self.rows.pop(number)
            if what in ("up", "down"):
                self.rows.insert(max(0, number + (1 if what == "down" else -1)), row)

    def document(self, session: Session) -> dict[str, Any]:
        """What the REST API takes, without the rows that name no check, which is said beside them then."""
        known = called_checks(session, [row.check for row in self.rows])
        ids = {check_id for check_id, _ in known}
        groups: dict[str, list[Any]] = {}
        for place, row in enumerate(self.rows):
            if not row.check:
                continue
            found = [row.check] if row.check in ids else [check_id for check_id, name in known if name == row.check]
            if len(found) != 1 and not row.check.startswith(("mon_", "jny_")):
                said = _which(session, found) if found else "is no check here: choose one of the list"
                self.rows[place] = Row(row.check, row.name, row.group, said)
                continue
            check_id = found[0] if found else row.check
            groups.setdefault(row.group or _DEFAULT_GROUP, []).append(
                {"id": check_id, "name": row.name} if row.name else check_id
            )
        return {
            "slug": self.texts["slug"],
            "title": self.texts["title"],
            "public": self.public,
            "groups": [{"name": name, "checks": checks} for name, checks in groups.items()],
            "colours": {name: self.texts[name] or None for name in _TEXTS[2:]},
            **_logo(),
        }

    @property
    def unread(self) -> bool:
        """Whether a row names no check."""
        return any(row.wrong for row in self.rows)

    def refused(self, fields: Mapping[str, Sequence[str]]) -> None:
        """What the REST API finds wrong, where it was typed."""
        places: dict[str, list[int]] = {}
        for place, row in enumerate(self.rows):
            if row.check:
                places.setdefault(row.group or _DEFAULT_GROUP, []).append(place)
        order = list(places.values())
        for path, messages in fields.items():
            parts = path.split(".")
            if parts[0] == "groups" and len(parts) > 3 and parts[2] == "checks":
                place = order[int(parts[1])][int(parts[3])]
                row = self.rows[place]
                self.rows[place] = Row(row.check, row.name, row.group, messages[0])
            else:
                self.wrong[parts[1] if parts[0] == "colours" and len(parts) > 1 else parts[0]] = messages[0]


def _which(session: Session, ids: Sequence[str]) -> str:
    """What to type for one of several of a name."""
    known = [f"{check_id} ({target})" for check_id, target in targets(session, ids[:_MOST_NAMED]).items()]
    return f"is the name of several: take the id of one, {' or '.join(known)}"


def _said(check_id: str, names: Mapping[str, str], several: set[str]) -> str:
    name = names.get(check_id)
    return check_id if name is None or name in several else name


def _logo() -> dict[str, Any]:
    """Another one, none, or the one that is there."""
    given = request.files.get("logo")
    content = given.stream.read(MAX_BYTES + 1) if given is not None else b""
    if content:
        return {"logo": {"content_base64": base64.b64encode(content).decode()}}
    return {"logo": None} if request.form.get("no_logo") else {}
