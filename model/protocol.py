"""What a probe and the API say to each other (docs/reference/probe-protocol.md).

A probe posts a LeaseRequest and waits (long poll); the answer carries batches of runs with the *delay until due*,
the definitions they need, and what has changed for the runs it already holds. Results go back as runs end. Clocks
are never compared: every time here is a duration. Unknown fields are ignored, so either side may be newer.
"""

from __future__ import annotations

import msgspec

from model.evidence import Evidence, PageFigures, StepResult
from model.outcome import AssertionResult, Attempt, Metrics, RunError, RunStatus

PROTOCOL = 1
"""This version and the one before are served; older ones are answered 426."""

RESULTS_PER_REQUEST = 100
REPORT_AFTER_MS = 250
LEASE_MS = 6_000
"""How long an instance's leases live without a word from it."""
RENEW_MS = 2_000
"""The longest a probe lets a lease request wait, and so the longest between two renewals."""


class ReleasedRuns(msgspec.Struct, omit_defaults=True):
    """Leased runs that this probe gives back unstarted. They become leasable again at once, apart from those of the
    dispatch that it keeps (whose token must stay good); a token that is no longer live makes this a no-op."""

    dispatch_id: str
    token: int
    runs: list[str]


class LeaseRequest(msgspec.Struct, omit_defaults=True):
    """`instance`: random per process. `replaces`: the instance whose spool this process took over, known dead.
    `types`: check types it can run. `capacity`: runs it may take now (the last batch may go beyond);
    `browser_capacity`: the same for journeys, which are counted apart; `by_hand_capacity`: how many of those may be
    asked for by hand. `seen`: last change number it was told. `stopping`: takes nothing more; renews what it holds.
    `spool`: results not yet acknowledged. `holding`: every dispatch with a run it has to do or a result not yet
    acknowledged; one that is leased to this instance, but not named here, was lost with an answer: it is sent again
    under the same token (re-opened when `stopping`). `released`: see there; repeated until a request was answered."""

    protocol: int
    instance: str
    version: str
    types: list[str]
    capabilities: list[str]
    capacity: int
    browser_capacity: int = 0
    by_hand_capacity: int = 0
    running: int = 0
    spool: int = 0
    seen: int = 0
    self_check: str = "off"
    stopping: bool = False
    replaces: str | None = None
    wait_ms: int = RENEW_MS
    holding: list[str] = []
    released: list[ReleasedRuns] = []


TRIED_BODY_BYTES = 65_536
"""What is shown of the answer to a draft that somebody tries out."""


class RunOverrides(msgspec.Struct, omit_defaults=True):
    """What somebody asked of one run beyond its definition (journeys, `run-tag`): variables that come before the
    journey's own, and another origin for every URL of its `base_url`. Secrets: in memory only, never on disk.
    `body_bytes`: so much of the answer's body is wanted back, whether the run passed or not; a probe that does not
    know this field sends it of failed runs, as ever. `picture_of_each_step`: of a journey that somebody waits for."""

    variables: dict[str, str] = {}
    base_url: str | None = None
    body_bytes: int = 0
    picture_of_each_step: bool = False


class LeasedRun(msgspec.Struct, omit_defaults=True):
    """One run to do. `due_in_ms` may be negative: it is late already, run it at once."""

    run_id: str
    check_id: str
    due_in_ms: int
    trigger: str = "schedule"
    overrides: RunOverrides | None = None


class LeasedBatch(msgspec.Struct, omit_defaults=True):
    """One dispatch, leased under a fencing token: results are refused when another probe holds a newer one."""

    dispatch_id: str
    token: int
    runs: list[LeasedRun]


class LeasedCheck(msgspec.Struct, omit_defaults=True):
    """What to run: `definition` is the check's JSON with its secrets in place (memory only, never on disk)."""

    check_id: str
    version: int
    definition: msgspec.Raw


class LeaseAnswer(msgspec.Struct, omit_defaults=True):
    """`checks` holds each definition the batches need and those that changed for runs already held; `cancelled`
    names checks that were paused or deleted: their runs that have not started end as cancelled. `held_ms`: how long
    the API let the request wait, so that the rest of its duration is the round trip; None: not told."""

    protocol: int
    location: str
    seen: int
    batches: list[LeasedBatch] = []
    checks: list[LeasedCheck] = []
    cancelled: list[str] = []
    held_ms: float | None = None


class Result(msgspec.Struct, omit_defaults=True):
    """One finished run. `late_ms`: start of the first attempt after the due time, on the probe's monotonic clock.
    `degraded`: it passed, but slower than the check's `degraded_ms`."""

    run_id: str
    dispatch_id: str
    token: int
    check_id: str
    check_version: int
    status: RunStatus
    late_ms: float = 0.0
    duration_ms: float | None = None
    elapsed_ms: float = 0.0
    degraded: bool = False
    metrics: Metrics = Metrics()
    error: RunError | None = None
    assertions: tuple[AssertionResult, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    response: dict[str, object] | None = None
    steps: tuple[StepResult, ...] = ()
    artifacts: tuple[Evidence, ...] = ()
    page: PageFigures | None = None


class ResultBatch(msgspec.Struct, omit_defaults=True):
    protocol: int
    instance: str
    results: list[Result]


class StepName(msgspec.Struct, frozen=True, omit_defaults=True):
    """A step that has not ended."""

    type: str
    name: str | None = None


class RunProgress(msgspec.Struct, omit_defaults=True):
    """How far a journey has come, for who looks on; only its result counts. `steps`: those that have ended in this
    attempt, without words of pages and pictures; `under_way`: the one after them, of `total` in all; `elapsed_ms`:
    since the attempt began."""

    run_id: str
    dispatch_id: str
    token: int
    check_id: str
    check_version: int
    total: int
    attempt: int = 1
    elapsed_ms: float = 0.0
    steps: tuple[StepResult, ...] = ()
    under_way: StepName | None = None


class ProgressBatch(msgspec.Struct, omit_defaults=True):
    """Answered like results, with a ResultAnswer."""

    protocol: int
    instance: str
    runs: list[RunProgress]


class Refusal(msgspec.Struct):
    run_id: str
    reason: str


class ResultAnswer(msgspec.Struct, omit_defaults=True):
    """Every result named in neither list was malformed; all of them are off the probe's hands."""

    accepted: int
    refused: list[Refusal] = []
