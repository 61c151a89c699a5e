"""The parts of a public status page, each drawn from the store as it is now (kept for a while by api/kept_pages.py)."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import render_template

from api.answer_headers import HEADERS
from api.envelope import JSON
from api.kept_pages import Kept
from api.pages.rendering import CONTENT_SECURITY_POLICY, HTML
from api.services import Services, services
from api.status.feed import as_atom, as_json
from api.status.view import view_of
from model.colours import ink_on, readable
from store.sessions import EVERY_ORGANIZATION
from store.status_pages import page_of_slug
from store.status_tables import StatusPage

PARTS = ("html", "json", "atom", "style", "script", "logo")
_STATIC = Path(__file__).parent.parent / "static"
_NO_DOCUMENT = HEADERS["Content-Security-Policy"]
_STABLE_S = 3_600
"""The address of a part that says which version it is may be kept for longer."""
_LIGHT, _DARK = ("#ffffff", "#fbfbf9"), ("#171a20", "#101216")
"""--card and --paper of pages.css."""


def public_part(slug: str, part: str) -> Kept | None:
    """What strangers see; None: nothing. In an app's context."""
    page = page_at(services(), slug)
    return part_of(page, part) if page is not None and page.public else None


def page_at(state: Services, slug: str) -> StatusPage | None:
    """The page at this address, whoever's it is."""
    with state.database.read(EVERY_ORGANIZATION) as session:
        return page_of_slug(session, slug)


def part_of(page: StatusPage, part: str) -> Kept | None:
    """One part of it; None when it has no such part."""
    if part == "style":
        return Kept(_style(page), "text/css; charset=utf-8", _NO_DOCUMENT, _STABLE_S)
    if part == "script":
        return Kept(_file("status.js"), "text/javascript; charset=utf-8", _NO_DOCUMENT, _STABLE_S)
    if part == "logo":
        return _logo(page)
    state = services()
    with state.database.read(page.organization_id) as session:
        view = view_of(session, page, state.database.now_ms(session))
    url = f"{state.public_url}/status/{page.slug}"
    if part == "json":
        return Kept(as_json(view, url), JSON, _NO_DOCUMENT)
    if part == "atom":
        return Kept(as_atom(view, url, page.created_ms), "application/atom+xml; charset=utf-8", _NO_DOCUMENT)
    text = render_template(
        "status/page.html",
        view=view,
        may_subscribe=page.public and state.settings.smtp_url is not None,
        **look(page),
    )
    return Kept(text.encode(), HTML, CONTENT_SECURITY_POLICY)


def look(page: StatusPage) -> dict[str, object]:
    """What the frame of a page's templates needs."""
    logo = page.logo or b""
    return {
        "slug": page.slug,
        "title": page.title,
        "public": page.public,
        "logo": _mark(logo) if logo else None,
        "style": _mark(_style(page)),
        "script": _mark(_file("status.js")),
    }


def _logo(page: StatusPage) -> Kept | None:
    if page.logo is None or page.logo_type is None:
        return None
    return Kept(page.logo, page.logo_type, "sandbox; default-src 'none'", _STABLE_S)


def _style(page: StatusPage) -> bytes:
    """The pages' look, the status page's own, and its colours, with an ink that can be read on each."""
    own = []
    brand, accent = page.colours.get("brand"), page.colours.get("accent")
    if brand is not None:
        own.append(f":root {{ --brand: {brand}; --brand-ink: {ink_on(brand)}; --brand-line: transparent; }}")
    if accent is not None:
        light, dark = readable(accent, *_LIGHT), readable(accent, *_DARK)
        own.append(f":root {{ --accent: {light}; --primary: {light}; --primary-ink: {ink_on(light)}; }}")
        own.append(
            "@media (prefers-color-scheme: dark) "
            f"{{ :root {{ --accent: {dark}; --primary: {dark}; --primary-ink: {ink_on(dark)}; }} }}"
        )
    return _file("pages.css") + b"\n" + _file("status.css") + "\n".join(own).encode()


@cache
def _file(name: str) -> bytes:
    return (_STATIC / name).read_bytes()


def _mark(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=6).hexdigest()
