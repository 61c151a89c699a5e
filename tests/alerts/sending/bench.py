"""A world for tests of the sender: channels whose receivers are in the test's hands, alerts on their way to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from sqlalchemy import select

from alerts.channels import http
from alerts.channels.base import Channel, Delivered, Outgoing, Undelivered, Way
from alerts.sending import sender as sending
from alerts.sending.sender import Sender
from model.ids import new_id
from model.settings import Settings
from store import outbox
from store.alert_rules import create_rule
from store.alert_tables import Alert, AlertChannel, Notice, Notification
from store.keyring import Keyring
from store.notifications import enqueue
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.alerts.channels.bench import payload
from tests.alerts.sending.virtual_time import VirtualLoop
from tests.conftest import Clock

_AT_ONCE = 50
"""Results that come in one transaction, more or less."""
KEYRING = Keyring({"k1": bytes(range(32))}, b"pepper")


@dataclass
class Try:
    """One message that a receiver saw. `at_s`: since the world began."""

    at_s: float
    id: str
    alerts: list[str]
    events: list[str]


@dataclass
class Receiver:
    """`answer(try)`: an HTTP status, a status with Retry-After, or seconds to hang and then an answer."""

    world: World
    tries: list[Try] = field(default_factory=list)
    answer: Callable[[Try], Awaitable[tuple[int, str | None]]] | None = None
    accepted: list[Try] = field(default_factory=list)

    async def take(self, outgoing: Outgoing) -> Delivered:
        seen = Try(
            self.world.now_s,
            outgoing.id,
            [str(each["data"].get("alert", each["data"])["id"]) for each in outgoing.payloads],
            [each["type"] for each in outgoing.payloads],
        )
        self.tries.append(seen)
        status, retry_after = (200, None) if self.answer is None else await self.answer(seen)
        delivered = http._judged(status, retry_after, "receiver")
        self.accepted.append(seen)
        return delivered

    def always(self, status: int, retry_after: str | None = None) -> None:
        async def answer(_seen: Try) -> tuple[int, str | None]:
            return status, retry_after

        self.answer = answer

    def hangs(self) -> None:
        async def answer(_seen: Try) -> tuple[int, str | None]:
            await asyncio.sleep(15)
            raise Undelivered("the receiver did not answer within 15 s")

        self.answer = answer

    def told(self) -> list[str]:
        """The alerts and notices it accepted something of, one entry a notification."""
        return [alert_id for each in self.accepted for alert_id in each.alerts]


class ForPeople(Channel):
    """As Slack: one a second, in digests when it storms."""

    type: ClassVar[str] = "people"
    receivers: ClassVar[dict[str, Receiver]] = {}

    key: str
    address: str = ""

    async def send(self, outgoing: Outgoing, way: Way) -> Delivered:
        return await self.receivers[self.key].take(outgoing)


class ForPrograms(ForPeople):
    """As a webhook: 50 a second, one POST an event."""

    type: ClassVar[str] = "programs"
    per_second: ClassVar[float] = 50.0
    in_digests: ClassVar[bool] = False


class World:
    """One organization; time is virtual."""

    def __init__(self, database: Database, clock: Clock, organization: str) -> None:
        self.database, self.organization = database, organization
        self.loop = VirtualLoop(clock)
        self.clock = clock
        self._number = 0

    @property
    def now_s(self) -> float:
        return self.loop.time()

    def channel(self, kind: str = "programs", name: str = "a channel") -> tuple[str, Receiver]:
        """(its id, its receiver)."""
        channel_id = new_id("chan", self.clock.now_ms)
        receiver = ForPeople.receivers[channel_id] = Receiver(self)
        now = self.clock.now_ms
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            session.add(
                AlertChannel(
                    id=channel_id, organization_id=self.organization, type=kind, name=name,
                    config={"key": channel_id}, created_ms=now, updated_ms=now,
                )
            )  # fmt: skip
        return channel_id, receiver

    def rule(self, *channel_ids: str) -> str:
        definition = {
            "type": "consecutive_failures", "name": "a rule", "threshold": 1, "apply_to": {"all": True},
            "channels": list(channel_ids), "enabled": True,
        }  # fmt: skip
        with self.database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            return create_rule(session, self.organization, definition, 0).id

    def alerts(self, count: int, *channel_ids: str, rule_id: str | None = None) -> list[str]:
        """So many alerts, each on its way to these channels; their ids."""
        made: list[str] = []
        while len(made) < count:
            with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                for _ in range(min(_AT_ONCE, count - len(made))):
                    self._number += 1
                    alert = self._alert(f"alr_{self._number:020d}", rule_id)
                    session.add(alert)
                    session.flush()
                    self._enqueue(session, alert.id, "triggered", 1, channel_ids)
                    made.append(alert.id)
        return made

    def tell(self, alert_id: str, event: str, *channel_ids: str) -> None:
        """A later event of an alert."""
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            self._enqueue(session, alert_id, event, 1, channel_ids)

    def say(self, count: int, *channel_ids: str) -> None:
        """So many things that Tracer says about itself."""
        with self.database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            for _ in range(count):
                self._number += 1
                notice_id = f"ntc_{self._number:020d}"
                enqueue(
                    session, organization_id=self.organization, subject_id=notice_id, event="notice",
                    number=1, channel_ids=channel_ids, payload={"type": "notice", "data": {"id": notice_id}},
                    now_ms=self.clock.now_ms,
                )  # fmt: skip

    def _enqueue(self, session: Any, alert_id: str, event: str, number: int, channel_ids: Sequence[str]) -> None:
        enqueue(
            session, organization_id=self.organization, subject_id=alert_id, event=event, number=number,
            channel_ids=channel_ids, payload=payload(event, id=alert_id), now_ms=self.clock.now_ms,
        )  # fmt: skip

    def _alert(self, alert_id: str, rule_id: str | None) -> Alert:
        now = self.clock.now_ms
        return Alert(
            id=alert_id, organization_id=self.organization, rule_id=rule_id or "rule_000001", rule_name="a rule",
            check_id=alert_id.replace("alr_", "mon_"), status="triggered", severity="high", title="Shop is down",
            cause="it failed", votes={}, needed=1, run_ids=[], at_ms=now, triggered_ms=now, notes=[],
        )  # fmt: skip

    def sender(self, identity: str = "sender-1", **options: Any) -> Sender:
        """To be made while the loop runs."""
        return Sender(
            self.database, KEYRING, Settings(public_url="https://tracer.example"), identity,
            wall_s=lambda: self.clock.now_ms / 1000, **options,
        )  # fmt: skip

    def run(self, story: Callable[[], Coroutine[Any, Any, None]], *, sends: bool = True) -> None:
        """Tell a story while a sender works."""

        async def whole() -> None:
            sender = self.sender()
            work = asyncio.create_task(sender.run()) if sends else None
            await story()
            sender.stop()
            if work is not None:
                await work

        self.loop.run_until_complete(whole())

    def run_for_days(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """With fewer polls and longer claims: so many turns would take minutes, and show nothing more."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sending, "POLL_S", 120.0)
            patch.setattr(sending, "RENEW_S", 60.0)
            for module in (sending, outbox):
                patch.setattr(module, "CLAIM_MS", 180_000)
            self.run(story)

    def notifications(self, channel_id: str | None = None) -> list[Notification]:
        wanted = select(Notification).order_by(Notification.created_ms, Notification.id)
        if channel_id is not None:
            wanted = wanted.where(Notification.channel_id == channel_id)
        with self.database.read(EVERY_ORGANIZATION) as session:
            return list(session.scalars(wanted))

    def statuses(self, channel_id: str) -> list[str]:
        return [row.status for row in self.notifications(channel_id)]

    def notices(self) -> list[tuple[str, str, bool]]:
        """(kind, subject, whether it is over)."""
        with self.database.read(EVERY_ORGANIZATION) as session:
            found = session.scalars(select(Notice).order_by(Notice.at_ms, Notice.kind)).all()
            return [(notice.kind, notice.subject, notice.resolved_ms is not None) for notice in found]

    def stored_channel(self, channel_id: str) -> AlertChannel:
        with self.database.read(EVERY_ORGANIZATION) as session:
            return session.get_one(AlertChannel, channel_id)
