"""/v1/audit-log: who did what, with what it was before."""

from __future__ import annotations

import json
from typing import Annotated, Any

from flask import Response
from pydantic import AfterValidator, Field

from api.access import Scope, caller
from api.envelope import success
from api.paging import Page, page_meta
from api.routes import Routes
from api.schemas.audit import AuditLog
from api.services import services
from model.fields import MAX_NAME, Instant, printable
from model.times import iso, parse_iso
from store.audit_log import AuditFilter, list_events
from store.audit_tables import AuditEvent

routes = Routes("Audit log", "Every change, sign-in and use of a key from a new address: who, what, when, from where.")

Filtering = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(printable)]


class AuditPage(Page):
    """Which events."""

    actor: Annotated[Filtering | None, Field(description="Only of this one: an id, or part of a name")] = None
    action: Annotated[Filtering | None, Field(description="Only this: `monitor.deleted`, or `monitor` for all")] = None
    target: Annotated[Filtering | None, Field(description="Only about this: an id, or part of a name")] = None
    from_: Annotated[Instant | None, Field(alias="from", description="From then on, ISO 8601")] = None
    to: Annotated[Instant | None, Field(description="Before then, ISO 8601")] = None


@routes.get("/v1/audit-log", needs=Scope.ADMIN, answers=AuditLog)
def list_audit_log(query: AuditPage) -> Response:
    """List what was done, newest first.

    Nothing here is ever changed or deleted; `tracer audit verify` proves it.
    """
    wanted = AuditFilter(
        actor=query.actor,
        action=query.action,
        target=query.target,
        from_ms=parse_iso(query.from_) if query.from_ is not None else None,
        to_ms=parse_iso(query.to) if query.to is not None else None,
    )
    with services().database.read(caller().organization_id) as session:
        found, total = list_events(session, wanted, page=(query.offset, query.per_page))
    return success([_shape(event) for event in found], meta=page_meta(query, total))


def _shape(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "number": event.number,
        "at": iso(event.at_ms),
        "actor": {"kind": event.actor_kind, "id": event.actor_id, "name": event.actor_name},
        "action": event.action,
        "target": {"kind": event.target_kind, "id": event.target_id, "name": event.target_name},
        "before": None if event.before is None else json.loads(event.before),
        "after": None if event.after is None else json.loads(event.after),
        "address": event.address,
        "request_id": event.request_id,
    }
