"""/v1/notices: what Tracer has to say about itself."""

from __future__ import annotations

from typing import Annotated, Literal

from flask import Response
from pydantic import Field

from alerts.notices import notice_shape
from api.access import Scope, caller
from api.envelope import success
from api.paging import Page, page_meta
from api.routes import Routes
from api.schemas.notices import NoticeList
from api.services import services
from model.notices import NoticeKind
from store import notices as stored

routes = Routes("Notices", "What Tracer has to say about itself: a location offline, a full disk, a dead channel.")


class NoticePage(Page):
    """Which notices."""

    status: Annotated[Literal["open", "resolved"] | None, Field(description="Whether it is so now, or was")] = None
    kind: Annotated[NoticeKind | None, Field(description="Only of this kind")] = None


@routes.get("/v1/notices", needs=Scope.READ, answers=NoticeList)
def list_notices(query: NoticePage) -> Response:
    """List notices, newest first.

    Each is also sent to the organization's `notice_channels`, once when it begins and once when it is over.
    """
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_notices(
            session,
            is_open=None if query.status is None else query.status == "open",
            kind=None if query.kind is None else query.kind.value,
            offset=query.offset,
            limit=query.per_page,
        )
    return success([notice_shape(notice) for notice in found], meta=page_meta(query, total))
