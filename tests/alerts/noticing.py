"""Channels for notices to go to, and what was put on its way to them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from model.ids import new_id
from store.alert_tables import Alert, AlertChannel, Notice, Notification
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Organization
from store.write_lock import Urgency
from tests.conftest import Clock


class Owners:
    """The owners of one organization: their channels, and what reaches them."""

    def __init__(self, database: Database, clock: Clock, organization: str) -> None:
        self.database, self.clock, self.organization = database, clock, organization

    def channel(self, name: str = "ops", **fields: Any) -> str:
        now = self.clock.now_ms
        row = AlertChannel(
            id=new_id("chan", now), organization_id=self.organization, type="webhook", name=name, config={},
            created_ms=now, updated_ms=now, **fields,
        )  # fmt: skip
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(row)
        return row.id

    def change(self, channel_id: str, **fields: Any) -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            row = session.get_one(AlertChannel, channel_id)
            for name, value in fields.items():
                setattr(row, name, value)

    def choose(self, *channel_ids: str) -> None:
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.get_one(Organization, self.organization).notice_channels = list(channel_ids)

    def notices(self) -> list[Notice]:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(select(Notice).order_by(Notice.at_ms, Notice.id)))

    def open(self) -> list[tuple[str, str]]:
        """(kind, subject) of what is open."""
        return [(notice.kind, notice.subject) for notice in self.notices() if notice.resolved_ms is None]

    def outbox(self) -> list[Notification]:
        """Messages that were or will be sent, oldest first."""
        wanted = select(Notification).where(Notification.status != "replaced")
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(wanted.order_by(Notification.created_ms, Notification.number)))

    def told(self) -> list[tuple[str, str]]:
        """(kind, "open" or "resolved") of each message, oldest first."""
        data = [row.payload["data"] for row in self.outbox()]
        return [(each["kind"], "resolved" if each["resolved_at"] else "open") for each in data]

    def send_all(self) -> None:
        """All that is pending was delivered just now."""
        self.end_all(status="sent", sent_ms=self.clock.now_ms, attempts=1)

    def end_all(self, **fields: Any) -> None:
        """Something became of all that is pending."""
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            for row in session.scalars(select(Notification).where(Notification.status == "pending")):
                for name, value in fields.items():
                    setattr(row, name, value)

    def alerts(self) -> int:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return len(session.scalars(select(Alert)).all())
