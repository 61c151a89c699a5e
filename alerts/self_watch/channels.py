"""A channel that delivers nothing (a dead SMTP server, a webhook that hangs or refuses) or that its receiver declared
gone: told through the other channels, since its own would not carry it.

It is over when the channel has delivered something, was changed, or is deleted; a disabled one when it is enabled.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from alerts.messages import channel_notices
from alerts.self_watch.watching import Trouble, View, Watch, still
from model.notices import NoticeKind
from model.times import spoken
from store.alert_tables import AlertChannel, Notice
from store.channel_trouble import channel_by_id, disabled_channels, last_delivery_ms, undelivered
from store.undelivered import PATIENCE_MS


def _look(view: View) -> Iterable[Trouble]:
    disabled = {channel.id: channel for channel in disabled_channels(view.session)}
    for notice in view.known:
        if notice.subject in disabled if notice.kind == NoticeKind.CHANNEL_DISABLED else not _over(view, notice):
            yield still(notice)
    for channel in disabled.values():
        if not view.knows(channel.organization_id, NoticeKind.CHANNEL_DISABLED, channel.id):
            yield _disabled(view.session, channel)
    for found in undelivered(view.session, view.now_ms):
        channel = found.channel
        if view.knows(channel.organization_id, NoticeKind.CHANNEL_FAILING, channel.id):
            continue
        if found.given_up or view.now_ms - found.since_ms > PATIENCE_MS:
            why = f" Last error: {channel_notices.said(found.last_error)}." if found.last_error else ""
            name = channel_notices.named(view.session, channel)
            message = (
                f"{name} has delivered nothing since {spoken(found.since_ms)}, and messages wait for it."
                f"{why} They are tried again; GET /v1/notifications?status=failed lists what was given up."
            )
            kind = NoticeKind.CHANNEL_FAILING
            yield Trouble(channel.organization_id, kind, channel.id, "high", message)


def _over(view: View, notice: Notice) -> bool:
    channel = channel_by_id(view.session, notice.subject)
    if channel is None or channel.disabled_ms is not None or channel.updated_ms > notice.at_ms:
        return True
    return (last_delivery_ms(view.session, channel.id) or 0) > notice.at_ms


def _disabled(session: Session, channel: AlertChannel) -> Trouble:
    message = channel_notices.disabled(session, channel)
    return Trouble(channel.organization_id, NoticeKind.CHANNEL_DISABLED, channel.id, "high", message)


WATCH = Watch((NoticeKind.CHANNEL_FAILING, NoticeKind.CHANNEL_DISABLED), _look)
