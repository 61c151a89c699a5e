"""Shapes of members and invitations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.fields import Name
from model.people import Email

RoleName = Literal["owner", "admin", "member", "viewer"]

_ADA: dict[str, Any] = {
    "id": "mem_abc123",
    "email": "ada@example.com",
    "name": "Ada",
    "role": "member",
    "status": "invited",
    "key_id": None,
    "invited_by": "Grace",
    "invited_at": "2024-01-15T10:30:00.000Z",
    "invite_expires_at": "2024-01-22T10:30:00.000Z",
    "joined_at": None,
}


class Member(Shape):
    """Somebody in the organization, or invited to it."""

    id: str
    email: Annotated[str | None, Field(description="Null: the owner is a key, or this is a setup link not yet used")]
    name: Annotated[str, Field(description="Empty while nobody has said it")]
    role: Annotated[
        RoleName,
        Field(
            description="viewer: read; member: read, run, write; admin and owner: admin. Only an owner makes or "
            "removes owners"
        ),
    ]
    status: Literal["active", "invited"]
    key_id: Annotated[str | None, Field(description="The key that is this owner")]
    invited_by: str | None
    invited_at: Time
    invite_expires_at: Annotated[Time | None, Field(description="Until when the link works")]
    joined_at: Time | None


class MemberAnswer(Answer[Member]):
    """The member."""


class MemberList(Answer[list[Member]]):
    """Members and those invited, newest first."""

    meta: PageMeta


class Invitation(Member):
    """A member to be, with the link that makes them one: shown now and never again."""

    invite_url: Annotated[str, Field(description="Works once, for seven days")]
    mailed: Annotated[bool, Field(description="Whether the mail server took it; false without TRACER_SMTP_URL")]


class InvitationAnswer(Answer[Invitation]):
    """The invitation, with its link for the only time."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "success": True,
                "data": {**_ADA, "invite_url": "https://tracer.example.com/invite/…", "mailed": False},
            }
        }
    )


class InviteRequest(BodyModel):
    """Somebody to be invited."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "ada@example.com", "role": "member"}]})

    email: Email
    role: RoleName = "member"
    name: Annotated[Name | None, Field(description="What to call them until they say it themselves")] = None


class RoleChange(BodyModel):
    """Another role."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "admin"}]})

    role: RoleName
