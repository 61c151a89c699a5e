"""/settings/people: who is in the organization and as what; invitations, roles, removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, request

from api.access import Scope
from api.errors import Conflict, Forbidden, Invalid
from api.membership import Sent, change_role, find_member, invite_member, remove_member
from api.pages.forms import page_number, read_form, typed
from api.pages.gate import page, visitor
from api.pages.rendering import go_to, render
from api.schemas.members import InviteRequest, RoleChange
from api.services import services
from model.people import Role
from store.members import is_owner, list_members

pages = Blueprint("people", __name__)
PER_PAGE = 100
_HERE = "/settings/people"
_ROLES = {
    Role.VIEWER: "sees everything and changes nothing",
    Role.MEMBER: "also edits monitors, journeys and alerting, and asks for runs",
    Role.ADMIN: "also manages people, keys, probes and the organization",
    Role.OWNER: "also makes and removes owners",
}
_DONE = {"role": "The role is changed. It counts from now on.", "removed": "They are no member any more."}


@pages.get("/settings")
@page(Scope.READ)
def settings_page() -> Response:
    """Until there is more to set: people, or for who may not change them, oneself."""
    return go_to(_HERE if visitor().may(Scope.ADMIN) else "/account")


@pages.get(_HERE)
@page(Scope.ADMIN)
def people_page() -> Response:
    """The list."""
    return _page(done=_DONE.get(request.args.get("done", "")))


@pages.post(f"{_HERE}/invite")
@page(Scope.ADMIN)
def invite_here() -> Response:
    """Invite by the form; the page that follows shows the link, this once."""
    try:
        asked = read_form(InviteRequest)
        return _page(sent=invite_member(visitor().caller, asked.email, Role(asked.role), asked.name))
    except Invalid as error:
        return _page(error.fields, error.status)
    except (Conflict, Forbidden) as error:
        return _page({"email": [error.message]}, error.status)


@pages.post(f"{_HERE}/<member_id>/link")
@page(Scope.ADMIN)
def new_link(member_id: str) -> Response:
    """Another link for who is invited already; the former is dead."""
    who = visitor().caller
    with services().database.read(who.organization_id) as session:
        member, _ = find_member(session, member_id)
    try:
        if member.email is None:
            raise Conflict("A setup link is made by `tracer setup-link`")
        return _page(sent=invite_member(who, member.email, Role(member.role), member.name))
    except (Conflict, Forbidden) as error:
        return _page({"": [error.message]}, error.status)


@pages.post(f"{_HERE}/<member_id>/role")
@page(Scope.ADMIN)
def change_role_here(member_id: str) -> Response:
    """Another role for a member."""
    try:
        change_role(visitor().caller, member_id, Role(read_form(RoleChange).role))
    except (Conflict, Forbidden) as error:
        return _page({"": [error.message]}, error.status)
    return go_to(f"{_HERE}?done=role")


@pages.post(f"{_HERE}/<member_id>/remove")
@page(Scope.ADMIN)
def remove_here(member_id: str) -> Response:
    """Remove a member, or take an invitation back."""
    try:
        remove_member(visitor().caller, member_id)
    except (Conflict, Forbidden) as error:
        return _page({"": [error.message]}, error.status)
    return go_to(f"{_HERE}?done=removed")


def _page(
    wrong: Mapping[str, Sequence[str]] | None = None,
    status: int = 200,
    *,
    done: str | None = None,
    sent: Sent | None = None,
) -> Response:
    who, state, number = visitor().caller, services(), page_number()
    with state.database.read(who.organization_id) as session:
        found, total = list_members(session, offset=(number - 1) * PER_PAGE, limit=PER_PAGE)
        owns = is_owner(session, person_id=who.person_id, key_id=who.key_id)
        now_ms = state.database.now_ms(session)
    return render(
        "people.html",
        status,
        no_store=True,
        members=found,
        total=total,
        number=number,
        more=total > number * PER_PAGE,
        roles={role: about for role, about in _ROLES.items() if owns or role is not Role.OWNER},
        owns=owns,
        own_id=who.person_id or who.key_id,
        wrong={name: messages[0] for name, messages in (wrong or {}).items()},
        typed=typed(("email", "role"), again=bool(wrong)),
        done=done,
        sent=sent,
        now_ms=now_ms,
    )
