"""/v1/organization/members and /v1/organization/invite: who is in, as what."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response
from pydantic import Field

from api.access import Scope, caller
from api.envelope import success
from api.membership import change_role, find_member, invite_member, remove_member
from api.paging import Page, page_meta
from api.routes import PathModel, Routes
from api.schemas.envelope import DeletedAnswer
from api.schemas.members import InvitationAnswer, InviteRequest, MemberAnswer, MemberList, RoleChange
from api.services import services
from model.people import Role
from model.times import iso
from store import members as stored
from store.people_tables import Membership, Person

routes = Routes("Members", "The people of the organization, what they may do, and invitations to it.")


class MemberPath(PathModel):
    member_id: Annotated[str, Field(pattern=r"^mem_[0-9a-z]{6,40}$", description="The membership's id")]


@routes.get("/v1/organization/members", needs=Scope.ADMIN, answers=MemberList)
def list_members(query: Page) -> Response:
    """List members and those invited, newest first."""
    with services().database.read(caller().organization_id) as session:
        found, total = stored.list_members(session, offset=query.offset, limit=query.per_page)
        shown = [shape(member, person) for member, person in found]
    return success(shown, meta=page_meta(query, total))


@routes.post("/v1/organization/invite", needs=Scope.ADMIN, answers=InvitationAnswer, status=201, errors=(409, 429))
def invite(body: InviteRequest) -> Response:
    """Invite somebody. The link is in this answer and nowhere else.

    It is mailed too where a mail server is set up (`TRACER_SMTP_URL`); a mail that could not be sent is a warning, and
    the link works all the same. Inviting an email again makes a new link and ends the former.
    """
    sent = invite_member(caller(), body.email, Role(body.role), body.name)
    warnings = [] if sent.unsent is None else [f"The mail was not sent, so pass the link on yourself: {sent.unsent}"]
    shown = {**shape(sent.member, None), "invite_url": sent.url, "mailed": sent.mailed}
    return success(shown, 201, warnings=warnings, no_store=True)


@routes.get("/v1/organization/members/<member_id>", needs=Scope.ADMIN, answers=MemberAnswer)
def show_member(path: MemberPath) -> Response:
    """Get a member."""
    with services().database.read(caller().organization_id) as session:
        shown = shape(*find_member(session, path.member_id))
    return success(shown)


@routes.put("/v1/organization/members/<member_id>", needs=Scope.ADMIN, answers=MemberAnswer, errors=(409,))
def change_member(path: MemberPath, body: RoleChange) -> Response:
    """Give a member another role. It counts from their next request on.

    Only an owner makes an owner or changes one; the last owner stays one (409).
    """
    return success(shape(*change_role(caller(), path.member_id, Role(body.role))))


@routes.delete("/v1/organization/members/<member_id>", needs=Scope.ADMIN, answers=DeletedAnswer, errors=(409,))
def delete_member(path: MemberPath) -> Response:
    """Remove a member, or take an invitation back: at once they open nothing here.

    Only an owner removes an owner; the last one stays (409). Removing a key that is an owner revokes it. Keys that
    somebody made stay: they are the organization's.
    """
    remove_member(caller(), path.member_id)
    return success({"id": path.member_id, "deleted": True})


def shape(member: Membership, person: Person | None) -> dict[str, Any]:
    """A member as REST shows it."""
    return {
        "id": member.id,
        "email": person.email if person is not None else member.email,
        "name": person.name if person is not None else member.name,
        "role": str(member.role),
        "status": member.status,
        "key_id": member.api_key_id,
        "invited_by": member.invited_by,
        "invited_at": iso(member.invited_ms),
        "invite_expires_at": iso(member.invite_expires_ms),
        "joined_at": iso(member.joined_ms),
    }
