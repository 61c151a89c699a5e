"""The tick: what is due soon becomes dispatches, and each shard's checkpoint moves in the same transaction (R7).

A shard's window is (its checkpoint, now + LEAD_MS]. The checkpoint moves only under the shard's token and only from
where this scheduler last saw it; else the whole transaction is rolled back. So no slot is dispatched twice, whoever
else believes to hold the shard, and none is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import structlog
from sqlalchemy.orm import Session

from model.slots import Due
from scheduler.batches import batched
from scheduler.definitions import Definitions
from scheduler.duties import Duties
from scheduler.figures import Figures
from store.arrears import open_arrears
from store.dispatches import add_dispatches
from store.roles import forget_dead_schedulers, hold_roles, join_schedulers, release_roles
from store.sessions import EVERY_ORGANIZATION, Database
from store.shards import SHARDS, HeldShard, advance_shards, any_claimable, claim_shards, release_shards
from store.steady_clock import WRONG_BEFORE_MS
from store.wakeups import wake
from store.write_lock import Urgency

LEAD_MS = 1_000
"""How far ahead of its due time a slot is dispatched: time enough for a long poll and a lost wake-up."""
RENEW_MS = 1_000
"""With nothing due, leases are renewed and checkpoints written this often."""
STALL_MS = 5_000
"""A scheduler that was away no longer than this runs at once what it has missed; after longer it first sorts out what
is worth running (scheduler/catch_up.py)."""
COMPARE_MS = 60_000
_log = structlog.get_logger(__name__)


class _ShardsLostError(Exception):
    """Rolls a tick back: these shards belong to somebody else, or are not where we left them."""

    def __init__(self, shard_ids: list[int]) -> None:
        super().__init__(shard_ids)
        self.shard_ids = shard_ids


class _Plan(msgspec.Struct):
    """What one transaction does: slots to dispatch, shards it moves to `checkpoint_ms` or leaves where they are, and
    those that were away, with since when."""

    checkpoint_ms: int
    due: list[Due] = []
    moved: list[HeldShard] = []
    waiting: list[HeldShard] = []
    away: list[tuple[int, int]] = []


class Ticker:
    """One thread calls `tick`. `alone`: no other scheduler can be alive (SQLite)."""

    def __init__(
        self,
        database: Database,
        owner: str,
        *,
        roles: Sequence[str] = (),
        duties: Duties | None = None,
        figures: Figures | None = None,
        alone: bool = False,
    ) -> None:
        self.definitions = Definitions()
        self.held: dict[int, HeldShard] = {}
        self.arrears_changed = True
        """Set when arrears may have been opened or taken over; catching up clears it."""
        self.now_ms = 0
        """The time of the newest tick."""
        self._database = database
        self._owner = owner
        self._roles = roles
        self._duties = duties or Duties()
        self._figures = figures or Figures()
        self._alone = alone
        self._seize = alone
        self._share = SHARDS
        self._renewed_ms = self._followed_ms = self._compared_ms = 0

    def tick(self) -> None:
        """Dispatch what comes due within LEAD_MS; claim, renew and release shards. What the database raises comes
        through; nothing is lost by it."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            now_ms = self.now_ms = self._database.now_ms(session)
            self._follow(session, now_ms)
            claim = len(self.held) < self._share and (
                self._seize or any_claimable(session, self._owner, now_ms, self.held)
            )
        renew = not 0 <= now_ms - self._renewed_ms < RENEW_MS
        if not (claim or renew or self._anything_due(now_ms)):
            return
        try:
            self._write(claim=claim, renew=renew)
        except _ShardsLostError as lost:
            _log.warning("shards.lost", shards=lost.shard_ids)
            for shard_id in lost.shard_ids:
                self.held.pop(shard_id, None)

    def release(self) -> None:
        """Give up all shards and roles, so that others need not wait for their leases to run out."""
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            release_shards(session, self.held.values())
            release_roles(session, self._owner)
        self.held = {}

    def forget(self) -> None:
        """Trust nothing in memory: after an error nobody foresaw."""
        self.definitions.loaded = False
        self.held = {}

    def _follow(self, session: Session, now_ms: int) -> None:
        if not self.definitions.loaded:
            self.definitions.load(session, now_ms)
            self._followed_ms = self._compared_ms = now_ms
        if not 0 <= now_ms - self._followed_ms < RENEW_MS:
            self.definitions.follow(session, now_ms)
            self._followed_ms = now_ms
        if not 0 <= now_ms - self._compared_ms < COMPARE_MS:
            self.definitions.follow(session, now_ms)
            if not self.definitions.agree(session):
                _log.error("definitions.differ", checks=len(self.definitions))
                self.definitions.load(session, now_ms)
            self._compared_ms = now_ms

    def _write(self, *, claim: bool, renew: bool) -> None:
        asked_s = time.monotonic()
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            now_ms = self._database.now_ms(session)
            roles = self._renew(session, now_ms) if renew else None
            kept = self._kept(session)
            claimed = self._claim(session, now_ms, len(kept)) if claim else []
            if any((shard.checkpoint_ms or 0) > now_ms + WRONG_BEFORE_MS for shard in (*kept, *claimed)):
                # The clock was far ahead and is right again: rather account for slots twice than stand still.
                _log.error("scheduler.clock_was_ahead", now_ms=now_ms)
                self.definitions.load(session, now_ms)
            self.definitions.follow(session, now_ms)
            plan = self._plan([*kept, *claimed], now_ms)
            self._store(session, plan, now_ms)
        self._settle(plan, now_ms)
        self._seize = False
        if claimed:
            self.arrears_changed = True
            _log.info("shards.claimed", shards=[shard.id for shard in claimed])
        if roles is not None:
            self._renewed_ms = now_ms
            self._duties.renew(roles, asked_s)

    def _renew(self, session: Session, now_ms: int) -> set[str]:
        if not self._alone:
            self._share = -(-SHARDS // join_schedulers(session, self._owner, now_ms))
            forget_dead_schedulers(session, now_ms)
        return hold_roles(session, self._roles, self._owner, now_ms)

    def _kept(self, session: Session) -> list[HeldShard]:
        """The held shards, less those beyond this scheduler's share: others are waiting for them."""
        held = sorted(self.held.values(), key=lambda shard: shard.id)
        release_shards(session, held[self._share :])
        return held[: self._share]

    def _claim(self, session: Session, now_ms: int, kept: int) -> list[HeldShard]:
        most = self._share - kept
        return claim_shards(session, self._owner, now_ms, most, held=self.held, seize=self._seize)

    def _anything_due(self, now_ms: int) -> bool:
        until_ms = now_ms + LEAD_MS
        return any(
            shard.checkpoint_ms is None or self.definitions.any_due(shard.id, shard.checkpoint_ms, until_ms)
            for shard in self.held.values()
        )

    def _plan(self, shards: Sequence[HeldShard], now_ms: int) -> _Plan:
        plan = _Plan(now_ms + LEAD_MS, [], [], [], [])
        for shard in shards:
            after_ms = now_ms if shard.checkpoint_ms is None else shard.checkpoint_ms
            if after_ms > now_ms + WRONG_BEFORE_MS:
                after_ms = now_ms
            if after_ms >= plan.checkpoint_ms:
                plan.waiting.append(shard)
                continue
            plan.moved.append(shard)
            self._plan_shard(plan, shard.id, after_ms, now_ms)
        return plan

    def _plan_shard(self, plan: _Plan, shard_id: int, after_ms: int, now_ms: int) -> None:
        if now_ms - after_ms > STALL_MS:
            plan.away.append((shard_id, after_ms))
            plan.due += self.definitions.due(shard_id, now_ms, plan.checkpoint_ms)
            return
        due = self.definitions.due(shard_id, after_ms, plan.checkpoint_ms)
        late = [(stream.check_id, stream.location) for due_ms, stream in due if due_ms <= now_ms]
        if len(set(late)) < len(late):  # somebody has missed more than one slot: only the newest is run
            plan.away.append((shard_id, after_ms))
            due = [slot for slot in due if slot[0] > now_ms]
        plan.due += due

    def _store(self, session: Session, plan: _Plan, now_ms: int) -> None:
        lost = advance_shards(session, plan.moved, plan.checkpoint_ms, now_ms) if plan.moved else []
        lost += advance_shards(session, plan.waiting, None, now_ms) if plan.waiting else []
        if lost:
            raise _ShardsLostError(lost)
        for shard_id, after_ms in plan.away:
            _log.warning("scheduler.was_away", shard=shard_id, seconds=round((now_ms - after_ms) / 1000, 1))
            open_arrears(session, shard_id, after_ms, now_ms)
        dispatches = batched(plan.due)
        add_dispatches(session, dispatches, now_ms)
        for organization_id in {dispatch.organization_id for dispatch in dispatches}:
            wake(session, f"lease:{organization_id}")

    def _settle(self, plan: _Plan, now_ms: int) -> None:
        """The transaction is committed: what it said is now so."""
        moved = [HeldShard(shard.id, shard.token, plan.checkpoint_ms) for shard in plan.moved]
        self.held = {shard.id: shard for shard in [*moved, *plan.waiting]}
        self.arrears_changed = self.arrears_changed or bool(plan.away)
        figures = self._figures
        if plan.due:
            figures.dispatched_slots += len(plan.due)
            figures.slots.observe((now_ms - min([due_ms for due_ms, _ in plan.due])) / 1000)
        figures.shards_held, figures.checks = len(self.held), len(self.definitions)
        figures.checkpoint_ms = min([shard.checkpoint_ms or 0 for shard in self.held.values()], default=None)
