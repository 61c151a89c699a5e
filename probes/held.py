"""What this probe has leased: dispatches under their tokens, and their runs from lease to acknowledged result."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from model.evidence import StepResult
from model.protocol import LeasedBatch, LeasedRun, ReleasedRuns
from probes.segments import Entry

_REMEMBERED_DISPATCHES = 2_000


def _nobody(_: StepResult) -> None:
    """Until somebody wants to know."""


class HeldDispatch:
    """`open`: its runs without an acknowledged result."""

    __slots__ = ("dispatch_id", "open", "token")

    def __init__(self, dispatch_id: str, token: int, runs: int) -> None:
        self.dispatch_id = dispatch_id
        self.token = token
        self.open = runs


class HeldRun:
    """A leased run. `due_at` is on the monotonic clock; `target` (the host it goes to) is set when that moment has
    come; `overrides`: what was asked of this run beyond its definition; `browser`: it is a journey; `on_step` is called
    with each of its steps as it ends; `gone` once it was given back or cancelled."""

    __slots__ = ("browser", "check_id", "dispatch", "due_at", "gone", "on_step", "overrides", "run_id", "target",
                 "trigger")  # fmt: skip

    def __init__(self, leased: LeasedRun, dispatch: HeldDispatch, due_at: float) -> None:
        self.run_id = leased.run_id
        self.check_id = leased.check_id
        self.trigger = leased.trigger
        self.overrides = leased.overrides
        self.browser = False
        self.on_step: Callable[[StepResult], None] = _nobody
        self.dispatch = dispatch
        self.due_at = due_at
        self.target = ""
        self.gone = False


class Holdings:
    """The dispatches held and the runs given back. A dispatch stays until each of its runs has a result that the API
    acknowledged, or was given back."""

    def __init__(self) -> None:
        self._dispatches: dict[str, HeldDispatch] = {}
        self._done: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._released: dict[tuple[str, int], list[str]] = {}
        self.unacknowledged = 0

    def take(self, batch: LeasedBatch) -> HeldDispatch | None:
        """A leased batch; None if it is held or done already (the API repeats what it thinks was lost)."""
        key = (batch.dispatch_id, batch.token)
        held = self._dispatches.get(batch.dispatch_id)
        if not batch.runs or key in self._done or (held is not None and held.token >= batch.token):
            return None
        if held is not None:
            self.unacknowledged -= held.open
        dispatch = HeldDispatch(batch.dispatch_id, batch.token, len(batch.runs))
        self._dispatches[batch.dispatch_id] = dispatch
        self.unacknowledged += dispatch.open
        return dispatch

    def acknowledged(self, entries: Iterable[Entry]) -> None:
        """The API has these results, or will never take them."""
        for entry in entries:
            dispatch = self._dispatches.get(entry.dispatch_id)
            if dispatch is not None and dispatch.token == entry.token:
                self._close_one(dispatch)

    def give_back(self, run: HeldRun) -> None:
        """The run was not started (or not finished) here and never will be; told with the next lease request."""
        run.gone = True
        self._released.setdefault((run.dispatch.dispatch_id, run.dispatch.token), []).append(run.run_id)

    def holding(self) -> list[str]:
        """Ids of the dispatches held."""
        return list(self._dispatches)

    def released(self) -> list[ReleasedRuns]:
        """The runs given back that the API has not confirmed yet."""
        return [ReleasedRuns(dispatch_id, token, list(runs)) for (dispatch_id, token), runs in self._released.items()]

    def release_confirmed(self, told: Iterable[ReleasedRuns]) -> None:
        """The API has taken back exactly these."""
        for release in told:
            key = (release.dispatch_id, release.token)
            confirmed = set(release.runs)
            left = [run_id for run_id in self._released.get(key, ()) if run_id not in confirmed]
            if left:
                self._released[key] = left
            else:
                self._released.pop(key, None)
            dispatch = self._dispatches.get(release.dispatch_id)
            if dispatch is not None and dispatch.token == release.token:
                for _ in confirmed:
                    self._close_one(dispatch)

    def _close_one(self, dispatch: HeldDispatch) -> None:
        dispatch.open -= 1
        self.unacknowledged -= 1
        if dispatch.open > 0:
            return
        del self._dispatches[dispatch.dispatch_id]
        self._done[dispatch.dispatch_id, dispatch.token] = None
        if len(self._done) > _REMEMBERED_DISPATCHES:
            self._done.popitem(last=False)
