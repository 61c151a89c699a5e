"""Who may be in an organization and what each role allows (CONTRACT, "People"); what an email and a password are."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from model.fields import printable
from model.mail import mail_address

MIN_PASSWORD = 12
MAX_PASSWORD = 1_000
"""A limit on what is hashed: the cost of a sign-in must not be the sender's to choose."""


class Role(StrEnum):
    """From the most to the least that it allows."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


SCOPES_OF: Mapping[Role, tuple[str, ...]] = {
    Role.OWNER: ("admin",),
    Role.ADMIN: ("admin",),
    Role.MEMBER: ("read", "run", "write"),
    Role.VIEWER: ("read",),
}
"""What a person may do, as scopes of keys. An owner may besides make and remove owners."""


def email_of(text: str) -> str:
    """The one spelling under which a person is known: `Ada@Example.com ` -> `ada@example.com`. Raises ValueError."""
    return mail_address(text.strip()).lower()


def normal(password: str) -> str:
    """One form for what looks alike: keyboards of different systems write é in different ways (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def refuse_email(password: str, email: str) -> None:
    """Raises ValueError for what is the first that a stranger tries: the email itself, or what stands before its @."""
    if normal(password).strip().lower() in (email, email.partition("@")[0]):
        raise ValueError("must not be your email: that is the first that a stranger tries")


def new_password(password: str) -> str:
    """What somebody chooses, judged by its length, not by which characters it has. Raises ValueError."""
    if len(password) < MIN_PASSWORD:
        raise ValueError(f"must have at least {MIN_PASSWORD} characters: four random words are good")
    if len(set(password)) < 4:
        raise ValueError("must not be the same few characters again and again")
    return password


Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(email_of),
    Field(json_schema_extra={"format": "email"}),
]
_SECRET = Field(json_schema_extra={"format": "password", "writeOnly": True})
NewPassword = Annotated[
    str,
    StringConstraints(max_length=MAX_PASSWORD),
    AfterValidator(printable),
    AfterValidator(new_password),
    _SECRET,
]
"""What somebody chooses."""
GivenPassword = Annotated[str, StringConstraints(max_length=MAX_PASSWORD), AfterValidator(printable), _SECRET]
"""What somebody says it is."""
