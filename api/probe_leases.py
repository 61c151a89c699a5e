"""What a lease request does in the store, in one transaction: renew, hand back, revoke, claim, and the answer to it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import msgspec
from sqlalchemy.orm import Session

from alerts.record import record
from api.errors import Conflict
from api.leased_journeys import asked_of_runs, with_variables
from model.finished import Finished
from model.outcome import RunStatus, Trigger
from model.protocol import (
    PROTOCOL,
    LeaseAnswer,
    LeasedBatch,
    LeasedCheck,
    LeasedRun,
    LeaseRequest,
    RunOverrides,
)
from store.claims import Claimed, anything_to_claim, claim
from store.keyring import Keyring
from store.leased_checks import check_rows_for_lease
from store.leases import (
    end_lease_of,
    give_back,
    lost_with_an_answer,
    newest_change_number,
    renew_instance,
    revoked,
)
from store.open_dispatches import Holder
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency


@dataclass(frozen=True)
class Found:
    """What a lease brings. `read_at`: monotonic instant at which the database's clock said `now_ms`: delays until due
    are worked out when the answer leaves, not when the claim was made."""

    seen: int
    batches: list[Claimed]
    checks: list[LeasedCheck]
    cancelled: list[str]
    now_ms: int
    read_at: float
    overrides: Mapping[str, RunOverrides]

    @property
    def anything(self) -> bool:
        return bool(self.batches or self.checks or self.cancelled)

    def answer(self, holder: Holder, held_ms: float) -> LeaseAnswer:
        """As it leaves now."""
        now_ms = self.now_ms + round((time.monotonic() - self.read_at) * 1000)
        return LeaseAnswer(
            protocol=PROTOCOL,
            location=holder.location,
            seen=self.seen,
            batches=[
                LeasedBatch(
                    claimed.dispatch_id,
                    claimed.token,
                    [
                        LeasedRun(run_id, check_id, due_ms - now_ms, trigger, self.overrides.get(run_id))
                        for run_id, check_id, due_ms, _, trigger in claimed.runs
                    ],
                )
                for claimed in self.batches
            ],
            checks=self.checks,
            cancelled=self.cancelled,
            held_ms=round(held_ms, 3),
        )


class Leasing:
    """Blocking, for a pool's threads."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def begin(self, holder: Holder, request: LeaseRequest) -> Found:
        """The first transaction of a request. Conflict when the instance's id is another probe's."""
        return self._in_transaction(holder, request, self._renew)

    def look(self, holder: Holder, request: LeaseRequest) -> Found | None:
        """Whether there is something now, by a read; if so, the second transaction."""
        with self._database.read(EVERY_ORGANIZATION) as session:
            now_ms = self._database.now_ms(session)
            until = newest_change_number(session)
            found = revoked(session, holder, request, until)
            worth_it = found.changed or found.cancelled or anything_to_claim(session, holder, request, now_ms)
        return self._in_transaction(holder, request, None) if worth_it else None

    def _in_transaction(
        self, holder: Holder, request: LeaseRequest, first: Callable[[Session, Holder, LeaseRequest, int], None] | None
    ) -> Found:
        with self._database.write(EVERY_ORGANIZATION, Urgency.RESULTS) as session:
            now_ms, read_at = self._database.now_ms(session), time.monotonic()
            if first is not None:
                first(session, holder, request, now_ms)
            # The number is read before the definitions: what changes in between is told again, never left out.
            until = newest_change_number(session)
            changes = revoked(session, holder, request, until)
            batches = lost_with_an_answer(session, holder, request) if first is not None else []
            claimed = claim(session, holder, request, now_ms)
            cancel(session, holder, claimed, now_ms)
            batches += [one for one in claimed if one.runs]
            wanted = dict.fromkeys(changes.changed)
            wanted.update(dict.fromkeys(planned[1] for one in batches for planned in one.runs))
            checks = (
                [
                    LeasedCheck(
                        leased.check_id,
                        leased.version,
                        msgspec.Raw(with_variables(session, self._keyring, leased)),
                    )
                    for leased in check_rows_for_lease(session, self._keyring, list(wanted))
                ]
                if wanted
                else []
            )
            overrides = asked_of_runs(session, self._keyring, batches)
            return Found(until, batches, checks, changes.cancelled, now_ms, read_at, overrides)

    @staticmethod
    def _renew(session: Session, holder: Holder, request: LeaseRequest, now_ms: int) -> None:
        if not renew_instance(session, holder, request, now_ms):
            raise Conflict("Another probe has an instance of this id")
        if request.replaces is not None:
            end_lease_of(session, holder, request.replaces, now_ms)
        if request.released:
            give_back(session, holder, request.instance, request.released, now_ms)


def cancel(session: Session, holder: Holder, claimed: Iterable[Claimed], now_ms: int) -> None:
    """End the runs that nobody will begin, because their check was paused or deleted."""
    ended = [
        Finished(
            run_id=run_id,
            organization_id=holder.organization_id,
            check_id=check_id,
            check_version=0,
            location=holder.location,
            at_ms=due_ms,
            status=RunStatus.CANCELLED,
            trigger=Trigger(trigger),
            completed_ms=now_ms,
            dispatch_id=one.dispatch_id,
        )
        for one in claimed
        for run_id, check_id, due_ms, _, trigger in one.cancelled
    ]
    if ended:
        record(session, ended, now_ms)
