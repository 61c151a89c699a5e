"""Email: text and HTML, one thread an alert, through the mail server of TRACER_SMTP_URL.

The mail server is the operator's, not a user's, so the guard for users' addresses does not hold for it; its name is
looked up by our resolver all the same (a silent nameserver must not hold up other channels).
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Annotated, ClassVar

import aiosmtplib
from pydantic import AfterValidator, Field

from alerts.channels.base import SEND_TIMEOUT_S, Channel, Delivered, Outgoing, Undelivered, Way
from alerts.channels.http import authorities
from alerts.messages.digest import digest
from alerts.messages.html import html, html_digest
from alerts.messages.plain import plain, plain_digest
from alerts.messages.told import told
from egress.door import Egress
from egress.errors import EgressError
from model.addresses import AddressPolicy, networks_of
from model.hosts import address_of
from model.mail import MailAddress, sender
from model.smtp import MailServer, parse_smtp_url

MAX_RECIPIENTS = 50
_EVERYWHERE = AddressPolicy(networks_of(("0.0.0.0/0", "::/0")))
_DEFAULT_FROM = "tracer@localhost.localdomain"
_ROOM = 1_000_000


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
        if not way.smtp_url:
            raise Undelivered("no mail server is set up: set TRACER_SMTP_URL")
        server = parse_smtp_url(way.smtp_url)
        name, address = sender(way.smtp_from or _DEFAULT_FROM)
        message = _message(outgoing, way, name, address, self.recipients)
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                return await _submit(server, way.egress, address, self.recipients, message.as_bytes(policy=SMTP))
        except TimeoutError:
            raise Undelivered(f"the mail server {server.host} did not answer within {SEND_TIMEOUT_S:g} s") from None
        except EgressError as error:
            raise Undelivered(f"the mail server could not be reached: {error}") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = sorted({refused.code for refused in error.recipients})
            raise Undelivered(
                f"the mail server refused every recipient ({', '.join(map(str, codes))})",
                permanent=all(code >= 500 for code in codes),
                status_code=codes[0],
            ) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            message_ = f"the mail server refused the user or password of TRACER_SMTP_URL ({error.code})"
            raise Undelivered(message_, status_code=error.code) from None
        except aiosmtplib.SMTPConnectError:
            raise Undelivered(f"the mail server {server.host} could not be spoken to") from None
        except aiosmtplib.SMTPResponseException as error:
            raise Undelivered(
                f"the mail server refused the message ({error.code})",
                permanent=500 <= error.code < 600,
                status_code=error.code,
            ) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__
            raise Undelivered(f"the mail server {server.host} could not be spoken to: {reason}") from None


async def _submit(
    server: MailServer, egress: Egress, address: str, recipients: Sequence[str], message: bytes
) -> Delivered:
    deadline = asyncio.get_running_loop().time() + SEND_TIMEOUT_S
    connection = await Egress(_EVERYWHERE, egress.resolver).connect(server.host, server.port, deadline)
    client = aiosmtplib.SMTP(
        hostname=server.host,
        sock=connection.socket,
        use_tls=server.tls,
        start_tls=False,
        tls_context=authorities() if server.tls else None,
        local_hostname=_own_name(),
        timeout=SEND_TIMEOUT_S,
    )
    try:
        await client.connect()
        await client.ehlo()
        encrypted = server.tls
        if not server.tls and client.supports_extension("starttls"):
            await client.starttls(tls_context=_for_starttls(server), server_hostname=server.host)
            encrypted = True
        if server.username is not None:
            if not encrypted and not _is_loopback(connection.address):
                raise Undelivered(
                    f"{server.host} offers no STARTTLS, and the password would travel in clear: use smtps:// or a "
                    "server that encrypts"
                )
            await client.login(server.username, server.password or "")
        refused, _ = await client.sendmail(address, list(recipients), message)
    finally:
        transport = client.transport
        if isinstance(transport, asyncio.WriteTransport) and not transport.is_closing():
            # Said, not waited for: whether the mail was taken is known, and a slow goodbye must not make it a failure.
            transport.write(b"QUIT\r\n")
            transport.abort()
        client.close()
        await asyncio.sleep(0)
    if not refused:
        return Delivered(250)
    told_of = ", ".join(f"{recipient} ({response.code})" for recipient, response in refused.items())
    return Delivered(250, f"refused by the mail server: {told_of}"[:500])


def _for_starttls(server: MailServer) -> ssl.SSLContext:
    """With a password the server has to prove who it is. Without one, encryption is a gift: a relay of one's own
    network has a certificate that nobody signed, and refusing it would only lose the mail."""
    if server.username is not None:
        return authorities()
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_loopback(address: str) -> bool:
    known = address_of(address)
    return known is not None and known.is_loopback


def _own_name() -> str:
    """What EHLO says; no look-up is made for it."""
    name = socket.gethostname()
    return name if name.isascii() and name and " " not in name else "localhost"


def _message(outgoing: Outgoing, way: Way, name: str, address: str, recipients: Sequence[str]) -> EmailMessage:
    events = [told(payload, way.public_url, way.acknowledge_url) for payload in outgoing.payloads]
    domain = address.rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Date"] = formatdate(outgoing.at_s)
    message["Message-ID"] = f"<{outgoing.id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    if len(events) == 1:
        event = events[0]
        message["Subject"] = event.subject
        root = f"<{_thread(event.thread, outgoing.channel_id)}@{domain}>"
        message["In-Reply-To"] = root
        message["References"] = root
        message["X-Tracer-Event"] = event.event
        message.set_content(plain(event))
        message.add_alternative(html(event), subtype="html")
    else:
        whole = digest(events, way.public_url)
        message["Subject"] = whole.subject
        message["X-Tracer-Event"] = "digest"
        message.set_content(plain_digest(whole, _ROOM, with_links=True))
        message.add_alternative(html_digest(whole), subtype="html")
    return message


def _thread(thread: str, channel_id: str) -> str:
    """The root that all messages of an alert refer to. Nobody has sent it: mail programs thread by it all the same."""
    return hashlib.blake2b(f"{thread}/{channel_id}".encode(), digest_size=12).hexdigest()
