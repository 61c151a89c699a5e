"""The way to the mail server of TRACER_SMTP_URL: alerts go by it, and invitations.

The mail server is the operator's, not a user's, so the guard for users' addresses does not hold for it; its name is
looked up by our resolver all the same (a silent nameserver must not hold up other channels).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import formatdate

import aiosmtplib

from alerts.channels.base import SEND_TIMEOUT_S, Delivered, Undelivered, Way
from alerts.channels.http import authorities
from egress.door import Egress
from egress.errors import EgressError
from model.addresses import AddressPolicy, networks_of
from model.hosts import address_of
from model.mail import sender
from model.smtp import MailServer, parse_smtp_url

_MOST_LINE = 900
_EVERYWHERE = AddressPolicy(networks_of(("0.0.0.0/0", "::/0")))
_DEFAULT_FROM = "tracer@localhost.localdomain"


class _Whole(EmailPolicy):
    """Mail as SMTP takes it, with the addresses of List-Unsubscribe as they are: the standard library would fold a long
    one by encoding it, and no mail program reads that (RFC 2369, RFC 8058)."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() == "list-unsubscribe" and str(value).isascii() and len(value) < _MOST_LINE:
            return f"{name}: {value}{self.linesep}"
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii", "surrogateescape")


_POLICY = _Whole(linesep=SMTP.linesep)


def new_message(way: Way, recipients: Sequence[str], message_id: str, at_s: int) -> EmailMessage:
    """A message from us to them, with no subject or content yet."""
    name, address = sender(way.smtp_from or _DEFAULT_FROM)
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = [Address(addr_spec=recipient) for recipient in recipients]
    message["Date"] = formatdate(at_s)
    message["Message-ID"] = f"<{message_id}@{domain_of(way)}>"
    message["Auto-Submitted"] = "auto-generated"
    return message


def domain_of(way: Way) -> str:
    """What stands after the @ of the sender."""
    return sender(way.smtp_from or _DEFAULT_FROM)[1].rpartition("@")[2]


async def deliver(message: EmailMessage, recipients: Sequence[str], way: Way) -> Delivered:
    """Hand it to the mail server within SEND_TIMEOUT_S. Raises Undelivered, and nothing else."""
    if not way.smtp_url:
        raise Undelivered("no mail server is set up: set TRACER_SMTP_URL")
    server = parse_smtp_url(way.smtp_url)
    address = sender(way.smtp_from or _DEFAULT_FROM)[1]
    try:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            return await _submit(server, way.egress, address, recipients, message.as_bytes(policy=_POLICY))
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
