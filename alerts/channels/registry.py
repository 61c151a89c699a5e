"""Every type of channel there is: a new one is its file and one line here."""

from __future__ import annotations

from alerts.channels.apprise import Apprise
from alerts.channels.base import Channel
from alerts.channels.email import Email
from alerts.channels.slack import Slack
from alerts.channels.webhook import Webhook

CHANNELS: dict[str, type[Channel]] = {
    "slack": Slack,
    "email": Email,
    "webhook": Webhook,
    "apprise": Apprise,
}
