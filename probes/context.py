"""What one attempt of a check is given besides its definition: a deadline, and the ways out of the house."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from egress.door import Egress
    from journeys.pool import BrowserPool
    from model.evidence import StepResult
    from model.protocol import RunOverrides
    from probes.http.engine import HttpEngine


@dataclass(frozen=True, slots=True)
class RunContext:
    """`deadline`: instant of the running loop's clock (`loop.time()`) by which the attempt has ended, whatever the
    target does; `egress`: resolves, vets and connects; `http`: the engine of HTTP exchanges, bound to that egress;
    `run_id`: told to HTTP targets in `X-Tracer-Run` and `traceparent`; `browsers`: where journeys are walked, if this
    machine can; `overrides`: what was asked of this run beyond its definition; `on_step`: told of each step of a
    journey."""

    deadline: float
    egress: Egress
    http: HttpEngine
    run_id: str
    browsers: BrowserPool | None = None
    overrides: RunOverrides | None = None
    on_step: Callable[[StepResult], None] | None = None

    @property
    def body_bytes(self) -> int:
        """How much of the answer's body somebody wants to see, of a run that passed too; 0: nobody asked."""
        return 0 if self.overrides is None else self.overrides.body_bytes
