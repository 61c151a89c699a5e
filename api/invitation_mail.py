"""The mail that brings an invitation. The link is also in the answer to whoever invites: mail is a convenience here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage

from alerts.channels.base import Undelivered, Way
from alerts.mail import deliver, new_message
from alerts.messages.inert import inert
from alerts.sending.once import way_out
from model.settings import Settings
from store.keyring import Keyring

_TEXT = """\
{by} invites you to {organization} on Tracer, as {role}.

{url}

The link works once, for seven days. It is for {email}: if you don't know what this is about, do nothing.
"""


@dataclass(frozen=True)
class InvitationMail:
    """What it says; names are whatever people chose."""

    id: str
    email: str
    by: str
    organization: str
    role: str
    url: str


def send_invitation(mail: InvitationMail, settings: Settings, keyring: Keyring, now_ms: int) -> str | None:
    """Hand it to the mail server, which takes as long as that takes, 15 s at most. None when it was taken, else why it
    was not, for people. Call it outside a transaction."""

    async def send() -> None:
        way = way_out(settings, keyring)
        await deliver(_message(mail, way, now_ms // 1000), [mail.email], way)

    try:
        asyncio.run(send())
    except Undelivered as error:
        return str(error)
    return None


def _message(mail: InvitationMail, way: Way, at_s: int) -> EmailMessage:
    message = new_message(way, [mail.email], f"{mail.id}.{at_s}", at_s)
    message["Subject"] = f"Invitation to {inert(mail.organization, 100)} on Tracer"
    message.set_content(
        _TEXT.format(
            by=inert(mail.by, 100),
            organization=inert(mail.organization, 100),
            role=mail.role,
            url=mail.url,
            email=mail.email,
        )
    )
    return message
