"""/v1/status-pages: what strangers see of an organization's checks. Pages share these functions (api/pages)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from flask import Response
from pydantic import Field
from sqlalchemy.orm import Session

from api.access import Caller, Scope, caller
from api.envelope import success
from api.errors import Invalid, NotFound
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.status import NewPage, PageAnswer, PageChange, PageDefinition, PageList
from api.services import services
from api.typed_document import judged, merged
from model.pictures import picture_type
from model.times import iso
from store import status_pages as stored
from store.checks import existing_check_ids
from store.status_subscribers import count_subscribers
from store.status_tables import StatusPage
from store.write_lock import Urgency

routes = Routes("Status pages", "What strangers see: components, uptime, incidents with updates, planned maintenance.")
_READ_ONLY = ("id", "url", "subscribers", "created_at", "updated_at")
_TAKEN = "is taken by another page: choose another"


class PagePath(PathModel):
    page_id: Annotated[str, Field(pattern=r"^page_[0-9a-z]{6,40}$", description="The status page's id")]


@routes.get("/v1/status-pages", needs=Scope.READ, answers=PageList)
def list_status_pages(query: Page) -> Response:
    """List status pages, newest first."""
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_pages(session, page=(query.offset, query.per_page))
        shown = shapes(session, found)
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/status-pages", needs=Scope.WRITE, answers=PageAnswer, accepts=NewPage, status=201)
def create_status_page(body: dict[str, Any]) -> Response:
    """Make a status page. It is public at once, unless `public` is false.

    A check is shown under its own name, unless another stands beside its id. Nothing else of it is shown: no address,
    no cause, no error.
    """
    return success(make_page(caller(), body), 201)


@routes.get("/v1/status-pages/<page_id>", needs=Scope.READ, answers=PageAnswer)
def show_status_page(path: PagePath) -> Response:
    """Get a status page."""
    with services().database.read(caller().organization_id) as session:
        shown = shapes(session, [page_or_404(session, path.page_id)])[0]
    return success(shown)


@routes.put("/v1/status-pages/<page_id>", needs=Scope.WRITE, answers=PageAnswer, accepts=PageChange)
def change_status_page(path: PagePath, body: dict[str, Any]) -> Response:
    """Change a status page. Visitors see it within ten seconds."""
    return success(change_page(caller(), path.page_id, body))


@routes.delete("/v1/status-pages/<page_id>", needs=Scope.WRITE, answers=DeletedAnswer)
def delete_status_page(path: PagePath) -> Response:
    """Delete a status page, with its updates and subscribers."""
    remove_page(caller(), path.page_id)
    return success({"id": path.page_id, "deleted": True})


def make_page(who: Caller, document: Mapping[str, Any]) -> dict[str, Any]:
    """Invalid."""
    state, wanted = services(), judged(PageDefinition, document, _READ_ONLY)
    try:
        with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
            _refuse_unknown(session, wanted)
            now_ms = state.database.now_ms(session)
            page = stored.create_page(session, who.organization_id, _fields(wanted, None), now_ms)
            shown = shapes(session, [page])[0]
    except stored.TakenError:
        raise Invalid({"slug": [_TAKEN]}) from None
    state.public_pages.forget()
    return shown


def change_page(who: Caller, page_id: str, change: Mapping[str, Any]) -> dict[str, Any]:
    """Invalid, NotFound."""
    state = services()
    try:
        with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
            page = page_or_404(session, page_id, lock=True)
            kept = {check["id"] for group in page.groups for check in group["checks"]}
            wanted = judged(PageDefinition, merged(PageDefinition, _definition(page), change), _READ_ONLY)
            _refuse_unknown(session, wanted, kept)
            logo = _logo(page) if "logo" not in change else None
            stored.update_page(session, page, _fields(wanted, logo), state.database.now_ms(session))
            shown = shapes(session, [page])[0]
    except stored.TakenError:
        raise Invalid({"slug": [_TAKEN]}) from None
    state.public_pages.forget()
    return shown


def remove_page(who: Caller, page_id: str) -> None:
    """NotFound."""
    state = services()
    with state.database.write(who.organization_id, Urgency.PEOPLE) as session:
        stored.delete_page(session, page_or_404(session, page_id, lock=True))
    state.public_pages.forget()


def page_or_404(session: Session, page_id: str, *, lock: bool = False) -> StatusPage:
    """NotFound."""
    page = stored.get_page(session, page_id, lock=lock)
    if page is None:
        raise NotFound("There is no such status page")
    return page


def shapes(session: Session, pages: list[StatusPage]) -> list[dict[str, Any]]:
    """The pages as the API shows them."""
    counts = count_subscribers(session, [page.id for page in pages])
    return [_shape(page, counts.get(page.id, 0)) for page in pages]


def _shape(page: StatusPage, subscribers: int) -> dict[str, Any]:
    url = f"{services().public_url}/status/{page.slug}"
    logo = None
    if page.logo_type is not None:
        logo = {"content_type": page.logo_type, "size_bytes": len(page.logo or b""), "url": f"{url}/logo"}
    return {
        "id": page.id,
        **_definition(page),
        "logo": logo,
        "url": url,
        "subscribers": subscribers,
        "created_at": iso(page.created_ms),
        "updated_at": iso(page.updated_ms),
    }


def _definition(page: StatusPage) -> dict[str, Any]:
    """As it was given, but for the logo."""
    groups = [
        {"name": group["name"], "checks": [check if check["name"] else check["id"] for check in group["checks"]]}
        for group in page.groups
    ]
    colours = {"brand": page.colours.get("brand"), "accent": page.colours.get("accent")}
    return {"slug": page.slug, "title": page.title, "groups": groups, "public": page.public, "colours": colours}


def _fields(wanted: PageDefinition, logo: tuple[str, bytes] | None) -> stored.PageFields:
    """`logo`: the one that stays, where no other is given."""
    if wanted.logo is not None:
        logo = (picture_type(wanted.logo.content), wanted.logo.content)
    return stored.PageFields(
        slug=wanted.slug,
        title=wanted.title,
        public=wanted.public,
        groups=[
            {"name": group.name, "checks": [component.model_dump() for component in group.components]}
            for group in wanted.groups
        ],
        colours=wanted.colours.model_dump(exclude_none=True),
        logo=logo,
    )


def _logo(page: StatusPage) -> tuple[str, bytes] | None:
    return (page.logo_type, page.logo) if page.logo_type is not None and page.logo is not None else None


def _refuse_unknown(session: Session, wanted: PageDefinition, kept: Collection[str] = ()) -> None:
    """`kept`: checks that were on it; one of them may have been deleted since."""
    named = [component.id for group in wanted.groups for component in group.components]
    known = existing_check_ids(session, named) | set(kept)
    wrong = {
        f"groups.{place}.checks.{number}": [f"there is no check {component.id}"]
        for place, group in enumerate(wanted.groups)
        for number, component in enumerate(group.components)
        if component.id not in known
    }
    if wrong:
        raise Invalid(dict(list(wrong.items())[:50]))
