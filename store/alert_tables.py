"""The tables of alerting: rules and channels, alerts and their story, the outbox, quiet times, notices.

Part of store/tables.py, where the conventions stand.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from store.table_base import Base, Json, Ms, Scoped

_OPEN = text("resolved_ms IS NULL")
_PENDING = text("status = 'pending'")
_UNTOLD = text("resolved_ms IS NULL AND held IS NOT NULL")
_OWED = text("owed_ms IS NOT NULL")
_OPEN_GROUP = text("resolved_ms IS NULL AND group_key <> ''")
OF_PROJECTS = "telemetry"
"""The type of rules that events raise alerts by (telemetry/rules.py); all others judge runs of checks."""


class AlertChannel(Scoped, Base):
    """Where notices go. `config` is masked; `secrets` is the keyring's ciphertext of its secret parts by path, and of a
    webhook's signing `secret`. `disabled_*`: the receiver said that it is gone for good."""

    __tablename__ = "alert_channels"
    __table_args__ = (Index("ix_alert_channels_organization", "organization_id", "deleted_ms", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    type: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(200))
    config: Mapped[dict[str, Any]] = mapped_column(Json)
    secrets: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)
    disabled_ms: Mapped[int | None] = mapped_column(Ms)
    disabled_reason: Mapped[str | None] = mapped_column(String(500))


class AlertRule(Scoped, Base):
    """When to alert whom. `definition` holds the REST fields of its type (alerts/rules/); results of runs due before
    `since_ms` raise no alert by it: it was not this rule then."""

    __tablename__ = "alert_rules"
    __table_args__ = (Index("ix_alert_rules_organization", "organization_id", "deleted_ms", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    type: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(200))
    enabled: Mapped[bool] = mapped_column(Boolean)
    definition: Mapped[dict[str, Any]] = mapped_column(Json)
    since_ms: Mapped[int] = mapped_column(Ms)
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)


class Alert(Scoped, Base):
    """One rule that held for one check, from the run that made it hold to the one that ended it; or for one group of a
    project's events, from the event that made it hold.

    `at_ms` and `recovered_ms` are when those runs were due, `triggered_ms` and `resolved_ms` when they ended: the same
    in whatever order results came. Ended by a person or an edit, it has no `recovered_ms`. `votes`: {location: due time
    of the run by which it voted down}; `needed`: how many had to. `resolved_by`: a person, or null when it resolved by
    itself; `resolution`: why.
    `held` {outcome, detail}: nobody is told yet, for that reason; `told_ms`: when somebody first was.
    `retracted`: a result that came late shows that it never was.
    Of events, `check_id` is the project (`proj_…`), `group_key` what its events have in common, never empty, `issue_id`
    the issue of the one that made it hold, and `about` what notices say of both.
    """

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_open",
            "check_id",
            "rule_id",
            "group_key",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_alerts_check", "check_id", "triggered_ms"),
        Index("ix_alerts_open", "organization_id", "triggered_ms", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_alerts_organization", "organization_id", "triggered_ms"),
        Index("ix_alerts_held", "organization_id", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
        Index("ix_alerts_groups", "rule_id", sqlite_where=_OPEN_GROUP, postgresql_where=_OPEN_GROUP),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(40))
    rule_name: Mapped[str] = mapped_column(String(200))
    check_id: Mapped[str] = mapped_column(String(40))
    severity: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(12))
    title: Mapped[str] = mapped_column(String(500))
    cause: Mapped[str] = mapped_column(String)
    votes: Mapped[dict[str, int]] = mapped_column(Json)
    needed: Mapped[int] = mapped_column(Integer)
    run_ids: Mapped[list[str]] = mapped_column(Json)
    at_ms: Mapped[int] = mapped_column(Ms)
    triggered_ms: Mapped[int] = mapped_column(Ms)
    acknowledged_ms: Mapped[int | None] = mapped_column(Ms)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))
    recovered_ms: Mapped[int | None] = mapped_column(Ms)
    resolved_ms: Mapped[int | None] = mapped_column(Ms)
    resolved_by: Mapped[str | None] = mapped_column(String(200))
    resolution: Mapped[str | None] = mapped_column(String)
    notes: Mapped[list[dict[str, Any]]] = mapped_column(Json)
    held: Mapped[dict[str, Any] | None] = mapped_column(Json)
    told_ms: Mapped[int | None] = mapped_column(Ms)
    reminded_ms: Mapped[int | None] = mapped_column(Ms)
    retracted: Mapped[bool] = mapped_column(Boolean, default=False)
    group_key: Mapped[str] = mapped_column(String(200), default="", server_default="")
    issue_id: Mapped[str | None] = mapped_column(String(24))
    about: Mapped[dict[str, Any] | None] = mapped_column(Json)

    @property
    def project_id(self) -> str | None:
        """Of an alert that events raised."""
        return self.check_id if self.group_key else None


class AlertEvent(Scoped, Base):
    """One line of an alert's timeline. `kind`: triggered joined held released acknowledged note reminder resolved
    reopened retracted merged. `number` counts an alert's lines in the order in which they were written. `by`: a person,
    or null for Tracer itself."""

    __tablename__ = "alert_events"
    __table_args__ = (Index("ix_alert_events_alert", "alert_id", "number"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    alert_id: Mapped[str] = mapped_column(String(40), ForeignKey("alerts.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    at_ms: Mapped[int] = mapped_column(Ms)
    kind: Mapped[str] = mapped_column(String(20))
    by: Mapped[str | None] = mapped_column(String(200))
    detail: Mapped[str] = mapped_column(String)
    run_id: Mapped[str | None] = mapped_column(String(40))


class Notification(Scoped, Base):
    """The outbox (R9): one event of one alert (or one notice) on its way to one channel. Its id is a function of the
    three, the same over all tries. `status`: pending, then sent, failed (the dead letter) or replaced (a later event of
    the same alert went in its place). `payload` is the webhook's body; other channels are written from it.
    `claim` is held until `claimed_until_ms` by the process that is sending. `grouped`: it went out in a digest.
    `retry_from_ms`: when somebody asked for it to be sent again; tries are counted from there. `others_told_ms`: when
    it was found to be undeliverable for now, and the rule's other channels were told; `fallback`: it is such a telling.
    """

    __tablename__ = "notifications"
    __table_args__ = (
        Index("ix_notifications_pending", "next_ms", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("ix_notifications_waiting", "channel_id", "created_ms", sqlite_where=_PENDING, postgresql_where=_PENDING),
        Index("ix_notifications_alert", "alert_id", "created_ms"),
        Index("ix_notifications_channel", "channel_id", "sent_ms"),
        Index("ix_notifications_organization", "organization_id", "status", "created_ms"),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    alert_id: Mapped[str | None] = mapped_column(String(40), ForeignKey("alerts.id", ondelete="CASCADE"))
    notice_id: Mapped[str | None] = mapped_column(String(40))
    channel_id: Mapped[str] = mapped_column(String(40))
    event: Mapped[str] = mapped_column(String(20))
    number: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    created_ms: Mapped[int] = mapped_column(Ms)
    next_ms: Mapped[int] = mapped_column(Ms)
    claim: Mapped[str | None] = mapped_column(String(64))
    claimed_until_ms: Mapped[int | None] = mapped_column(Ms)
    sent_ms: Mapped[int | None] = mapped_column(Ms)
    status_code: Mapped[int | None] = mapped_column(Integer)
    last_error: Mapped[str | None] = mapped_column(String(500))
    grouped: Mapped[bool] = mapped_column(Boolean, default=False)
    fallback: Mapped[bool] = mapped_column(Boolean, default=False)
    retry_from_ms: Mapped[int | None] = mapped_column(Ms)
    others_told_ms: Mapped[int | None] = mapped_column(Ms)
    payload: Mapped[dict[str, Any]] = mapped_column(Json)


class Decision(Scoped, Base):
    """Why a notice was sent or withheld, with the run that caused it: kept only for those. All other decisions are
    computed again from the runs (alerts/explaining.py)."""

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_run", "run_id"), Index("ix_decisions_check", "check_id", "at_ms"))
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(40))
    check_id: Mapped[str] = mapped_column(String(40))
    rule_id: Mapped[str] = mapped_column(String(40))
    alert_id: Mapped[str | None] = mapped_column(String(40))
    at_ms: Mapped[int] = mapped_column(Ms)
    outcome: Mapped[str] = mapped_column(String(20))
    detail: Mapped[str] = mapped_column(String)


class MaintenanceWindow(Scoped, Base):
    """A planned time in which alerts don't fire and uptime does not count: once, or by cron and duration. `apply_to`
    as in rules. Deleted windows stay: runs were left out because of them. `ended`: when times of one that comes again
    were ended early, in ms, rising.

    `marked_to`: one that began in the past takes out runs that are stored already, check by check; the id of the last
    check that is done, "" before the first, null when there is nothing left to do."""

    __tablename__ = "maintenance_windows"
    __table_args__ = (Index("ix_maintenance_windows_organization", "organization_id", "deleted_ms", "created_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    apply_to: Mapped[dict[str, Any]] = mapped_column(Json)
    starts_ms: Mapped[int | None] = mapped_column(Ms)
    ends_ms: Mapped[int | None] = mapped_column(Ms)
    cron: Mapped[str | None] = mapped_column(String(200))
    duration_s: Mapped[int | None] = mapped_column(Integer)
    timezone: Mapped[str] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(String(500))
    ended: Mapped[list[int] | None] = mapped_column(Json)
    marked_to: Mapped[str | None] = mapped_column(String(40))
    created_ms: Mapped[int] = mapped_column(Ms)
    updated_ms: Mapped[int] = mapped_column(Ms)
    deleted_ms: Mapped[int | None] = mapped_column(Ms)


class Silence(Scoped, Base):
    """Notices withheld for a while: alerts open and resolve as ever. `match` as a rule's `apply_to`."""

    __tablename__ = "silences"
    __table_args__ = (Index("ix_silences_organization", "organization_id", "ends_ms"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    match: Mapped[dict[str, Any]] = mapped_column(Json)
    reason: Mapped[str] = mapped_column(String)
    created_by: Mapped[str] = mapped_column(String(200))
    starts_ms: Mapped[int] = mapped_column(Ms)
    ends_ms: Mapped[int] = mapped_column(Ms)


class Notice(Scoped, Base):
    """What Tracer has to say about itself: a location offline, a channel that refuses, a full disk. One open notice per
    `kind` and `subject`.

    `messages` counts what owners were told of it, in turns: odd, they know it as open; even, as resolved (or not at
    all). `told_open_ms`, `told_resolved_ms`: when last. `owed_ms`: when they may be told that it has changed again."""

    __tablename__ = "notices"
    __table_args__ = (
        Index(
            "uq_notices_open",
            "organization_id",
            "kind",
            "subject",
            unique=True,
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_notices_organization", "organization_id", "at_ms"),
        Index("ix_notices_owed", "owed_ms", sqlite_where=_OWED, postgresql_where=_OWED),
    )
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    subject: Mapped[str] = mapped_column(String(200))
    severity: Mapped[str] = mapped_column(String(10))
    message: Mapped[str] = mapped_column(String)
    link: Mapped[str] = mapped_column(String(500))
    at_ms: Mapped[int] = mapped_column(Ms)
    resolved_ms: Mapped[int | None] = mapped_column(Ms)
    messages: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    told_open_ms: Mapped[int | None] = mapped_column(Ms)
    told_resolved_ms: Mapped[int | None] = mapped_column(Ms)
    owed_ms: Mapped[int | None] = mapped_column(Ms)
