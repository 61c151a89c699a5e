"""Sends the outbox (R9): a task per channel with something due, so no receiver holds up another.

    claim -> send -> record        each claim and each record is one transaction; nothing is marked sent before it is

While a message is being sent its claim is renewed. A sender that could not renew in time does not send: somebody else
may. Whatever dies between two arrows, the claim runs out and the same notification goes out again under the same id.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from alerts.acknowledge_links import acknowledge_url
from alerts.channels.base import Delivered, Outgoing, Undelivered, Way
from alerts.sending.batches import Batch, next_batch
from alerts.sending.behind import BEHIND_S, MOST_EXPLAINED, Behind, with_behind
from alerts.sending.lane import Lane
from alerts.sending.recorder import Recorder
from alerts.sending.results import Result, record_results, say_undelivered
from egress.door import Egress
from model.addresses import AddressPolicy, networks_of
from model.notices import NOTICES_PAGE
from model.settings import Settings
from store.keyring import Keyring
from store.notifications import OUTBOX_TOPIC
from store.outbox import CLAIM_MS, Claimed, channels_due, give_back, renew_claims
from store.sessions import EVERY_ORGANIZATION, Database
from store.undelivered import any_overdue, overdue
from store.wakeups import AsyncEvent
from store.write_lock import Urgency

POLL_S = 1.0
RENEW_S = 1.0
IDLE_S = 0.2
"""A channel for which nothing could be claimed is looked at again no sooner."""
FINISH_S = 5.0
"""How long a stop waits for what is being sent; after that the claim runs out and somebody else sends it again."""
_SPARE_S = 1.0
"""A claim with less left than this is not sent under."""
_THREADS = 4
_OVERDUE_AT_ONCE = 200
_T = TypeVar("_T")
_log = structlog.get_logger(__name__)


class Sender:
    """One per process and event loop. `identity` is unique among senders. `may`: whether this process has the duty now
    (two senders do no harm, they only share the pace badly). `reached(point, ids)` is called at `claimed`, `sent` and
    `recorded`: what it raises ends the work there, as a crash would. `behind`: what is known of an alert's runs beside
    what they measured."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        settings: Settings,
        identity: str,
        *,
        may: Callable[[], bool] = lambda: True,
        reached: Callable[[str, Sequence[str]], None] = lambda _point, _ids: None,
        behind: Behind | None = None,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._claim = identity[-64:]
        self._may = may
        self._reached = reached
        self._behind = behind
        self._wall_s = wall_s
        self._public_url = settings.links_begin
        self._way = Way(
            egress=Egress(AddressPolicy(networks_of(settings.allow_nets))),
            public_url=self._public_url,
            acknowledge_url=self._acknowledge_url,
            smtp_url=settings.smtp_url,
            smtp_from=settings.smtp_from,
        )
        self._lanes: dict[str, Lane] = {}
        self._held: dict[str, dict[str, float]] = {}
        """Claimed by us: channel id -> notification id -> until when, by the monotonic clock."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="outbox")
        self._looking = ThreadPoolExecutor(1, thread_name_prefix="outbox-behind")
        self._recorder = Recorder(self._write)
        self._stopping = asyncio.Event()
        self._wake = AsyncEvent(asyncio.get_running_loop())
        self.sent = 0
        self.not_sent = 0

    def stop(self) -> None:
        """From the loop: begin nothing new; `run` returns when what is being sent has been recorded."""
        self._stopping.set()
        self._wake.set()

    async def run(self) -> None:
        """Until `stop`, or until it is cancelled."""
        unsubscribe = self._database.wakeups.subscribe(OUTBOX_TOPIC, self._wake.set)
        helpers = [asyncio.create_task(work) for work in (self._recorder.run(), self._keep_claims())]
        try:
            while not self._stopping.is_set():
                if self._may():
                    await self._begin_lanes()
                await self._wake.wait(self._until_next())
            await self._finish_lanes()
        finally:
            unsubscribe()
            for task in [*helpers, *(lane.task for lane in self._lanes.values() if lane.task is not None)]:
                task.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._looking.shutdown(wait=False, cancel_futures=True)

    async def _begin_lanes(self) -> None:
        """One for each channel that something is due for. What has not got through for minutes is told to others."""
        try:
            due, late = await self._in_thread(self._look)
        except SQLAlchemyError as error:
            _log.error("outbox.database", error=str(error))
            return
        for channel_id, changed_ms in due:
            lane = self._lanes.setdefault(channel_id, Lane())
            lane.begin_anew_if_changed(changed_ms)
            if lane.task is None and not lane.pausing():
                lane.task = asyncio.create_task(self._serve(channel_id, lane))
        if late:
            try:
                await self._in_thread(self._tell_overdue)
            except SQLAlchemyError as error:
                _log.error("outbox.database", error=str(error))

    def _until_next(self) -> float:
        """A poll, or less when a channel's pause ends sooner."""
        now_s = time.monotonic()
        pauses = [lane.not_before_s - now_s for lane in self._lanes.values() if lane.task is None]
        return min([POLL_S, *(max(pause, 0.01) for pause in pauses if pause > 0)])

    async def _finish_lanes(self) -> None:
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=FINISH_S)

    async def _serve(self, channel_id: str, lane: Lane) -> None:
        """One channel, as long as something is due for it."""
        sending: set[asyncio.Task[None]] = set()
        lane.open()
        try:
            while self._may() and not self._stopping.is_set() and not lane.pausing():
                batch = await self._claim_for(channel_id, lane.most_held - len(sending))
                if batch.claimed:
                    await self._dispatch(channel_id, lane, batch, sending)
                elif sending:
                    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                else:
                    lane.pause(max(batch.wait_ms / 1000, IDLE_S))
                for task in [task for task in sending if task.done()]:
                    sending.discard(task)
                    task.result()
            await asyncio.gather(*sending)
        except SQLAlchemyError as error:
            _log.error("outbox.database", error=str(error))
            lane.pause(POLL_S)
        except Exception as error:  # noqa: BLE001 - one channel's mistake is no other's
            _log.error("outbox.mistake", channel_id=channel_id, exc_info=error)
            lane.pause(POLL_S)
        finally:
            for task in sending:
                task.cancel()
            self._release(channel_id)
            lane.task = None
            self._wake.set()

    async def _claim_for(self, channel_id: str, room: int) -> Batch:
        if room <= 0:
            return Batch([])
        asked_s = time.monotonic()
        batch = await self._in_thread(lambda: self._next(channel_id, room))
        if batch.claimed:
            until_s = asked_s + CLAIM_MS / 1000
            self._held.setdefault(channel_id, {}).update((one.id, until_s) for one in batch.claimed)
            self._reached("claimed", [one.id for one in batch.claimed])
        return batch

    async def _dispatch(self, channel_id: str, lane: Lane, batch: Batch, sending: set[asyncio.Task[None]]) -> None:
        """Begin to send a batch at the channel's pace; what was claimed and can't go any more is given back."""
        if batch.channel is None:
            await self._record(channel_id, batch, batch.claimed, batch.refusal)
            return
        lane.learn(batch.channel)
        groups = [batch.claimed] if batch.grouped else [[claimed] for claimed in batch.claimed]
        for position, group in enumerate(groups):
            await lane.places.acquire()
            await lane.pace()
            if self._stopping.is_set() or lane.pausing():
                lane.places.release()
                left = [claimed.id for rest in groups[position:] for claimed in rest]
                self._release(channel_id, left)
                await self._in_thread(partial(self._give_back, left))
                return
            sending.add(asyncio.create_task(self._send(channel_id, lane, batch, group)))

    async def _send(self, channel_id: str, lane: Lane, batch: Batch, group: list[Claimed]) -> None:
        answer = await self._try(channel_id, lane, batch, group)
        if answer is None:
            self._release(channel_id, [claimed.id for claimed in group])
            return  # somebody else has it, or will
        self._reached("sent", [claimed.id for claimed in group])
        if isinstance(answer, Undelivered):
            self.not_sent += len(group)
            if answer.retry_after_s:
                lane.pause(answer.retry_after_s)
        else:
            self.sent += len(group)
        await self._record(channel_id, batch, group, answer)

    async def _try(
        self, channel_id: str, lane: Lane, batch: Batch, group: list[Claimed]
    ) -> Delivered | Undelivered | None:
        """What the receiver said; None: the claim had run out, and nothing was sent. Gives the lane its place back."""
        places = lane.places
        payloads = await self._payloads(group)
        if batch.channel is None or not self._still_ours(channel_id, group):
            places.release()
            return None
        outgoing = Outgoing(
            id=group[0].id if len(group) == 1 else _digest_id(group),
            channel_id=channel_id,
            payloads=payloads,
            at_s=int(self._wall_s()),
            signing_secret=batch.signing_secret,
        )
        try:
            return await batch.channel.send(outgoing, self._way)
        except Undelivered as error:
            return error
        except Exception as error:  # noqa: BLE001 - a mistake in a channel must not lose a notification
            _log.error("channel.mistake", channel_id=channel_id, exc_info=error)
            return Undelivered(f"a mistake in Tracer kept it from being sent ({type(error).__name__})")
        finally:
            places.release()

    async def _payloads(self, group: Sequence[Claimed]) -> tuple[dict[str, Any], ...]:
        """As they were written, with what has arrived since. That it can't be looked up in time holds up nobody."""
        payloads = tuple(claimed.payload for claimed in group)
        if self._behind is None or len(group) > MOST_EXPLAINED:
            return payloads
        try:
            async with asyncio.timeout(BEHIND_S):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._looking, with_behind, group, self._behind)
        except (SQLAlchemyError, TimeoutError) as error:
            _log.warning("outbox.nothing_behind", error=str(error))
            return payloads

    async def _record(
        self, channel_id: str, batch: Batch, group: Sequence[Claimed], answer: Delivered | Undelivered | None
    ) -> None:
        if answer is not None:
            await self._recorder.record([Result(one, channel_id, answer, batch.grouped) for one in group])
        ids = [claimed.id for claimed in group]
        self._release(channel_id, ids)
        self._reached("recorded", ids)

    def _release(self, channel_id: str, ids: Sequence[str] | None = None) -> None:
        """Renew these no more; with no ids, none of the channel."""
        held = self._held.get(channel_id, {})
        for one in list(held) if ids is None else ids:
            held.pop(one, None)

    def _still_ours(self, channel_id: str, group: Sequence[Claimed]) -> bool:
        needed_s = time.monotonic() + _SPARE_S
        held = self._held.get(channel_id, {})
        return all(held.get(claimed.id, 0.0) > needed_s for claimed in group)

    async def _keep_claims(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            ids = [one for held in self._held.values() for one in held]
            if not ids:
                continue
            asked_s = time.monotonic()
            try:
                kept = await self._in_thread(partial(self._renew, ids))
            except SQLAlchemyError as error:
                _log.error("outbox.claims_not_renewed", error=str(error))
                continue
            for held in self._held.values():
                held.update((one, asked_s + CLAIM_MS / 1000) for one in kept & held.keys())

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    # What follows runs in threads: each is one transaction.

    def _look(self) -> tuple[list[tuple[str, int]], bool]:
        """(channels that something is due for, whether something has not got through for too long)"""
        with self._database.read(EVERY_ORGANIZATION) as session:
            now_ms = self._database.now_ms(session)
            return channels_due(session, now_ms), any_overdue(session, now_ms)

    def _next(self, channel_id: str, room: int) -> Batch:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            now_ms = self._database.now_ms(session)
            return next_batch(session, self._keyring, channel_id, self._claim, room, now_ms)

    def _renew(self, ids: Sequence[str]) -> set[str]:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            return renew_claims(session, ids, self._claim, self._database.now_ms(session))

    def _give_back(self, ids: Sequence[str]) -> None:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            give_back(session, ids, self._claim)

    async def _write(self, results: Sequence[Result]) -> None:
        def write() -> None:
            with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
                now_ms = self._database.now_ms(session)
                record_results(session, results, self._claim, self._page_url, now_ms)

        await self._in_thread(write)

    def _tell_overdue(self) -> None:
        with self._database.read(EVERY_ORGANIZATION) as session:
            late = [row.id for row in overdue(session, self._database.now_ms(session), _OVERDUE_AT_ONCE)]
        if not late:
            return
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            now_ms = self._database.now_ms(session)
            why = "it has taken nothing for two minutes; Tracer goes on trying for three days"
            say_undelivered(session, late, why, self._page_url, now_ms)

    @property
    def _page_url(self) -> str:
        return self._public_url + NOTICES_PAGE

    def _acknowledge_url(self, alert_id: str) -> str | None:
        return acknowledge_url(self._keyring, self._public_url, alert_id, int(self._wall_s() * 1000))


def _digest_id(group: Sequence[Claimed]) -> str:
    """The same while the same events are in it."""
    digest = hashlib.blake2b("/".join(claimed.id for claimed in group).encode(), digest_size=12)
    return f"ntf_digest{digest.hexdigest()}"
