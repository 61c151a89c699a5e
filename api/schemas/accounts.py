"""Shapes of sign-ins: who one is, where one is signed in, and how one gets in."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Answer, Shape, Time
from api.schemas.members import RoleName
from api.schemas.people import ScopeName
from model.fields import Name
from model.people import Email, GivenPassword, NewPassword


class Place(Shape):
    """An organization that one is in."""

    id: str
    name: str
    role: Annotated[RoleName | None, Field(description="Null for a key")]
    current: Annotated[bool, Field(description="Requests are about this one")]


class PlaceList(Answer[list[Place]]):
    """The organizations of whoever asks, the longest joined first."""


class PersonShape(Shape):
    """Somebody."""

    id: str
    email: str
    name: str
    created_at: Time
    password_changed_at: Time


class KeyShape(Shape):
    """A key."""

    id: str
    name: str


class Account(Shape):
    """Who asks: a person, or a key."""

    person: PersonShape | None
    key: KeyShape | None
    organization: Place
    scopes: Annotated[list[ScopeName], Field(description="All that may be done, with what each includes")]
    session_id: Annotated[str | None, Field(description="Of the sign-in, if this is one")]


class AccountAnswer(Answer[Account]):
    """Who asks."""


class AccountChange(BodyModel):
    """What may change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada Lovelace"}]})

    name: Name


class PasswordChange(BodyModel):
    """A password in place of another."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"current_password": "four random words", "new_password": "four other words"}]}
    )

    current_password: Annotated[GivenPassword, Field(repr=False)]
    new_password: Annotated[NewPassword, Field(repr=False, description="12 characters or more")]


class SignInRequest(BodyModel):
    """Who one is, and the proof."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "ada@example.com", "password": "four random words"}]}
    )

    email: Email
    password: Annotated[GivenPassword, Field(repr=False)]


class NewSession(Account):
    """A sign-in."""

    token: Annotated[
        str | None,
        Field(
            description="Send it as `Authorization: Bearer …`; shown now and never again. Over after twelve hours "
            "without a request, after seven days, and when the password changes. Null: the one there was goes on"
        ),
    ]
    expires_at: Time


class NewSessionAnswer(Answer[NewSession]):
    """A sign-in, with its token for the only time."""


class SignIn(Shape):
    """Where one is signed in."""

    id: str
    current: Annotated[bool, Field(description="The one this request came by")]
    organization: Annotated[str, Field(description="The name of the one that it is in")]
    address: Annotated[str, Field(description="Whence it was begun")]
    user_agent: Annotated[str, Field(description="What the browser or program called itself")]
    created_at: Time
    seen_at: Annotated[Time, Field(description="To the minute")]
    expires_at: Time


class SignInList(Answer[list[SignIn]]):
    """Where one is signed in, newest first, at most a hundred."""


_OFFER: dict[str, Any] = {
    "organization": "Example",
    "role": "member",
    "email": "ada@example.com",
    "invited_by": "Grace",
    "expires_at": "2024-01-22T10:30:00.000Z",
    "has_account": False,
}


class InvitationOffer(Shape):
    """What an invitation's or setup link's token offers."""

    organization: str
    role: RoleName
    email: Annotated[str | None, Field(description="Null: a setup link, for an email that is still to be said")]
    invited_by: str | None
    expires_at: Time
    has_account: Annotated[bool, Field(description="There is a password to this email already: that one is asked for")]


class InvitationOfferAnswer(Answer[InvitationOffer]):
    """What it offers."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": _OFFER}})


class AcceptRequest(BodyModel):
    """What whoever follows a link says."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Ada", "password": "four random words"}]})

    name: Annotated[Name | None, Field(description="Required of somebody new")] = None
    password: Annotated[
        GivenPassword | None,
        Field(
            repr=False,
            description="A new one of 12 characters or more; with an account, its own. Not needed when signed in to it",
        ),
    ] = None
    email: Annotated[Email | None, Field(description="By a setup link only")] = None
    organization: Annotated[Name | None, Field(description="By a setup link only: what to call it")] = None
