"""A monitor as it stands in the editor's form: texts, also such as make no monitor yet; and the document they mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import MultiDict

from api.definitions import defaults_of
from api.pages.assertion_rows import PARTS, SUBJECTS, document_of, operators_of, row_of, types_of
from api.pages.grouped_fields import Texts, field_at, put, texts_of
from api.pages.monitor_fields import form_fields
from api.pages.schedule_choice import WHEN, schedule, when_of
from api.pages.schema_fields import NotReadError, typed_text
from api.pages.typed_secrets import Swap, swapped_headers
from api.pages.unread import refusal
from api.pages.waterfall import wants_tls
from model.fields import MAX_NAME

MOST_ROWS = 50
_ROW = re.compile(r"assertions\.([0-9]{1,2})\.(type|operator|subject|value)", re.ASCII)
_NEW = {"interval": "1 min"}
_LONGEST_PRESSED = 20_000


@dataclass
class MonitorDraft:
    """`fields` by name, `rows`: the assertions, each as texts by PARTS. `said`: of fields that can't be read, in place
    of what validation would say."""

    kind: str
    fields: Texts = field(default_factory=dict)
    rows: list[Texts] = field(default_factory=list)
    said: Texts = field(default_factory=dict)

    @classmethod
    def blank(cls, kind: str) -> MonitorDraft:
        """A new one."""
        return cls(kind, {name: _NEW.get(name, known.default) for name, known in form_fields(kind).items()})

    @classmethod
    def of_form(cls, kind: str, form: MultiDict[str, str]) -> MonitorDraft:
        """What was typed, all of it. Of a form for another type: what this type has, too."""
        known = form_fields(kind)
        fields = {name: typed_text(form, name, known[name]) for name in known}
        fields[WHEN] = form.get(WHEN, "")
        if form.get("type") != kind:
            fields = {**cls.blank(kind).fields, **{name: text for name, text in fields.items() if text}}
        rows: dict[int, Texts] = {}
        for name, text in form.items():
            found = _ROW.fullmatch(name)
            if found is not None and int(found[1]) < MOST_ROWS:
                rows.setdefault(int(found[1]), dict.fromkeys(PARTS, ""))[found[2]] = text
        kept = [rows[place] for place in sorted(rows) if rows[place]["type"] in types_of(kind)]
        for row in kept:
            if row["operator"] not in operators_of(row["type"]):
                row["operator"] = operators_of(row["type"])[0]
        return cls(kind, fields, kept)

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> MonitorDraft:
        """A stored monitor, its secrets masked."""
        kind = str(document["type"])
        return cls(
            kind, texts_of(form_fields(kind), document), [row_of(each) for each in document.get("assertions") or ()]
        )

    def says(self, name: str) -> bool:
        """Whether something stands in this field that does not stand there by itself."""
        text = self.fields.get(name, "")
        return text != _usual(self.kind).get(name, "") and (text != "" or form_fields(self.kind)[name].kind == "flag")

    def press(self, button: str) -> None:
        """What a button of the assertions asks for: `add`, `drop.3`, or `assert {…}`: one that the answer fits."""
        verb, _, number = button.partition(".")
        if button.startswith("assert ") and len(button) < _LONGEST_PRESSED:
            try:
                told = json.loads(button.removeprefix("assert "))
            except (ValueError, RecursionError):
                return
            if isinstance(told, dict) and told.get("type") in types_of(self.kind) and len(self.rows) < MOST_ROWS:
                self.rows.append(row_of(told))
        elif verb == "add" and len(self.rows) < MOST_ROWS and types_of(self.kind):
            first = types_of(self.kind)[0]
            self.rows.append({"type": first, "operator": operators_of(first)[0], "subject": "", "value": ""})
        elif verb == "drop" and number.isascii() and number.isdigit() and int(number[:3]) < len(self.rows):
            self.rows.pop(int(number[:3]))

    @property
    def url(self) -> str:
        """The address that is meant: without a scheme it is of a page over TLS."""
        typed = self.fields.get("url", "").strip()
        return typed if "//" in typed or not typed else f"https://{typed}"

    @property
    def secured(self) -> bool:
        """Whether its connection is to be over TLS."""
        return wants_tls({"url": self.url, "tls": {"enabled": self.fields.get("tls.enabled")}})

    @property
    def suggested_name(self) -> str:
        """What it is called when nobody says: its host, or what a job is."""
        url, host = self.fields.get("url", ""), self.fields.get("host", "")
        try:
            place = urlsplit(url if "//" in url else f"//{url}")
            named = place.netloc.rpartition("@")[2] + place.path.rstrip("/")
        except ValueError:
            named = ""
        port = self.fields.get("port", "").strip()
        return (named or (f"{host}:{port}" if host and port else host)).strip()[:MAX_NAME]

    def document(self) -> dict[str, Any]:
        """What REST would be sent; blank fields are null. Invalid, where what was typed can't be read."""
        wrong: dict[str, list[str]] = {}
        found: dict[str, Any] = {"type": self.kind}
        for name, known in form_fields(self.kind).items():
            try:
                value = known.read(self.fields.get(name, ""))
            except NotReadError as error:
                wrong[name] = [str(error)]
                continue
            put(found, name, None if value in ("", [], {}) else value)
        if found.get("tls") and not found["tls"].get("enabled"):
            found["tls"] = None
        if found.get("url") and "//" not in found["url"]:
            found["url"] = self.url
        found["name"] = found["name"] or self.suggested_name or None
        schedule(found, when_of(self.fields), wrong)
        found["assertions"] = [document_of(row) for row in self.rows]
        if wrong:
            raise refusal(self.kind, found, wrong)
        return found

    def swap_secrets(self, swap: Swap) -> None:
        """Passwords, keys, and headers that are secret."""
        known = form_fields(self.kind)
        for name in ("basic_auth.password", "client_certificate.key"):
            if self.fields.get(name):
                self.fields[name] = swap(name, self.fields[name])
        if not self.fields.get("headers"):
            return
        try:
            headers = known["headers"].read(self.fields["headers"])
        except NotReadError:
            return  # left as it is, for its typist to mend
        secret = tuple(known["secret_headers"].read(self.fields.get("secret_headers", "")))
        self.fields["headers"] = known["headers"].write(swapped_headers(headers, "headers", swap, secret))

    def places(self, wrong: Mapping[str, Any]) -> dict[str, str]:
        """A message for each field of the form, by its name there: those of parts of a field stand at the field."""
        known, found = form_fields(self.kind), dict[str, str]()
        for path, messages in wrong.items():
            parts = path.split(".")
            if parts[0] == "assertions" and len(parts) > 1 and parts[1].isdigit() and int(parts[1]) < len(self.rows):
                row = self.rows[int(parts[1])]
                named = parts[2] if len(parts) > 2 else "type"
                inner = "subject" if SUBJECTS.get(row["type"]) == named else named if named in PARTS else "type"
                name = f"assertions.{parts[1]}.{inner}"
            else:
                name = field_at(known, path) or path
            message = self.said.get(name) or (known[name].said(messages[0]) if name in known else messages[0])
            of_a_pair = name in known and known[name].kind == "pairs" and path.startswith(f"{name}.")
            found.setdefault(name, f": {path.removeprefix(f'{name}.')} {message}" if of_a_pair else message)
        if "name" in found and not self.fields.get("name", "").strip() and {"url", "host"} & found.keys():
            del found["name"]  # it is called after its address
        return found


@cache
def _usual(kind: str) -> Texts:
    """What stands in the form of a monitor of which nothing is said."""
    return MonitorDraft.of_document({**defaults_of(kind), "type": kind, "name": ""}).fields
