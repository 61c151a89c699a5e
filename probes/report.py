"""Results on their way to the API: within 250 ms or 100 at a time, one request in flight, until acknowledged.

Sending twice is harmless (the API knows a result by its run and token), so every doubt is settled by sending again.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import msgspec
import structlog

from model.protocol import PROTOCOL, REPORT_AFTER_MS, RESULTS_PER_REQUEST, Result, ResultAnswer
from probes.connection import (
    ApiAwayError,
    ApiConnection,
    Backoff,
    RequestRefusedError,
)
from probes.evidence import EvidenceStore
from probes.results import bare, encode
from probes.segments import Entry
from probes.spool import Spool

PATH = "/v1/probe/results"
_TIMEOUT_S = 10.0
_URGENT_S = 0.01
"""A result somebody waits for does not wait for company."""
_BODY_BYTES = 512 * 1024
_TRIES_BEFORE_LEASING = 3
_decoder = msgspec.json.Decoder(ResultAnswer)
_log = structlog.get_logger(__name__)


class Reporter:
    """`on_acknowledged` is told which results left the spool. `earlier_sent` is set once those of a former process
    are with the API, or the API is there and will not have them just now: only then may work be leased."""

    def __init__(
        self,
        connection: ApiConnection,
        spool: Spool,
        instance: str,
        on_acknowledged: Callable[[list[Entry]], None],
        evidence: EvidenceStore | None = None,
    ) -> None:
        self._connection = connection
        self._spool = spool
        self._head = b'{"protocol":%d,"instance":%s,"results":[' % (PROTOCOL, msgspec.json.encode(instance))
        self._on_acknowledged = on_acknowledged
        self._evidence = evidence
        self._wake = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._emptied = asyncio.Event()
        self._draining = False
        self._limit = RESULTS_PER_REQUEST
        self._refusals = 0
        self.earlier_sent = asyncio.Event()
        self._note_earlier()
        if spool.waiting:
            self._wake.set()

    def notify(self, urgent: bool) -> None:
        """A result entered the spool: it leaves within 250 ms, or at once when somebody waits for it."""
        if len(self._spool.waiting) >= RESULTS_PER_REQUEST:
            self._wake.set()
        elif self._timer is None or urgent:
            self._arm(_URGENT_S if urgent else REPORT_AFTER_MS / 1000)

    async def run(self) -> None:
        """Until cancelled. Raises KeyRefusedError or OutdatedError (see ApiConnection.post)."""
        backoff = Backoff()
        while True:
            await self._due()
            try:
                await self._send()
            except ApiAwayError as away:
                self._note_refusal(away)
                await asyncio.sleep(backoff.pause_s(away.retry_after_s))
                self._wake.set()
            else:
                backoff.reset()

    async def drain(self, patience_s: float) -> bool:
        """Send what waits now; whether all of it was acknowledged in time. The rest stays on disk."""
        if not self._spool.waiting:
            return True
        self._draining = True
        self._emptied.clear()
        self._wake.set()
        try:
            await asyncio.wait_for(self._emptied.wait(), patience_s)
        except TimeoutError:
            return False
        return True

    async def _due(self) -> None:
        while True:
            if not self._spool.waiting:
                self._emptied.set()
            await self._wake.wait()
            self._wake.clear()
            if self._spool.waiting:
                return

    def _arm(self, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        at = loop.time() + delay_s
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        self._timer, self._timer_at = loop.call_at(at, self._ring), at

    def _ring(self) -> None:
        self._timer = None
        self._wake.set()

    async def _send(self) -> None:
        entries = self._batch()
        for entry in entries:
            if entry.evidence and self._evidence is not None:
                await self._evidence.send(entry.evidence)
        body = self._head + b",".join(entry.line for entry in entries) + b"]}"
        try:
            answer = _decoder.decode(await self._connection.post(PATH, body, _TIMEOUT_S))
        except msgspec.DecodeError as error:
            raise ApiAwayError(f"an answer that is not Tracer's: {error}", answered=True) from error
        except RequestRefusedError as refused:
            self._make_smaller(entries, refused)
            return
        for refusal in answer.refused:
            _log.warning("result.refused", run_id=refusal.run_id, reason=refusal.reason)
        self._limit = RESULTS_PER_REQUEST
        self._settle(len(entries))

    def _batch(self) -> list[Entry]:
        size = 0
        entries: list[Entry] = []
        for entry in itertools.islice(self._spool.waiting, self._limit):
            size += len(entry.line)
            if entries and size > _BODY_BYTES:
                break
            entries.append(entry)
        return entries

    def _settle(self, count: int) -> None:
        self._on_acknowledged(self._spool.acknowledged(count))
        self._refusals = 0
        self._note_earlier()
        left = len(self._spool.waiting)
        if left and (self._draining or self._timer is None or self._spool.earlier or left >= RESULTS_PER_REQUEST):
            self._wake.set()

    def _make_smaller(self, entries: list[Entry], refused: RequestRefusedError) -> None:
        """One result that the API can't take must not hold up the others: halve until it stands alone, then send its
        bare verdict, then let it go, with a word in the log."""
        self._wake.set()
        if len(entries) > 1:
            self._limit = len(entries) // 2
            return
        entry = entries[0]
        line = encode(bare(msgspec.json.decode(entry.line, type=Result)))
        if line != entry.line:
            _log.warning("result.too_much", run_id=entry.run_id, reason=str(refused))
            self._spool.shorten(entry, line)
            return
        _log.error("result.unacceptable", run_id=entry.run_id, reason=str(refused))
        self._settle(1)

    def _note_refusal(self, away: ApiAwayError) -> None:
        self._refusals += away.answered
        self._note_earlier()

    def _note_earlier(self) -> None:
        if not self._spool.earlier or self._refusals >= _TRIES_BEFORE_LEASING:
            self.earlier_sent.set()
