"""What Tracer may have to say about itself. A new kind is one line here and whoever raises it."""

from __future__ import annotations

from enum import StrEnum

NOTICES_PAGE = "/alerts"
"""Where the open notices stand, for people."""


class NoticeKind(StrEnum):
    """There is one open notice of a kind and subject."""

    LOCATION_OFFLINE = "location_offline"
    """No probe of a location is online. Subject: the location"""
    DISK_LOW = "disk_low"
    """The disk of the data directory is nearly full. Subject: the directory"""
    DISK_FULL = "disk_full"
    """It is full. Subject: the directory"""
    CHANNEL_FAILING = "channel_failing"
    """A channel delivers nothing. Subject: its id. Told through the others"""
    CHANNEL_DISABLED = "channel_disabled"
    """A receiver said that it is gone for good. Subject: the channel's id. Told through the others"""
    SCHEDULER_STOPPED = "scheduler_stopped"
    """Nothing is scheduled any more. Subject: `scheduler`"""
    IMPAIRED = "impaired"
    """Tracer was away, stopped or locked out of its database for a while, and is back. Subject: when that began"""
    PLAN_LIMIT = "plan_limit"
    """A month has had more runs than the plan allows. Subject: the kind of run and the month"""
    RULE_FULL = "rule_full"
    """A rule on events has as many open alerts as it may have. Subject: its id"""
    DEADMAN_FAILING = "deadman_failing"
    """The address that watches Tracer can't be reached. Subject: `TRACER_DEADMAN_URL`"""
