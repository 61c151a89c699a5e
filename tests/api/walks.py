"""Probes that walk journeys as tests say: leased, told of step by step, and ended, without a process or a socket."""

from __future__ import annotations

from typing import Any

import msgspec

from api.probe_leases import Leasing
from api.probe_progress import take_progress
from api.probe_results import take_results
from model.evidence import StepResult
from model.outcome import RunStatus
from model.protocol import LeasedRun, LeaseRequest, ReleasedRuns, Result, ResultAnswer, StepName
from store.keyring import Keyring
from store.open_dispatches import Holder
from store.probes import register_probe
from store.sessions import EVERY_ORGANIZATION, Database
from store.write_lock import Urgency
from tests.conftest import Clock


class Walker:
    """A probe with browsers at one location."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        organization: str,
        clock: Clock,
        location: str = "local",
        name: str = "w",
    ) -> None:
        self.database, self.clock, self.instance = database, clock, "one"
        with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
            probe, self.key = register_probe(session, keyring, organization, (name, location), clock.now_ms)
            self.holder = Holder(organization, probe.id, location)
        self._leasing = Leasing(database, keyring)
        self.leased: dict[str, tuple[str, int, LeasedRun]] = {}

    def lease(self, **facts: Any) -> list[str]:
        """Take what there is; the ids of its runs."""
        asked: dict[str, Any] = {
            "protocol": 1, "instance": self.instance, "version": "1", "types": ["journey"],
            "capabilities": ["network", "browser"], "capacity": 10, "browser_capacity": 10, "by_hand_capacity": 10,
            "holding": sorted({dispatch_id for dispatch_id, _, _ in self.leased.values()}), **facts,
        }  # fmt: skip
        found = self._leasing.begin(self.holder, LeaseRequest(**asked)).answer(self.holder, 0)
        new = {run.run_id: (batch.dispatch_id, batch.token, run) for batch in found.batches for run in batch.runs}
        self.leased |= new
        return list(new)

    def give_back(self, run_id: str) -> None:
        dispatch_id, token, _ = self.leased.pop(run_id)
        self.lease(released=[ReleasedRuns(dispatch_id, token, [run_id])], capacity=0, browser_capacity=0)

    def tell(self, run_id: str, *statuses: str, of: int = 3, **facts: Any) -> ResultAnswer:
        """So many of its steps have ended."""
        dispatch_id, token, run = self.leased[run_id]
        ended = len(statuses)
        walk = {
            "run_id": run_id, "dispatch_id": dispatch_id, "token": token, "check_id": run.check_id,
            "check_version": 1, "total": of, "elapsed_ms": 1_500.0,
            "steps": [StepResult(at, "click", one, duration_ms=120.0) for at, one in enumerate(statuses)],  # type: ignore[arg-type]
            "under_way": StepName("click") if ended < of and "failed" not in statuses else None, **facts,
        }  # fmt: skip
        body = msgspec.json.encode({"protocol": 1, "instance": self.instance, "runs": [walk]})
        return take_progress(self.database, self.holder, body)

    def end(self, run_id: str, status: RunStatus = RunStatus.SUCCESS, **facts: Any) -> ResultAnswer:
        dispatch_id, token, run = self.leased[run_id]
        ended = Result(
            run_id, dispatch_id, token, run.check_id, 1, status, elapsed_ms=900.0, duration_ms=900.0, **facts
        )  # fmt: skip
        return take_results(self.database, self.holder, [ended])
