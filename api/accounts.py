"""/v1/account and /v1/organizations: who one is, where one is signed in, and in which organization."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import Caller, Scope, caller
from api.account_shape import account, places, sessions_of
from api.envelope import success
from api.errors import Forbidden, NotFound
from api.routes import PathModel, Routes
from api.schemas.accounts import AccountAnswer, AccountChange, PasswordChange, PlaceList, SignInList
from api.schemas.envelope import DeletedAnswer
from api.services import services
from api.signing_in import change_password
from store.people import place_of, rename_person
from store.sessions import EVERY_ORGANIZATION
from store.web_sessions import end_listed_session, switch_web_session
from store.write_lock import Urgency

routes = Routes("Account", "What concerns whoever asks: their name, password, sessions and organizations.")
_NO_ACCOUNT = "An API key has no account: this is for a person who signed in"


class SessionPath(PathModel):
    session_id: Annotated[str, Field(pattern=r"^ses_[0-9a-z]{6,40}$", description="The session's id")]


class OrganizationPath(PathModel):
    organization_id: Annotated[str, Field(pattern=r"^org_[0-9a-z]{6,40}$", description="The organization's id")]


@routes.get("/v1/account", needs=Scope.READ, answers=AccountAnswer)
def show_account() -> Response:
    """See who one is: the person, or the key."""
    return success(account(caller()))


@routes.put("/v1/account", needs=Scope.READ, answers=AccountAnswer)
def change_account(body: AccountChange) -> Response:
    """Change one's name, as others see it beside what one does."""
    rename(caller(), body.name)
    return success(account(caller()))


@routes.put("/v1/account/password", needs=Scope.READ, answers=AccountAnswer, errors=(409, 429))
def change_own_password(body: PasswordChange) -> Response:
    """Change one's password. It signs one out everywhere but here."""
    who = caller()
    if who.person_id is None:
        raise Forbidden(_NO_ACCOUNT)
    change_password(who.person_id, who.session_id, body.current_password, body.new_password)
    return success(account(who))


@routes.get("/v1/account/sessions", needs=Scope.READ, answers=SignInList)
def list_own_sessions() -> Response:
    """List where one is signed in; for a key, the browsers that signed in with it."""
    return success(sessions_of(caller()))


@routes.delete("/v1/account/sessions/<session_id>", needs=Scope.READ, answers=DeletedAnswer)
def end_own_session(path: SessionPath) -> Response:
    """Sign out, here or elsewhere: the session opens nothing any more."""
    end_session(caller(), path.session_id)
    return success({"id": path.session_id, "deleted": True})


@routes.get("/v1/organizations", needs=Scope.READ, answers=PlaceList)
def list_own_organizations() -> Response:
    """List the organizations one is in. A key is in one."""
    return success(places(caller()))


@routes.post("/v1/organizations/<organization_id>/switch", needs=Scope.READ, answers=PlaceList)
def switch_organization(path: OrganizationPath) -> Response:
    """Be in another organization from now on, by this session."""
    switch(caller(), path.organization_id)
    return success([{**place, "current": place["id"] == path.organization_id} for place in places(caller())])


def rename(who: Caller, name: str) -> None:
    """Forbidden for a key."""
    state = services()
    with state.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        if who.person_id is None or not rename_person(session, who.person_id, name):
            raise Forbidden(_NO_ACCOUNT)


def end_session(who: Caller, session_id: str) -> None:
    """NotFound when it is nobody's, or another's."""
    with services().database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        if not end_listed_session(session, who.holder, session_id):
            raise NotFound("There is no such session")


def switch(who: Caller, organization_id: str) -> None:
    """NotFound where they are no member, Forbidden for a key."""
    if who.person_id is None or who.session_id is None:
        raise Forbidden(_NO_ACCOUNT)
    with services().database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        if place_of(session, who.person_id, organization_id) is None:
            raise NotFound("There is no such organization")
        switch_web_session(session, who.session_id, organization_id)
