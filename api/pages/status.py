"""/status/:slug, its feeds and files, and /badge/:id: for strangers, as they are kept (api/kept_pages.py); and a page
that is not public, for its members. Any other address is 404, whatever there may be behind it.

The server answers most of these from memory (api/status/serving.py), and asks here for the rest.
"""

from __future__ import annotations

from flask import Blueprint, Response

from api.access import OPEN, OWN, Scope, needs
from api.errors import NotFound
from api.kept_pages import Kept, Key
from api.pages.gate import page, signed_in
from api.services import services
from api.status.documents import page_at, part_of
from api.status.serving import draw, key_of

pages = Blueprint("status", __name__)
_NOTHING = "There is nothing at this address"


@pages.get("/status/<slug>")
@page(None)
def show_status_page_to_anybody(slug: str) -> Response:
    """The page."""
    return _answer(f"/status/{slug}")


@pages.get("/status/<slug>.json")
@needs(OWN)
def show_status_as_json(slug: str) -> Response:
    """The page for programs."""
    return _answer(f"/status/{slug}.json")


@pages.get("/status/<slug>.atom")
@needs(OWN)
def show_status_as_feed(slug: str) -> Response:
    """The page's updates, for feed readers."""
    return _answer(f"/status/{slug}.atom")


@pages.get("/status/<slug>/<part>")
@needs(OWN)
def show_file_of_status_page(slug: str, part: str) -> Response:
    """What the page is made of."""
    return _answer(f"/status/{slug}/{part}")


@pages.get("/badge/<check_id>/<name>")
@needs(OPEN)
def show_badge(check_id: str, name: str) -> Response:
    """A badge of a check that has `badge: true`."""
    return _answer(f"/badge/{check_id}/{name}")


def _answer(path: str) -> Response:
    key = key_of(path)
    if key is None:
        raise NotFound(_NOTHING)
    kept = services().public_pages.get(key, lambda: draw(key))
    if kept is not None:
        return _sent(kept)
    own = _for_members(key)
    if own is None:
        raise NotFound(_NOTHING)
    response = _sent(own)
    response.headers["Cache-Control"] = "private, no-store"
    response.vary.add("Cookie")
    return response


def _for_members(key: Key) -> Kept | None:
    """A page that is not public, for who is signed in to its organization."""
    found = signed_in()
    if found is None or not found.caller.may(Scope.READ):
        return None
    shown = page_at(services(), key[0])
    if shown is None or shown.organization_id != found.caller.organization_id:
        return None
    return part_of(shown, key[1])


def _sent(kept: Kept) -> Response:
    return Response(kept.body, headers=dict(kept.headers))
