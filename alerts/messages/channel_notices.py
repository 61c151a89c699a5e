"""What notices about a channel say: which channel it is, what is wrong with it, and why it is over."""

from __future__ import annotations

from sqlalchemy.orm import Session

from alerts.messages.inert import inert
from model.notices import NoticeKind
from store.alert_tables import AlertChannel, Notice
from store.channel_trouble import last_delivery_ms, shares_its_name

KINDS = (NoticeKind.CHANNEL_FAILING, NoticeKind.CHANNEL_DISABLED)
_ERROR_CHARACTERS = 200


def named(session: Session, channel: AlertChannel) -> str:
    """`The channel ops (slack)`, with its id where another has the same name."""
    known_by = f"{channel.type}, {channel.id}" if shares_its_name(session, channel) else channel.type
    return f"The channel {inert(channel.name, 200)} ({known_by})"


def disabled(session: Session, channel: AlertChannel) -> str:
    """Its receiver is gone."""
    reason = f": {said(channel.disabled_reason)}" if channel.disabled_reason else ""
    return (
        f"{named(session, channel)} was switched off{reason}. Nothing is sent to it until its address is set again; "
        "or delete it and name another in your rules"
    )


def said(text: str) -> str:
    """What a receiver said, fit for a sentence."""
    return inert(text, _ERROR_CHARACTERS).rstrip(".")


def over(session: Session, notice: Notice) -> str:
    """What ended the trouble, instead of the trouble once more."""
    channel = session.get(AlertChannel, notice.subject)
    if channel is None:
        return "The channel was deleted"
    name = named(session, channel)
    if channel.deleted_ms is not None:
        return f"{name} was deleted"
    if channel.disabled_ms is not None:
        return f"{name} was switched off"
    if (last_delivery_ms(session, channel.id) or 0) >= notice.at_ms:
        return f"{name} takes messages again"
    return f"{name} was changed, and messages are sent to it again"
