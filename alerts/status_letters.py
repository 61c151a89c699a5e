"""The mails of status pages: an update for who subscribed, and the question whether an address's owner wants them.

A mail says what the page says, and no more. Each ends with the way out, which mail programs show as a button too
(RFC 8058: one click, no sign-in).
"""

from __future__ import annotations

from email.message import EmailMessage

from alerts.channels.base import Way
from alerts.mail import domain_of, new_message
from alerts.messages.inert import inert
from alerts.status_links import link_of
from store.keyring import Keyring
from store.status_mails import Letter

_CONFIRM = """\
Somebody, probably you, asked for the updates of the status page {title}.

Confirm that you want them:
{confirm}

If you don't, do nothing: the address is forgotten after a week.
"""
_UPDATE = """\
{incident}
{status}

{message}

The page: {page}
Unsubscribe: {unsubscribe}
"""


def message_of(letter: Letter, keyring: Keyring, way: Way, at_s: int) -> EmailMessage:
    """The mail, under one Message-ID however often it is tried. The updates of one incident are one thread."""
    message = new_message(way, [letter.email], letter.id, at_s)
    title = inert(letter.page_title, 100)
    if letter.update is None:
        message["Subject"] = f"Confirm: updates of {title}"
        confirm = link_of(keyring, way.public_url, letter.slug, letter.subscriber_id, "confirm")
        message.set_content(_CONFIRM.format(title=title, confirm=confirm))
        return message
    incident, status, text = letter.update
    unsubscribe = link_of(keyring, way.public_url, letter.slug, letter.subscriber_id, "unsubscribe")
    message["Subject"] = f"[{title}] {status.capitalize()}: {inert(incident, 150)}"
    message["List-Unsubscribe"] = f"<{unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    root = f"<{letter.incident_id}@{domain_of(way)}>"
    message["In-Reply-To"] = message["References"] = root
    paragraphs = [inert(line, 2_000) for line in text.splitlines()]
    message.set_content(
        _UPDATE.format(
            incident=inert(incident, 200),
            status=status.capitalize(),
            message="\n".join(paragraphs),
            page=f"{way.public_url}/status/{letter.slug}",
            unsubscribe=unsubscribe,
        )
    )
    return message
