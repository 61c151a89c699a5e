"""/v1/sessions and /v1/invitations: getting in, by a password or by a link."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from api.access import OPEN, bearer_token, caller_of, identify
from api.account_shape import account
from api.envelope import success
from api.errors import Unauthorized
from api.joining import Answer, join, offer_of
from api.routes import PathModel, Routes
from api.schemas.accounts import AcceptRequest, InvitationOfferAnswer, NewSessionAnswer, SignInRequest
from api.services import services
from api.signing_in import sign_in
from model.times import iso
from store.sessions import EVERY_ORGANIZATION
from store.web_sessions import web_session_of

routes = Routes("Signing in", "For people: by email and password, or by the link of an invitation.")


class TokenPath(PathModel):
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43}$", description="The end of the link")]


@routes.post("/v1/sessions", needs=OPEN, answers=NewSessionAnswer, status=201, errors=(401, 429))
def begin_session(body: SignInRequest) -> Response:
    """Sign in with email and password. The token is in this answer and nowhere else."""
    return _begun(sign_in(body.email, body.password))


@routes.get("/v1/invitations/<token>", needs=OPEN, answers=InvitationOfferAnswer)
def show_invitation(path: TokenPath) -> Response:
    """See what an invitation or setup link offers."""
    offer = offer_of(path.token)
    invitation = offer.invitation
    shown = {
        "organization": offer.organization.name,
        "role": str(invitation.role),
        "email": invitation.email,
        "invited_by": invitation.invited_by,
        "expires_at": iso(invitation.invite_expires_ms),
        "has_account": offer.known,
    }
    return success(shown, no_store=True)


@routes.post("/v1/invitations/<token>/accept", needs=OPEN, answers=NewSessionAnswer, status=201, errors=(401, 409, 429))
def accept_invitation(path: TokenPath, body: AcceptRequest) -> Response:
    """Take the place that an invitation or setup link offers, and be signed in to it.

    Whoever is new gives a name and a password; whoever has an account with the invited email gives its password, or
    comes with a session of it.
    """
    visitor = identify() if bearer_token() is not None else None
    token = join(path.token, Answer(body.name, body.password, body.email, body.organization), visitor)
    return _begun(token)


def _begun(token: str | None) -> Response:
    """The sign-in of a token, or the one that this request came with."""
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        shown = token or bearer_token() or ""
        found = web_session_of(session, state.keyring, shown, state.database.now_ms(session))
    if found is None:
        raise Unauthorized("This sign-in is over")
    told = {**account(caller_of(found)), "token": token, "expires_at": iso(found.row.expires_ms)}
    return success(told, 201, no_store=True)
