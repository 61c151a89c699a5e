"""Email: text and HTML, one thread an alert, through the mail server of TRACER_SMTP_URL (alerts/mail.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from alerts.channels.base import Channel, Delivered, Outgoing, Way
from alerts.mail import deliver, domain_of, new_message
from alerts.messages.digest import digest
from alerts.messages.html import html, html_digest
from alerts.messages.plain import plain, plain_digest
from alerts.messages.told import told
from model.mail import MailAddress

MAX_RECIPIENTS = 50
_ROOM = 4_000_000
"""Characters of a digest: more than any has."""


def _each_once(recipients: tuple[str, ...]) -> tuple[str, ...]:
    """The domains are in lower case here; what stands before the @ may differ by its case."""
    return tuple(dict.fromkeys(recipients))


class Email(Channel):
    """Mailboxes."""

    type: ClassVar[str] = "email"
    per_second: ClassVar[float] = 1.0

    recipients: Annotated[
        tuple[MailAddress, ...],
        Field(min_length=1, max_length=MAX_RECIPIENTS, strict=False),
        AfterValidator(_each_once),
    ]

    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        return await deliver(_message(outgoing, way, self.recipients), self.recipients, way)


def _message(outgoing: Outgoing, way: Way, recipients: Sequence[str]) -> EmailMessage:
    events = [told(payload, way.public_url, way.acknowledge_url) for payload in outgoing.payloads]
    message = new_message(way, recipients, outgoing.id, outgoing.at_s)
    if len(events) == 1:
        event = events[0]
        message["Subject"] = event.subject
        root = f"<{_thread(event.thread, outgoing.channel_id)}@{domain_of(way)}>"
        message["In-Reply-To"] = root
        message["References"] = root
        message["X-Tracer-Event"] = event.event
        message.set_content(plain(event))
        message.add_alternative(html(event), subtype="html")
    else:
        whole = digest(events, way.public_url)
        message["Subject"] = whole.subject
        message["X-Tracer-Event"] = "digest"
        message.set_content(plain_digest(whole, _ROOM))
        message.add_alternative(html_digest(whole), subtype="html")
    return message


def _thread(thread: str, channel_id: str) -> str:
    """The root that all messages of an alert refer to. Nobody has sent it: mail programs thread by it all the same."""
    return hashlib.blake2b(f"{thread}/{channel_id}".encode(), digest_size=12).hexdigest()
