"""Forms that only our own pages can send: a token in each, and no other site as their origin (RELIABILITY T17)."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import request
from pydantic import BaseModel, ValidationError

from api.errors import Forbidden, Invalid
from api.pages.spans import of_spans
from api.services import services
from api.targets import NOTHING_NAMED
from model.fields import MAX_NAME, printable
from model.validation import field_errors

FIELD = "form_token"
MAX_NOTE = 2_000
MOST_PAGES = 200
"""Of a list: further than that nobody turns."""
_IN_FORMS = {NOTHING_NAMED: "needs something: all, a tag, or one by name"}
"""What REST says in its own words, as a form says it."""
Model = TypeVar("Model", bound=BaseModel)
_PURPOSE = "form token"
_LOCAL = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,500}", re.ASCII)


def form_token(secret: str) -> str:
    """What forms carry for a browser whose cookie holds `secret`: it can't be known without it."""
    return base64.urlsafe_b64encode(services().keyring.signature(_PURPOSE, secret)[:24]).decode()


def refuse_forged(secret: str) -> None:
    """Forbidden unless one of our own pages, shown to this browser, sent this form."""
    refuse_foreign_origin()
    if not hmac.compare_digest(request.form.get(FIELD, "").encode(), form_token(secret).encode()):
        raise Forbidden("This form is not from a page that this browser was shown. Load the page again and retry")


def refuse_foreign_origin() -> None:
    """Forbidden when the browser says that another site sent this. Clients that say nothing are no browsers of today:
    nobody can make them send what they were not asked to."""
    origin = request.headers.get("Origin")
    if origin is None:
        foreign = request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    else:
        place = urlsplit(origin)
        foreign = place.scheme not in ("http", "https") or place.netloc.lower() not in _own_hosts()
    if foreign:
        raise Forbidden("This form was sent by another site")


def _own_hosts() -> set[str]:
    return {request.host.lower(), urlsplit(services().public_url).netloc.lower()}


def own_referrer() -> str | None:
    """The path and query of the page that a request came from, if that is one of ours."""
    place = urlsplit(request.referrer or "")
    return f"{place.path}?{place.query}".rstrip("?") if place.netloc.lower() in _own_hosts() else None


def local_path(text: str | None, otherwise: str) -> str:
    """A path on this site as it was given, or `otherwise` when it could lead anywhere else."""
    return text if text and _LOCAL.fullmatch(text) else otherwise


def read_form(model: type[Model], **more: Any) -> Model:
    """The form's fields of a REST body, blank ones left out, and `more` beside them. Invalid."""
    given = {name: value for name in model.model_fields if (value := request.form.get(name, "").strip())}
    try:
        return model.model_validate({**given, **more})
    except ValidationError as error:
        raise Invalid(field_errors(error)) from None


def typed(names: Iterable[str], *, again: bool) -> dict[str, str]:
    """What stood in these fields, so that a form that is shown `again` needs only what was wrong. Never for secrets."""
    return {name: request.form.get(name, "")[:MAX_NAME] if again else "" for name in names}


def secret(name: str) -> str:
    """A password as it was typed: blanks at its ends belong to it."""
    return request.form.get(name, "")


def refuse_typing_error(name: str) -> None:
    """Invalid unless a new password was typed alike twice."""
    if secret(name) != secret(f"{name}_again"):
        raise Invalid({f"{name}_again": ["is not what stands above: one of them has a typing error"]})


def note() -> str | None:
    """The form's note, None when there is none. Invalid."""
    text = request.form.get("note", "").replace("\r\n", "\n").strip()
    if len(text) > MAX_NOTE:
        raise Invalid({"note": [f"must not be longer than {MAX_NOTE} characters"]})
    try:
        return printable(text) or None
    except ValueError as error:
        raise Invalid({"note": [str(error)]}) from None


def page_number() -> int:
    """Which page of a list is asked for. Invalid."""
    given = request.args.get("page", "1")
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= MOST_PAGES):
        raise Invalid({"page": [f"must be a number from 1 to {MOST_PAGES}"]})
    return int(given)


def beside(
    wrong: Mapping[str, Sequence[str]] | None, names: Iterable[str], prefix: str = "", *, spans: Iterable[str] = ()
) -> dict[str, str]:
    """What is wrong by the form's field, said once each: what is wrong inside a field stands beside it, and what no
    field is about under "". `prefix`: where REST has these fields. `spans`: fields that are typed as such."""
    known, found = set(names), dict[str, str]()
    for path, messages in (wrong or {}).items():
        said = _IN_FORMS.get(messages[0], messages[0])
        name, _, inner = path.removeprefix(prefix).partition(".")
        if name not in known:
            found.setdefault("", f"{path} {said}")
        elif inner.isdigit():
            found.setdefault(name, f"(entry {int(inner) + 1}) {said}")
        else:
            found.setdefault(name, said)
    return found | {name: of_spans(found[name]) for name in spans if name in found}
